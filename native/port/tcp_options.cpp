#include "tcp_options.hpp"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "socket_options.hpp"

namespace vtep {

namespace {

// Not in the headers of every libc.
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

bool is_ipv6(int descriptor) {
  int domain = AF_INET;
  socklen_t size = sizeof domain;
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_INET6;
}

}  // namespace

int open_tcp(int family) {
  const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  return descriptor >= 0 ? descriptor : -errno;
}

int set_tcp_ttl(int descriptor, int ttl, int minimum) {
  // A socket for both versions has both options, each for its own.
  struct Option {
    int level, name, value;
    bool ipv6_only;
  };
  const Option options[] = {{IPPROTO_IP, IP_TTL, ttl, false},
                            {IPPROTO_IP, IP_MINTTL, minimum, false},
                            {IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, true},
                            {IPPROTO_IPV6, IPV6_MINHOPCOUNT, minimum, true}};
  const bool ipv6 = is_ipv6(descriptor);
  for (const Option& option : options) {
    if (option.value == 0 || (option.ipv6_only && !ipv6)) continue;
    const int error = set_option(descriptor, option.level, option.name, option.value);
    if (error != 0) return error;
  }
  return 0;
}

int peer_of_socket(int descriptor, const Address& address, sockaddr_storage& out) {
  out = {};
  if (is_ipv6(descriptor)) {
    auto* six = reinterpret_cast<sockaddr_in6*>(&out);
    six->sin6_family = AF_INET6;
    memcpy(&six->sin6_addr, address.bytes, sizeof six->sin6_addr);
  } else {
    if (!address.is_v4()) return EAFNOSUPPORT;
    address.socket_address(0, 0, out);
  }
  return 0;
}

int set_tcp_password(int descriptor, const Address& address, unsigned prefix_length,
                     const std::string& password) {
  tcp_md5sig key = {};
  if (password.size() > sizeof key.tcpm_key) return EMSGSIZE;
  sockaddr_storage peer;
  const int unfit = peer_of_socket(descriptor, address, peer);
  if (unfit != 0) return unfit;
  memcpy(&key.tcpm_addr, &peer, sizeof peer);
  key.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
  key.tcpm_prefixlen = static_cast<uint8_t>(prefix_length);
  key.tcpm_keylen = static_cast<uint16_t>(password.size());
  memcpy(key.tcpm_key, password.data(), password.size());
  const int error = set_option(descriptor, IPPROTO_TCP, TCP_MD5SIG_EXT, &key, sizeof key);
  return password.empty() && error == ENOENT ? 0 : error;
}

}  // namespace vtep
