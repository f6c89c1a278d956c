// Takes the outer headers off what the underlay delivers, with every check.
#pragma once
#include "frame.hpp"
#include "layers.hpp"

namespace vtep {

// Who we are for the underlay.
struct Underlay {
  uint8_t local[16];  // our VTEP address
  bool ipv4;
  uint16_t udp_port;
};

// All write what was inside to `packets`: from the VXLAN header on, with `source` and the metadata
// of the frame inside. It is one packet, or several of `size` octets that GRO has glued together.

// From an outer Ethernet header on.
Drop open_outer(const Frame& frame, const Underlay& us, Frame& packets, uint32_t& size);
// From the VXLAN header on (a UDP socket's payload), frame.source set. kGsoUdp metadata
// without kNeedsChecksum: datagrams of gso_size, glued by UDP_GRO; with it: of the frame inside.
Drop open_payload(const Frame& frame, Frame& packets, uint32_t& size);

// open_outer() for what most VTEPs send to an IPv4 address: no options, no UDP checksum, and here
// one datagram with nothing offloaded. False for all else, which may be right or wrong.
inline bool open_plain_outer(const Frame& frame, const Underlay& us, Frame& packets,
                             uint32_t& size) {
  constexpr uint32_t kHeaders = kEthernetHeader + 20 + 8;
  const uint8_t* p = frame.data;
  if (frame.length < kHeaders + 8 || (load32(p + 12) & 0xffffff) != 0x450008 || !us.ipv4)
    return false;
  const uint32_t total = net16(p + 16);
  const uint32_t length = net16(p + 38);
  const uint64_t sum =
      uint64_t{load32(p + 14)} + load32(p + 18) + load32(p + 22) + load32(p + 26) + load32(p + 30);
  // A sum that is not zero folds to ones when it is a multiple of them (RFC 1071).
  const bool plain = p[23] == kProtocolUdp && (load16(p + 20) & 0xff3f) == 0 &&
                     load32(p + 30) == load32(us.local + 12) && net16(p + 36) == us.udp_port &&
                     load16(p + 40) == 0 && length >= 16 && length + 20 <= total &&
                     total <= frame.length - kEthernetHeader && sum % 0xffff == 0 &&
                     (frame.meta.flags & kNeedsChecksum) == 0 && frame.meta.gso_type == kGsoNone;
  if (!plain) return false;
  packets.data = frame.data + kHeaders;
  size = packets.length = length - 8;
  packets.headroom = frame.headroom + kHeaders;
  packets.meta = {};
  map_ipv4(packets.source, p + 26);
  return true;
}

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
