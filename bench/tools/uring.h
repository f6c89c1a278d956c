// io_uring by plain system calls, for one thread that submits, waits and reaps. Set up the way that
// costs least: the kernel runs what has completed when the thread asks for it and at no other time.
#pragma once
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tool.h"

// Newer than the headers that this builds with (Linux 6.15).
enum { kOpWritevFixed = 61 };

struct uring {
  int fd, handle;  // what is registered, and the number by which the kernel finds it fastest
  unsigned *submit_tail, submit_mask;
  struct io_uring_sqe* submissions;
  unsigned *head, *tail, mask;  // of the completions
  struct io_uring_cqe* completions;
  unsigned queued;
};

static int uring_register(struct uring* r, unsigned what, const void* with, unsigned count) {
  return (int)syscall(SYS_io_uring_register, r->fd, what, with, count);
}

static void* uring_map(struct uring* r, size_t size, off_t which) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, which);
}

// Places of both queues; entry i of the first always means submission i.
static int uring_map_queues(struct uring* r, const struct io_uring_params* p) {
  size_t submit_size = p->sq_off.array + p->sq_entries * sizeof(unsigned);
  size_t complete_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
  uint8_t* submit = uring_map(r, submit_size, IORING_OFF_SQ_RING);
  uint8_t* complete = uring_map(r, complete_size, IORING_OFF_CQ_RING);
  r->submissions = uring_map(r, p->sq_entries * sizeof *r->submissions, IORING_OFF_SQES);
  if (submit == MAP_FAILED || complete == MAP_FAILED || r->submissions == MAP_FAILED) return -1;
  unsigned* order = (unsigned*)(submit + p->sq_off.array);
  for (unsigned i = 0; i < p->sq_entries; i++) order[i] = i;
  r->submit_tail = (unsigned*)(submit + p->sq_off.tail);
  r->submit_mask = p->sq_entries - 1;
  r->head = (unsigned*)(complete + p->cq_off.head);
  r->tail = (unsigned*)(complete + p->cq_off.tail);
  r->mask = p->cq_entries - 1;
  r->completions = (struct io_uring_cqe*)(complete + p->cq_off.cqes);
  return 0;
}

// -1 with errno when there is no io_uring, or none for us.
static int uring_open(struct uring* r, unsigned entries) {
  struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                       IORING_SETUP_SUBMIT_ALL};
  memset(r, 0, sizeof *r);
  r->fd = (int)syscall(SYS_io_uring_setup, entries, &p);
  if (r->fd < 0 || uring_map_queues(r, &p) != 0) return -1;
  struct io_uring_rsrc_update self = {.offset = UINT32_MAX, .data = (uint64_t)r->fd};
  if (uring_register(r, IORING_REGISTER_RING_FDS, &self, 1) != 1) return -1;
  r->handle = (int)self.offset;
  return 0;
}

// An empty submission, gone with the next uring_enter.
static struct io_uring_sqe* uring_next(struct uring* r) {
  struct io_uring_sqe* s = &r->submissions[(*r->submit_tail + r->queued++) & r->submit_mask];
  memset(s, 0, sizeof *s);
  return s;
}

// Submits all and waits for so many completions.
static int uring_enter(struct uring* r, unsigned wanted) {
  unsigned count = r->queued;
  __atomic_store_n(r->submit_tail, *r->submit_tail + count, __ATOMIC_RELEASE);
  r->queued = 0;
  long done = syscall(SYS_io_uring_enter, r->handle, count, wanted,
                      IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING, NULL, 0);
  return done == (long)count ? 0 : -1;
}

// The oldest completion, or null. Good until uring_seen.
static const struct io_uring_cqe* uring_peek(const struct uring* r) {
  if (*r->head == __atomic_load_n(r->tail, __ATOMIC_ACQUIRE)) return NULL;
  return &r->completions[*r->head & r->mask];
}

static void uring_seen(struct uring* r) {
  __atomic_store_n(r->head, *r->head + 1, __ATOMIC_RELEASE);
}
