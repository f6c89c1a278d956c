// What sockets of the control plane share: options whose failure is an errno, and datagrams with
// the TTL or hop limit that they came with.
#pragma once
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

namespace vtep {

// 0, or an errno.
int set_option(int descriptor, int level, int name, const void* value, socklen_t size);
int set_option(int descriptor, int level, int name, int value);

// One datagram of a socket that has IP_RECVTTL or IPV6_RECVHOPLIMIT; `hops` is 0 where the kernel
// did not say. Octets, or a negative errno.
int receive_with_hops(int descriptor, uint8_t* data, unsigned room, sockaddr_storage& from,
                      int& hops);

}  // namespace vtep
