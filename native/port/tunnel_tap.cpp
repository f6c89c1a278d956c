#include "tunnel_tap.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "bpf_program.hpp"
#include "netlink.hpp"
#include "privilege.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

// Newer than the headers this builds with (Linux 6.17).
constexpr unsigned kOffloadUso4 = 0x20, kOffloadUso6 = 0x40;
constexpr unsigned kOffloadTunnel = 0x80, kOffloadTunnelChecksum = 0x100;
constexpr uint8_t kGsoTunnel4 = 0x20, kGsoTunnel6 = 0x40;
constexpr uint8_t kTunnelChecksum = 8;  // flag: the outer UDP checksum is there and partial

// struct virtio_net_hdr_v1_hash_tunnel.
struct TunnelHeader {
  VirtioHeader inner;  // checksum and segments are those of the inner frame
  uint16_t buffers = 0;
  uint16_t hash[4] = {};
  uint16_t outer_transport = 0;  // offsets from the first byte of the frame
  uint16_t inner_network = 0;
};
static_assert(sizeof(TunnelHeader) == 24);

constexpr uint16_t kUdpHeader = 8;

TunnelHeader header_of(const UplinkGather& item) {
  TunnelHeader header;
  header.inner = to_virtio(item.meta);
  header.outer_transport = static_cast<uint16_t>(item.outer_length - kUdpHeader);
  header.inner_network = item.inner_network;
  if (item.destination.is_v4()) {
    header.inner.gso_type |= kGsoTunnel4;
  } else {
    // RFC 8200 section 8.1: with a checksum, so segments have one, too.
    header.inner.gso_type |= kGsoTunnel6;
    header.inner.flags |= kTunnelChecksum;
  }
  return header;
}

}  // namespace

bool TunnelTap::create(std::string& name, std::string& error) {
  file_.reset(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request = {};
  // The kernel puts a number where %d stands: instances do not meet.
  strncpy(request.ifr_name, "vtep-out%d", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (!file_ || ::ioctl(file_.get(), TUNSETIFF, &request) != 0) {
    error = "/dev/net/tun: " + refusal(errno, "CAP_NET_ADMIN");
    return false;
  }
  name = request.ifr_name;
  int header_bytes = sizeof(TunnelHeader);
  int carrier = 0;
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | kOffloadUso4 |
                                 kOffloadUso6 | kOffloadTunnel | kOffloadTunnelChecksum;
  if (::ioctl(file_.get(), TUNSETVNETHDRSZ, &header_bytes) != 0 ||
      ::ioctl(file_.get(), TUNSETOFFLOAD, offloads) != 0) {
    error = "tap: segmentation of tunnels: " +
            std::string(errno == EINVAL ? "needs Linux 6.17" : strerror(errno));
    return false;
  }
  if (::ioctl(file_.get(), TUNSETCARRIER, &carrier) != 0) {
    error = std::string("TUNSETCARRIER: ") + strerror(errno);
    return false;
  }
  return true;
}

bool TunnelTap::redirect(uint32_t underlay_ifindex, std::string& error) {
  const bpf_insn out[] = {
      set_register(BPF_REG_1, static_cast<int32_t>(underlay_ifindex)),
      set_register(BPF_REG_2, 0),
      instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
      kExit,
  };
  const bpf_insn drop[] = {answer(kTcxDrop), kExit};
  const Descriptor to_wire = load_program(out, "vtep_out"), to_us = load_program(drop, "vtep_out");
  if (to_wire && to_us) {
    ingress_ = link_program(to_wire, ifindex_, kAttachTcxIngress);
    if (ingress_) egress_ = link_program(to_us, ifindex_, kAttachTcxEgress);
  }
  if (!egress_) error = "tcx: " + refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
  return static_cast<bool>(egress_);
}

bool TunnelTap::open(uint32_t underlay_ifindex, std::string& error) {
  std::string name;
  Link link;
  Netlink* netlink = Netlink::local(error);
  bool good = netlink != nullptr && create(name, error);
  if (good) {
    int code = netlink->link_by_name(name, link);
    ifindex_ = link.ifindex;
    if (code == 0 && redirect(underlay_ifindex, error)) {
      // Up at last: now nothing gets past the programs.
      code = netlink->set_up(ifindex_, true);
      if (code == 0) return true;
    }
    if (code != 0) error = "tap " + name + ": can not set it up: " + strerror(code);
    good = false;
  }
  ingress_.reset(), egress_.reset(), file_.reset();
  ifindex_ = 0;
  return good;
}

SendResult TunnelTap::send(const UplinkGather* items, unsigned count) const {
  iovec pieces[Gather::kMaxPieces + 1];
  SendResult result;
  for (; result.sent < count; result.sent++) {
    const UplinkGather& item = items[result.sent];
    if (item.count > Gather::kMaxPieces) return {result.sent, Drop::tx_error};
    TunnelHeader header = header_of(item);
    pieces[0] = {&header, sizeof header};
    memcpy(pieces + 1, item.pieces, item.count * sizeof(iovec));
    ssize_t written;
    do written = ::writev(file_.get(), pieces, static_cast<int>(item.count + 1));
    while (written < 0 && errno == EINTR);
    if (written < 0) return {result.sent, send_error_to_drop(errno)};
  }
  return result;
}

}  // namespace vtep
