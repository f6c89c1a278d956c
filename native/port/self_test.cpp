#include "self_test.hpp"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include "../core/checksum.hpp"
#include "../core/segmentation.hpp"
#include "namespace_scope.hpp"
#include "netlink.hpp"
#include "packet_socket.hpp"
#include "tunnel_tap.hpp"

namespace vtep {
namespace {

constexpr const char* kNear = "vtep-near";
constexpr const char* kFar = "vtep-far";
constexpr uint32_t kTunnelHeader = 14 + 20 + 8 + 8;
constexpr uint16_t kVxlanPort = 4789;
constexpr uint16_t kSegment = 1000;
constexpr int kPatience = 50;  // milliseconds, for what is to come

using Octets = std::vector<uint8_t>;

// Ethernet and IPv4 headers for `length` octets behind them.
Octets ip_headers(uint8_t protocol, size_t length) {
  Octets out(34);
  memset(out.data(), 0x02, 12);
  put_net16(&out[12], ETH_P_IP);
  uint8_t* ip = &out[14];
  ip[0] = 0x45, ip[8] = 64, ip[9] = protocol;
  put_net16(ip + 2, static_cast<uint16_t>(20 + length));
  put_net32(ip + 12, 0xc0000201);  // 192.0.2.1, and 2 (RFC 5737)
  put_net32(ip + 16, 0xc0000202);
  store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, 20, 0))));
  return out;
}

struct Sample {
  Octets octets;
  Meta meta;
};

// TCP or UDP with so many octets of payload and a partial checksum; a super-frame when they are
// more than one segment.
Sample sample(uint8_t protocol, uint32_t payload) {
  const bool tcp = protocol == IPPROTO_TCP;
  const uint32_t header = tcp ? 20 : 8;
  Sample out;
  out.octets = ip_headers(protocol, header + payload);
  out.octets.resize(34 + header + payload);
  uint8_t* l4 = &out.octets[34];
  put_net16(l4, 40000);
  put_net16(l4 + 2, kVxlanPort);
  if (tcp) {
    put_net32(l4 + 4, 0xfffffc00);  // its numbers begin anew within the super-frame
    l4[12] = 0x50, l4[13] = 0x10;
  } else {
    put_net16(l4 + 4, static_cast<uint16_t>(header + payload));
  }
  for (uint32_t i = 0; i < payload; i++) l4[header + i] = static_cast<uint8_t>(i * 7 + i / 256);
  const uint8_t* ip = &out.octets[14];
  out.meta.flags = kNeedsChecksum;
  out.meta.checksum_start = 34;
  out.meta.checksum_offset = tcp ? 16 : 6;
  store16(l4 + out.meta.checksum_offset,
          checksum_fold(pseudo_header_sum(ip + 12, ip + 16, 4, protocol, header + payload)));
  if (payload <= kSegment) return out;
  out.meta.gso_type = tcp ? kGsoTcp4 : kGsoUdp;
  out.meta.gso_size = kSegment;
  out.meta.header_length = static_cast<uint16_t>(34 + header);
  return out;
}

// What it is on a wire, without anything left to do.
void finish(const uint8_t* data, uint32_t length, const Meta& meta, std::vector<Octets>& out) {
  Octets copy(data, data + length);
  Frame frame;
  frame.data = copy.data();
  frame.length = length;
  frame.meta = meta;
  if (meta.gso_type == kGsoNone) {
    if ((meta.flags & kNeedsChecksum) != 0) complete(frame);
    out.push_back(copy);
    return;
  }
  Segmenter segmenter;
  if (segmenter.open(frame) != Drop::none) return;
  for (Piece piece; segmenter.next(piece);) {
    Octets segment(piece.header, piece.header + piece.header_length);
    segment.insert(segment.end(), piece.payload, piece.payload + piece.payload_length);
    out.push_back(segment);
  }
}

class Pair {
 public:
  int open() {
    std::string error;
    Netlink* netlink = Netlink::local(error);
    if (netlink == nullptr) return ENOTSUP;
    if (const int code = netlink->add_veth(kNear, kFar); code != 0) return code;
    Link near, far;
    for (auto [name, link] : {std::pair{kNear, &near}, std::pair{kFar, &far}}) {
      int code = netlink->link_by_name(name, *link);
      if (code == 0) code = netlink->set_up(link->ifindex, true);
      if (code != 0) return code;
    }
    ifindex_ = near.ifindex;
    const int code = open_socket(near_, near.ifindex);
    return code != 0 ? code : open_socket(far_, far.ifindex);
  }
  uint32_t ifindex() const { return ifindex_; }

  bool send(const Sample& sample) {
    const iovec piece = {const_cast<uint8_t*>(sample.octets.data()), sample.octets.size()};
    Gather gather;
    gather.pieces = &piece;
    gather.count = 1;
    gather.length = static_cast<uint32_t>(piece.iov_len);
    gather.meta = sample.meta;
    return near_.send(&gather, 1).sent == 1;
  }

