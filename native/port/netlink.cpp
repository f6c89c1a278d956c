#include "netlink.hpp"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace vtep {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;  // the kernel never writes more than 32 KiB at a time

bool open_socket(Descriptor& socket_out, uint32_t groups, int flags, std::string& error) {
  Descriptor opened(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  sockaddr_nl self = {};
  self.nl_family = AF_NETLINK;
  self.nl_groups = groups;
  if (!opened || ::bind(opened.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
    error = std::string("netlink: can not open a route socket: ") + strerror(errno);
    return false;
  }
  const int on = 1;
  (void)::setsockopt(opened.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  socket_out = std::move(opened);
  return true;
}

constexpr uint32_t group(int number) { return 1u << (number - 1); }

}  // namespace

bool Netlink::open(std::string& error) {
  if (!open_socket(socket_, 0, 0, error)) return false;
  const timeval limit = {2, 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const int on = 1;  // lets the kernel check the fixed struct of a lookup
  (void)::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  buffer_.resize(kBufferBytes);
  return true;
}

Netlink* Netlink::local(std::string& error) {
  thread_local Netlink netlink;
  return netlink.socket_ || netlink.open(error) ? &netlink : nullptr;
}

int Netlink::request(NetlinkMessage& message) {
  message.header()->nlmsg_flags |= NLM_F_ACK;
  return exchange(message, nullptr);
}

int Netlink::request(NetlinkMessage& message, const std::function<void(const nlmsghdr*)>& visit) {
  if ((message.header()->nlmsg_flags & NLM_F_DUMP) == 0) message.header()->nlmsg_flags |= NLM_F_ACK;
  return exchange(message, &visit);
}

// Sends one request and reads until its acknowledgement, error or end of dump.
int Netlink::exchange(NetlinkMessage& message, const std::function<void(const nlmsghdr*)>* visit) {
  if (!message.good()) return EMSGSIZE;
  if (!socket_) return EBADF;
  nlmsghdr* header = message.header();
  header->nlmsg_seq = ++sequence_;
  if (::send(socket_.get(), header, header->nlmsg_len, 0) < 0) return errno;
  bool interrupted = false;
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? ETIMEDOUT : errno;
    }
    size_t left = static_cast<size_t>(size);
    for (const auto* reply = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         left >= sizeof(nlmsghdr) && reply->nlmsg_len >= sizeof(nlmsghdr) &&
         reply->nlmsg_len <= left;) {
      // What belongs to an earlier request that timed out has another sequence number.
      if (reply->nlmsg_seq == sequence_) {
        if (reply->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
        if (reply->nlmsg_type == NLMSG_ERROR) {
          int code = 0;
          if (reply->nlmsg_len >= NLMSG_HDRLEN + sizeof code)
            memcpy(&code, reinterpret_cast<const uint8_t*>(reply) + NLMSG_HDRLEN, sizeof code);
          return -code;
        }
        if (reply->nlmsg_type == NLMSG_DONE) return interrupted ? EINTR : 0;
        if (visit != nullptr) (*visit)(reply);
      }
      const size_t step = NLMSG_ALIGN(reply->nlmsg_len);
      if (step >= left) break;
      left -= step;
      reply = reinterpret_cast<const nlmsghdr*>(reinterpret_cast<const uint8_t*>(reply) + step);
    }
  }
}

int Netlink::link_by_name(const std::string& name, Link& out) {
  if (name.empty() || name.size() >= IFNAMSIZ) return ENODEV;
  NetlinkMessage message(RTM_GETLINK, 0);
  message.body<ifinfomsg>()->ifi_family = AF_UNSPEC;
  message.put_string(IFLA_IFNAME, name.c_str());
  bool found = false;
  const int code =
      request(message, [&](const nlmsghdr* reply) { found |= parse_link(reply, out); });
  return code != 0 ? code : found ? 0 : ENODEV;
}

int Netlink::link_by_index(uint32_t ifindex, Link& out) { return link_elsewhere(-1, ifindex, out); }

int Netlink::link_elsewhere(int32_t namespace_number, uint32_t ifindex, Link& out) {
  NetlinkMessage message(RTM_GETLINK, 0);
  message.body<ifinfomsg>()->ifi_index = static_cast<int>(ifindex);
  if (namespace_number >= 0)
    message.put_u32(IFLA_TARGET_NETNSID, static_cast<uint32_t>(namespace_number));
  bool found = false;
  const int code =
      request(message, [&](const nlmsghdr* reply) { found |= parse_link(reply, out); });
  return code != 0 ? code : found ? 0 : ENODEV;
}

// A dump during which the table changed may be incomplete; it is worth two more tries.
template <class Value, class Fill>
static int dump(std::vector<Value>& out, Fill fill) {
  int code = 0;
  for (int attempt = 0; attempt < 3; attempt++) {
    out.clear();
    code = fill();
    if (code != EINTR) return code;
  }
  return 0;
}

int Netlink::links(std::vector<Link>& out, uint32_t master) {
  return dump(out, [&] {
    NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
    message.body<ifinfomsg>();
    if (master != 0) message.put_u32(IFLA_MASTER, master);
    return request(message, [&](const nlmsghdr* reply) {
      Link link;
      if (parse_link(reply, link)) out.push_back(std::move(link));
    });
  });
}

int Netlink::addresses(std::vector<HostAddress>& out) {
  return dump(out, [&] {
    NetlinkMessage message(RTM_GETADDR, NLM_F_DUMP);
    message.body<ifaddrmsg>();
    return request(message, [&](const nlmsghdr* reply) {
      HostAddress address;
      if (parse_address(reply, address)) out.push_back(address);
    });
  });
}

int Netlink::set_up(uint32_t ifindex, bool up) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  auto* body = message.body<ifinfomsg>();
  body->ifi_index = static_cast<int>(ifindex);
  body->ifi_change = IFF_UP;
  body->ifi_flags = up ? IFF_UP : 0;
  return request(message);
}

static int set_link(Netlink& netlink, uint32_t ifindex, uint16_t type, const void* data,
                    size_t size) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  message.body<ifinfomsg>()->ifi_index = static_cast<int>(ifindex);
  message.put(type, data, size);
  return netlink.request(message);
}

