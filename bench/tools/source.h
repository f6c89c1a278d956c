// Where the meter's frames come from: AF_XDP tx in copy mode, which reaches some 1.1 Mpps on a veth
// where sendmmsg reaches 0.7; and sendmmsg where there is no AF_XDP. Set up by plain system calls.
#pragma once
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "frame.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
// Linux 6.17: frames per system call, 32 by default.
#define OPTION_TX_BUDGET 9

enum { kSlots = 2048, kBatch = 32 };

struct queue {
  uint32_t *producer, *consumer;
  void* entries;
};

struct source {
  int is_xdp, fd;
  uint8_t* memory;  // kSlots frames
  struct queue tx, completion;
  uint32_t free[kSlots], frees;
  uint64_t refused;  // frames that the device would not take
  struct mmsghdr messages[kBatch];
  struct iovec pieces[kBatch];
};

static int map_queue(int fd, struct queue* q, const struct xdp_ring_offset* at, size_t entry,
                     off_t page) {
  uint8_t* m = mmap(NULL, at->desc + kSlots * entry, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, fd, page);
  if (m == MAP_FAILED) return -1;
  q->producer = (uint32_t*)(m + at->producer);
  q->consumer = (uint32_t*)(m + at->consumer);
  q->entries = m + at->desc;
  return 0;
}

static int open_xdp(struct source* s, unsigned ifindex) {
  int fd = s->fd = socket(AF_XDP, SOCK_RAW, 0), count = kSlots, budget = 512;
  if (fd < 0) return -1;
  struct xdp_umem_reg memory = {
      .addr = (uint64_t)(uintptr_t)s->memory, .len = (uint64_t)kSlots * kSlot, .chunk_size = kSlot};
  struct xdp_mmap_offsets at;
  socklen_t length = sizeof at;
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &count, sizeof count) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &count, sizeof count) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_TX_RING, &count, sizeof count) != 0 ||
      getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length) != 0 ||
      map_queue(fd, &s->tx, &at.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING) != 0 ||
      map_queue(fd, &s->completion, &at.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING) != 0)
    return -1;
  setsockopt(fd, SOL_XDP, OPTION_TX_BUDGET, &budget, sizeof budget);  // older kernels: refused
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP, .sxdp_ifindex = ifindex, .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP};
  // A socket that was just closed holds the queue for a while.
  for (int i = 0; bind(fd, (struct sockaddr*)&address, sizeof address) != 0; i++) {
    if (errno != EBUSY || i == 100) return -1;
    usleep(20000);
  }
  for (uint32_t i = 0; i < kSlots; i++) s->free[s->frees++] = i;
  return 0;
}

static void open_packet(struct source* s, unsigned ifindex) {
  int one = 1, buffer = 4 << 20;
  s->fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
  if (s->fd < 0 || bind(s->fd, (struct sockaddr*)&address, sizeof address) != 0) fail("source");
  if (setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0)
    fail("PACKET_QDISC_BYPASS");
  setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  for (unsigned i = 0; i < kBatch; i++) {
    s->pieces[i].iov_base = s->memory + (size_t)i * kSlot;
    s->messages[i].msg_hdr = (struct msghdr){.msg_iov = &s->pieces[i], .msg_iovlen = 1};
  }
}

// In the current namespace. `packet`: do not even try AF_XDP.
static void open_source(struct source* s, const char* interface, int packet) {
  memset(s, 0, sizeof *s);
  unsigned ifindex = if_nametoindex(interface);
  if (ifindex == 0) fail(interface);
  s->memory = mmap(NULL, (size_t)kSlots * kSlot, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (s->memory == MAP_FAILED) fail("mmap of the source");
  if (!packet && open_xdp(s, ifindex) == 0) {
    s->is_xdp = 1;
    return;
  }
  if (s->fd > 0) close(s->fd);
  open_packet(s, ifindex);
}

// Every frame's constant octets, once per trial.
static void fill_source(struct source* s, const struct template* t) {
  for (unsigned i = 0; i < (s->is_xdp ? kSlots : kBatch); i++)
    memcpy(s->memory + (size_t)i * kSlot, t->bytes, t->length);
  for (unsigned i = 0; i < kBatch && !s->is_xdp; i++) s->pieces[i].iov_len = t->length;
}

static void reclaim(struct source* s) {
  uint32_t end = __atomic_load_n(s->completion.producer, __ATOMIC_ACQUIRE);
  uint32_t at = *s->completion.consumer;
  const uint64_t* done = s->completion.entries;
  for (; at != end; at++) s->free[s->frees++] = (uint32_t)(done[at % kSlots] / kSlot);
  __atomic_store_n(s->completion.consumer, at, __ATOMIC_RELEASE);
}

enum { kRest = 60000 };  // nanoseconds

// A socket whose frames wait for another CPU is full: the kernel lets it have some 270. Asking
// again at once, or after each few that came back, would keep taking locks which that CPU needs to
// take frames and to give them back: once so, it stayed so, a quarter slower. In the rest it gives
// back some 50 to 80, and the socket is never empty.
static void kick(struct source* s) {
  if (sendto(s->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) return;
  if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS) fail("AF_XDP transmit");
  for (uint64_t end = now_ns() + kRest; now_ns() < end;) {
  }
}

// Sends up to `count` (at most kBatch) frames from `number` on; answers how many went. What the
// device refuses counts as sent: it is lost, as on a wire.
static unsigned send_frames(struct source* s, const struct template* t,
                            const struct frame_options* o, uint32_t number, unsigned count) {
  if (s->is_xdp) {
    reclaim(s);
    if (count > s->frees) count = s->frees;
    uint32_t at = *s->tx.producer;
    for (unsigned i = 0; i < count; i++, at++) {
      uint64_t offset = (uint64_t)s->free[--s->frees] * kSlot;
      stamp(s->memory + offset, t, o, number + i);
      ((struct xdp_desc*)s->tx.entries)[at % kSlots] =
          (struct xdp_desc){.addr = offset, .len = t->length};
    }
    __atomic_store_n(s->tx.producer, at, __ATOMIC_RELEASE);
    kick(s);
    return count;
  }
  for (unsigned i = 0; i < count; i++) stamp(s->pieces[i].iov_base, t, o, number + i);
  for (unsigned done = 0; done < count;) {
    int n = sendmmsg(s->fd, s->messages + done, count - done, 0);
    if (n > 0) {
      done += (unsigned)n;
    } else if (errno == ENOBUFS) {
      s->refused++;
      done++;
    } else if (errno != EAGAIN && errno != EINTR) {
      fail("sendmmsg");
    }
  }
  return count;
}

// Waits until the kernel has given back every frame, half a second at most.
static void drain_source(struct source* s) {
  if (!s->is_xdp) return;
  for (uint64_t end = now_ns() + 500000000u; now_ns() < end;) {
    reclaim(s);
    if (s->frees == kSlots) return;
    kick(s);
  }
}
