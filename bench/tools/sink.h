// Where the meter's frames arrive: an AF_PACKET ring (TPACKET_V3), every frame verified. The
// kernel's arrival stamp, not the moment of reading, says whether a frame came in time.
#pragma once
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frame.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum { kBlockSize = 1 << 20, kBlocks = 64, kMaxFrames = 1 << 26, kMaxFlows = 4096 };

struct sink {
  int fd;
  uint8_t* ring;
  unsigned block;
  struct frame_options options;
  uint32_t magic;
  uint64_t end;   // CLOCK_REALTIME: what arrives later counts as received, but not as in time
  uint8_t* seen;  // a bit per frame
  uint32_t highest[kMaxFlows];
  uint8_t outer_ports[65536 / 8];
  uint64_t arrived;  // any verdict: tells whether anything still comes
  uint64_t received, in_time, duplicates, reordered, corrupt, corrupt_outer, stale, foreign;
};

// What has been counted is not the host's as well: it would look for a route and answer with ICMP,
// a fifth of the work on the CPU where the frames come up. Behind the ring's socket, and for as
// long as this process lives: a program for IPv4 that drops. An old kernel has no such place.
static void keep_from_host(int ifindex) {
  enum { kTcxIngress = 46, kNext = -1, kDrop = 2 };
  const struct bpf_insn code[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W,
       .dst_reg = 2,
       .src_reg = 1,
       .off = offsetof(struct __sk_buff, protocol)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = kDrop},
      {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 2, .off = 1, .imm = htons(ETH_P_IP)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = kNext},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
                            .insns = (uint64_t)(uintptr_t)code,
                            .insn_cnt = sizeof code / sizeof *code,
                            .license = (uint64_t)(uintptr_t) "GPL"};
  const long loaded = syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program);
  union bpf_attr link = {.link_create = {.prog_fd = (uint32_t)loaded,
                                         .target_ifindex = (uint32_t)ifindex,
                                         .attach_type = kTcxIngress}};
  if (loaded < 0 || syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof link) < 0)
    fprintf(stderr, "meter: what the sink counts goes on to the host: %s\n", strerror(errno));
}

// In the current namespace.
static void open_sink(struct sink* s, const char* interface, const struct frame_options* o) {
  int version = TPACKET_V3, one = 1, ifindex = (int)if_nametoindex(interface);
  s->options = *o;
  s->fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct tpacket_req3 request = {.tp_block_size = kBlockSize,
                                 .tp_block_nr = kBlocks,
                                 .tp_frame_size = 2048,
                                 .tp_frame_nr = kBlockSize / 2048 * kBlocks,
                                 .tp_retire_blk_tov = 2};
  if (ifindex == 0) fail(interface);
  if (s->fd < 0 || setsockopt(s->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
      setsockopt(s->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
    fail("ring of the sink");
  setsockopt(s->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
  s->ring = mmap(NULL, (size_t)kBlockSize * kBlocks, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_POPULATE, s->fd, 0);
  s->seen = calloc(kMaxFrames / 8, 1);
  if (s->ring == MAP_FAILED || s->seen == NULL) fail("memory of the sink");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
  if (bind(s->fd, (struct sockaddr*)&address, sizeof address) != 0) fail(interface);
  keep_from_host(ifindex);
}

// Frames that found the ring full since the last call.
static unsigned sink_drops(struct sink* s) {
  struct tpacket_stats_v3 stats;
  socklen_t length = sizeof stats;
  if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0) fail("statistics");
  return stats.tp_drops;
}

// A new trial; `sent` frames of the last one may have left marks.
static void reset_sink(struct sink* s, uint32_t magic, uint32_t sent) {
  memset(s->seen, 0, sent / 8 + 1);
  memset(s->highest, 0, sizeof s->highest);
  memset(s->outer_ports, 0, sizeof s->outer_ports);
  s->received = s->in_time = s->duplicates = s->reordered = 0;
  s->corrupt = s->corrupt_outer = s->stale = s->foreign = 0;
  s->end = UINT64_MAX;
  sink_drops(s);
  __atomic_store_n(&s->magic, magic, __ATOMIC_RELEASE);
}

static void count(struct sink* s, const struct tpacket3_hdr* h) {
  uint32_t number;
  uint16_t port = 0;
  s->arrived++;
  switch (examine((const uint8_t*)h + h->tp_mac, h->tp_snaplen,
                  h->tp_status & TP_STATUS_CSUMNOTREADY, &s->options,
                  __atomic_load_n(&s->magic, __ATOMIC_ACQUIRE), &number, &port)) {
    case kForeign:
      s->foreign++;
      return;
    case kStale:
      s->stale++;
      return;
    case kCorrupt:
      s->corrupt++;
      return;
    case kCorruptOuter:
      s->corrupt_outer++;
      return;
    case kGood:
      break;
  }
  if (number >= kMaxFrames) {
    s->corrupt++;
    return;
  }
  uint8_t bit = (uint8_t)(1u << (number & 7));
  if (s->seen[number >> 3] & bit) {
    s->duplicates++;
    return;
  }
  s->seen[number >> 3] |= bit;
  s->received++;
  if (h->tp_sec * 1000000000ull + h->tp_nsec <= __atomic_load_n(&s->end, __ATOMIC_RELAXED))
    s->in_time++;
  s->outer_ports[port >> 3] |= (uint8_t)(1u << (port & 7));
  uint32_t* highest = &s->highest[number % s->options.flows];
  if (number < *highest)
    s->reordered++;
  else
    *highest = number;
}

// Reads blocks until told to end.
static void run_sink(struct sink* s, volatile int* done) {
  while (!*done) {
    struct tpacket_block_desc* b =
        (struct tpacket_block_desc*)(s->ring + (size_t)s->block * kBlockSize);
    if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
      struct pollfd wait = {.fd = s->fd, .events = POLLIN};
      poll(&wait, 1, 50);
      continue;
    }
    uint8_t* at = (uint8_t*)b + b->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
      struct tpacket3_hdr* h = (struct tpacket3_hdr*)at;
      count(s, h);
      at += h->tp_next_offset;
    }
    __atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    s->block = (s->block + 1) % kBlocks;
  }
}

static unsigned outer_ports(const struct sink* s) {
  unsigned n = 0;
  for (unsigned port = 1; port < 65536; port++) n += s->outer_ports[port >> 3] >> (port & 7) & 1;
  return n;
}
