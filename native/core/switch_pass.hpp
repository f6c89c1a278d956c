// A burst between the stages of the switch. For switch*.cpp only.
#pragma once
#include "hash_table.hpp"
#include "layers.hpp"
#include "switch.hpp"

namespace vtep {

inline constexpr uint32_t kPlace =
    ~(0xffu << DestinationWord::flagShift);  // a destination word without flags

// What is known about one frame between the stages.
struct Switch::Work {
  uint64_t destination;
  uint64_t hash;  // of the destination in the MAC table
  uint32_t network;
  uint32_t vni;
  Layers layers;
  Drop reason;
};

// A source that the burst before this frame did not have.
struct Switch::Source {
  uint64_t mac;
  uint64_t hash;
};

// How to a destination: read from its row once in a burst, for all frames in a row that go there.
struct Switch::Way {
  uint32_t destination = 0;
  Drop reason;    // why none may go there
  uint32_t room;  // octets, VLAN tags counted only for a remote; all ones = any
};

// One burst on its way through the stages: the tables as they are at its start, and where results
// go.
struct Switch::Pass {
  Pass(const Segment& segment, uint32_t ingress, uint64_t time, Burst& burst)
      : macs(segment, segment.header().macs), port(ingress), now(time), out(burst) {}

  HashTable<MacShape> macs;
  uint32_t port;  // 0 = from the underlay
  uint32_t network = 0;
  uint32_t vni = 0;
  uint32_t networkFlags = 0;
  uint64_t now;
  Burst& out;
  Source sources[kBurst];  // to learn, in the order of arrival
  unsigned sourceCount = 0;
  // Memory of the last lookups: bursts repeat themselves.
  uint64_t lastMac = 0;  // of `sources`
  Way way;
  uint64_t lastDestination = 0;
  uint32_t lastDestinationNetwork = 0;
  uint32_t lastPlace = 0;
  uint8_t lastSource[16] = {};
  uint32_t lastVni = 0;
  uint32_t lastNetwork = 0;
  Drop lastVerdict = Drop::none;
  bool known = false;
};

}  // namespace vtep
