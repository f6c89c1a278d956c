// Takes the outer headers off what the underlay delivers, with every check.
#pragma once
#include "frame.hpp"
#include "segment.hpp"

namespace vtep {

// Both write what was inside to `packets`: from the VXLAN header on, with `source` and the metadata
// of the frame inside. It is one packet, or several of `size` octets that GRO has glued together.

// From an outer Ethernet header on. `local` is our VTEP address.
Drop open_outer(const Frame& frame, const uint8_t local[16], uint16_t udp_port, Frame& packets,
                uint32_t& size);
// From the VXLAN header on (a UDP socket's payload), frame.source set. kGsoUdp metadata
// without kNeedsChecksum: datagrams of gso_size, glued by UDP_GRO; with it: of the frame inside.
Drop open_payload(const Frame& frame, Frame& packets, uint32_t& size);

// Leaves the first packet in `packets` and gives the others; false where there are none.
inline bool split_packets(Frame& packets, uint32_t size, Frame& rest) {
  if (packets.length <= size) return false;
  rest = packets;
  rest.data += size;
  rest.length -= size;
  rest.headroom += size;
  packets.length = size;
  return true;
}

}  // namespace vtep
