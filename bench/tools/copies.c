// What the system calls of the worker's path cost for super-frames of 64 KB, beside other ways to
// do the same: io_uring, and sends that do not copy.
//   copies
// Everything runs on one CPU, so the time that passes is all that it costs, the kernel's work after
// the call included; what was measured while others had it, too, is measured again. Every frame
// carries its number in front and at its end; what has not arrived whole ends the program. The
// methods of a work take turns within a trial. Prints
// {"remarks": [sentence], "works": [{"what", "batch", "methods": [{"name", "ns", "copied"}]}]}:
// nanoseconds per super-frame, and per cent of sends without copying that were copied nevertheless,
// one value per trial. The first method of a work is what the worker does today.
#define _GNU_SOURCE
#include <sys/resource.h>

#include "copies-rig.h"
#include "super-frame.h"
#include "uring.h"

// Needs <time.h> before it.
#include <linux/errqueue.h>

enum {
  kRound = 32,   // super-frames between two readings of the clock
  kRounds = 48,  // of a trial
  kTrials = 7,
  kMaxMethods = 5,
};

// Registered files and buffers, by their numbers.
enum file { kFileTap, kFileVeth, kFileNic, kFileNicRaw, kFiles };
enum buffer { kBufferIn, kBufferOut, kBuffers };

struct work;

struct method {
  const char* name;
  int by_ring, copies_not;
  // Moves so many frames; -1 with errno when the kernel refuses. What was moved wrongly is fatal.
  int (*move)(const struct work*, unsigned batch);
};

struct work {
  const char* what;
  int* fd;
  enum file file;
  unsigned length;        // octets of a frame behind its virtio_net_hdr
  int header;             // 1: has one
  const char* interface;  // that counts what arrives; null: `take` does
  unsigned counted;       // octets, as it counts them
  void (*prepare)(void);  // before each round, not measured
  void (*take)(unsigned batch);
  const struct method* methods;
  unsigned batches[4];
};

static struct rig rig;
static struct uring ring;
static int have_ring;
static uint8_t *in, *out;       // kRound slots each
static uint32_t copied, freed;  // of sends that do not copy
static unsigned rounds_run, rounds_shared;
static int witness = -1;  // sees what is written to the tap
static struct mmsghdr outgoing[kRound], incoming[kRound];
static struct iovec pieces[kRound][2], places[kRound];
static uint8_t controls[kRound][CMSG_SPACE(sizeof(int))];
static char remarks[1024] = "";

static void remark(const char* format, ...) {
  size_t used = strlen(remarks);
  va_list list;
  used += (size_t)snprintf(remarks + used, sizeof remarks - used, "%s\"", used == 0 ? "" : ",");
  va_start(list, format);
  used += (size_t)vsnprintf(remarks + used, sizeof remarks - used, format, list);
  va_end(list);
  if (used + 2 > sizeof remarks) wrong("more remarks than there is room for");
  strcpy(remarks + used, "\"");
}

// The worker's pieces for this work: a header from scratch memory, then the frame where it lies.
static void lay_out(const struct work* w) {
  for (unsigned i = 0; i < kRound; i++) {
    pieces[i][0] = (struct iovec){slot(out, i) + kSlotHeader, sizeof(struct virtio_net_hdr)};
    pieces[i][1] = (struct iovec){slot(out, i), w->length};
    outgoing[i].msg_hdr =
        (struct msghdr){.msg_iov = &pieces[i][w->header ? 0 : 1], .msg_iovlen = w->header ? 2 : 1};
  }
}

// The ring: submissions of a batch, then all that they complete.

static struct io_uring_sqe* submit(const struct work* w, unsigned operation, unsigned i,
                                   const void* at, unsigned length) {
  struct io_uring_sqe* s = uring_next(&ring);
  s->opcode = (uint8_t)operation;
  s->flags = IOSQE_FIXED_FILE;
  s->fd = (int)w->file;
  s->addr = (uint64_t)(uintptr_t)at;
  s->len = length;
  s->user_data = i;
  return s;
}

