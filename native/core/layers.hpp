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
inline constexpr uint32_t kVlanTag = 4;

inline bool is_tag(uint16_t ethertype) {
  return ethertype == kEtherVlan || ethertype == kEtherServiceVlan;
}

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

// False when a VLAN tag is cut off. `length` is at least an Ethernet header.
bool find_layers(const uint8_t* data, uint32_t length, Layers& out);

// The same for a frame that is_plain_ipv4().
inline void find_plain_layers(const uint8_t* data, Layers& out) {
  constexpr uint16_t kFragmentBits = 0xff3f;  // more fragments, or an offset; as they lie
  const bool fragment = (load16(data + 20) & kFragmentBits) != 0;
  out = {kEtherIpv4, kEthernetHeader, kEthernetHeader + 20, 4, data[23], fragment};
}

inline constexpr uint64_t kFlowSeed = 0x7674657068617368;

// The flow hash of an inner frame; native/core/README.md states the function. Fragments count by
// their addresses alone, so that all fragments of a packet take one path.
uint32_t flow_hash(const uint8_t* data, uint32_t length, const Layers& layers);

// The same for plain IPv4 with ports.
inline uint32_t plain_flow_hash(const uint8_t* data) {
  const uint8_t* ip = data + kEthernetHeader;
  const uint64_t h = mix(kFlowSeed ^ load64(ip + 12));
  return static_cast<uint32_t>(mix(h ^ (static_cast<uint64_t>(ip[9]) << 32 | load32(ip + 20))) >>
                               32);
}

}  // namespace vtep
