#include "icmp6_socket.hpp"

#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>

#include "socket_options.hpp"

namespace vtep {

namespace {

constexpr int kHopLimit = 255;  // what no router can have forwarded

int configure(int descriptor, const std::string& ifname, unsigned index) {
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
  ipv6_mreq routers = {};
  routers.ipv6mr_multiaddr.s6_addr[0] = 0xff;
  routers.ipv6mr_multiaddr.s6_addr[1] = 0x02;
  routers.ipv6mr_multiaddr.s6_addr[15] = 2;
  routers.ipv6mr_interface = index;
  const int out = static_cast<int>(index);
  int error = set_option(descriptor, SOL_SOCKET, SO_BINDTODEVICE, ifname.c_str(),
                         static_cast<socklen_t>(ifname.size() + 1));
  if (error == 0)
    error = set_option(descriptor, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  if (error == 0)
    error = set_option(descriptor, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &routers, sizeof routers);
  if (error == 0) error = set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, out);
  if (error == 0) error = set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kHopLimit);
  if (error == 0) error = set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
  if (error == 0) error = set_option(descriptor, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  return error;
}

}  // namespace

int open_icmp6(const std::string& ifname, Descriptor& out) {
  const unsigned index = if_nametoindex(ifname.c_str());
  if (index == 0) return errno;
  Descriptor made(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
  if (!made) return errno;
  const int error = configure(made.get(), ifname, index);
  if (error == 0) out = std::move(made);
  return error;
}

int send_icmp6(int descriptor, const uint8_t* message, unsigned size) {
  sockaddr_in6 to = {};
  to.sin6_family = AF_INET6;
  to.sin6_addr.s6_addr[0] = 0xff;
  to.sin6_addr.s6_addr[1] = 0x02;
  to.sin6_addr.s6_addr[15] = size > 0 && message[0] == ND_ROUTER_SOLICIT ? 2 : 1;
  const ssize_t sent =
      sendto(descriptor, message, size, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  return sent >= 0 ? 0 : errno;
}

int receive_icmp6(int descriptor, uint8_t* message, unsigned room, Address& source) {
  sockaddr_storage from;
  int hops;
  const int size = receive_with_hops(descriptor, message, room, from, hops);
  if (size < 0) return size;
  source = Address::from_v6(&reinterpret_cast<sockaddr_in6*>(&from)->sin6_addr);
  return hops == kHopLimit && source.is_link_local() ? size : 0;
}

}  // namespace vtep
