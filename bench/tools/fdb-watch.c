// Says when the kernel gets an entry for a MAC behind a remote VTEP on a vxlan device:
//   fdb-watch NS INTERFACE          out: "ready", then MAC and CLOCK_MONOTONIC in nanoseconds per
//   entry
//   fdb-watch NS INTERFACE COUNT    out: "ready" when it knows what was there before, "has T" when
//   there are so many entries; MACs 02:aa:NN:NN:NN:NN only
#define _GNU_SOURCE
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tool.h"

// The MAC of a notification, if it is about an entry of that interface with a VTEP.
static const uint8_t* entry(const struct nlmsghdr* message, int ifindex) {
  const struct ndmsg* row = NLMSG_DATA(message);
  if ((message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) || row->ndm_family != AF_BRIDGE ||
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

enum { kMacs = 1 << 22 };

static uint64_t known[kMacs / 64];
static long known_count;
// What was there before is still being told.
static int is_dumping;

// Whether the number of entries is now `wanted`.
static int note(const uint8_t* mac, int is_there, long wanted) {
  uint32_t n = (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
  if (mac[0] != 0x02 || mac[1] != 0xaa || n >= kMacs) return 0;
  uint64_t bit = 1ull << (n & 63);
  if (((known[n >> 6] & bit) != 0) == is_there) return 0;
  known[n >> 6] ^= bit;
  known_count += is_there ? 1 : -1;
  return known_count == wanted && !is_dumping;
}

// What the bridge has already.
static void ask(int fd) {
  struct {
    struct nlmsghdr header;
    struct ndmsg row;
  } request = {{.nlmsg_len = sizeof request,
                .nlmsg_type = RTM_GETNEIGH,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
               {.ndm_family = AF_BRIDGE}};
  if (send(fd, &request, sizeof request, 0) < 0) fail("netlink");
  is_dumping = 1;
}

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: fdb-watch NS INTERFACE [COUNT]\n");
    return 2;
  }
  const long wanted = argc == 4 ? atol(argv[3]) : -1;
  enter(argv[1]);
  int ifindex = (int)if_nametoindex(argv[2]);
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  int octets = 256 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_NEIGH};
  if (ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0)
    fail(argv[2]);
  if (wanted >= 0)
    ask(fd);
  else
    puts("ready");
  fflush(stdout);
  static char data[65536];
  for (;;) {
    ssize_t n = recv(fd, data, sizeof data, 0);
    uint64_t when = now_ns();
    if (n < 0) fail("netlink");
    unsigned left = (unsigned)n;
    for (struct nlmsghdr* m = (struct nlmsghdr*)data; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) {
        is_dumping = 0;
        puts("ready");
        if (known_count == wanted) printf("has %llu\n", (unsigned long long)when);
        continue;
      }
      const int is_there = m->nlmsg_type == RTM_NEWNEIGH;
      const uint8_t* mac = entry(m, ifindex);
      if (mac == NULL) continue;
      if (wanted >= 0) {
        if (note(mac, is_there, wanted)) printf("has %llu\n", (unsigned long long)when);
      } else if (is_there) {
        printf("%02x:%02x:%02x:%02x:%02x:%02x %llu\n", mac[0], mac[1], mac[2], mac[3], mac[4],
               mac[5], (unsigned long long)when);
      }
      fflush(stdout);
    }
    fflush(stdout);
  }
}
