// Takes the outer headers off what the underlay delivers, with every check.
#pragma once
#include "frame.hpp"
#include "layers.hpp"
#include "segment.hpp"

namespace vtep {

// All write what was inside to `packets`: from the VXLAN header on, with `source` and the metadata
// of the frame inside. It is one packet, or several of `size` octets that GRO has glued together.

// From an outer Ethernet header on.
Drop open_outer(const Frame& frame, const LocalUnderlay& us, Frame& packets, uint32_t& size);
// From the VXLAN header on (a UDP socket's payload), frame.source set. kGsoUdp metadata
// without kNeedsChecksum: datagrams of gso_size, glued by UDP_GRO; with it: of the frame inside.
Drop open_payload(const Frame& frame, Frame& packets, uint32_t& size);

// Destination address and UDP port of the packets that is_plain_packet() may take, as they lie with
// the source port between them; none are where we have no IPv4 address.
inline uint64_t plain_destination(const LocalUnderlay& us) {
  if (!is_ipv4(us.local)) return ~uint64_t{0};
  return load32(us.local + 12) | uint64_t{__builtin_bswap16(us.udp_port)} << 48;
}

// Whether this is what most VTEPs send to an IPv4 address, and right: one packet without options,
// UDP checksum and offloads, VXLAN by RFC 7348, `inner` octets of a frame at kPlainHeaders. False
// for all else, which may be right or wrong.
inline constexpr uint32_t kPlainHeaders = kEthernetHeader + 20 + 8 + 8;
inline bool is_plain_packet(const Frame& frame, uint64_t destination, uint32_t& inner) {
  constexpr uint32_t kUdpWhole = uint32_t{kProtocolUdp} << 24;  // no fragment
  const uint8_t* p = frame.data;
  if (frame.length < kPlainHeaders + kEthernetHeader) return false;
  const uint64_t front = load64(p + 12);  // EtherType, version, TOS, length
  const uint32_t udp = load32(p + 38);    // length and sum
  const uint32_t length = __builtin_bswap16(static_cast<uint16_t>(udp));
  const uint32_t total = __builtin_bswap16(static_cast<uint16_t>(front >> 32));
  inner = length - 16;
  // The ones' complement sum (RFC 1071) by 64 bits; not zero, it is right when it is a multiple of
  // ones.
  uint64_t sum = load64(p + 14), more = load64(p + 22);
  sum += more, sum += sum < more;
  more = load32(p + 30);
  sum += more, sum += sum < more;
  return (front & 0xffffff) == 0x450008 && (load32(p + 20) & 0xff00ff3f) == kUdpWhole &&
         (load64(p + 30) & 0xffff0000ffffffff) == destination && udp >> 16 == 0 &&
         length >= 16 + kEthernetHeader && total == length + 20 &&
         total <= frame.length - kEthernetHeader && sum % 0xffff == 0 &&
         (load32(p + 42) & 0x3d) == 0x08 && !has_offloads(frame.meta);
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
