// Stands for a virtual machine with a tap, as QEMU and vhost have it: the tap is at the host, the
// guest's card is another tap, in the guest's network namespace, and this program carries frames
// with their offload metadata between the two. Runs until it is ended.
//   virtual-nic TAP NS CARD        out: "ready" when both are there
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "tool.h"

// Super-frames of TCP and partial checksums both ways, as virtio-net negotiates them.
static int open_tap(const char* name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 ||
      ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
    fail(name);
  return fd;
}

struct way {
  int from, to;
};

static void* carry(void* argument) {
  const struct way* way = argument;
  static __thread char frame[1 << 17];
  for (;;) {
    ssize_t length = read(way->from, frame, sizeof frame);
    // Down, or being moved: a card without a cable.
    if (length > 0 && write(way->to, frame, (size_t)length) < 0) usleep(100);
    if (length < 0) usleep(1000);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: virtual-nic TAP NS CARD\n");
    return 2;
  }
  int host = open_tap(argv[1]);
  enter(argv[2]);
  int card = open_tap(argv[3]);
  struct way in = {host, card}, out = {card, host};
  pthread_t thread;
  if (pthread_create(&thread, NULL, carry, &in) != 0) fail("pthread_create");
  puts("ready");
  fflush(stdout);
  carry(&out);
}