// A send that does not copy completes twice, at last when its memory is free.
static int complete(unsigned batch, int results[kRound]) {
  int error = 0;
  if (uring_enter(&ring, batch) != 0) return -1;
  for (unsigned left = batch; left > 0;) {
    const struct io_uring_cqe* c = uring_peek(&ring);
    if (c == NULL) {
      if (uring_enter(&ring, 1) != 0) return -1;
      continue;
    }
    if (c->flags & IORING_CQE_F_NOTIF) {
      freed++;
      copied += ((uint32_t)c->res & IORING_NOTIF_USAGE_ZC_COPIED) != 0;
    } else {
      results[c->user_data] = c->res;
      if (c->res < 0) error = -c->res;
      if (c->flags & IORING_CQE_F_MORE) left++;
    }
    left--;
    uring_seen(&ring);
  }
  errno = error;
  return error == 0 ? 0 : -1;
}

static int complete_all(const struct work* w, unsigned batch) {
  int results[kRound];
  int whole = (int)w->length + (w->header ? (int)sizeof(struct virtio_net_hdr) : 0);
  if (complete(batch, results) != 0) return -1;
  for (unsigned i = 0; i < batch; i++)
    if (results[i] != whole) wrong("a frame was not sent whole");
  return 0;
}

// Work 1: nothing, which is what the ways into the kernel cost by themselves.

static int plain_nothing(const struct work* w, unsigned batch) {
  (void)w;
  for (unsigned i = 0; i < batch; i++) syscall(SYS_getppid);
  return 0;
}

static int ring_nothing(const struct work* w, unsigned batch) {
  int results[kRound];
  for (unsigned i = 0; i < batch; i++) submit(w, IORING_OP_NOP, i, NULL, 0);
  return complete(batch, results);
}

// Work 2: read from the tap what was fed to it.

static uint32_t fed;  // the first frame's number

static void feed(void) {
  uint8_t rest[64];
  while (read(rig.tap, rest, sizeof rest) > 0) continue;  // of a method that was refused
  taken = fed = sent;
  for (unsigned i = 0; i < kRound; i++) stamp(slot(out, i), kFrame);
  if (sendmmsg(rig.feed, outgoing, kRound, 0) != kRound) fail("feeding the tap");
}

static void check_read(unsigned i, ssize_t size) {
  struct virtio_net_hdr header;
  memcpy(&header, slot(in, i), sizeof header);
  if (size != (ssize_t)sizeof header + kFrame || header.gso_type != VIRTIO_NET_HDR_GSO_TCPV4 ||
      header.gso_size != kTcpSegment)
    wrong("a super-frame did not come whole out of the tap");
  check(slot(in, i) + sizeof header, kFrame, slot(out, taken - fed));
}

static int plain_read(const struct work* w, unsigned batch) {
  for (unsigned i = 0; i < batch; i++) {
    ssize_t size = read(*w->fd, slot(in, i), kSlot);
    if (size < 0) return -1;
    check_read(i, size);
  }
  return 0;
}

static int ring_read_as(const struct work* w, unsigned batch, unsigned operation) {
  int sizes[kRound];
  for (unsigned i = 0; i < batch; i++)
    submit(w, operation, i, slot(in, i), kSlot)->buf_index = kBufferIn;
  if (complete(batch, sizes) != 0) return -1;
  for (unsigned i = 0; i < batch; i++) check_read(i, sizes[i]);
  return 0;
}

static int ring_read(const struct work* w, unsigned batch) {
  return ring_read_as(w, batch, IORING_OP_READ);
}

static int ring_read_fixed(const struct work* w, unsigned batch) {
  return ring_read_as(w, batch, IORING_OP_READ_FIXED);
}

// Work 3: write to the tap.

