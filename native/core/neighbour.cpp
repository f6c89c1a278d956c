#include "neighbour.hpp"

#include "checksum.hpp"

namespace vtep {
namespace {

constexpr uint32_t kArpLength = 28;
constexpr uint8_t kRouterSolicitation = 133, kSolicitation = 135, kAdvertisement = 136;
constexpr uint8_t kSourceLinkOption = 1, kTargetLinkOption = 2;
constexpr uint32_t kNdHeader = 24, kRouterSolicitationHeader = 8;
constexpr uint8_t kRouterBit = 0x80, kSolicitedBit = 0x40, kOverrideBit = 0x20;

bool is_ipv6_host(const uint8_t* ip) { return is_unicast_ip(ip) && !is_ipv4(ip); }

void read_arp(const uint8_t* data, uint32_t length, NeighbourTalk& talk) {
  const uint8_t* arp = data + kEthernetHeader;
  if (length < kEthernetHeader + kArpLength) return;
  if (net16(arp) != 1 || net16(arp + 2) != kEtherIpv4 || arp[4] != 6 || arp[5] != 4) return;
  const uint16_t operation = net16(arp + 6);
  if (operation != 1 && operation != 2) return;
  if (load_mac(arp + 8) != load_mac(data + 6)) return;
  map_ipv4(talk.sender, arp + 14);
  map_ipv4(talk.target, arp + 24);
  talk.tells = is_unicast_ip(talk.sender);
  // A question about oneself is an announcement (RFC 5227 section 3); the unspecified sender of a
  // probe asks.
  talk.asks = operation == 1 && is_unicast_ip(talk.target) && !same_ip(talk.sender, talk.target) &&
              (talk.tells || is_unspecified(talk.sender));
}

// The link-layer address of an option, 0 = absent. False when the options do not add up.
bool find_link_option(const uint8_t* icmp, uint32_t length, uint32_t header, uint8_t type,
                      uint64_t& mac) {
  mac = 0;
  for (uint32_t at = header; at < length;) {
    const uint32_t size = length - at < 2 ? 0 : icmp[at + 1] * 8u;
    if (size == 0 || size > length - at) return false;
    if (icmp[at] == type && size == 8 && mac == 0) mac = load_mac(icmp + at + 2);
    at += size;
  }
  return true;
}

// Octets of an ICMPv6 message from the link, code 0; 0 = it is none, or shorter than `header`.
uint32_t discovery_size(const uint8_t* data, uint32_t length, const Layers& layers,
                        uint32_t header) {
  const uint8_t* ip = data + layers.l3;
  const uint32_t size = net16(ip + 4);
  const bool fits = ip[6] == kProtocolIcmp6 && ip[7] == 255 && size >= header &&
                    size <= length - layers.l3 - 40 && ip[41] == 0;
  return fits ? size : 0;
}

// The checksum is right, or left to others.
bool is_summed(const uint8_t* ip, uint32_t size, const Meta& meta) {
  if ((meta.flags & kNeedsChecksum) != 0) return true;
  const uint64_t pseudo = pseudo_header_sum(ip + 8, ip + 24, 16, kProtocolIcmp6, size);
  return checksum_fold(checksum_add(ip + 40, size, pseudo)) == 0xffff;
}

bool is_solicited_node(const uint8_t* ip) {
  return load32(ip) == 0x000002ff && load32(ip + 4) == 0 && load32(ip + 8) == 0x01000000 &&
         ip[12] == 0xff;
}

void read_nd(const uint8_t* data, uint32_t length, const Layers& layers, const Meta& meta,
             NeighbourTalk& talk) {
  const uint8_t* ip = data + layers.l3;
  const uint8_t* icmp = ip + 40;
  const uint32_t size = discovery_size(data, length, layers, kNdHeader);
  if (size == 0) return;
  const uint8_t type = icmp[0];
  if (type != kSolicitation && type != kAdvertisement) return;
  if (!is_summed(ip, size, meta)) return;
  const uint8_t* target = icmp + 8;
  if (!is_ipv6_host(target)) return;
  uint64_t mac;
  const uint64_t source = load_mac(data + 6);
  if (!find_link_option(icmp, size, kNdHeader,
                        type == kSolicitation ? kSourceLinkOption : kTargetLinkOption, mac))
    return;
  if (type == kAdvertisement) {
    copy(talk.sender, target, 16);
    talk.tells = mac == 0 || mac == source;
    // Who is asked by unicast may answer without its link address, and then overrides nothing.
    const bool keeps = mac != 0 && (icmp[4] & kOverrideBit) == 0;
    talk.flags = ((icmp[4] & kRouterBit) != 0 ? NeighbourFlag::router : 0) |
                 (keeps ? NeighbourFlag::noOverride : 0);
    return;
  }
  copy(talk.sender, ip + 8, 16);
  copy(talk.target, target, 16);
  if (is_unspecified(ip + 8)) {  // duplicate address detection (RFC 4862 section 5.4.2)
    talk.asks = mac == 0 && is_solicited_node(ip + 24);
    return;
  }
  talk.tells = is_ipv6_host(ip + 8) && mac == source;
  talk.asks = is_ipv6_host(ip + 8) && (mac == 0 || mac == source);
}

uint32_t write_arp_answer(const uint8_t* question, uint64_t mac, uint8_t* out) {
  const uint8_t* asked = question + kEthernetHeader;
  uint8_t* arp = out + kEthernetHeader;
  put_net16(out + 12, kEtherArp);
  copy(arp, asked, 6);
  put_net16(arp + 6, 2);
  store_mac(arp + 8, mac);
  copy(arp + 14, asked + 24, 4);
  copy(arp + 18, asked + 8, 6);
  copy(arp + 24, asked + 14, 4);
  return kEthernetHeader + kArpLength;
}

uint32_t write_advertisement(const uint8_t* question, uint64_t mac, uint32_t flags, uint8_t* out) {
  constexpr uint32_t kSize = kNdHeader + 8;
  constexpr uint8_t kAllNodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const uint8_t* asker = question + kEthernetHeader + 8;
  const uint8_t* target = question + kEthernetHeader + 40 + 8;
  const bool detection = is_unspecified(asker);
  uint8_t* ip = out + kEthernetHeader;
  uint8_t* icmp = ip + 40;
  if (detection) store_mac(out, 0x010000003333);  // 33:33:00:00:00:01
  put_net16(out + 12, kEtherIpv6);
  clear(ip, 40 + kSize);
  ip[0] = 0x60;
  put_net16(ip + 4, kSize);
  ip[6] = kProtocolIcmp6;
  ip[7] = 255;
  copy(ip + 8, target, 16);
  copy(ip + 24, detection ? kAllNodes : asker, 16);
  icmp[0] = kAdvertisement;
  icmp[4] = static_cast<uint8_t>(((flags & NeighbourFlag::router) != 0 ? kRouterBit : 0) |
                                 (detection ? 0 : kSolicitedBit) |
                                 ((flags & NeighbourFlag::noOverride) != 0 ? 0 : kOverrideBit));
  copy(icmp + 8, target, 16);
  icmp[kNdHeader] = kTargetLinkOption;
  icmp[kNdHeader + 1] = 1;
  store_mac(icmp + kNdHeader + 2, mac);
  const uint64_t pseudo = pseudo_header_sum(ip + 8, ip + 24, 16, kProtocolIcmp6, kSize);
  store16(icmp + 2, static_cast<uint16_t>(~checksum_fold(checksum_add(icmp, kSize, pseudo))));
  return kEthernetHeader + 40 + kSize;
}

}  // namespace

NeighbourTalk read_neighbour_talk(const uint8_t* data, uint32_t length, const Layers& layers,
                                  const Meta& meta) {
  NeighbourTalk talk;
  if (layers.l3 != kEthernetHeader || meta.gso_type != kGsoNone) return talk;
  if (layers.ethertype == kEtherArp) read_arp(data, length, talk);
  if (layers.version == 6) read_nd(data, length, layers, meta, talk);
  return talk;
}

bool is_router_solicitation(const uint8_t* data, uint32_t length, const Layers& layers,
                            const Meta& meta, uint8_t ip[16]) {
  if (layers.l3 != kEthernetHeader || layers.version != 6 || meta.gso_type != kGsoNone)
    return false;
  const uint8_t* header = data + layers.l3;
  const uint32_t size = discovery_size(data, length, layers, kRouterSolicitationHeader);
  if (size == 0 || header[40] != kRouterSolicitation || !is_summed(header, size, meta))
    return false;
  uint64_t mac;
  if (!find_link_option(header + 40, size, kRouterSolicitationHeader, kSourceLinkOption, mac))
    return false;
  copy(ip, header + 8, 16);
  return is_ipv6_host(ip) || (is_unspecified(ip) && mac == 0);
}

uint32_t write_neighbour_answer(const uint8_t* question, const Layers& layers, uint64_t mac,
                                uint32_t flags, uint8_t* out) {
  copy(out, question + 6, 6);
  store_mac(out + 6, mac);
  if (layers.ethertype == kEtherArp) return write_arp_answer(question, mac, out);
  return write_advertisement(question, mac, flags, out);
}

}  // namespace vtep
