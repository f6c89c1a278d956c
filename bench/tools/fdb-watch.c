// Says when the kernel gets an entry for a MAC behind a remote VTEP on a vxlan device:
//   fdb-watch NS INTERFACE          out: "ready", then MAC and CLOCK_MONOTONIC in nanoseconds per
//   entry
#define _GNU_SOURCE
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tool.h"

// The MAC of a notification, if it is an entry of that interface with a VTEP.
static const uint8_t* entry(const struct nlmsghdr* message, int ifindex) {
  const struct ndmsg* row = NLMSG_DATA(message);
  if (message->nlmsg_type != RTM_NEWNEIGH || row->ndm_family != AF_BRIDGE ||
      row->ndm_ifindex != ifindex)
    return NULL;
  const uint8_t* mac = NULL;
  int remote = 0;
  int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *row));
  const struct rtattr* a = (const struct rtattr*)((const char*)row + NLMSG_ALIGN(sizeof *row));
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6) mac = RTA_DATA(a);
    if (a->rta_type == NDA_DST) remote = 1;
  }
  return remote ? mac : NULL;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: fdb-watch NS INTERFACE\n");
    return 2;
  }
  enter(argv[1]);
  int ifindex = (int)if_nametoindex(argv[2]);
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_NEIGH};
  if (ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0)
    fail(argv[2]);
  puts("ready");
  fflush(stdout);
  static char data[65536];
  for (;;) {
    ssize_t n = recv(fd, data, sizeof data, 0);
    uint64_t when = now_ns();
    if (n < 0) fail("netlink");
    unsigned left = (unsigned)n;
    for (struct nlmsghdr* m = (struct nlmsghdr*)data; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      const uint8_t* mac = entry(m, ifindex);
      if (mac == NULL) continue;
      printf("%02x:%02x:%02x:%02x:%02x:%02x %llu\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
             (unsigned long long)when);
      fflush(stdout);
    }
  }
}