static void see_written(unsigned batch) {
  uint8_t* seen = slot(in, 0);
  for (unsigned i = 0; witness >= 0 && i < batch; i++) {
    if (read(witness, seen, kSlot) != (ssize_t)sizeof(struct virtio_net_hdr) + kFrame)
      wrong("a super-frame did not come whole into the stack");
    check(seen + sizeof(struct virtio_net_hdr), kFrame, slot(out, i));
  }
}

static int plain_write(const struct work* w, unsigned batch) {
  for (unsigned i = 0; i < batch; i++) {
    stamp(slot(out, i), w->length);
    ssize_t size = writev(*w->fd, pieces[i], 2);
    if (size < 0) return -1;
    if (size != (ssize_t)sizeof(struct virtio_net_hdr) + kFrame) wrong("a short write to the tap");
  }
  return 0;
}

static int ring_write_as(const struct work* w, unsigned batch, unsigned operation, unsigned where) {
  for (unsigned i = 0; i < batch; i++) {
    stamp(slot(out, i), w->length);
    submit(w, operation, i, pieces[i], 2)->buf_index = (uint16_t)where;
  }
  return complete_all(w, batch);
}

static int ring_write(const struct work* w, unsigned batch) {
  return ring_write_as(w, batch, IORING_OP_WRITEV, 0);
}

static int ring_write_fixed(const struct work* w, unsigned batch) {
  return ring_write_as(w, batch, kOpWritevFixed, kBufferOut);
}

// Work 4: send trains of datagrams, or super-frames by AF_PACKET.

static int send_batch(const struct work* w, unsigned batch, int flags) {
  for (unsigned i = 0; i < batch; i++) stamp(slot(out, i), w->length);
  int count = sendmmsg(*w->fd, outgoing, batch, MSG_DONTWAIT | flags);
  if (count >= 0 && count != (int)batch) wrong("a batch was not sent whole");
  return count < 0 ? -1 : 0;
}

static int plain_send(const struct work* w, unsigned batch) { return send_batch(w, batch, 0); }

// A range of sends whose memory is free; 0 when there is none.
static unsigned reap(int fd) {
  uint8_t control[256];
  struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
  const struct cmsghdr* c = CMSG_FIRSTHDR(&message);
  struct sock_extended_err said;
  if (c == NULL) wrong("an error without its reason");
  memcpy(&said, CMSG_DATA(c), sizeof said);
  if (said.ee_errno != 0 || said.ee_origin != SO_EE_ORIGIN_ZEROCOPY) wrong("a send has failed");
  unsigned count = said.ee_data - said.ee_info + 1;
  freed += count;
  if (said.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) copied += count;
  return count;
}

static int zerocopy_send(const struct work* w, unsigned batch) {
  if (send_batch(w, batch, MSG_ZEROCOPY) != 0) return -1;
  uint64_t give_up = now_ns() + 1000000000u;
  for (unsigned got = 0; got < batch;) {
    unsigned count = reap(*w->fd);
    got += count;
    if (count == 0 && now_ns() > give_up) wrong("the memory of a send does not become free");
    if (count == 0) sched_yield();
  }
  return 0;
}

static int ring_send_as(const struct work* w, unsigned batch, unsigned operation, unsigned flags) {
  for (unsigned i = 0; i < batch; i++) {
    stamp(slot(out, i), w->length);
    struct io_uring_sqe* s = submit(w, operation, i, &outgoing[i].msg_hdr, 1);
    s->msg_flags = MSG_DONTWAIT;
    s->ioprio = (uint16_t)flags;
    s->buf_index = flags & IORING_RECVSEND_FIXED_BUF ? kBufferOut : 0;
  }
  return complete_all(w, batch);
}

static int ring_send(const struct work* w, unsigned batch) {
  return ring_send_as(w, batch, IORING_OP_SENDMSG, 0);
}

static int ring_zerocopy(const struct work* w, unsigned batch) {
  return ring_send_as(w, batch, IORING_OP_SENDMSG_ZC, IORING_SEND_ZC_REPORT_USAGE);
}

