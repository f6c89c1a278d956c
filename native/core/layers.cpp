#include "layers.hpp"

namespace vtep {
namespace {

constexpr int kMaxExtensions = 8;

void find_ipv4(const uint8_t* data, uint32_t length, Layers& out) {
  const uint8_t* ip = data + out.l3;
  if (length - out.l3 < 20 || ip[0] >> 4 != 4) return;
  const uint32_t header = (ip[0] & 15u) * 4;
  if (header < 20 || header > length - out.l3) return;
  out.version = 4;
  out.protocol = ip[9];
  out.fragment = (net16(ip + 6) & 0x3fff) != 0;
  out.l4 = static_cast<uint16_t>(out.l3 + header);
}

void find_ipv6(const uint8_t* data, uint32_t length, Layers& out) {
  const uint8_t* ip = data + out.l3;
  if (length - out.l3 < 40 || ip[0] >> 4 != 6) return;
  out.version = 6;
  out.protocol = ip[6];
  uint32_t at = out.l3 + 40u;
  for (int i = 0; i < kMaxExtensions; i++) {
    const uint8_t type = out.protocol;
    const bool sized =
        type == 0 || type == 43 || type == 60;  // hop-by-hop, routing, destination options
    if (!sized && type != 44 && type != 51) {
      out.l4 = static_cast<uint16_t>(at);
      return;
    }
    if (length - at < 8) return;
    const uint8_t* header = data + at;
    const uint32_t size = sized ? (header[1] + 1u) * 8 : type == 51 ? (header[1] + 2u) * 4 : 8;
    if (size > length - at) return;
    if (type == 44 && (net16(header + 2) & 0xfff9) != 0) out.fragment = true;
    out.protocol = header[0];
    at += size;
  }
}

// TCP, UDP, DCCP, SCTP and UDP-Lite have their ports in the first four octets.
bool has_ports(uint8_t protocol) {
  return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

}  // namespace

bool find_layers(const uint8_t* data, uint32_t length, Layers& out) {
  out = {};
  out.l3 = kEthernetHeader;
  out.ethertype = net16(data + 12);
  for (int tag = 0; tag < 2 && is_tag(out.ethertype); tag++) {
    if (length - out.l3 < 4) return false;
    out.ethertype = net16(data + out.l3 + 2);
    out.l3 = static_cast<uint16_t>(out.l3 + 4);
  }
  if (out.ethertype == kEtherIpv4) find_ipv4(data, length, out);
  if (out.ethertype == kEtherIpv6) find_ipv6(data, length, out);
  return true;
}

uint32_t flow_hash(const uint8_t* data, uint32_t length, const Layers& layers) {
  uint64_t h = kFlowSeed;
  if (layers.version == 0) {
    h = mix(h ^ (load_mac(data) | static_cast<uint64_t>(layers.ethertype) << 48));
    h = mix(h ^ load_mac(data + 6));
    return static_cast<uint32_t>(h >> 32);
  }
  const uint8_t* ip = data + layers.l3;
  if (layers.version == 4) {
    h = mix(h ^ load64(ip + 12));
  } else {
    for (unsigned i = 8; i < 40; i += 8) h = mix(h ^ load64(ip + i));
  }
  if (!layers.fragment) {
    uint64_t word = static_cast<uint64_t>(layers.protocol) << 32;
    if (layers.l4 != 0 && has_ports(layers.protocol) && length - layers.l4 >= 4) {
      word |= load32(data + layers.l4);
    }
    h = mix(h ^ word);
  }
  return static_cast<uint32_t>(h >> 32);
}

}  // namespace vtep
