// The shared segment: one block of memory with every table, offsets instead of pointers. Formatted
// by the dataplane, written by its keeper thread (counters: by each worker), read without locks by
// workers and by other processes that map it read-only.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "bytes.hpp"
#include "drop.hpp"
#include "tables.gen.hpp"

namespace vtep {

// Capacities of one segment. Address space is reserved for all of it; memory is used as it is
// touched.
struct SegmentConfig {
  uint32_t workers = 1;
  uint32_t ports = 64;
  uint32_t networks = 256;
  uint32_t remotes = 256;
  uint32_t macs = 16384;
  uint32_t neighbours = 16384;
  uint32_t routes = 16384;
  uint32_t nextHops = 1024;
  uint32_t groups = 256;
  uint32_t macGroups = 256;
  uint32_t channels = 1024;
  uint32_t eventSlots = 4096;      // power of two
  uint32_t floodWords = 1u << 16;  // flood arena in units of 4 bytes
  uint32_t groupBuckets = 64;      // buckets by which a hash table grows; power of two
  uint64_t seed = 0;               // keys the hash tables: random where tenants choose MACs

  // The limits of layout.ts, for a sparse memfd.
  static SegmentConfig full(uint32_t workers, uint64_t seed);
};

// One hash table: buckets, and cold data for each slot beside them. Both have room for the most
// buckets; memory is used for as many as there are.
struct HashRegion {
  uint32_t buckets;    // in use; grows by groups
  uint32_t count;      // entries
  uint32_t limit;      // most entries
  uint32_t group;      // buckets; power of two
  uint32_t most;       // buckets, reserved
  uint32_t coldBytes;  // of each slot; 0 = none
  uint64_t seed;
  uint64_t offset;
  uint64_t cold;
};

// Who we are for the underlay.
struct LocalUnderlay {
  LocalUnderlay() = default;
  LocalUnderlay(const uint8_t address[16], uint16_t port) : udp_port(port) {
    copy(local, address, 16);
  }

  uint8_t local[16] = {};       // our VTEP address
  uint8_t replicator[16] = {};  // our AR-IP (RFC 9574), :: = none
  uint16_t udp_port = 0;
};

// First page of the segment.
struct SegmentHeader {
  uint64_t magic;
  uint64_t layoutHash;
  uint64_t size;
  SegmentConfig config;
  uint64_t ports;  // offsets of arrays; row 0 exists and is never used
  uint64_t networks;
  uint64_t remotes;
  uint64_t underlays;
  uint64_t nextHops;
  uint64_t groups;
  uint64_t macGroups;
  uint64_t flood;
  uint64_t events;
  uint64_t counters;
  uint64_t
      countersStride;  // per worker: drops by reason, then PortCounters by port id (0 = uplink)
  uint64_t writer;     // WriterState (tables.hpp)
  uint8_t localAddress[16];
  uint8_t replicatorAddress[16];  // AR-IP, :: = none
  uint32_t udpPort;
  uint32_t clockSeconds;   // the keeper's idea of now, for ages
  uint64_t eventSequence;  // last published event
  uint32_t
      flushCount;  // grows when a local MAC or binding goes: workers then report it again at once
  uint32_t paths;  // of all routes
  uint32_t listeners;      // of all multicast channels
  uint32_t macGroupCount;  // rows in use
  uint32_t learnRefused;   // learned entries that found no room, or beyond the limit
  uint32_t learnLimit;     // MACs, and as many bindings, that a port may teach; 0 = any number
  HashRegion macs;
  HashRegion neighbours;
  HashRegion vnis;       // VNI -> network index
  HashRegion addresses;  // VTEP address -> remote index
  HashRegion access;     // (network, remote) -> references, top bit: in the flood list
  HashRegion prefixes;   // (IP-VRF, prefix) -> next hop or group
  HashRegion interned;   // hash of a next hop or group -> its index
  HashRegion channels;   // (network, multicast group, source) -> list of destinations
};
static_assert(sizeof(SegmentHeader) <= 4096);

// A copy of a remote's row, consistent in itself. Reading the same remote into it again costs one
// word while the row has not changed (but for `references`), so workers keep theirs. What
// encap_frame() reads is in two cache lines.
struct alignas(64) RemoteSnapshot {
  uint32_t index = 0;
  uint32_t generation = 0;
  uint32_t state = RemoteState::free;
  uint32_t headerLength = 0;
  uint32_t nextHopIndex = 0;
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  uint32_t pseudoSum = 0;
  uint32_t references = 0;
  uint8_t header[72] = {};
  uint8_t address[16] = {};
  uint8_t nextHop[16] = {};
};

class Segment {
 public:
  static uint64_t bytes_needed(const SegmentConfig& config);
  // `base`: at least bytes_needed(config) bytes of zeros, 64-byte aligned.
  static Segment format(void* base, const SegmentConfig& config);
  // Checks magic, layout hash and size. Null: fine; else a sentence. `base` may be mapped
  // read-only: then only read.
  static const char* open(void* base, uint64_t size, Segment& out);

