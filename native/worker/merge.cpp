#include "merge.hpp"

#include "../core/bytes.hpp"
#include "../core/checksum.hpp"
#include "../core/layers.hpp"

namespace vtep {

namespace {

enum TcpFlag : uint8_t { kPush = 0x08, kAck = 0x10 };

constexpr uint16_t kSequence = 4, kFlags = 13, kChecksum = 16;  // in a TCP header
constexpr uint32_t kTcpHeader = 20;
// With an Ethernet header and tags in front still less than 65536: the kernel cuts what is not.
constexpr uint32_t kMaxPacket = 65535 - 14 - 8;
constexpr uint16_t kDontFragment = 0x4000;

uint16_t ip_payload_length(const uint8_t* ip, bool ipv6, uint32_t header) {
  return static_cast<uint16_t>(ipv6 ? net16(ip + 4) : net16(ip + 2) - header);
}

uint64_t pseudo_sum(const uint8_t* ip, bool ipv6, uint32_t length) {
  const unsigned size = ipv6 ? 16 : 4;
  const uint8_t* addresses = ip + (ipv6 ? 8 : 12);
  return pseudo_header_sum(addresses, addresses + size, size, kProtocolTcp, length);
}

}  // namespace

// TCP right behind an IP header without options or extensions, in a frame that ends with its
// packet.
bool Merger::read(const Frame& frame, Segment& out) {
  Layers layers;
  if (frame.length < kEthernetHeader || frame.meta.gso_type != kGsoNone) return false;
  if (!find_layers(frame.data, frame.length, layers)) return false;
  if (layers.protocol != kProtocolTcp || layers.l4 == 0 || layers.fragment) return false;
  const bool ipv6 = layers.version == 6;
  const uint32_t ip_header = ipv6 ? 40 : 20;
  if (layers.version == 0 || layers.l4 - layers.l3 != static_cast<int>(ip_header)) return false;
  if (frame.length < layers.l4 + kTcpHeader) return false;
  const uint32_t tcp_header = (frame.data[layers.l4 + 12] >> 4) * 4u;
  const uint32_t length = ip_payload_length(frame.data + layers.l3, ipv6, ip_header);
  if (tcp_header < kTcpHeader || length < tcp_header || layers.l4 + length != frame.length)
    return false;
  out.data = frame.data;
  out.l3 = layers.l3;
  out.l4 = layers.l4;
  out.payload = static_cast<uint16_t>(layers.l4 + tcp_header);
  out.payload_length = length - tcp_header;
  out.ipv6 = ipv6;
  return true;
}

// The same Ethernet header, addresses and ports.
bool Merger::same_flow(const Segment& a, const Segment& b) {
  if (a.l3 != b.l3 || a.l4 != b.l4 || a.ipv6 != b.ipv6) return false;
  const uint32_t addresses = a.l3 + (a.ipv6 ? 8U : 12U);
  return load32(a.data + a.l4) == load32(b.data + b.l4) && equal(a.data, b.data, a.l3) &&
         equal(a.data + addresses, b.data + addresses, a.l4 - addresses);
}

// Data and nothing else; whole, or still to be completed by whoever takes it.
bool Merger::can_begin(const Frame& frame, const Segment& segment) {
  const uint8_t* tcp = segment.data + segment.l4;
  if (segment.payload_length == 0 || (tcp[kFlags] & ~kPush) != kAck) return false;
  if ((frame.meta.flags & kNeedsChecksum) != 0)
    return frame.meta.checksum_start == segment.l4 && frame.meta.checksum_offset == kChecksum;
  const uint32_t length = frame.length - segment.l4;
  const uint64_t pseudo = pseudo_sum(segment.data + segment.l3, segment.ipv6, length);
  return checksum_fold(checksum_add(tcp, length, pseudo)) == 0xffff;
}

// What cutting the joined frame could not give back stays apart.
bool Merger::can_join(const Chain& chain, const Frame& frame, const Segment& segment) const {
  const Segment& first = chain.first;
  const uint8_t *ip = segment.data + segment.l3, *first_ip = first.data + first.l3;
  const uint8_t *tcp = segment.data + segment.l4, *first_tcp = first.data + first.l4;
  if (segment.payload != first.payload || segment.payload_length > first.payload_length)
    return false;
  if (chain.segments == kMaxSegments || (chain.flags & kPush) != 0) return false;
  // The one before was shorter, so it was the last of its super-frame.
  if (chain.payload_length != chain.segments * first.payload_length) return false;
  if (net32(tcp + kSequence) != net32(first_tcp + kSequence) + chain.payload_length) return false;
  const uint32_t packet = first.payload - first.l3 + chain.payload_length + segment.payload_length;
  if (packet > kMaxPacket) return false;
  // Acknowledgement, window, urgent pointer and options; flags but for PSH.
  if (load32(tcp + 8) != load32(first_tcp + 8) ||
      ((tcp[kFlags] ^ first_tcp[kFlags]) & ~kPush) != 0 ||
      load16(tcp + 14) != load16(first_tcp + 14) || load16(tcp + 18) != load16(first_tcp + 18) ||
      !equal(tcp + kTcpHeader, first_tcp + kTcpHeader, segment.payload - segment.l4 - kTcpHeader))
    return false;
  if (segment.ipv6) {
    if (load32(ip) != load32(first_ip) || ip[7] != first_ip[7]) return false;
  } else {
    const bool may_fragment = (net16(ip + 6) & kDontFragment) == 0;
    const auto expected = static_cast<uint16_t>(net16(first_ip + 4) + chain.segments);
    if (ip[1] != first_ip[1] || load16(ip + 6) != load16(first_ip + 6) || ip[8] != first_ip[8] ||
        (may_fragment && net16(ip + 4) != expected))
      return false;
  }
  return can_begin(frame, segment);
}

void Merger::add(uint16_t number, const Frame& frame) {
  joined_[number] = false;
  next_[number] = kNone;
  Segment segment;
  if (!read(frame, segment)) return;
  unsigned place = open_count_;
  for (unsigned i = 0; i < open_count_; i++) {
    Chain& chain = chains_[open_[i]];
    if (!same_flow(chain.first, segment)) continue;
    if (can_join(chain, frame, segment)) {
      next_[chain.last] = number;
      joined_[number] = true;
      chain.last = number;
      chain.segments++;
      chain.payload_length += segment.payload_length;
      chain.flags |= segment.data[segment.l4 + kFlags];
      return;
    }
    place = i;  // its chain ends here, whether this frame begins another one or not
    break;
  }
  Chain& chain = chains_[number];
  chain.first = segment;
  chain.payload_length = segment.payload_length;
  chain.segments = 1;
  chain.last = number;
  chain.flags = segment.data[segment.l4 + kFlags];
  // A frame that must stay alone: nothing fits behind one that is pushed.
  if (!can_begin(frame, segment)) chain.flags |= kPush;
  if (place == kOpen) {
    place = oldest_;
    oldest_ = (oldest_ + 1) % kOpen;
  } else if (place == open_count_) {
    open_count_++;
  }
  open_[place] = number;
}

uint32_t Merger::write_header(uint16_t number, uint8_t header[kMaxHeader], Meta& meta) const {
  const Chain& chain = chains_[number];
  const Segment& first = chain.first;
  copy(header, first.data, first.payload);
  uint8_t *ip = header + first.l3, *tcp = header + first.l4;
  const uint32_t length = first.payload - first.l4 + chain.payload_length;
  if (first.ipv6) {
    put_net16(ip + 4, static_cast<uint16_t>(length));
  } else {
    put_net16(ip + 2, static_cast<uint16_t>(first.l4 - first.l3 + length));
    store16(ip + 10, 0);
    store16(ip + 10,
            static_cast<uint16_t>(~checksum_fold(checksum_add(ip, first.l4 - first.l3, 0))));
  }
  tcp[kFlags] = chain.flags;
  store16(tcp + kChecksum, checksum_fold(pseudo_sum(ip, first.ipv6, length)));
  meta = Meta();
  meta.flags = kNeedsChecksum;
  meta.checksum_start = first.l4;
  meta.checksum_offset = kChecksum;
  meta.gso_type = first.ipv6 ? kGsoTcp6 : kGsoTcp4;
  meta.gso_size = static_cast<uint16_t>(first.payload_length);
  meta.header_length = first.payload;
  return first.payload;
}

}  // namespace vtep
