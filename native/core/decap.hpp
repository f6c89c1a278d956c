// Takes the outer headers off what the underlay delivers, with every check, and splits what GRO has
// glued together.
#pragma once
#include "frame.hpp"
#include "segment.hpp"

namespace vtep {

// Iterates over the VXLAN packets of one received buffer. Frames it yields begin at the VXLAN
// header, with `source` and inner metadata.
class Decapsulation {
 public:
  // From an outer Ethernet header on. `local` is our VTEP address.
  Drop open_outer(const Frame& frame, const uint8_t local[16], uint16_t udp_port);
  // From the VXLAN header on (a UDP socket's payload), frame.source set. kGsoUdp metadata
  // without kNeedsChecksum: datagrams of gso_size, glued by UDP_GRO; with it: of the frame inside.
  Drop open_payload(const Frame& frame);
  // False after the last.
  bool next(Frame& packet);

 private:
  Drop open_udp(const Frame& frame, uint32_t udp, uint32_t end);

  Frame rest_;
  uint32_t chunk_ = 0;
};

}  // namespace vtep
