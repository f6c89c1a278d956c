#include "decap.hpp"

#include "checksum.hpp"

namespace vtep {
namespace {

constexpr uint32_t kUdpHeader = 8;
constexpr uint32_t kVxlan = 8;

// Metadata of the kernel relative to `by` bytes further in.
void shift(Meta& meta, uint32_t by) {
  meta.checksum_start = static_cast<uint16_t>(meta.checksum_start - by);
  meta.header_length = static_cast<uint16_t>(meta.header_length > by ? meta.header_length - by : 0);
}

// `udp` and `end` are offsets of the outer UDP header and of the end of its IP packet.
Drop open_udp(const Frame& frame, uint32_t udp, uint32_t end, Frame& packets, uint32_t& size) {
  const uint8_t* header = frame.data + udp;
  const Meta& meta = frame.meta;
  const bool super = meta.gso_type != kGsoNone;
  uint32_t length = net16(header + 4);
  if (super && length == 0) length = end - udp;
  if (length < kUdpHeader + kVxlan || length > end - udp) return Drop::outer_malformed;
  // The kernel has checked the outer checksum, or knows that it will be right.
  const bool vouched = super || (meta.flags & (kNeedsChecksum | kDataValid)) != 0;
  if (load16(header + 6) != 0 && !vouched) {
    const bool v4 = is_ipv4(packets.source);
    const uint8_t* addresses = frame.data + kEthernetHeader + (v4 ? 12 : 8);
    const size_t width = v4 ? 4 : 16;
    const uint64_t pseudo =
        pseudo_header_sum(addresses, addresses + width, width, kProtocolUdp, length);
    if (checksum_fold(checksum_add(header, length, pseudo)) != 0xffff) return Drop::outer_malformed;
  }
  const uint32_t payload = udp + kUdpHeader;
  packets.data = frame.data + payload;
  packets.length = length - kUdpHeader;
  packets.headroom = frame.headroom + payload;
  packets.meta = {};
  size = packets.length;
  if (!super && (meta.flags & kNeedsChecksum) == 0) return Drop::none;
  const bool outer = (meta.flags & kNeedsChecksum) != 0 && meta.checksum_start == udp;
  if (outer && super) {
    if (meta.gso_type != kGsoUdp || meta.gso_size < kVxlan) return Drop::bad_metadata;
    size = meta.gso_size;
  } else if (!outer) {
    if (meta.checksum_start < payload + kVxlan) return Drop::bad_metadata;
    packets.meta = meta;
    shift(packets.meta, payload);
  }
  return Drop::none;
}

}  // namespace

Drop open_payload(const Frame& frame, Frame& packets, uint32_t& size) {
  packets = frame;
  packets.meta = {};
  size = frame.length;
  if (frame.length < kVxlan) return Drop::outer_malformed;
  if ((frame.meta.flags & kNeedsChecksum) != 0) {
    // Of the frame inside.
    if (frame.meta.checksum_start < kVxlan) return Drop::bad_metadata;
    packets.meta = frame.meta;
    return Drop::none;
  }
  if (frame.meta.gso_type == kGsoNone) return Drop::none;
  if (frame.meta.gso_type != kGsoUdp || frame.meta.gso_size < kVxlan) return Drop::bad_metadata;
  size = frame.meta.gso_size;
  return Drop::none;
}

Drop open_outer(const Frame& frame, const LocalUnderlay& us, Frame& packets, uint32_t& size) {
  if (frame.length < kEthernetHeader + 20) return Drop::outer_malformed;
  const bool super = frame.meta.gso_type != kGsoNone;
  const uint8_t* ip = frame.data + kEthernetHeader;
  const uint32_t room = frame.length - kEthernetHeader;
  const uint16_t ethertype = net16(frame.data + 12);
  uint8_t destination[16];
  uint32_t header, total;
  bool fragment;
  if (ethertype == kEtherIpv4) {
    header = (ip[0] & 15u) * 4;
    total = net16(ip + 2);
    if (super && total == 0) total = room;  // longer than the field can say
    if (ip[0] >> 4 != 4 || header < 20 || header > room || total < header || total > room)
      return Drop::outer_malformed;
    if (checksum_fold(checksum_add(ip, header, 0)) != 0xffff) return Drop::outer_malformed;
    if (ip[9] != kProtocolUdp) return Drop::not_vxlan;
    fragment = (net16(ip + 6) & 0x3fff) != 0;
    map_ipv4(packets.source, ip + 12);
    map_ipv4(destination, ip + 16);
  } else if (ethertype == kEtherIpv6) {
    header = 40;
    if (room < header || ip[0] >> 4 != 6) return Drop::outer_malformed;
    total = header + net16(ip + 4);
    if (super && total == header) total = room;
    if (total > room) return Drop::outer_malformed;
    fragment = ip[6] == 44;
    if (ip[6] != kProtocolUdp && !fragment) return Drop::not_vxlan;
    copy(packets.source, ip + 8, 16);
    copy(destination, ip + 24, 16);
    // On the wire, a mapped address is nobody's; in our tables it would be an IPv4 VTEP.
    if (is_ipv4(packets.source) || is_ipv4(destination)) return Drop::outer_malformed;
  } else {
    return Drop::not_vxlan;
  }
  packets.flags = 0;
  if (!same_ip(destination, us.local)) {
    if (is_unspecified(us.replicator) || !same_ip(destination, us.replicator))
      return Drop::not_ours;
    packets.flags = kToReplicator;
  }
  if (fragment) return Drop::outer_fragment;
  if (total - header < kUdpHeader) return Drop::outer_malformed;
  if (net16(ip + header + 2) != us.udp_port) return Drop::not_vxlan;
  return open_udp(frame, kEthernetHeader + header, kEthernetHeader + total, packets, size);
}

}  // namespace vtep
