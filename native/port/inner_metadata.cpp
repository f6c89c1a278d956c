#include "inner_metadata.hpp"

#include "../core/bytes.hpp"
#include "../core/checksum.hpp"
#include "../core/layers.hpp"

namespace vtep {
namespace {

constexpr uint32_t kVxlanHeader = 8;
// A super-frame does not say how long its segments were. Tenants of an overlay have an MTU of 1450
// or more.
constexpr uint32_t kSegmentPacket = 1450;
constexpr uint8_t kCongestionWindowReduced = 0x80;

// Tunnels in the tenant's frame that are looked into.
constexpr unsigned kMaxTunnels = 3;
constexpr uint16_t kVxlanPort = 4789, kVxlanPortLinux = 8472;
constexpr uint8_t kProtocolIcmp = 1, kProtocolGre = 47;

struct Protocol {
  uint8_t number, header, checksum;  // its least length, and where its checksum lies
};
constexpr Protocol kProtocols[] = {{kProtocolTcp, 20, 16},
                                   {kProtocolUdp, 8, 6},
                                   {kProtocolIcmp6, 8, 2},
                                   {kProtocolIcmp, 8, 2},
                                   {kProtocolGre, 4, 0}};

struct Transport {
  uint32_t l3, l4, end;  // from the first byte of the inner frame
  uint16_t checksum;     // offset of the field behind l4, 0 = none
  uint8_t version, protocol;
};

// The transport header of the Ethernet frame at `start`, unless it is a fragment; `end` is where
// its IP packet says that it ends.
bool find_transport(const uint8_t* inner, uint32_t start, uint32_t length, Transport& out) {
  Layers layers;
  if (length - start < kEthernetHeader || !find_layers(inner + start, length - start, layers))
    return false;
  if (layers.version == 0 || layers.l4 == 0 || layers.fragment) return false;
  for (const Protocol& protocol : kProtocols) {
    if (protocol.number != layers.protocol) continue;
    const uint8_t* ip = inner + start + layers.l3;
    const uint32_t packet = layers.version == 4 ? net16(ip + 2) : 40u + net16(ip + 4);
    const uint32_t l3 = start + layers.l3, l4 = start + layers.l4;
    out = {l3, l4, l3 + packet, protocol.checksum, layers.version, layers.protocol};
    return out.end >= l4 + protocol.header && length >= l4 + protocol.header;
  }
  return false;
}

// An unfinished checksum field holds the sum of the pseudo header. A finished one has that value
// once in 65536 times, and then finishing it again gives the same value: taking it for unfinished
// does no harm. ICMP for IPv4 has no pseudo header: there it is zero, and wrong.
bool is_partial(const uint8_t* inner, const Transport& at) {
  if (at.checksum == 0) return false;
  const uint8_t* ip = inner + at.l3;
  const uint16_t field = load16(inner + at.l4 + at.checksum);
  if (at.protocol == kProtocolIcmp) {
    if (field != 0) return false;
    return checksum_fold(checksum_add(inner + at.l4, at.end - at.l4, 0)) != 0xffff;
  }
  const size_t size = at.version == 4 ? 4 : 16;
  const uint8_t* addresses = ip + (at.version == 4 ? 12 : 8);
  const uint16_t pseudo = checksum_fold(
      pseudo_header_sum(addresses, addresses + size, size, at.protocol, at.end - at.l4));
  return field == pseudo;
}

// Where the frame inside a tunnel packet begins, 0 = it is none. GRE without options ends with an
// EtherType in front of an IP header, so the place of an Ethernet header that ends there serves.
uint32_t frame_inside(const uint8_t* inner, const Transport& at) {
  if (at.protocol == kProtocolUdp) {
    const uint16_t port = net16(inner + at.l4 + 2);
    return port == kVxlanPort || port == kVxlanPortLinux ? at.l4 + 8 + kVxlanHeader : 0;
  }
  if (at.protocol != kProtocolGre || load16(inner + at.l4) != 0) return 0;
  return at.l4 + 4 - kEthernetHeader;
}

// The checksum that is unfinished: of the frame's own packet, else of one in a tunnel.
bool find_unfinished(const uint8_t* inner, uint32_t length, Transport& at) {
  for (unsigned depth = 0; depth <= kMaxTunnels; depth++) {
    if (at.end > length) return false;
    if (is_partial(inner, at)) return true;
    const uint32_t start = frame_inside(inner, at);
    if (start == 0 || start > at.end || !find_transport(inner, start, at.end, at)) return false;
  }
  return false;
}

}  // namespace

void find_inner_metadata(Frame& frame, uint32_t segment) {
  frame.meta = {};
  const uint8_t* inner = frame.data + kVxlanHeader;
  const uint32_t length = frame.length > kVxlanHeader ? frame.length - kVxlanHeader : 0;
  Transport own = {};
  const bool known = find_transport(inner, 0, length, own);
  const bool train = segment != 0 && segment < frame.length;
  // The first datagram of a train has an inner frame that ends in it.
  if (train && (!known || own.end + kVxlanHeader <= segment)) {
    frame.meta.gso_type = kGsoUdp;
    frame.meta.gso_size = static_cast<uint16_t>(segment);
    return;
  }
  Transport at = own;
  if (!known || !find_unfinished(inner, length, at)) return;
  frame.meta.flags = kNeedsChecksum;
  frame.meta.checksum_start = static_cast<uint16_t>(kVxlanHeader + at.l4);
  frame.meta.checksum_offset = at.checksum;
  if (at.l4 != own.l4) return;
  const bool tcp = at.protocol == kProtocolTcp, udp = at.protocol == kProtocolUdp;
  const uint32_t header = tcp ? (inner[at.l4 + 12] >> 4) * 4u : 8u;
  const uint32_t packet = at.end - at.l3, headers = at.l4 - at.l3 + header;
  if (tcp && packet > kSegmentPacket && headers < kSegmentPacket) {
    frame.meta.gso_type = at.version == 4 ? kGsoTcp4 : kGsoTcp6;
    if (inner[at.l4 + 13] & kCongestionWindowReduced) frame.meta.gso_type |= kGsoEcn;
    frame.meta.gso_size = static_cast<uint16_t>(kSegmentPacket - headers);
  } else if (udp && train) {
    frame.meta.gso_type = kGsoUdp;
    frame.meta.gso_size = static_cast<uint16_t>(segment);
  }
  if (frame.meta.gso_type != kGsoNone)
    frame.meta.header_length = static_cast<uint16_t>(kVxlanHeader + at.l4 + header);
}

void finish_partial_checksum(uint8_t* frame, uint32_t length) {
  Transport at = {};
  if (!find_transport(frame, 0, length, at) || !find_unfinished(frame, length, at)) return;
  Meta meta;
  meta.checksum_start = static_cast<uint16_t>(at.l4);
  meta.checksum_offset = at.checksum;
  // Up to the end of the IP packet: padding behind it is not summed.
  store16(frame + at.l4 + at.checksum, completed_checksum(frame, at.end, meta));
}

void settle_outer_checksums(Frame& frame) {
  Transport at = {};
  if (!find_transport(frame.data, 0, frame.length, at) || at.protocol != kProtocolUdp) return;
  if (load16(frame.data + at.l4 + at.checksum) != 0 && is_partial(frame.data, at)) {
    frame.meta.flags = kDataValid;
    return;
  }
  const uint32_t inner = at.l4 + 8 + kVxlanHeader;
  if (frame.length > inner) finish_partial_checksum(frame.data + inner, frame.length - inner);
}

}  // namespace vtep
