#include "judge.hpp"

#include <string.h>

#include <algorithm>

namespace vtep::test {
namespace {

constexpr uint8_t kTcp = 6, kUdp = 17, kIcmp = 1, kIcmp6 = 58, kGre = 47, kFragment = 44;
constexpr uint32_t kVxlanPort = 4789;

// One IP packet of a frame; the next one is inside of it.
struct Packet {
  size_t ip = 0, l4 = 0, end = 0;
  bool v4 = false, fragment = false;
  uint8_t protocol = 0;
};

size_t checksum_place(uint8_t protocol) { return protocol == kTcp ? 16 : protocol == kUdp ? 6 : 2; }

// The packets of a frame from the outermost in. A problem ends it.
class Reader {
 public:
  explicit Reader(const Octets& frame) : b_(frame.data()), size_(frame.size()) { ethernet(0); }
  std::vector<Packet> packets;
  std::string problem;

 private:
  void ethernet(size_t at) {
    size_t type = at + 12;
    while (type + 2 <= size_ && (get16(b_ + type) == 0x8100 || get16(b_ + type) == 0x88a8))
      type += 4;
    if (type + 2 > size_) return void(problem = "an Ethernet header that is cut off");
    network(type + 2, get16(b_ + type));
  }

  void network(size_t at, uint32_t type) {
    Packet packet;
    packet.ip = at;
    packet.v4 = type == 0x0800;
    if (!packet.v4 && type != 0x86dd) return;
    if (at + (packet.v4 ? 20 : 40) > size_) return void(problem = "an IP header that is cut off");
    if (packet.v4) {
      packet.l4 = at + (b_[at] & 15) * 4u;
      packet.end = at + get16(b_ + at + 2);
      packet.protocol = b_[at + 9];
      packet.fragment = (get16(b_ + at + 6) & 0x3fff) != 0;
    } else {
      packet.l4 = at + 40;
      packet.end = at + 40 + get16(b_ + at + 4);
      packet.protocol = b_[at + 6];
      if (packet.protocol == kFragment) {
        packet.protocol = b_[packet.l4];
        packet.l4 += 8;
        packet.fragment = true;
      }
    }
    if (packet.end > size_ || packet.l4 > packet.end)
      return void(problem = "an IP packet of " + std::to_string(packet.end - at) +
                            " octets in a frame of " + std::to_string(size_));
    packets.push_back(packet);
    if (!packet.fragment) inside(packet);
  }

  void inside(const Packet& packet) {
    if (packet.protocol == kUdp && get16(b_ + packet.l4 + 2) == kVxlanPort)
      ethernet(packet.l4 + 16);
    if (packet.protocol == kGre) network(packet.l4 + 4, get16(b_ + packet.l4 + 2));
  }

