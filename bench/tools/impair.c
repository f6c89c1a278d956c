// A forwarder that does harm by plan and counts it: the truth that the meter's self-test is held
// against. Shares no code with the meter.
//   impair NS IN OUT MODE SKIP     MODE: plain, harm, limit, wrap (into VXLAN, VNI 100), unwrap
// `harm` drops each 100th frame, doubles each 97th, damages an octet of each 83rd and lets each
// 89th be overtaken; `limit` passes 2000 frames a second and drops the rest. Prints "ready", and
// after SIGTERM {"seen","dropped","doubled","damaged","swapped"}. Only UDP to port 9 is looked at;
// of that the first SKIP frames (what the meter sends to warm up) pass uncounted.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>

#include "tool.h"

enum { kHeader = 50, kRoom = 4096, kLimit = 2000, kBucket = 400 };

static volatile sig_atomic_t ended;
static void end(int unused) {
  (void)unused;
  ended = 1;
}

// A bucket of kBucket frames that fills at kLimit a second.
static int within_limit(void) {
  static double tokens = kBucket;
  static uint64_t last;
  uint64_t now = now_ns();
  if (last != 0) tokens += (double)(now - last) * kLimit / 1e9;
  last = now;
  if (tokens > kBucket) tokens = kBucket;
  if (tokens < 1) return 0;
  tokens -= 1;
  return 1;
}

static int open_on(const char* interface) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), size = 1 << 25, one = 1;
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_IP),
                                .sll_ifindex = (int)if_nametoindex(interface)};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(interface);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
  return fd;
}

// A VXLAN header in front, written out by hand: 192.168.77.1:50000 to 192.168.77.2:4789.
static size_t wrap(uint8_t* frame, size_t length) {
  static const uint8_t head[kHeader] = {2,   0xdd, 0,  0, 0,   1,   2,  0xcc, 0,   0,   0,  1,   8,
                                        0,   0x45, 0,  0, 0,   0,   0,  0x40, 0,   64,  17, 0,   0,
                                        192, 168,  77, 1, 192, 168, 77, 2,    195, 80,  18, 181, 0,
                                        0,   0,    0,  8, 0,   0,   0,  0,    0,   100, 0};
  memmove(frame + kHeader, frame, length);
  memcpy(frame, head, kHeader);
  uint16_t ip = htons((uint16_t)(length + 36)), udp = htons((uint16_t)(length + 16));
  memcpy(frame + 16, &ip, 2);
  memcpy(frame + 38, &udp, 2);
  uint32_t sum = 0;
  for (int i = 14; i < 34; i += 2) sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  uint16_t check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
  memcpy(frame + 24, &check, 2);
  return length + kHeader;
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: impair NS IN OUT plain|harm|limit|wrap|unwrap SKIP\n");
    return 2;
  }
  enter(argv[1]);
  int in = open_on(argv[2]), out = open_on(argv[3]);
  char mode = argv[4][0];
  long skip = atol(argv[5]);
  unsigned seen = 0, dropped = 0, doubled = 0, damaged = 0, swapped = 0;
  static uint8_t frame[kRoom], held[kRoom];
  size_t held_length = 0;
  struct sigaction action = {.sa_handler = end};  // no SA_RESTART: recv has to return
  sigaction(SIGTERM, &action, NULL);
  puts("ready");
  fflush(stdout);
  while (!ended) {
    ssize_t n = recv(in, frame, kRoom - kHeader, 0);
    if (n < 60) continue;
    size_t length = (size_t)n;
    const uint8_t* inner = mode == 'u' ? frame + kHeader : frame;
    if (length < (mode == 'u' ? 110u : 60u) || inner[23] != 17 || inner[36] != 0 || inner[37] != 9)
      continue;
    if (skip > 0) {
      skip--;
    } else {
      seen++;
      if (mode == 'l' && !within_limit()) {
        dropped++;
        continue;
      }
      if (mode == 'h') {
        if (seen % 100 == 0) {
          dropped++;
          continue;
        }
        if (seen % 97 == 0) {
          doubled++;
          send(out, frame, length, 0);
        } else if (seen % 83 == 0) {
          damaged++;
          frame[55] ^= 1;
        } else if (held_length == 0 && seen % 89 == 0) {
          swapped++;
          memcpy(held, frame, length);
          held_length = length;
          continue;
        }
      }
    }
    if (mode == 'w') length = wrap(frame, length);
    const uint8_t* from = mode == 'u' ? frame + kHeader : frame;
    if (mode == 'u') length -= kHeader;
    send(out, from, length, 0);
    if (held_length > 0) {
      send(out, held, held_length, 0);
      held_length = 0;
    }
  }
  if (held_length > 0) send(out, held, held_length, 0);
  printf("{\"seen\":%u,\"dropped\":%u,\"doubled\":%u,\"damaged\":%u,\"swapped\":%u}\n", seen,
         dropped, doubled, damaged, swapped);
  return 0;
}
