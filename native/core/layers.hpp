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

struct Layers {
  uint16_t ethertype = 0;  // behind up to two VLAN tags
  uint16_t l3 = 0;         // where that begins
  uint16_t l4 = 0;         // 0 = no IP, or headers that end too early
  uint8_t version = 0;     // 4 or 6 when the IP header is whole, else 0
  uint8_t protocol = 0;    // of l4, or the last one that could be read
  bool fragment = false;
};

// False when a VLAN tag is cut off. `length` is at least an Ethernet header.
bool find_layers(const uint8_t* data, uint32_t length, Layers& out);

// The flow hash of an inner frame; native/core/README.md states the function. Fragments count by
// their addresses alone, so that all fragments of a packet take one path.
uint32_t flow_hash(const uint8_t* data, uint32_t length, const Layers& layers);

}  // namespace vtep