  // Whether just this comes out at the far end, behind so many octets.
  bool receives(const std::vector<Octets>& expected, uint32_t behind) {
    std::vector<Octets> got;
    while (got.size() < expected.size()) {
      Frame frames[8];
      const unsigned count = far_.receive(frames, 8);
      for (unsigned i = 0; i < count; i++) take(frames[i], behind, got);
      pollfd readable = {far_.descriptor(), POLLIN, 0};
      if (count == 0 && ::poll(&readable, 1, kPatience) <= 0) break;
    }
    return got == expected;
  }

 private:
  static int open_socket(PacketSocket& socket_, uint32_t ifindex) {
    PacketSetup setup;
    setup.ifindex = ifindex;
    setup.slots = 32;
    setup.protocol = ETH_P_IP;
    setup.promiscuous = true;
    int group = -1;
    const char* what = "";
    return socket_.open(setup, group, what);
  }
  static void take(const Frame& frame, uint32_t behind, std::vector<Octets>& got) {
    if (frame.length < behind) return;
    Meta meta = frame.meta;
    if ((meta.flags & kNeedsChecksum) != 0)
      meta.checksum_start = static_cast<uint16_t>(meta.checksum_start - behind);
    if (meta.gso_type != kGsoNone) {
      // The kernel may say less than the length of all headers.
      const uint32_t l4 = 34 + (meta.gso_type == kGsoUdp ? 8 : 20);
      meta.header_length = static_cast<uint16_t>(l4);
    }
    finish(frame.data + behind, frame.length - behind, meta, got);
  }

  PacketSocket near_, far_;
  uint32_t ifindex_ = 0;
};

std::vector<Octets> finished(const Sample& sample) {
  std::vector<Octets> out;
  finish(sample.octets.data(), static_cast<uint32_t>(sample.octets.size()), sample.meta, out);
  return out;
}

bool works(Pair& pair, const Sample& sample) {
  return pair.send(sample) && pair.receives(finished(sample), 0);
}

// A kernel without the tap's part in it is not broken: we do without.
bool tunnel_works(Pair& pair) {
  TunnelTap tap;
  std::string why_not;
  if (!tap.open(pair.ifindex(), why_not)) return true;
  const Sample inner = sample(IPPROTO_TCP, 4 * kSegment + 10);
  const size_t length = 16 + inner.octets.size();
  Octets outer = ip_headers(IPPROTO_UDP, length);
  outer.resize(kTunnelHeader);
  put_net16(&outer[34], 50000);
  put_net16(&outer[36], kVxlanPort);
  put_net16(&outer[38], static_cast<uint16_t>(length));
  outer[42] = 0x08;
  const iovec pieces[] = {
      {outer.data(), outer.size()},
      {const_cast<uint8_t*>(inner.octets.data()), inner.octets.size()},
  };
  UplinkGather item;
  item.pieces = pieces;
  item.count = 2;
  item.length = static_cast<uint32_t>(outer.size() + inner.octets.size());
  item.meta = inner.meta;
  item.meta.checksum_start = static_cast<uint16_t>(kTunnelHeader + inner.meta.checksum_start);
  item.meta.header_length = static_cast<uint16_t>(kTunnelHeader + inner.meta.header_length);
  item.outer_length = kTunnelHeader - 8;
  item.inner_network = kTunnelHeader + 14;
  const uint8_t address[4] = {192, 0, 2, 2};
  in_addr destination;
  memcpy(&destination, address, sizeof address);
  item.destination = Address::from_v4(&destination);
  return tap.send(&item, 1).sent == 1 && pair.receives(finished(inner), kTunnelHeader);
}

}  // namespace

SelfTestResult self_test(const DeviceFeatures& features,
                         const std::function<void(const char*)>& prepare) {
  SelfTestResult result;
  if (::unshare(CLONE_NEWNET) != 0) {
    result.refusal = std::string("a network namespace: ") + strerror(errno);
    return result;
  }
  Pair pair;
  if (const int code = pair.open(); code != 0) {
    result.refusal = std::string("a pair of veths: ") + strerror(code);
    return result;
  }
  (void)features.write_sending(kNear);
  if (prepare) prepare(kFar);
  if (!works(pair, sample(IPPROTO_TCP, 900))) result.checksum = false;
  if (!works(pair, sample(IPPROTO_TCP, 4 * kSegment + 10))) result.tcp_segmentation = false;
  if (!works(pair, sample(IPPROTO_UDP, 4 * kSegment + 10))) result.udp_segmentation = false;
  result.tunnel_segmentation = tunnel_works(pair);
  return result;
}

}  // namespace vtep