static int ring_zerocopy_fixed(const struct work* w, unsigned batch) {
  return ring_send_as(w, batch, IORING_OP_SENDMSG_ZC,
                      IORING_SEND_ZC_REPORT_USAGE | IORING_RECVSEND_FIXED_BUF);
}

static void take_trains(unsigned batch) {
  for (unsigned i = 0; i < batch; i++)
    incoming[i].msg_hdr = (struct msghdr){.msg_iov = &places[i],
                                          .msg_iovlen = 1,
                                          .msg_control = controls[i],
                                          .msg_controllen = sizeof controls[i]};
  // Usually all are there; on a busy machine the kernel may have put off their delivery.
  uint64_t give_up = now_ns() + 1000000000u;
  for (unsigned got = 0; got < batch;) {
    int count = recvmmsg(rig.far, incoming + got, batch - got, MSG_DONTWAIT, NULL);
    if (count > 0) got += (unsigned)count;
    if (count < 0 && now_ns() > give_up) wrong("a train was lost");
    if (count < 0) sched_yield();
  }
  for (unsigned i = 0; i < batch; i++) {
    const struct cmsghdr* c = CMSG_FIRSTHDR(&incoming[i].msg_hdr);
    int datagram = 0;
    if (c != NULL && c->cmsg_type == UDP_GRO) memcpy(&datagram, CMSG_DATA(c), sizeof datagram);
    if (incoming[i].msg_len != kTrain || datagram != kDatagram) wrong("a train did not come whole");
    check(slot(in, i), kTrain, slot(out, i));
  }
}

static const struct method nothings[] = {
    {"system call", 0, 0, plain_nothing}, {"io_uring", 1, 0, ring_nothing}, {0}};
static const struct method reads[] = {{"read", 0, 0, plain_read},
                                      {"io_uring", 1, 0, ring_read},
                                      {"io_uring, registered", 1, 0, ring_read_fixed},
                                      {0}};
static const struct method writes[] = {{"writev", 0, 0, plain_write},
                                       {"io_uring", 1, 0, ring_write},
                                       {"io_uring, registered", 1, 0, ring_write_fixed},
                                       {0}};
static const struct method packet_sends[] = {
    {"sendmmsg", 0, 0, plain_send}, {"io_uring", 1, 0, ring_send}, {0}};
static const struct method train_sends[] = {{"sendmmsg", 0, 0, plain_send},
                                            {"MSG_ZEROCOPY", 0, 1, zerocopy_send},
                                            {"io_uring", 1, 0, ring_send},
                                            {"io_uring ZC", 1, 1, ring_zerocopy},
                                            {"io_uring ZC, registered", 1, 1, ring_zerocopy_fixed},
                                            {0}};

static const struct work works[] = {
    {"a call that does nothing",
     &rig.tap,
     kFileTap,
     kFrame,
     1,
     NULL,
     0,
     NULL,
     NULL,
     nothings,
     {1, 8, 32}},
    {"tap read", &rig.tap, kFileTap, kFrame, 1, NULL, 0, feed, NULL, reads, {1, 8, 32}},
    {"tap write",
     &rig.tap,
     kFileTap,
     kFrame,
     1,
     "tenant",
     kFrame,
     NULL,
     see_written,
     writes,
     {1, 8, 32}},
    {"AF_PACKET send",
     &rig.nic_raw,
     kFileNicRaw,
     kFrame,
     1,
     "nic",
     kFrame,
     NULL,
     NULL,
     packet_sends,
     {1, 8}},
    {"UDP send to a NIC",
     &rig.nic,
     kFileNic,
     kTrain,
     0,
     "nic",
     kTrain + 42,
     NULL,
     NULL,
     train_sends,
     {1, 8}},
    {"UDP send by veth and receive",
     &rig.veth,
     kFileVeth,
     kTrain,
     0,
     NULL,
     0,
     NULL,
     take_trains,
     train_sends,
     {1, 8}},
};
enum { kWorks = sizeof works / sizeof works[0], kPacketWork = 3, kVethWork = 5 };

