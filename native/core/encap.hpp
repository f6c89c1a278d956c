// Puts an inner frame into VXLAN (RFC 7348): the remote's header template, patched per frame. Only
// headers are written.
#pragma once
#include "checksum.hpp"
#include "frame.hpp"
#include "segment.hpp"

namespace vtep {

inline constexpr uint32_t kMaxOuterHeader = 72;
inline constexpr uint32_t kVxlanHeader = 8;
inline constexpr uint32_t kOuterHeader4 = 14 + 20 + 8 + kVxlanHeader;
inline constexpr uint32_t kOuterHeader6 = 14 + 40 + 8 + kVxlanHeader;

// Source port from the flow hash, in the dynamic range (RFC 7348 section 5).
constexpr uint16_t source_port(uint32_t hash) {
  return static_cast<uint16_t>(49152 + hash % 16384);
}

enum class OuterChecksum : uint8_t {
  automatic,  // IPv4: zero (RFC 7348 section 5). IPv6: pseudo-header sum, to be completed
  partial,    // pseudo-header sum in both families, for USO
};

// Outer Ethernet, IP, UDP and VXLAN header for `inner_length` bytes; gives the bytes written to
// `out` (kMaxOuterHeader of room). A super-frame whose packet would not fit 65535 has its lengths
// modulo 65536: whoever cuts it writes them anew.
inline uint32_t encap_outer(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash,
                            uint32_t inner_length, uint8_t* out,
                            OuterChecksum checksum = OuterChecksum::automatic) {
  const bool v4 = remote.headerLength == kOuterHeader4;
  // A fixed size is a few wide moves; the tail beyond an IPv4 header is scratch.
  copy(out, remote.header, kMaxOuterHeader);
  uint8_t* ip = out + 14;
  uint8_t* udp = ip + (v4 ? 20 : 40);
  const uint16_t udp_length = static_cast<uint16_t>(inner_length + kVxlanHeader + 8);
  if (v4) {
    const uint16_t total = static_cast<uint16_t>(udp_length + 20);
    put_net16(ip + 2, total);
    // Of the template, where the length is 0.
    const uint32_t sum = static_cast<uint16_t>(~load16(remote.header + 14 + 10));
    store16(ip + 10, static_cast<uint16_t>(~checksum_fold2(sum + __builtin_bswap16(total))));
  } else {
    put_net16(ip + 4, udp_length);
  }
  put_net16(udp, source_port(hash));
  put_net16(udp + 4, udp_length);
  if (!v4 || checksum == OuterChecksum::partial) {
    store16(udp + 6, checksum_fold2(remote.pseudoSum + __builtin_bswap16(udp_length)));
  }
  put_net32(udp + 12, vni << 8);
  return remote.headerLength;
}

// Finishes what encap_frame() has begun where there are checksums to do.
void encap_checksums(const Frame& inner, uint32_t length, uint8_t* out, Meta& meta);

// The same with the metadata that the whole packet then has. Where the inner frame needs a checksum
// and the outer one, too (IPv6), the outer one is finished from the headers alone (local checksum
// offload): the inner sum is known to come out right.
inline uint32_t encap_frame(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash,
                            const Frame& inner, uint8_t* out, Meta& meta) {
  const uint32_t length = encap_outer(remote, vni, hash, inner.length, out);
  meta = inner.meta;
  if (length != kOuterHeader4 || (meta.flags & kNeedsChecksum) != 0)
    encap_checksums(inner, length, out, meta);
  return length;
}

// The VXLAN header alone, for sockets that write the rest.
inline void encap_vxlan(uint32_t vni, uint8_t out[kVxlanHeader]) {
  put_net32(out, 0x08000000);
  put_net32(out + 4, vni << 8);
}

}  // namespace vtep
