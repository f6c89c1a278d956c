// Where the headers of a tenant's frame begin. Nothing here trusts the frame; what can not be read
// is left out, not refused: a bridge forwards what it does not understand.
#pragma once
#include "bytes.hpp"
#include "hash_table.hpp"

namespace vtep {

inline constexpr uint16_t kEtherIpv4 = 0x0800;
inline constexpr uint16_t kEtherArp = 0x0806;
inline constexpr uint16_t kEtherIpv6 = 0x86dd;
inline constexpr uint16_t kEtherVlan = 0x8100;
inline constexpr uint16_t kEtherServiceVlan = 0x88a8;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmp6 = 58;
inline constexpr uint32_t kEthernetHeader = 14;

// Written by find_layers(), never made otherwise: a burst of them costs nothing to have.
struct Layers {
  uint16_t ethertype;  // behind up to two VLAN tags
  uint16_t l3;         // where that begins
  uint16_t l4;         // 0 = no IP, or headers that end too early
  uint8_t version;     // 4 or 6 when the IP header is whole, else 0
  uint8_t protocol;    // of l4, or the last one that could be read
  bool fragment;
};

// Most frames of most tenants: IPv4 without options behind an untagged Ethernet header.
inline bool is_plain_ipv4(const uint8_t* data, uint32_t length) {
  return length >= kEthernetHeader + 20 && (load32(data + 12) & 0xffffff) == 0x450008;
}

bool find_any_layers(const uint8_t* data, uint32_t length, Layers& out);

// False when a VLAN tag is cut off. `length` is at least an Ethernet header.
inline bool find_layers(const uint8_t* data, uint32_t length, Layers& out) {
  if (!is_plain_ipv4(data, length)) return find_any_layers(data, length, out);
  constexpr uint16_t kFragmentBits = 0xff3f;  // more fragments, or an offset; as they lie
  out = {kEtherIpv4, kEthernetHeader, kEthernetHeader + 20,
         4,          data[23],        (load16(data + 20) & kFragmentBits) != 0};
  return true;
}

inline constexpr uint64_t kFlowSeed = 0x7674657068617368;

uint32_t any_flow_hash(const uint8_t* data, uint32_t length, const Layers& layers);

// The flow hash of an inner frame; native/core/README.md states the function. Fragments count by
// their addresses alone, so that all fragments of a packet take one path.
inline uint32_t flow_hash(const uint8_t* data, uint32_t length, const Layers& layers) {
  const bool plain = layers.version == 4 && !layers.fragment && length >= layers.l4 + 4u &&
                     (layers.protocol == kProtocolTcp || layers.protocol == kProtocolUdp);
  if (!plain) return any_flow_hash(data, length, layers);
  const uint64_t h = mix(kFlowSeed ^ load64(data + layers.l3 + 12));
  const uint64_t word = static_cast<uint64_t>(layers.protocol) << 32 | load32(data + layers.l4);
  return static_cast<uint32_t>(mix(h ^ word) >> 32);
}

}  // namespace vtep