// How often we were not on the CPU, pushed aside or waiting.
static long times_away(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

// Moves a round's frames. Nanoseconds; 0 when others had the CPU meanwhile, -1 with errno when the
// kernel refuses.
static int64_t run_round(const struct work* w, const struct method* m, unsigned batch) {
  if (w->prepare != NULL) w->prepare();
  long before = times_away();
  uint64_t start = now_ns();
  for (unsigned n = 0; n < kRound; n += batch) {
    if (m->move(w, batch) != 0) return -1;
    if (w->take != NULL) w->take(batch);
  }
  uint64_t took = now_ns() - start;
  rounds_run++;
  if (times_away() == before) return (int64_t)took;
  rounds_shared++;
  return 0;
}

static void check_arrival(const struct work* w, const struct method* m, uint64_t frames,
                          struct counters before) {
  if (w->interface != NULL) {
    struct counters after = received_by(w->interface);
    if (after.frames - before.frames != frames ||
        after.octets - before.octets != frames * w->counted)
      wrong("an interface has not received what was sent to it");
  } else if (taken != sent) {
    wrong("frames were lost");
  }
  if (m->copies_not && freed != frames) wrong("not every send was said to be done");
}

// Nanoseconds per frame over so many rounds that were not shared; -1 with errno when the kernel
// refuses.
static double measure(const struct work* w, const struct method* m, unsigned batch,
                      unsigned rounds) {
  struct counters before = {0};
  uint64_t sum = 0;
  unsigned good = 0, tries = 0;
  copied = freed = 0;
  taken = sent;
  if (w->interface != NULL) before = received_by(w->interface);
  for (; good < rounds; tries++) {
    if (tries == 20 * rounds) wrong("others do not leave the CPU to us");
    int64_t took = run_round(w, m, batch);
    if (took < 0) return -1;
    good += took > 0;
    sum += (uint64_t)took;
  }
  check_arrival(w, m, (uint64_t)tries * kRound, before);
  return (double)sum / good / kRound;
}

// One round that is looked at octet by octet. False: this kernel has no such method.
static int works_here(const struct work* w, const struct method* m, unsigned batch) {
  if (m->by_ring && !have_ring) return 0;
  if (w->take == see_written) witness = open_packet("tenant", ETH_P_ALL);
  thorough = 1;
  int good = measure(w, m, batch, 1) >= 0;
  thorough = 0;
  if (!good) remark("%s: %s: refused: %s", w->what, m->name, strerror(errno));
  if (witness >= 0) close(witness);
  witness = -1;
  return good;
}

static void print_values(const char* name, const double values[kTrials]) {
  printf(",\"%s\":[", name);
  for (unsigned i = 0; i < kTrials; i++) printf("%s%.1f", i == 0 ? "" : ",", values[i]);
  printf("]");
}

static void run_work(const struct work* w, unsigned batch) {
  static double ns[kMaxMethods][kTrials], shares[kMaxMethods][kTrials];
  int good[kMaxMethods] = {0};
  lay_out(w);
  for (unsigned i = 0; w->methods[i].name != NULL; i++)
    good[i] = works_here(w, &w->methods[i], batch);
  for (unsigned trial = 0; trial < kTrials; trial++)
    for (unsigned i = 0; w->methods[i].name != NULL; i++) {
      if (!good[i]) continue;
      ns[i][trial] = measure(w, &w->methods[i], batch, kRounds);
      if (ns[i][trial] < 0) fail(w->methods[i].name);
      shares[i][trial] = freed == 0 ? 0 : 100.0 * copied / freed;
    }
  printf("{\"what\":\"%s\",\"batch\":%u,\"methods\":[", w->what, batch);
  for (unsigned i = 0, printed = 0; w->methods[i].name != NULL; i++) {
    if (!good[i]) continue;
    printf("%s{\"name\":\"%s\"", printed++ == 0 ? "" : ",", w->methods[i].name);
    print_values("ns", ns[i]);
    if (w->methods[i].copies_not) print_values("copied", shares[i]);
    printf("}");
  }
  printf("]}");
}

// What can be tried only once: who takes a send that does not copy at all.

static void ask_packet_socket(void) {
  const struct work* w = &works[kPacketWork];
  int on = 1;
  int answer = setsockopt(*w->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on);
  remark("AF_PACKET: SO_ZEROCOPY: %s", answer == 0 ? "taken" : strerror(errno));
  if (!have_ring) return;
  lay_out(w);
  answer = ring_zerocopy(w, 1);
  remark("AF_PACKET: io_uring ZC: %s", answer == 0 ? "taken" : strerror(errno));
}

// The worker's train has headers and a part of the tenant's memory for each datagram, where a
// packet of the kernel has room for 17 parts that are not copied.
static void ask_for_pieces(void) {
  const struct work* w = &works[kVethWork];
  struct iovec train[2 * kSegments];
  enum { kHead = 8 + 14 + 20 + 20 };
  for (unsigned i = 0; i < kSegments; i++) {
    train[2 * i] = (struct iovec){slot(out, 1) + i * 64, kHead};
    train[2 * i + 1] = (struct iovec){slot(out, 0) + i * (kDatagram - kHead), kDatagram - kHead};
  }
  for (const struct method* m = train_sends; m->name != NULL; m++) {
    if (m->by_ring && !have_ring) continue;
    lay_out(w);
    outgoing[0].msg_hdr.msg_iov = train;
    outgoing[0].msg_hdr.msg_iovlen = 2 * kSegments;
    int answer = m->move(w, 1);
    remark("a train of %d datagrams in %d pieces: %s: %s", kSegments, 2 * kSegments, m->name,
           answer == 0 ? "taken" : strerror(errno));
    while (recv(rig.far, slot(in, 0), kSlot, MSG_DONTWAIT) > 0) continue;
  }
}

// In huge pages, of which a send that does not copy has the fewest parts to note down.
static void open_memory(void) {
  const size_t page = 2 << 20, size = 2 * (size_t)kRound * kSlot;
  uint8_t* memory =
      mmap(NULL, size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  in = memory + page - (uintptr_t)memory % page;
  out = in + size / 2;
  madvise(in, size + page - size % page, MADV_HUGEPAGE);  // a kernel may have none
  memset(in, 0, size);
  for (unsigned i = 0; i < kRound; i++) {
    fill_frame(slot(out, i));
    places[i] = (struct iovec){slot(in, i), kSlot};
  }
}

// With all files and buffers registered. False with a remark when there is none.
static int open_ring(void) {
  int files[kFiles] = {[kFileTap] = rig.tap,
                       [kFileVeth] = rig.veth,
                       [kFileNic] = rig.nic,
                       [kFileNicRaw] = rig.nic_raw};
  size_t size = (size_t)kRound * kSlot;
  struct iovec buffers[kBuffers] = {[kBufferIn] = {in, size}, [kBufferOut] = {out, size}};
  if (uring_open(&ring, 2 * kRound) == 0 &&
      uring_register(&ring, IORING_REGISTER_FILES, files, kFiles) == 0 &&
      uring_register(&ring, IORING_REGISTER_BUFFERS, buffers, kBuffers) == 0)
    return 1;
  remark("io_uring: not here, its figures are missing: %s", strerror(errno));
  return 0;
}

static void pin(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

int main(void) {
  alarm(60);  // however it hangs
  pin();
  open_rig(&rig, kDatagram);
  open_memory();
  have_ring = open_ring();
  ask_packet_socket();
  ask_for_pieces();
  printf("{\"works\":[");
  for (unsigned i = 0, printed = 0; i < kWorks; i++)
    for (const unsigned* batch = works[i].batches; *batch != 0; batch++) {
      if (printed++ != 0) printf(",\n");
      run_work(&works[i], *batch);
    }
  remark("%u of %u rounds were run again, as others had the CPU meanwhile", rounds_shared,
         rounds_run);
  printf("],\"remarks\":[%s]}\n", remarks);
  return 0;
}
