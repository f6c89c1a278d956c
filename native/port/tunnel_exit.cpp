#include "tunnel_exit.hpp"

#include <errno.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include "bpf_program.hpp"
#include "namespace_scope.hpp"
#include "netlink.hpp"
#include "privilege.hpp"

namespace vtep {
namespace {

constexpr const char* kTunnel = "vtep-tunnel";

// For every VNI (external mode): which one a packet has, the program has looked at before.
int add_tunnel(Netlink& netlink, uint16_t udp_port) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.body<ifinfomsg>();
  message.put_string(IFLA_IFNAME, kTunnel);
  nlattr* info = message.begin(IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "vxlan");
  nlattr* data = message.begin(IFLA_INFO_DATA);
  const uint8_t on = 1, off = 0;
  message.put(IFLA_VXLAN_COLLECT_METADATA, &on, sizeof on);
  message.put(IFLA_VXLAN_LEARNING, &off, sizeof off);
  const uint16_t port = __builtin_bswap16(udp_port);
  message.put(IFLA_VXLAN_PORT, &port, sizeof port);
  message.end(data);
  message.end(info);
  return netlink.request(message);
}

int add_address(Netlink& netlink, uint32_t ifindex, const Address& address) {
  NetlinkMessage message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  auto* body = message.body<ifaddrmsg>();
  body->ifa_family = AF_INET;
  body->ifa_prefixlen = 32;
  body->ifa_index = ifindex;
  message.put(IFA_LOCAL, address.octets(), 4);
  return netlink.request(message);
}

// Whoever sent a packet is where it came from, to a reverse path filter (RFC 3704) that is on.
int add_default_route(Netlink& netlink, uint32_t ifindex) {
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE);
  auto* body = message.body<rtmsg>();
  body->rtm_family = AF_INET;
  body->rtm_table = RT_TABLE_MAIN;
  body->rtm_protocol = RTPROT_STATIC;
  body->rtm_scope = RT_SCOPE_LINK;
  body->rtm_type = RTN_UNICAST;
  message.put_u32(RTA_OIF, ifindex);
  return netlink.request(message);
}

}  // namespace

bool TunnelExit::make(const Address& address, uint16_t udp_port, const Descriptor& inside,
                      const Descriptor& back, std::string& error) {
  if (!annex_.open(back, nullptr, error)) return false;
  const auto done = [&error](const char* what, int code) {
    if (code != 0) error = std::string(what) + ": " + refusal(code, "CAP_NET_ADMIN");
    return code == 0;
  };
  NamespaceScope scope;
  Netlink there;
  Link tunnel, loopback;
  if (!done("setns", scope.enter(annex_.inside())) || !there.open(error) ||
      !done("vxlan", add_tunnel(there, udp_port)) ||
      !done(kTunnel, there.link_by_name(kTunnel, tunnel)) ||
      !done("lo", there.link_by_name("lo", loopback)))
    return false;
  inside_ = link_program(inside, tunnel.ifindex, kAttachTcxIngress);
  return done("tcx", inside_ ? 0 : errno) && done("lo", there.set_up(loopback.ifindex, true)) &&
         done("address", add_address(there, loopback.ifindex, address)) &&
         done("route", add_default_route(there, annex_.far_end())) &&
         done(kTunnel, there.set_up(tunnel.ifindex, true));
}

bool TunnelExit::open(const Address& address, uint16_t udp_port, const Descriptor& inside,
                      const Descriptor& back, std::string& error) {
  if (make(address, udp_port, inside, back, error)) return true;
  close();
  return false;
}

}  // namespace vtep
