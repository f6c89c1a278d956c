#include "sandbox.hpp"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "../port/namespace_scope.hpp"
#include "../port/netlink.hpp"
#include "../port/privilege.hpp"

namespace vtep::client {
namespace {

int add_address(Netlink& netlink, uint32_t ifindex, const Subnet& subnet) {
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto* body = message.body<ifaddrmsg>();
  body->ifa_family = static_cast<uint8_t>(subnet.address.family());
  body->ifa_prefixlen = subnet.length;
  body->ifa_index = ifindex;
  // Whoever has handed it out knows that nobody else has it, and the container wants to begin.
  if (!subnet.address.is_v4()) body->ifa_flags = IFA_F_NODAD;
  message.put(IFA_LOCAL, subnet.address.octets(), subnet.address.size());
  message.put(IFA_ADDRESS, subnet.address.octets(), subnet.address.size());
  return netlink.request(message);
}

int add_route(Netlink& netlink, uint32_t ifindex, const SandboxRoute& route) {
  const Subnet& to = route.destination;
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* body = message.body<rtmsg>();
  body->rtm_family = static_cast<uint8_t>(to.address.family());
  body->rtm_dst_len = to.length;
  body->rtm_table = RT_TABLE_MAIN;
  body->rtm_protocol = RTPROT_STATIC;
  body->rtm_type = RTN_UNICAST;
  const bool on_link = route.gateway.is_zero();
  body->rtm_scope = on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  if (route.scope >= 0) body->rtm_scope = static_cast<uint8_t>(route.scope);
  if (to.length > 0) message.put(RTA_DST, to.address.octets(), to.address.size());
  message.put_u32(RTA_OIF, ifindex);
  if (!on_link) message.put(RTA_GATEWAY, route.gateway.octets(), route.gateway.size());
  if (route.priority != 0) message.put_u32(RTA_PRIORITY, route.priority);
  if (route.table != 0) message.put_u32(RTA_TABLE, route.table);
  if (route.mtu != 0 || route.advmss != 0) {
    nlattr* metrics = message.begin(RTA_METRICS);
    if (route.mtu != 0) message.put_u32(RTAX_MTU, route.mtu);
    if (route.advmss != 0) message.put_u32(RTAX_ADVMSS, route.advmss);
    message.end(metrics);
  }
  return netlink.request(message);
}

Failure failed(const std::string& what, int code) {
  return {Code::io, what + ": " + refusal(code, "CAP_NET_ADMIN")};
}

std::string text(const Subnet& subnet) {
  return subnet.address.text() + "/" + std::to_string(subnet.length);
}

// In the container's namespace.
Failure dress(Netlink& netlink, const Sandbox& sandbox) {
  const std::string where = "interface " + sandbox.ifname;
  Link link;
  int code = netlink.link_by_name(sandbox.ifname, link);
  if (code == 0) code = netlink.set_mac(link.ifindex, sandbox.mac);
  if (code == 0) code = netlink.set_mtu(link.ifindex, sandbox.mtu);
  if (code != 0) return failed(where, code);
  for (const Subnet& each : sandbox.addresses)
    if ((code = add_address(netlink, link.ifindex, each)) != 0)
      return failed(where + ": address " + text(each), code);
  if ((code = netlink.set_up(link.ifindex, true)) != 0) return failed(where, code);
  for (const SandboxRoute& each : sandbox.routes)
    if ((code = add_route(netlink, link.ifindex, each)) != 0)
      return failed(where + ": route to " + text(each.destination), code);
  return {};
}

// Calls `act` with a socket in the container's namespace.
template <class Act>
Failure inside(const Sandbox& sandbox, Act act) {
  std::string error;
  const Descriptor target = open_namespace(sandbox.netns, error);
  if (!target) return {Code::unknown_container, error};
  NamespaceScope scope;
  const int code = scope.enter(target);
  if (code != 0)
    return {Code::io, "network namespace " + sandbox.netns + ": " + refusal(code, "CAP_SYS_ADMIN")};
  Netlink netlink;
  if (!netlink.open(error)) return {Code::io, error};
  return act(netlink);
}

Failure make_pair(Netlink& netlink, const Sandbox& sandbox) {
  std::string error;
  const Descriptor target = open_namespace(sandbox.netns, error);
  if (!target) return {Code::unknown_container, error};
  // Of an ADD that was interrupted.
  Link link;
  if (netlink.link_by_name(sandbox.near, link) == 0) (void)netlink.remove_link(link.ifindex);
  int code = netlink.add_veth(sandbox.near.c_str(), sandbox.ifname.c_str(), target.get());
  if (code == EEXIST)
    return {Code::environment, "CNI_IFNAME: " + sandbox.ifname + " is in the container already"};
  if (code == 0) code = netlink.link_by_name(sandbox.near, link);
  if (code == 0) code = netlink.set_silent(link.ifindex);
  if (code == 0) code = netlink.set_mtu(link.ifindex, sandbox.mtu);
  if (code == 0) code = netlink.set_up(link.ifindex, true);
  return code == 0 ? Failure{} : failed("interface " + sandbox.near, code);
}

}  // namespace

bool Subnet::parse(const std::string& text, Subnet& out) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos || !Address::parse(text.substr(0, slash), out.address))
    return false;
  char* end = nullptr;
  const unsigned long length = ::strtoul(text.c_str() + slash + 1, &end, 10);
  if (end == text.c_str() + slash + 1 || *end != '\0' || length > out.address.size() * 8)
    return false;
  out.length = static_cast<uint8_t>(length);
  return true;
}

Failure make_sandbox(const Sandbox& sandbox) {
  std::string error;
  Netlink netlink;
  if (!netlink.open(error)) return {Code::io, error};
  Failure failure = make_pair(netlink, sandbox);
  if (!failure) failure = inside(sandbox, [&](Netlink& there) { return dress(there, sandbox); });
  if (failure && failure.code != Code::environment) (void)remove_sandbox(sandbox.near);
  return failure;
}

Failure check_sandbox(const Sandbox& sandbox) {
  return inside(sandbox, [&](Netlink& netlink) -> Failure {
    const std::string where = "interface " + sandbox.ifname + ": ";
    Link link;
    if (netlink.link_by_name(sandbox.ifname, link) != 0)
      return {Code::differs, where + "is not in the container"};
    if (!link.up) return {Code::differs, where + "expected it up, is down"};
    if (memcmp(link.mac, sandbox.mac, sizeof link.mac) != 0)
      return {Code::differs, where + "expected the MAC of prevResult, has another"};
    std::vector<HostAddress> addresses;
    (void)netlink.addresses(addresses);
    for (const Subnet& each : sandbox.addresses)
      if (std::ranges::none_of(addresses, [&](const HostAddress& one) {
            return one.ifindex == link.ifindex && one.address == each.address &&
                   one.prefix_length == each.length;
          }))
        return {Code::differs, where + "expected address " + text(each) + ", is not there"};
    return {};
  });
}

Failure remove_sandbox(const std::string& near) {
  std::string error;
  Netlink netlink;
  if (!netlink.open(error)) return {Code::io, error};
  Link link;
  int code = netlink.link_by_name(near, link);
  if (code == 0) code = netlink.remove_link(link.ifindex);
  return code == 0 || code == ENODEV ? Failure{} : failed("interface " + near, code);
}

}  // namespace vtep::client
