// What BGP wants of TCP sockets and Node.js can not set. Each answers 0 or errno.
#pragma once
#include <sys/socket.h>

#include <string>

#include "address.hpp"

namespace vtep {

// A socket that is not connected, or -errno. The caller owns it.
int open_tcp(int family);

// TTL or hop limit of what is sent, and the least that is accepted (RFC 5082). 0 leaves either as
// it is.
int set_tcp_ttl(int descriptor, int ttl, int minimum);

// A peer's address as options of this socket take it: on an IPv6 socket an IPv4 address is its
// mapped one.
int peer_of_socket(int descriptor, const Address& address, sockaddr_storage& out);

// TCP MD5 (RFC 2385) with all addresses of a prefix; an empty password ends it. Before connect(),
// or on a listening socket, whose connections inherit it.
int set_tcp_password(int descriptor, const Address& address, unsigned prefix_length,
                     const std::string& password);

}  // namespace vtep
