#include "port_holder.hpp"

#include <errno.h>
#include <linux/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#include <vector>

#include "namespace_scope.hpp"
#include "port_owner.hpp"
#include "udp_sockets.hpp"

namespace vtep {
namespace {

constexpr uint32_t kNobodysVni = 0xffffff;
constexpr int kTurn = 20, kTurns = 100;  // milliseconds

void put_u8(NetlinkMessage& message, uint16_t type, uint8_t value) {
  message.put(type, &value, sizeof value);
}

int add_device(Netlink& netlink, const Descriptor& where, const Address& address,
               uint16_t udp_port) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  auto* link = message.body<ifinfomsg>();
  link->ifi_flags = link->ifi_change = IFF_UP;
  message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(where.get()));
  message.put_string(IFLA_IFNAME, "vtep-port");
  nlattr* info = message.begin(IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "vxlan");
  nlattr* data = message.begin(IFLA_INFO_DATA);
  message.put_u32(IFLA_VXLAN_ID, kNobodysVni);
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

}  // namespace

void PortHolder::merge_no_trains() {
  if (socket_) set_trains(socket_, 0);
}

bool PortHolder::open(Netlink& netlink, const Address& address, uint16_t udp_port,
                      std::string& error) {
  std::vector<Descriptor> sockets;
  // The device of a dataplane that has just ended goes in the background.
  for (int turn = 0;; turn++) {
    if (open_vxlan_sockets(netlink, address, udp_port, 1, sockets, error)) break;
    if (turn == kTurns || !held_out_of_sight(netlink, address, udp_port)) return false;
    ::poll(nullptr, 0, kTurn);
  }
  std::string why_not;
  if (Descriptor fresh = make_namespace(why_not)) {
    // Both can not have it. What arrives in between is answered as before: by nobody.
    sockets.clear();
    if (add_device(netlink, fresh, address, udp_port) == 0) {
      namespace_ = std::move(fresh);
      return true;
    }
    if (!open_vxlan_sockets(netlink, address, udp_port, 1, sockets, error)) return false;
  }
  socket_ = std::move(sockets[0]);
  set_trains(socket_, 1);
  if (drop_everything(socket_)) return true;
  error = std::string("SO_ATTACH_FILTER: ") + strerror(errno);
  return false;
}

}  // namespace vtep
