#include "packet.hpp"

#include "checksum.hpp"

namespace vtep {
namespace {

constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kEcho4 = 8, kEchoReply4 = 0, kEcho6 = 128, kEchoReply6 = 129;
constexpr uint8_t kTtl = 64;
constexpr uint8_t kNetworkControl =
    0xc0;  // precedence of what routers say (RFC 1812 section 4.3.2.5)
constexpr uint32_t kIcmpHeader = 8;
constexpr uint8_t kSolicitation = 135;

bool is_loopback(const uint8_t* ip) {
  if (is_ipv4(ip)) return ip[12] == 127;
  return load64(ip) == 0 && load64(ip + 8) == __builtin_bswap64(1);
}

bool may_be_host(const uint8_t* ip) { return is_unicast_ip(ip) && !is_loopback(ip); }

void sum_ipv4(uint8_t* ip, uint32_t header) {
  store16(ip + 10, 0);
  store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, header, 0))));
}

struct Code {
  uint8_t type4, code4, type6, code6;
};
constexpr Code kCodes[] = {
    {11, 0, 3, 0},  // ttl_exceeded: in transit
    {3, 0, 1, 0},   // no_route
    {3, 4, 2, 0},   // too_big: fragmentation needed
    {3, 3, 1, 4},   // no_service: port
};

}  // namespace

bool is_link_local(const uint8_t ip[16]) { return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80; }

bool read_packet(const uint8_t* data, uint32_t length, const Layers& layers, Packet& out) {
  if (layers.l3 != kEthernetHeader || layers.version == 0) return false;
  const uint8_t* ip = data + kEthernetHeader;
  const uint32_t room = length - kEthernetHeader;
  out.v4 = layers.version == 4;
  if (out.v4) {
    out.header = static_cast<uint16_t>((ip[0] & 15) * 4);
    const uint32_t total = net16(ip + 2);
    if (total < out.header || total > room) return false;
    if (checksum_fold(checksum_add(ip, out.header, 0)) != 0xffff) return false;
    out.ttl = ip[8];
    map_ipv4(out.source, ip + 12);
    map_ipv4(out.destination, ip + 16);
  } else {
    out.header = 40;
    if (net16(ip + 4) > room - 40) return false;
    out.ttl = ip[7];
    copy(out.source, ip + 8, 16);
    copy(out.destination, ip + 24, 16);
    if (is_ipv4(out.source) || is_ipv4(out.destination)) return false;
  }
  return may_be_host(out.source) && may_be_host(out.destination);
}

void pass_on(uint8_t* data, const Packet& packet, uint64_t destination_mac, uint64_t source_mac) {
  store_mac(data, destination_mac);
  store_mac(data + 6, source_mac);
  uint8_t* ip = data + kEthernetHeader;
  if (!packet.v4) {
    ip[7]--;
    return;
  }
  // RFC 1141: the upper octet of a word has become one less.
  ip[8]--;
  const uint32_t sum = uint32_t{net16(ip + 10)} + 0x100;
  put_net16(ip + 10, static_cast<uint16_t>(sum + (sum >> 16)));
}

bool answer_echo(Frame& frame, const Layers& layers, const Packet& packet, uint64_t source_mac) {
  uint8_t* ip = frame.data + kEthernetHeader;
  const uint8_t protocol = packet.v4 ? kProtocolIcmp : kProtocolIcmp6;
  if (layers.protocol != protocol || layers.fragment || layers.l4 == 0) return false;
  if (frame.length - layers.l4 < kIcmpHeader || frame.meta.gso_type != kGsoNone) return false;
  uint8_t* icmp = frame.data + layers.l4;
  if (icmp[0] != (packet.v4 ? kEcho4 : kEcho6) || icmp[1] != 0) return false;
  copy(frame.data, frame.data + 6, 6);
  store_mac(frame.data + 6, source_mac);
  uint8_t address[16];
  const uint32_t size = packet.v4 ? 4 : 16, at = packet.v4 ? 12 : 8;
  copy(address, ip + at, size);
  copy(ip + at, ip + at + size, size);
  copy(ip + at + size, address, size);
  if (packet.v4) {
    ip[8] = kTtl;
    sum_ipv4(ip, packet.header);
  } else {
    ip[7] = kTtl;
  }
  const uint8_t type = packet.v4 ? kEchoReply4 : kEchoReply6;
  if ((frame.meta.flags & kNeedsChecksum) == 0) {
    // RFC 1624: m and m' are the word of type and code before and after.
    const uint32_t before = uint32_t{icmp[0]} << 8, after = uint32_t{type} << 8;
    const uint32_t sum = (~uint32_t{net16(icmp + 2)} & 0xffff) + (~before & 0xffff) + after;
    put_net16(icmp + 2, static_cast<uint16_t>(~checksum_fold(sum)));
  }
  icmp[0] = type;
  return true;
}

