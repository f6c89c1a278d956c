// Sends one broadcast frame from each MAC address that it reads from standard input, and says when:
//   first-frame NS INTERFACE        in: a MAC per line    out: MAC and CLOCK_MONOTONIC in
//   nanoseconds, just before sending
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tool.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: first-frame NS INTERFACE\n");
    return 2;
  }
  enter(argv[1]);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_ifindex = (int)if_nametoindex(argv[2])};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(argv[2]);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    // EtherType 0x88b5: for local experiments, IEEE 802.
    uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x88, 0xb5};
    line[strcspn(line, "\n")] = 0;
    parse_mac(line, frame + 6);
    uint64_t when = now_ns();
    if (send(fd, frame, sizeof frame, 0) != sizeof frame) fail("send");
    printf("%s %llu\n", line, (unsigned long long)when);
    fflush(stdout);
  }
  return 0;
}