int Netlink::set_mtu(uint32_t ifindex, uint32_t mtu) {
  return set_link(*this, ifindex, IFLA_MTU, &mtu, sizeof mtu);
}

int Netlink::set_mac(uint32_t ifindex, const uint8_t mac[6]) {
  return set_link(*this, ifindex, IFLA_ADDRESS, mac, 6);
}

int Netlink::set_namespace(uint32_t ifindex, int namespace_descriptor) {
  return set_link(*this, ifindex, IFLA_NET_NS_FD, &namespace_descriptor,
                  sizeof namespace_descriptor);
}

int Netlink::set_master(uint32_t ifindex, uint32_t master) {
  return set_link(*this, ifindex, IFLA_MASTER, &master, sizeof master);
}

int Netlink::set_group(uint32_t ifindex, uint32_t group) {
  return set_link(*this, ifindex, IFLA_GROUP, &group, sizeof group);
}

int Netlink::remove_group(uint32_t group) {
  NetlinkMessage message(RTM_DELLINK, 0);
  message.body<ifinfomsg>();
  message.put_u32(IFLA_GROUP, group);
  return request(message);
}

int Netlink::add_bridge(const char* name) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.body<ifinfomsg>();
  message.put_string(IFLA_IFNAME, name);
  nlattr* info = message.begin(IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "bridge");
  message.end(info);
  return request(message);
}

int Netlink::remove_link(uint32_t ifindex) {
  NetlinkMessage message(RTM_DELLINK, 0);
  message.body<ifinfomsg>()->ifi_index = static_cast<int>(ifindex);
  return request(message);
}

int Netlink::add_veth(const char* name, const char* peer, int peer_namespace) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.body<ifinfomsg>();
  message.put_string(IFLA_IFNAME, name);
  nlattr* info = message.begin(IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "veth");
  nlattr* data = message.begin(IFLA_INFO_DATA);
  nlattr* other = message.begin(VETH_INFO_PEER);
  message.body<ifinfomsg>();
  message.put_string(IFLA_IFNAME, peer);
  if (peer_namespace >= 0) message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_namespace));
  message.end(other);
  message.end(data);
  message.end(info);
  return request(message);
}

