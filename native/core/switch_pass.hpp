// A burst between the stages of the switch. For switch*.cpp only.
#pragma once
#include "layers.hpp"
#include "mac_lookup.hpp"
#include "prefixes.hpp"
#include "switch.hpp"

namespace vtep {

inline constexpr uint32_t kPlace =
    ~(0xffu << DestinationWord::flagShift);  // a destination word without flags
inline constexpr uint32_t kSeat =
    kPlace | MacFlag::peer << DestinationWord::flagShift;  // and whether we have seen it there

// How much there is to think about one frame.
enum class Care : uint8_t {
  plain,     // unicast TCP or UDP over IPv4 without options, untagged, whole
  ordinary,  // unicast
  special,   // lost, to a group, or it may tell of neighbours
};

// What is known about one frame between the stages.
struct Switch::Work {
  uint64_t key;            // destination and network (MacLookup::key)
  const uint32_t* bucket;  // where to look it up; not for groups
  uint32_t vni;
  Layers layers;
  Drop reason;
  Care care;
};

// A source that the frame before this one did not have.
struct Switch::Source {
  uint64_t key;
  const uint32_t* bucket;
};

// Whether a VTEP may speak in a network.
struct Switch::Peer {
  uint8_t address[16];
  uint32_t vni = ~0u;  // no VNI: nothing known
  uint32_t network;
  Drop verdict;
};

// How to a destination: read from its row once, for all frames in a row that go there.
struct Switch::Way {
  enum Kind : uint8_t {
    open,
    unknown,     // nobody knows
    turned,      // a frame that goes there is lost for `reason`
    obstructed,  // the same, and it counts as lost on its way out
    routed,      // to the router MAC
    spread,      // to one of several VTEPs, by the flow
  };
  uint32_t destination = ~0u;
  uint32_t room;  // octets, without the headers before l3 for a port; all ones = any
  Kind kind;
  bool port;
  Drop reason;
  uint16_t segment = 0;  // SegmentFlag bits of a port
};

// Where a packet goes next.
struct Switch::Hop {
  Way way = {};
  uint32_t network = 0;  // that it goes into, 0 = to a VTEP
  uint32_t vni = 0;
  uint64_t mac = 0;  // of the next hop
  uint64_t source_mac = 0;
  uint8_t ip[16];  // whom to ask for the MAC
};

// Who is on a list that a frame is flooded to: ports, then remotes but those that want none of its
// kind (RFC 9574 section 7). Where the network has a replicator it gets broadcast and multicast in
// the place of all remotes, and serves them (section 5.2).
struct Switch::Receivers {
  enum Remotes : uint8_t { none, all, by_replicator };
  Receivers(const Segment& segment, const RowWord* network, uint32_t offset, bool group,
            Remotes which)
      : words(segment.flood_words() + offset + 2),
        unwanted((group ? FloodFlag::noBroadcasts : FloodFlag::noUnknown)
                 << DestinationWord::flagShift) {
    if (offset == 0) return;
    const uint32_t counts = load_acquire(words - 1);
    const uint32_t remotes = which != none ? counts >> 16 : 0;
    ports = counts & 0xffff;
    count = ports + remotes;
    if (!group || remotes == 0 || which != by_replicator) return;
    const uint32_t index = load_word(network + offsetof(NetworkRow, replicator) / 4);
    if (index == 0) return;
    replicator = destination_word(Destination::remote, index);
    count = ports + 1;
  }
  // A destination word without flags; 0: nobody.
  uint32_t operator[](uint32_t i) const {
    if (replicator != 0 && i == ports) return replicator;
    const uint32_t word = load_relaxed(words + i);
    return (word & unwanted) != 0 ? 0 : word & kPlace;
  }

  const uint32_t* words;
  uint32_t unwanted;
  uint32_t count = 0;
  uint32_t ports = 0;
  uint32_t replicator = 0;
};

// One burst on its way through the stages: the tables as they are at its start, and where results
// go.
struct Switch::Pass {
  Pass(const Segment& tables, uint32_t ingress, uint64_t time, Burst& burst)
      : segment(tables), macs(tables), port(ingress), now(time), out(burst), routes(tables) {}

  const Segment& segment;
  MacLookup macs;
  uint32_t port;  // 0 = from the underlay
  uint32_t network = 0;
  uint32_t vni = 0;
  uint32_t networkFlags = 0;
  Drop refusal = Drop::port_detached;  // of frames that are in no network
  uint64_t now;
  Burst& out;
  Source sources[kBurst];  // to learn, in the order of arrival
  unsigned sourceCount = 0;
  // Memory of the last lookups: bursts repeat themselves.
  uint64_t lastSourceMac = 0;  // of `sources`
  Way way;
  static constexpr unsigned kPeers = 8;
  Peer peers[kPeers];
  // What forward() works on, and how far the router has looked ahead.
  const Work* works = nullptr;
  unsigned count = 0;
  unsigned ahead = 0;
  static constexpr unsigned kAhead = 16;
  RouteLookup::Ahead places[kAhead];
  RouteLookup routes;
};

}  // namespace vtep
