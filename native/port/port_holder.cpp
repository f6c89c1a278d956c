#include "port_holder.hpp"

#include <errno.h>
#include <linux/if.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <vector>

#include "namespace_scope.hpp"
#include "port_owner.hpp"
#include "udp_sockets.hpp"

namespace vtep {
namespace {

constexpr uint32_t kVniMask = 0xffffff;
constexpr unsigned kVnis = 64;

void put_u8(NetlinkMessage& message, uint16_t type, uint8_t value) {
  message.put(type, &value, sizeof value);
}

int request_device(Netlink& netlink, const Descriptor& where, const Address& address,
                   uint16_t udp_port, uint32_t vni) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  auto* link = message.body<ifinfomsg>();
  link->ifi_flags = link->ifi_change = IFF_UP;
  message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(where.get()));
  message.put_string(IFLA_IFNAME, "vtep-port");
  nlattr* info = message.begin(IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "vxlan");
  nlattr* data = message.begin(IFLA_INFO_DATA);
  message.put_u32(IFLA_VXLAN_ID, vni);
  if (address.is_v4()) {
    message.put(IFLA_VXLAN_LOCAL, address.octets(), 4);
  } else {
    message.put(IFLA_VXLAN_LOCAL6, address.octets(), 16);
    put_u8(message, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
  }
  const uint16_t port = __builtin_bswap16(udp_port);
  message.put(IFLA_VXLAN_PORT, &port, sizeof port);
  put_u8(message, IFLA_VXLAN_LEARNING, 0);
  message.end(data);
  message.end(info);
  return netlink.request(message);
}

void set_trains(const Descriptor& socket_, int on) {
  (void)::setsockopt(socket_.get(), SOL_UDP, UDP_GRO, &on, sizeof on);
}

// A name that one process at a time can have in this network namespace.
Descriptor claim(const Address& address, uint16_t udp_port) {
  Descriptor opened(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  const std::string text = "vtep/" + address.text() + "/" + std::to_string(udp_port);
  memcpy(name.sun_path + 1, text.data(), text.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (opened && ::bind(opened.get(), reinterpret_cast<sockaddr*>(&name), size) != 0) opened.reset();
  return opened;
}

}  // namespace

void PortHolder::merge_no_trains() {
  if (socket_) set_trains(socket_, 0);
}

bool PortHolder::open(Netlink& netlink, const Address& address, uint16_t udp_port,
                      std::string& error) {
  error = address_missing(netlink, address);
  if (!error.empty()) return false;
  // The kernel's VXLAN socket is for all addresses, and shared by all devices on the port. So
  // several of us, each with an address of its own, have room there, and who has an address is told
  // apart by a name; a device that somebody else put there has to be looked for.
  claim_ = claim(address, udp_port);
  if (!claim_ || has_vxlan_device(netlink, udp_port)) {
    error = udp_port_taken(netlink, address, udp_port);
    return false;
  }
  if (add_device(netlink, address, udp_port)) return true;
  std::vector<Descriptor> sockets;
  if (!open_vxlan_sockets(netlink, address, udp_port, 1, sockets, error)) return false;
  socket_ = std::move(sockets[0]);
  set_trains(socket_, 1);
  if (drop_everything(socket_)) return true;
  error = std::string("SO_ATTACH_FILTER: ") + strerror(errno);
  return false;
}

bool PortHolder::add_device(Netlink& netlink, const Address& address, uint16_t udp_port) {
  std::string why_not;
  Descriptor fresh = make_namespace(why_not);
  int code = fresh ? EEXIST : EPERM;
  // No two devices on a port have one VNI, and that of a process that has just ended is still there
  // for a moment. What arrives with this VNI is the packet sockets' all the same.
  for (unsigned i = 0; i < kVnis && code == EEXIST; i++)
    code = request_device(netlink, fresh, address, udp_port, kVniMask - i);
  if (code == 0) namespace_ = std::move(fresh);
  return code == 0;
}

}  // namespace vtep
