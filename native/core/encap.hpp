// Puts an inner frame into VXLAN (RFC 7348): the remote's header template, patched per frame. Only
// headers are written.
#pragma once
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
uint32_t encap_outer(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash,
                     uint32_t inner_length, uint8_t* out,
                     OuterChecksum checksum = OuterChecksum::automatic);

// The same with the metadata that the whole packet then has. Where the inner frame needs a checksum
// and the outer one, too (IPv6), the outer one is finished from the headers alone (local checksum
// offload): the inner sum is known to come out right.
uint32_t encap_frame(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash, const Frame& inner,
                     uint8_t* out, Meta& meta);

// The VXLAN header alone, for sockets that write the rest.
inline void encap_vxlan(uint32_t vni, uint8_t out[kVxlanHeader]) {
  put_net32(out, 0x08000000);
  put_net32(out + 4, vni << 8);
}

}  // namespace vtep