  const uint8_t* b_;
  size_t size_;
};

void fill_ip_checksum(uint8_t* ip) {
  put16(ip + 10, 0);
  put16(ip + 10, static_cast<uint16_t>(~sum16(ip, (ip[0] & 15) * 4u)));
}

void fill_transport_checksum(uint8_t* b, const Packet& packet) {
  uint8_t* field = b + packet.l4 + checksum_place(packet.protocol);
  const size_t length = packet.end - packet.l4;
  put16(field, 0);
  const uint16_t pseudo =
      packet.protocol == kIcmp ? uint16_t{0} : pseudo_sum(b + packet.ip, packet.protocol, length);
  const auto sum = static_cast<uint16_t>(~sum16(b + packet.l4, length, pseudo));
  put16(field, sum == 0 && packet.protocol == kUdp ? 0xffff : sum);
}

std::string check(Octets& frame) {
  Reader reader(frame);
  uint8_t* b = frame.data();
  for (const Packet& packet : reader.packets) {
    const std::string where = " of the packet at " + std::to_string(packet.ip);
    if (packet.v4 && sum16(b + packet.ip, packet.l4 - packet.ip) != 0xffff)
      return "a wrong IPv4 header checksum" + where;
    const bool summed = packet.protocol == kTcp || packet.protocol == kUdp ||
                        packet.protocol == kIcmp || packet.protocol == kIcmp6;
    if (packet.fragment || !summed) continue;
    const uint32_t field = get16(b + packet.l4 + checksum_place(packet.protocol));
    if (packet.protocol == kUdp && field == 0) continue;
    const size_t length = packet.end - packet.l4;
    const uint16_t pseudo =
        packet.protocol == kIcmp ? uint16_t{0} : pseudo_sum(b + packet.ip, packet.protocol, length);
    if (sum16(b + packet.l4, length, pseudo) != 0xffff)
      return "a wrong checksum of protocol " + std::to_string(packet.protocol) + where;
  }
  return reader.problem;
}

void forget_identifications(Octets& frame) {
  const Reader reader(frame);
  // From the inside out: an outer UDP checksum covers what changes inside.
  for (size_t i = reader.packets.size(); i-- > 0;) {
    const Packet& packet = reader.packets[i];
    uint8_t* ip = frame.data() + packet.ip;
    if (packet.v4 && (get16(ip + 6) & 0x4000) != 0) {
      put16(ip + 4, 0);
      fill_ip_checksum(ip);
    }
    if (i + 1 < reader.packets.size() && packet.protocol == kUdp &&
        get16(frame.data() + packet.l4 + 6) != 0)
      fill_transport_checksum(frame.data(), packet);
  }
}

// An outer UDP checksum of a super-frame in a tunnel is partial, too (SKB_GSO_UDP_TUNNEL_CSUM).
void finish_around(Octets& frame, const Meta& meta) {
  const Reader reader(frame);
  for (size_t i = reader.packets.size(); i-- > 0;) {
    const Packet& packet = reader.packets[i];
    if (packet.l4 >= meta.checksum_start || packet.protocol != kUdp) continue;
    const uint16_t pseudo = pseudo_sum(frame.data() + packet.ip, kUdp, packet.end - packet.l4);
    if (get16(frame.data() + packet.l4 + 6) == pseudo)
      fill_transport_checksum(frame.data(), packet);
  }
}

// What a kernel makes of a super-frame: the packet that the metadata speaks of is cut, and all that
// are around it are made to fit.
std::string cut(const Bytes& super, std::vector<Octets>& out) {
  const Reader reader(super.bytes);
  if (!reader.problem.empty()) return reader.problem;
  size_t depth = 0;
  while (depth < reader.packets.size() && reader.packets[depth].l4 != super.meta.checksum_start)
    depth++;
  if (depth == reader.packets.size())
    return "a super-frame whose checksum does not begin at a transport header";
  const Packet& inner = reader.packets[depth];
  const uint8_t type = super.meta.gso_type & 0x7f;
  const bool tcp = inner.protocol == kTcp;
  if (type == kGsoUdp ? inner.protocol != kUdp : !tcp || (type == kGsoTcp4) != inner.v4)
    return "a super-frame of GSO type " + std::to_string(type) + " that holds protocol " +
           std::to_string(inner.protocol);
  const uint8_t* b = super.bytes.data();
  const size_t payload = inner.l4 + (tcp ? (b[inner.l4 + 12] >> 4) * 4u : 8u);
  const size_t size = super.meta.gso_size;
  if (size == 0 || inner.end != super.bytes.size()) return "a super-frame without a segment size";
  for (size_t at = payload, index = 0; at < inner.end; at += size, index++) {
    const size_t end = std::min(at + size, inner.end);
    Octets one(b, b + payload);
    one.insert(one.end(), b + at, b + end);
    const size_t less = super.bytes.size() - one.size();
    uint8_t* l4 = one.data() + inner.l4;
    if (tcp) {
      const uint32_t sequence =
          (get16(l4 + 4) << 16 | get16(l4 + 6)) + static_cast<uint32_t>(at - payload);
      put16(l4 + 4, sequence >> 16), put16(l4 + 6, sequence & 0xffff);
      if (end != inner.end) l4[13] &= static_cast<uint8_t>(~0x09);  // FIN and PSH are the last's
      if (index != 0) l4[13] &= static_cast<uint8_t>(~0x80);        // CWR is the first's
    }
    for (size_t i = depth + 1; i-- > 0;) {
      Packet packet = reader.packets[i];
      packet.end -= less;
      uint8_t* ip = one.data() + packet.ip;
      if (packet.v4) {
        put16(ip + 2, static_cast<uint32_t>(get16(ip + 2) - less));
        put16(ip + 4, static_cast<uint32_t>(get16(ip + 4) + index));
        fill_ip_checksum(ip);
      } else {
        put16(ip + 4, static_cast<uint32_t>(get16(ip + 4) - less));
      }
      uint8_t* header = one.data() + packet.l4;
      if (packet.protocol == kUdp) put16(header + 4, static_cast<uint32_t>(packet.end - packet.l4));
      if (i == depth || (packet.protocol == kUdp && get16(header + 6) != 0))
        fill_transport_checksum(one.data(), packet);
    }
    out.push_back(std::move(one));
  }
  return {};
}

// Where the payload of a frame that is nothing but TCP begins; 0: it is something else.
size_t tcp_payload(const Octets& frame) {
  const Reader reader(frame);
  if (reader.packets.size() != 1) return 0;
  const Packet& packet = reader.packets[0];
  if (packet.protocol != kTcp || packet.fragment || packet.end != frame.size()) return 0;
  return packet.l4 + (frame[packet.l4 + 12] >> 4) * 4u;
}

uint32_t sequence_of(const Octets& frame) {
  const uint8_t* l4 = frame.data() + Reader(frame).packets[0].l4;
  return get16(l4 + 4) << 16 | get16(l4 + 6);
}

}  // namespace

size_t stream_octets(const Octets& frame) {
  const size_t payload = tcp_payload(frame);
  return payload == 0 || payload == frame.size() ? 1 : frame.size() - payload;
}

std::vector<Octets> joined(std::vector<Octets> frames) {
  const bool is_stream = std::all_of(frames.begin(), frames.end(),
                                     [](const Octets& frame) { return tcp_payload(frame) != 0; });
  if (is_stream)
    std::stable_sort(frames.begin(), frames.end(), [](const Octets& a, const Octets& b) {
      return static_cast<int32_t>(sequence_of(a) - sequence_of(b)) < 0;
    });
  std::vector<Octets> out;
  size_t begun = 0, length = 0;  // the stream at the end of `out`: its headers and its payload
  for (Octets& frame : frames) {
    const size_t payload = tcp_payload(frame);
    const bool follows =
        payload != 0 && payload == begun && sequence_of(frame) == sequence_of(out.back()) + length;
    if (!follows) length = 0;
    length += frame.size() - payload;
    begun = payload;
    if (payload == 0) {
      out.push_back(std::move(frame));
      continue;
    }
    const Packet packet = Reader(frame).packets[0];
    if (follows) {
      out.back()[packet.l4 + 13] |= frame[packet.l4 + 13];
      out.back().insert(out.back().end(), frame.begin() + static_cast<ptrdiff_t>(payload),
                        frame.end());
      continue;
    }
    out.push_back(std::move(frame));
    // Lengths and checksums were looked at before, and are another cut's own.
    uint8_t* ip = out.back().data() + packet.ip;
    put16(out.back().data() + packet.l4 + 16, 0);
    if (packet.v4) put16(ip + 10, 0);
    put16(ip + (packet.v4 ? 2 : 4), 20 + 20);
  }
  return out;
}

uint16_t sum16(const uint8_t* data, size_t length, uint32_t sum) {
  for (size_t i = 0; i < length; i++) {
    sum += i % 2 == 0 ? uint32_t{data[i]} << 8 : data[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

uint16_t pseudo_sum(const uint8_t* ip, uint8_t protocol, size_t length) {
  const bool v4 = ip[0] >> 4 == 4;
  const uint16_t addresses = sum16(ip + (v4 ? 12 : 8), v4 ? 8 : 32);
  const uint8_t rest[8] = {
      0, 0, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length), 0, 0, 0, protocol};
  return sum16(rest, sizeof rest, addresses);
}

Finished finish(const Bytes& frame) {
  Finished out;
  const Meta& meta = frame.meta;
  Octets whole = frame.bytes;
  if ((meta.flags & kNeedsChecksum) != 0) {
    const size_t place = size_t{meta.checksum_start} + meta.checksum_offset;
    if (place + 2 > whole.size()) {
      out.problem = "a checksum behind the end of the frame";
      return out;
    }
    // The field holds the sum of the pseudo header, so the sum over all is the checksum.
    const auto sum = static_cast<uint16_t>(
        ~sum16(whole.data() + meta.checksum_start, whole.size() - meta.checksum_start));
    put16(whole.data() + place, sum == 0 ? 0xffff : sum);
  } else if (meta.gso_type != kGsoNone) {
    out.problem = "a super-frame with a finished checksum";
    return out;
  }
  if (meta.gso_type != kGsoNone) finish_around(whole, meta);
  // A super-frame whose sum is right as a whole had the right partial one.
  out.problem = check(whole);
  if (!out.problem.empty()) return out;
  if (meta.gso_type == kGsoNone) {
    out.frames.push_back(std::move(whole));
  } else {
    out.problem = cut(frame, out.frames);
  }
  for (Octets& one : out.frames) {
    if (out.problem.empty()) out.problem = check(one);
    forget_identifications(one);
  }
  return out;
}

}  // namespace vtep::test