int Netlink::set_silent(uint32_t ifindex) {
  NetlinkMessage message(RTM_SETLINK, NLM_F_ACK);
  auto* link = message.body<ifinfomsg>();
  link->ifi_index = static_cast<int>(ifindex);
  link->ifi_flags = link->ifi_change = IFF_NOARP;
  nlattr* families = message.begin(IFLA_AF_SPEC);
  nlattr* family = message.begin(AF_INET6);
  const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
  message.put(IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
  message.end(family);
  message.end(families);
  const int code = request(message);
  return code == EAFNOSUPPORT ? 0 : code;
}

int Netlink::route(const Address& destination, const Address& source, Route& out) {
  NetlinkMessage message(RTM_GETROUTE, 0);
  auto* body = message.body<rtmsg>();
  body->rtm_family = static_cast<uint8_t>(destination.family());
  body->rtm_dst_len = static_cast<uint8_t>(destination.size() * 8);
  message.put(RTA_DST, destination.octets(), destination.size());
  if (!source.is_zero() && source.family() == destination.family()) {
    body->rtm_src_len = static_cast<uint8_t>(source.size() * 8);
    message.put(RTA_SRC, source.octets(), source.size());
  }
  bool found = false;
  const int code = request(
      message, [&](const nlmsghdr* reply) { found |= parse_route(reply, destination, out); });
  return code != 0 ? code : found ? 0 : ENETUNREACH;
}

int Netlink::route_interfaces(const Address& destination, std::vector<uint32_t>& out) {
  NetlinkMessage message(RTM_GETROUTE, 0);
  auto* body = message.body<rtmsg>();
  body->rtm_family = static_cast<uint8_t>(destination.family());
  body->rtm_dst_len = static_cast<uint8_t>(destination.size() * 8);
  body->rtm_flags = RTM_F_FIB_MATCH;  // the entry itself rather than the path chosen from it
  message.put(RTA_DST, destination.octets(), destination.size());
  return request(message, [&](const nlmsghdr* reply) { parse_route_interfaces(reply, out); });
}

int Netlink::neighbour(uint32_t ifindex, const Address& address, Neighbour& out) {
  NetlinkMessage message(RTM_GETNEIGH, 0);
  auto* body = message.body<ndmsg>();
  body->ndm_family = static_cast<uint8_t>(address.family());
  body->ndm_ifindex = static_cast<int>(ifindex);
  message.put(NDA_DST, address.octets(), address.size());
  bool found = false;
  const int code =
      request(message, [&](const nlmsghdr* reply) { found |= parse_neighbour(reply, out); });
  return code != 0 ? code : found ? 0 : ENOENT;
}

int Netlink::use_neighbour(uint32_t ifindex, const Address& address) {
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE);
  auto* body = message.body<ndmsg>();
  body->ndm_family = static_cast<uint8_t>(address.family());
  body->ndm_ifindex = static_cast<int>(ifindex);
  body->ndm_flags = NTF_USE;
  body->ndm_state = NUD_NONE;
  message.put(NDA_DST, address.octets(), address.size());
  return request(message);
}

bool NetlinkMonitor::open(std::string& error) {
  const uint32_t groups = group(RTNLGRP_LINK) | group(RTNLGRP_NEIGH) | group(RTNLGRP_IPV4_IFADDR) |
                          group(RTNLGRP_IPV4_ROUTE) | group(RTNLGRP_IPV6_IFADDR) |
                          group(RTNLGRP_IPV6_ROUTE);
  if (!open_socket(socket_, groups, SOCK_NONBLOCK, error)) return false;
  const int room = 4 << 20;  // a full table of routes may change at once
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  buffer_.resize(kBufferBytes);
  return true;
}

static bool parse_event(const nlmsghdr* message, NetlinkEvent& out) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      out.kind = NetlinkEvent::Kind::link;
      out.removed = message->nlmsg_type == RTM_DELLINK;
      return parse_link(message, out.link);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      out.kind = NetlinkEvent::Kind::address;
      out.removed = message->nlmsg_type == RTM_DELADDR;
      return parse_address(message, out.address);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      out.kind = NetlinkEvent::Kind::neighbour;
      out.removed = message->nlmsg_type == RTM_DELNEIGH;
      return parse_neighbour(message, out.neighbour);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      out.kind = NetlinkEvent::Kind::route;
      out.removed = message->nlmsg_type == RTM_DELROUTE;
      return parse_prefix(message, out.prefix, out.prefix_length);
    default:
      return false;
  }
}

bool NetlinkMonitor::read(std::vector<NetlinkEvent>& out) {
  // Bounded: under a storm of changes the caller gets its turn, too.
  for (int datagrams = 0; datagrams < 256; datagrams++) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno != ENOBUFS;
    }
    size_t left = static_cast<size_t>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         left >= sizeof(nlmsghdr) && message->nlmsg_len >= sizeof(nlmsghdr) &&
         message->nlmsg_len <= left;) {
      NetlinkEvent event;
      if (parse_event(message, event)) out.push_back(std::move(event));
      const size_t step = NLMSG_ALIGN(message->nlmsg_len);
      if (step >= left) break;
      left -= step;
      message = reinterpret_cast<const nlmsghdr*>(reinterpret_cast<const uint8_t*>(message) + step);
    }
  }
  return true;
}

}  // namespace vtep
