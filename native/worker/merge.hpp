// Joins TCP segments that follow each other, among those at hand, to super-frames, as a NIC's
// receive offload does: a tenant that can take one pays for one frame instead of forty. The
// opposite of core/segmentation.hpp, and it gives back what that would have cut.
//
// A frame is only joined to one before it, with the same headers but for sequence,
// length and IPv4 identification, and after its checksum has been found right: the joined frame
// carries a partial one. Frames of one flow never change places.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/frame.hpp"

namespace vtep {

class Merger {
 public:
  // Of at most so many frames.
  explicit Merger(unsigned frames) : chains_(frames), joined_(frames), next_(frames) {}
  static constexpr uint16_t kNone = UINT16_MAX;
  static constexpr unsigned kMaxHeader =
      14 + 8 + 40 + 60;  // Ethernet, two tags, IPv6, TCP with options
  static constexpr unsigned kMaxSegments = 64;

  // Forgets everything.
  void clear() { open_count_ = oldest_ = 0; }
  // The next frame for one port, under a number of the caller's, below that.
  void add(uint16_t number, const Frame& frame);

  // What has become of it: true, it is part of an earlier frame.
  bool is_joined(uint16_t number) const { return joined_[number]; }
  // The frames that are joined to this one, in order: kNone = no more.
  uint16_t next(uint16_t number) const { return next_[number]; }
  // The joined frame's headers; answers their length. `number` is the first of its chain.
  uint32_t write_header(uint16_t number, uint8_t header[kMaxHeader], Meta& meta) const;

 private:
  // A TCP frame, its headers measured.
  struct Segment {
    const uint8_t* data;
    uint16_t l3, l4, payload;  // offsets
    uint32_t payload_length;
    bool ipv6;
  };
  // A frame that others are joined to, under its own number.
  struct Chain {
    Segment first;
    uint32_t payload_length;  // of all
    uint16_t segments;
    uint16_t last;  // number
    uint8_t flags;  // of TCP, of all
  };
  static constexpr unsigned kOpen = 16;  // flows; more than that find the oldest gone

  static bool read(const Frame& frame, Segment& out);
  static bool same_flow(const Segment& a, const Segment& b);
  static bool can_begin(const Frame& frame, const Segment& segment);
  bool can_join(const Chain& chain, const Frame& frame, const Segment& segment) const;

  unsigned open_count_ = 0;
  unsigned oldest_ = 0;
  uint16_t open_[kOpen];
  std::vector<Chain> chains_;
  std::vector<uint8_t> joined_;
  std::vector<uint16_t> next_;
};

}  // namespace vtep
