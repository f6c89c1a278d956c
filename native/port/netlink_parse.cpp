// rtnetlink messages to values.
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>

#include <algorithm>

#include "netlink.hpp"

namespace vtep {
namespace {

std::string text(const uint8_t* data, size_t size) {
  const auto* chars = reinterpret_cast<const char*>(data);
  return std::string(chars, strnlen(chars, size));
}

bool read_address(const uint8_t* data, size_t size, Address& out) {
  if (size == 4)
    out = Address::from_v4(data);
  else if (size == 16)
    out = Address::from_v6(data);
  else
    return false;
  return true;
}

void read_vxlan(const uint8_t* data, size_t size, Link& out) {
  each_attribute(data, size, [&](uint16_t type, const uint8_t* value, size_t length) {
    if (type == IFLA_VXLAN_PORT && length >= 2) {
      uint16_t port;
      memcpy(&port, value, sizeof port);
      out.vxlan_port = ntohs(port);
    } else if (type == IFLA_VXLAN_ID) {
      out.vxlan_vni = attribute_u32(value, length);
    }
  });
}

void read_link_info(const uint8_t* data, size_t size, Link& out) {
  each_attribute(data, size, [&](uint16_t type, const uint8_t* value, size_t length) {
    if (type == IFLA_INFO_KIND) out.kind = text(value, length);
    // The kind comes before its data (rtnl_link_info_fill).
    if (type == IFLA_INFO_DATA && out.kind == "vxlan") read_vxlan(value, length, out);
  });
}

// IFLA_XDP_PROG_ID is there for a single program; with one for each mode there are those alone.
uint32_t xdp_program(const uint8_t* data, size_t size) {
  uint32_t program = 0;
  each_attribute(data, size, [&](uint16_t type, const uint8_t* value, size_t length) {
    if (type >= IFLA_XDP_PROG_ID && type <= IFLA_XDP_HW_PROG_ID && program == 0)
      program = attribute_u32(value, length);
  });
  return program;
}

}  // namespace

bool parse_link(const nlmsghdr* message, Link& out) {
  if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) return false;
  out = Link{};
  ifinfomsg body;
  const bool whole =
      each_attribute_behind(message, body, [&](uint16_t type, const uint8_t* value, size_t length) {
        switch (type) {
          case IFLA_IFNAME:
            out.name = text(value, length);
            break;
          case IFLA_MTU:
            out.mtu = attribute_u32(value, length);
            break;
          case IFLA_MASTER:
            out.master = attribute_u32(value, length);
            break;
          case IFLA_LINK:
            out.peer = attribute_u32(value, length);
            break;
          case IFLA_LINK_NETNSID:
            out.peer_namespace = static_cast<int32_t>(attribute_u32(value, length));
            break;
          case IFLA_ADDRESS:
            if (length == sizeof out.mac) memcpy(out.mac, value, sizeof out.mac);
            break;
          case IFLA_CARRIER:
            out.carrier = length >= 1 && value[0] != 0;
            break;
          case IFLA_QDISC:
            out.qdisc = text(value, length);
            break;
          case IFLA_LINKINFO:
            read_link_info(value, length, out);
            break;
          case IFLA_XDP:
            out.xdp_program = xdp_program(value, length);
            break;
          case IFLA_STATS64: {
            rtnl_link_stats64 statistics = {};
            memcpy(&statistics, value, std::min(length, sizeof statistics));
            out.tx_dropped = statistics.tx_dropped;
            break;
          }
          default:
            break;
        }
      });
  // A bridge tells about its ports in messages of its own family: not about the link itself.
  if (!whole || body.ifi_family == AF_BRIDGE) return false;
  out.ifindex = static_cast<uint32_t>(body.ifi_index);
  out.hardware_type = body.ifi_type;
  out.up = (body.ifi_flags & IFF_UP) != 0;
  return true;
}

