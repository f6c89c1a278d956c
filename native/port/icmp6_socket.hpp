// Router discovery (RFC 4861) on one interface: a raw ICMPv6 socket for solicitations and
// advertisements alone.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"
#include "descriptor.hpp"

namespace vtep {

constexpr unsigned kIcmp6MaxBytes = 1500;

// 0, or errno: ENODEV without the interface, EADDRNOTAVAIL while it has no link-local address.
int open_icmp6(const std::string& ifname, Descriptor& out);

// To all nodes or all routers of the link, as the message's type says. The kernel writes the
// checksum. 0 or errno.
int send_icmp6(int descriptor, const uint8_t* message, unsigned size);

// A message of a neighbour: its size, 0 when it is none (a router in between has touched it, or its
// source is no link-local address; section 6.1), or -errno, EAGAIN when there is nothing more.
int receive_icmp6(int descriptor, uint8_t* message, unsigned room, Address& source);

}  // namespace vtep
