// What only the keeper reads: free places, and what waits for quiescence before it can be used
// again.
#pragma once
#include "rows.hpp"
#include "segment.hpp"

namespace vtep {

enum class RetiredKind : uint32_t { port, network, remote, floodBlock, nextHop, group, macGroup };

struct Retired {
  uint64_t epoch;
  RetiredKind kind;
  uint32_t value;  // row index, or offset in the arena
};

inline constexpr unsigned kFloodClasses = 28;

struct WriterState {
  uint64_t epoch;
  uint64_t timeNanoseconds;
  uint64_t retired;  // offset of a ring of Retired
  uint64_t retiredHead;
  uint64_t retiredTail;
  uint64_t retiredCapacity;
  uint64_t usedPorts;  // offsets of bitmaps
  uint64_t usedNetworks;
  uint64_t usedRemotes;
  uint64_t usedNextHops;
  uint64_t usedGroups;
  uint64_t usedMacGroups;
  uint64_t lengthCounts;              // offset: by network and prefix length, how many prefixes
  uint32_t floodTop;                  // arena words handed out so far
  uint32_t floodFree[kFloodClasses];  // first free block by log2 of its words; linked through their
                                      // first word
  uint32_t agePosition;
  uint32_t ageTable;  // 0 MACs, 1 neighbours
};

uint64_t writer_bytes(const SegmentConfig& config);
void format_writer(const Segment& segment);

inline WriterState& writer_state(const Segment& segment) {
  return *reinterpret_cast<WriterState*>(segment.at(segment.header().writer));
}

}  // namespace vtep
