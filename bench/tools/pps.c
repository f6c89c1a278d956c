// Floods a tenant with small frames and counts what arrives at the other.
//   pps NS_TX IF_TX NS_RX IF_RX DST_MAC SRC_MAC SIZE SECONDS
// SIZE is without FCS. 64 UDP flows, sent by sendmmsg without a queueing discipline, as fast as the
// stack takes them; received by a ring. Each frame has a number: what arrives twice is not counted
// twice, what is damaged not at all. Prints {"sent","received","duplicates","damaged","seconds"};
// the rate is received / seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tool.h"

enum { kFlows = 64, kBatch = 64, kHeaders = 14 + 20 + 8, kMaxSize = 1514, kMaxFrames = 1 << 26 };
enum { kBlockSize = 1 << 20, kBlocks = 32 };

struct payload {
  uint32_t magic;
  uint32_t number;
  uint32_t check;  // number ^ magic: the UDP checksum is not in use
} __attribute__((packed));

static const char *rx_namespace, *rx_interface;
static uint32_t magic;
static volatile int ready, done;
static uint64_t received, duplicates, damaged, last_arrival;
static uint8_t* seen;

static void count(const uint8_t* frame, uint32_t length) {
  struct payload p;
  if (length < kHeaders + sizeof p) return;
  memcpy(&p, frame + kHeaders, sizeof p);
  if (p.magic != magic) return;
  if (p.check != (p.number ^ magic) || p.number >= kMaxFrames) {
    damaged++;
    return;
  }
  uint8_t bit = (uint8_t)(1u << (p.number & 7));
  if (seen[p.number >> 3] & bit) {
    duplicates++;
    return;
  }
  seen[p.number >> 3] |= bit;
  received++;
}

static void* receive(void* unused) {
  (void)unused;
  enter(rx_namespace);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  int version = TPACKET_V3;
  struct tpacket_req3 request = {.tp_block_size = kBlockSize,
                                 .tp_block_nr = kBlocks,
                                 .tp_frame_size = 2048,
                                 .tp_frame_nr = kBlockSize / 2048 * kBlocks,
                                 .tp_retire_blk_tov = 10};
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
    fail("receive ring");
  uint8_t* ring =
      mmap(NULL, (size_t)kBlockSize * kBlocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) fail("mmap of the receive ring");
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_IP),
                                .sll_ifindex = (int)if_nametoindex(rx_interface)};
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(rx_interface);
  ready = 1;
  for (unsigned block = 0;; block = (block + 1) % kBlocks) {
    struct tpacket_block_desc* d = (struct tpacket_block_desc*)(ring + (size_t)block * kBlockSize);
    while (!(__atomic_load_n(&d->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
      struct pollfd wait = {.fd = fd, .events = POLLIN};
      if (poll(&wait, 1, 50) == 0 && done) return NULL;
    }
    uint8_t* at = (uint8_t*)d + d->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = 0; i < d->hdr.bh1.num_pkts; i++) {
      struct tpacket3_hdr* h = (struct tpacket3_hdr*)at;
      count(at + h->tp_mac, h->tp_snaplen);
      at += h->tp_next_offset;
    }
    if (d->hdr.bh1.num_pkts > 0) last_arrival = now_ns();
    __atomic_store_n(&d->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
}

static uint16_t ip_checksum(const uint8_t* header) {
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += (uint32_t)(header[i] << 8 | header[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void put16(uint8_t* at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void build(uint8_t* frame, const char* dst, const char* src, unsigned size, unsigned flow) {
  memset(frame, 0, size);
  parse_mac(dst, frame);
  parse_mac(src, frame + 6);
  put16(frame + 12, ETH_P_IP);
  uint8_t *ip = frame + 14, *udp = ip + 20;
  ip[0] = 0x45;
  put16(ip + 2, (uint16_t)(size - 14));
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  // 198.18.0.0/15 is for benchmarks, RFC 2544.
  memcpy(ip + 12, "\xc6\x12\x00\x01\xc6\x12\x00\x02", 8);
  put16(ip + 10, ip_checksum(ip));
  put16(udp, (uint16_t)(10000 + flow));
  put16(udp + 2, 9);
  put16(udp + 4, (uint16_t)(size - 34));
}

int main(int argc, char** argv) {
  if (argc != 9) {
    fprintf(stderr, "usage: pps NS_TX IF_TX NS_RX IF_RX DST_MAC SRC_MAC SIZE SECONDS\n");
    return 2;
  }
  rx_namespace = argv[3];
  rx_interface = argv[4];
  unsigned size = (unsigned)atoi(argv[7]);
  double seconds = atof(argv[8]);
  if (size < 60 || size > kMaxSize || seconds <= 0) {
    fprintf(stderr, "pps: size %u, seconds %g: expected 60 to %d bytes and a positive time\n", size,
            seconds, kMaxSize);
    return 2;
  }
  magic = (uint32_t)now_ns() | 1;
  seen = calloc(kMaxFrames / 8, 1);
  pthread_t receiver;
  if (pthread_create(&receiver, NULL, receive, NULL) != 0) fail("thread");
  while (!ready) usleep(1000);

  enter(argv[1]);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_ifindex = (int)if_nametoindex(argv[2])};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(argv[2]);
  int one = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0)
    fail("PACKET_QDISC_BYPASS");
  static uint8_t frames[kBatch][kMaxSize];
  struct mmsghdr messages[kBatch];
  struct iovec pieces[kBatch];
  memset(messages, 0, sizeof messages);
  for (unsigned i = 0; i < kBatch; i++) {
    build(frames[i], argv[5], argv[6], size, i % kFlows);
    pieces[i] = (struct iovec){frames[i], size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
  }
  uint32_t number = 0;
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
  while (now_ns() < end && number < kMaxFrames - kBatch) {
    for (uint32_t i = 0; i < kBatch; i++) {
      struct payload p = {magic, number + i, (number + i) ^ magic};
      memcpy(frames[i] + kHeaders, &p, sizeof p);
    }
    int sent = sendmmsg(fd, messages, kBatch, 0);
    if (sent > 0)
      number += (uint32_t)sent;
    else if (errno != ENOBUFS && errno != EAGAIN)
      fail("sendmmsg");
  }
  // What is in queues still counts, and so does the time that it takes.
  usleep(300000);
  done = 1;
  pthread_join(receiver, NULL);
  uint64_t last = last_arrival > end ? last_arrival : end;
  printf("{\"sent\":%u,\"received\":%llu,\"duplicates\":%llu,\"damaged\":%llu,\"seconds\":%.4f}\n",
         number, (unsigned long long)received, (unsigned long long)duplicates,
         (unsigned long long)damaged, (double)(last - start) / 1e9);
  return 0;
}