bool parse_address(const nlmsghdr* message, HostAddress& out) {
  if (message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR) return false;
  out = HostAddress{};
  ifaddrmsg body;
  bool local = false, any = false;
  uint32_t wide_flags = 0;
  const bool whole =
      each_attribute_behind(message, body, [&](uint16_t type, const uint8_t* value, size_t length) {
        // On a point-to-point link IFA_ADDRESS is the far end; IFA_LOCAL is ours.
        if (type == IFA_LOCAL) any = local = read_address(value, length, out.address);
        if (type == IFA_ADDRESS && !local) any = read_address(value, length, out.address);
        if (type == IFA_FLAGS) wide_flags = attribute_u32(value, length);
      });
  if (!whole) return false;
  out.ifindex = body.ifa_index;
  out.prefix_length = body.ifa_prefixlen;
  out.scope = body.ifa_scope;
  out.flags = wide_flags | body.ifa_flags;
  return any;
}

bool parse_route(const nlmsghdr* message, const Address& destination, Route& out) {
  if (message->nlmsg_type != RTM_NEWROUTE) return false;
  out = Route{};
  out.next_hop = destination;
  rtmsg body;
  const auto visit = [&](uint16_t type, const uint8_t* value, size_t length) {
    switch (type) {
      case RTA_OIF:
        out.ifindex = attribute_u32(value, length);
        break;
      case RTA_GATEWAY:
        read_address(value, length, out.next_hop);
        break;
      case RTA_VIA:  // IPv4 destination, IPv6 gateway (RFC 8950 unnumbered)
        if (length > 2) read_address(value + 2, length - 2, out.next_hop);
        break;
      case RTA_PREFSRC:
        read_address(value, length, out.source);
        break;
      case RTA_METRICS:
        each_attribute(value, length, [&](uint16_t metric, const uint8_t* data, size_t size) {
          if (metric == RTAX_MTU) out.mtu = attribute_u32(data, size);
        });
        break;
      default:
        break;
    }
  };
  if (!each_attribute_behind(message, body, visit)) return false;
  out.type = body.rtm_type;
  return true;
}

bool parse_route_interfaces(const nlmsghdr* message, std::vector<uint32_t>& out) {
  if (message->nlmsg_type != RTM_NEWROUTE) return false;
  rtmsg body;
  return each_attribute_behind(message, body,
                               [&](uint16_t type, const uint8_t* value, size_t length) {
                                 if (type == RTA_OIF) out.push_back(attribute_u32(value, length));
                                 if (type != RTA_MULTIPATH) return;
                                 while (length >= sizeof(rtnexthop)) {
                                   rtnexthop hop;
                                   memcpy(&hop, value, sizeof hop);
                                   out.push_back(static_cast<uint32_t>(hop.rtnh_ifindex));
                                   const size_t step = RTNH_ALIGN(hop.rtnh_len);
                                   if (hop.rtnh_len < sizeof hop || step >= length) break;
                                   value += step, length -= step;
                                 }
                               });
}

bool parse_prefix(const nlmsghdr* message, Address& prefix, uint8_t& length) {
  rtmsg body;
  bool any = false;
  const bool whole =
      each_attribute_behind(message, body, [&](uint16_t type, const uint8_t* value, size_t size) {
        if (type == RTA_DST) any = read_address(value, size, prefix);
      });
  if (!whole || (body.rtm_family != AF_INET && body.rtm_family != AF_INET6)) return false;
  // A default route has no destination.
  const uint8_t zero[16] = {};
  if (!any) prefix = body.rtm_family == AF_INET ? Address::from_v4(zero) : Address::from_v6(zero);
  length = body.rtm_dst_len;
  return length <= prefix.size() * 8;
}

bool parse_neighbour(const nlmsghdr* message, Neighbour& out) {
  if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) return false;
  out = Neighbour{};
  ndmsg body;
  bool any = false;
  const bool whole =
      each_attribute_behind(message, body, [&](uint16_t type, const uint8_t* value, size_t length) {
        if (type == NDA_DST) any = read_address(value, length, out.address);
        if (type == NDA_LLADDR && length == sizeof out.mac) {
          memcpy(out.mac, value, sizeof out.mac);
          out.has_mac = true;
        }
      });
  // A bridge's forwarding entries come as neighbours of family AF_BRIDGE: they have no NDA_DST, or
  // that of a VXLAN device.
  if (!whole || body.ndm_family == AF_BRIDGE) return false;
  out.ifindex = static_cast<uint32_t>(body.ndm_ifindex);
  out.state = body.ndm_state;
  return any;
}

}  // namespace vtep
