// Where copies.c measures: two network namespaces of its own, which end with the process. Here are
// a tap, one end of a veth and a device that takes frames and throws them away, as a NIC would with
// its wire cut; there is the other end of the veth with a socket that receives.
//   tap "tenant"      no address: what is written to it ends in the stack as a frame for others
//   veth "near/far"   10.0.0.1 and 10.0.0.2
//   ifb "nic"         10.1.0.1; it can gather and cut like a NIC, and counts what it was given
#pragma once
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tool.h"

enum { kPort = 4789, kRoom = 16 << 20 };

struct rig {
  int tap, feed;     // what is sent on `feed` is read from `tap`
  int veth, far;     // UDP, connected to `far`
  int nic, nic_raw;  // UDP and AF_PACKET
};

struct counters {
  unsigned long long frames, octets;
};

static void run_ip(const char* format, ...) {
  char command[256] = "ip ";
  va_list list;
  va_start(list, format);
  vsnprintf(command + 3, sizeof command - 3, format, list);
  va_end(list);
  if (system(command) == 0) return;
  fprintf(stderr, "copies: %s: failed\n", command);
  exit(1);
}

static void set(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) fail(name);
}

static void write_file(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) fail(path);
  close(fd);
}

// The calling thread, and what it starts, live in a new namespace where nobody says anything
// unasked.
static int new_namespace(void) {
  if (unshare(CLONE_NEWNET) != 0) fail("unshare(CLONE_NEWNET)");
  write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");  // no IPv6, no such file
  int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("/proc/thread-self/ns/net");
  return fd;
}

static int open_tap(const char* name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  int header = sizeof(struct virtio_net_hdr);
  unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  if (ioctl(fd, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  if (ioctl(fd, TUNSETVNETHDRSZ, &header) != 0) fail("TUNSETVNETHDRSZ");
  if (ioctl(fd, TUNSETOFFLOAD, offloads) != 0) fail("TUNSETOFFLOAD");
  run_ip("link set %s up", name);
  return fd;
}

// Protocol 0: receives nothing.
static int open_packet(const char* interface, int protocol) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons((uint16_t)protocol),
                                .sll_ifindex = (int)if_nametoindex(interface)};
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket(AF_PACKET)");
  set(fd, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  set(fd, SOL_SOCKET, SO_SNDBUFFORCE, kRoom, "SO_SNDBUFFORCE");
  set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kRoom, "SO_RCVBUFFORCE");
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("bind(AF_PACKET)");
  return fd;
}

static int open_udp(const char* to, int datagram) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket(AF_INET)");
  inet_aton(to, &address.sin_addr);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(to);
  set(fd, SOL_UDP, UDP_SEGMENT, datagram, "UDP_SEGMENT");
  set(fd, SOL_SOCKET, SO_SNDBUFFORCE, kRoom, "SO_SNDBUFFORCE");
  set(fd, SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
  return fd;
}

static int open_far(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("far");
  set(fd, SOL_UDP, UDP_GRO, 1, "UDP_GRO");
  set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kRoom, "SO_RCVBUFFORCE");
  return fd;
}

static void open_rig(struct rig* rig, int datagram) {
  int there = new_namespace();
  int here = new_namespace();
  run_ip("link add near type veth peer name far netns /proc/%d/fd/%d", (int)getpid(), there);
  run_ip("link add nic type ifb");
  run_ip("addr add 10.0.0.1/24 dev near");
  run_ip("addr add 10.1.0.1/24 dev nic");
  run_ip("link set near up");
  run_ip("link set nic up");
  if (setns(there, CLONE_NEWNET) != 0) fail("setns");
  run_ip("addr add 10.0.0.2/24 dev far");
  run_ip("link set far up");
  rig->far = open_far();
  if (setns(here, CLONE_NEWNET) != 0) fail("setns");
  rig->tap = open_tap("tenant");
  rig->feed = open_packet("tenant", 0);
  rig->veth = open_udp("10.0.0.2", datagram);
  rig->nic = open_udp("10.1.0.2", datagram);
  rig->nic_raw = open_packet("nic", 0);
}

// What the interface has received, by its own count.
static struct counters received_by(const char* interface) {
  char line[512];
  struct counters found = {0};
  int good = 0;
  size_t length = strlen(interface);
  FILE* file = fopen("/proc/thread-self/net/dev", "r");
  if (file == NULL) fail("/proc/thread-self/net/dev");
  while (!good && fgets(line, sizeof line, file) != NULL) {
    const char* name = line + strspn(line, " ");
    if (strncmp(name, interface, length) != 0 || name[length] != ':') continue;
    good = sscanf(name + length + 1, "%llu %llu", &found.octets, &found.frames) == 2;
  }
  fclose(file);
  if (!good) fail(interface);
  return found;
}