  Segment() = default;
  uint8_t* at(uint64_t offset) const { return base_ + offset; }
  SegmentHeader& header() const { return *reinterpret_cast<SegmentHeader*>(base_); }
  const SegmentConfig& config() const { return header().config; }
  PortRow& port(uint32_t id) const {
    return reinterpret_cast<PortRow*>(base_ + header().ports)[id];
  }
  NetworkRow& network(uint32_t index) const {
    return reinterpret_cast<NetworkRow*>(base_ + header().networks)[index];
  }
  RemoteRow& remote(uint32_t index) const {
    return reinterpret_cast<RemoteRow*>(base_ + header().remotes)[index];
  }
  // Of `Limits::maxUnderlays`, from 1.
  UnderlayRow& underlay(uint32_t index) const {
    return reinterpret_cast<UnderlayRow*>(base_ + header().underlays)[index];
  }
  NextHopRow& next_hop(uint32_t index) const {
    return reinterpret_cast<NextHopRow*>(base_ + header().nextHops)[index];
  }
  GroupRow& group(uint32_t index) const {
    return reinterpret_cast<GroupRow*>(base_ + header().groups)[index];
  }
  MacGroupRow& mac_group(uint32_t index) const {
    return reinterpret_cast<MacGroupRow*>(base_ + header().macGroups)[index];
  }
  uint32_t* flood_words() const { return reinterpret_cast<uint32_t*>(base_ + header().flood); }

  // Any thread, any process. False when the row kept changing (or its writer died in the middle):
  // state is then free.
  bool read_remote(uint32_t index, RemoteSnapshot& out) const {
    if (index == out.index && index != 0 &&
        load_acquire(&remote(index).generation) == out.generation)
      return true;
    return copy_remote(index, out);
  }
  // Index of the remote with this address, 0 = none. Any thread.
  uint32_t find_remote(const uint8_t ip[16]) const;
  // Network index of a VNI, 0 = none. Any thread.
  uint32_t find_network(uint32_t vni) const;
  // The network a port is in, 0 = none. Any thread.
  uint32_t port_network(uint32_t id) const;
  // Counters of one worker. Only that worker writes them (see counters.hpp).
  uint64_t* drop_counters(uint32_t worker) const;
  PortCounters& port_counters(uint32_t worker, uint32_t port) const;

 private:
  bool copy_remote(uint32_t index, RemoteSnapshot& out) const;

  uint8_t* base_ = nullptr;
};

// A worker's copies of the remotes that it sends to: the same index again costs one word of the
// row.
class RemoteCache {
 public:
  // Null as with Segment::read_remote(), and for a row that is nobody's. Good for this burst.
  const RemoteSnapshot* find(const Segment& segment, uint32_t index) {
    RemoteSnapshot& remote = copies_[index % kCopies];
    const bool known = segment.read_remote(index, remote) && remote.state != RemoteState::free;
    return known ? &remote : nullptr;
  }

 private:
  static constexpr unsigned kCopies = 64;
  RemoteSnapshot copies_[kCopies];
};

}  // namespace vtep
