#include "socket_options.hpp"

#include <errno.h>
#include <string.h>

namespace vtep {

int set_option(int descriptor, int level, int name, const void* value, socklen_t size) {
  return setsockopt(descriptor, level, name, value, size) == 0 ? 0 : errno;
}

int set_option(int descriptor, int level, int name, int value) {
  return set_option(descriptor, level, name, &value, sizeof value);
}

int receive_with_hops(int descriptor, uint8_t* data, unsigned room, sockaddr_storage& from,
                      int& hops) {
  from = {};
  hops = 0;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec octets = {data, room};
  msghdr header = {};
  header.msg_name = &from;
  header.msg_namelen = sizeof from;
  header.msg_iov = &octets;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(descriptor, &header, 0);
  if (size < 0) return -errno;
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each))
    if ((each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_TTL) ||
        (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_HOPLIMIT))
      memcpy(&hops, CMSG_DATA(each), sizeof hops);
  return static_cast<int>(size);
}

}  // namespace vtep