bool may_report(const uint8_t* data, uint32_t length, const Layers& layers, const Packet& packet) {
  if (packet.v4 && (net16(data + kEthernetHeader + 6) & 0x1fff) != 0) return false;
  if (!packet.v4 && is_link_local(packet.source)) return false;
  if (layers.protocol != (packet.v4 ? kProtocolIcmp : kProtocolIcmp6)) return true;
  if (layers.l4 == 0 || length <= layers.l4) return false;
  const uint8_t type = data[layers.l4];
  if (!packet.v4) return type >= 128 && type != 137;
  return type == kEcho4 || type == kEchoReply4 || (type >= 13 && type <= 18);
}

uint32_t write_icmp_error(const uint8_t* data, uint32_t length, const Packet& packet,
                          IcmpError error, uint32_t mtu, const uint8_t source[16],
                          uint64_t source_mac, uint8_t* out, uint32_t room) {
  const Code& code = kCodes[static_cast<unsigned>(error)];
  const uint32_t ip_header = packet.v4 ? 20 : 40;
  const uint32_t headers = kEthernetHeader + ip_header + kIcmpHeader;
  const uint8_t* quoted = data + kEthernetHeader;
  const uint32_t whole =
      packet.v4 ? net16(quoted + 2) : uint32_t{40} + net16(quoted + 4);  // without padding
  const uint32_t there = length - kEthernetHeader < whole ? length - kEthernetHeader : whole;
  const uint32_t quote = there < room - headers ? there : room - headers;
  copy(out, data + 6, 6);
  store_mac(out + 6, source_mac);
  uint8_t* ip = out + kEthernetHeader;
  uint8_t* icmp = ip + ip_header;
  clear(ip, ip_header + kIcmpHeader);
  icmp[0] = packet.v4 ? code.type4 : code.type6;
  icmp[1] = packet.v4 ? code.code4 : code.code6;
  if (error == IcmpError::too_big) put_net32(icmp + 4, mtu);
  copy(icmp + kIcmpHeader, quoted, quote);
  const uint32_t size = kIcmpHeader + quote;
  uint64_t sum = 0;
  if (packet.v4) {
    put_net16(out + 12, kEtherIpv4);
    ip[0] = 0x45;
    ip[1] = kNetworkControl;
    ip[8] = kTtl;
    ip[9] = kProtocolIcmp;
    copy(ip + 12, source + 12, 4);
    copy(ip + 16, packet.source + 12, 4);
    put_net16(ip + 2, static_cast<uint16_t>(20 + size));
    sum_ipv4(ip, 20);
  } else {
    put_net16(out + 12, kEtherIpv6);
    ip[0] = 0x60;
    put_net16(ip + 4, static_cast<uint16_t>(size));
    ip[6] = kProtocolIcmp6;
    ip[7] = kTtl;
    copy(ip + 8, source, 16);
    copy(ip + 24, packet.source, 16);
    sum = pseudo_header_sum(ip + 8, ip + 24, 16, kProtocolIcmp6, size);
  }
  store16(icmp + 2, static_cast<uint16_t>(~checksum_fold(checksum_add(icmp, size, sum))));
  return headers + quote;
}

uint32_t write_neighbour_question(const uint8_t target[16], const uint8_t source[16],
                                  uint64_t source_mac, uint8_t* out) {
  store_mac(out + 6, source_mac);
  uint8_t* body = out + kEthernetHeader;
  if (is_ipv4(target)) {
    store_mac(out, 0xffffffffffff);
    put_net16(out + 12, kEtherArp);
    clear(body, 28);
    put_net16(body, 1);
    put_net16(body + 2, kEtherIpv4);
    body[4] = 6;
    body[5] = 4;
    put_net16(body + 6, 1);
    store_mac(body + 8, source_mac);
    copy(body + 14, source + 12, 4);
    copy(body + 24, target + 12, 4);
    return kEthernetHeader + 28;
  }
  constexpr uint32_t kSize = 32;
  put_net16(out, 0x3333);
  out[2] = 0xff;
  copy(out + 3, target + 13, 3);
  put_net16(out + 12, kEtherIpv6);
  clear(body, 40 + kSize);
  body[0] = 0x60;
  put_net16(body + 4, kSize);
  body[6] = kProtocolIcmp6;
  body[7] = 255;
  copy(body + 8, source, 16);
  uint8_t* group = body + 24;  // ff02::1:ffxx:xxxx (RFC 4291 section 2.7.1)
  group[0] = 0xff;
  group[1] = 2;
  group[11] = 1;
  group[12] = 0xff;
  copy(group + 13, target + 13, 3);
  uint8_t* icmp = body + 40;
  icmp[0] = kSolicitation;
  copy(icmp + 8, target, 16);
  icmp[24] = 1;
  icmp[25] = 1;
  store_mac(icmp + 26, source_mac);
  const uint64_t sum = pseudo_header_sum(body + 8, group, 16, kProtocolIcmp6, kSize);
  store16(icmp + 2, static_cast<uint16_t>(~checksum_fold(checksum_add(icmp, kSize, sum))));
  return kEthernetHeader + 40 + kSize;
}

}  // namespace vtep
