// BGP EVPN speakers as load and as meter: opens sessions, announces type 2 routes as told, and says
// when a session knows how many.
//   bgp-load NS PEER ASN LOCAL SESSIONS MACS [vni N]
//     session i speaks from address LOCAL + i, which NS must have; MACs are numbered from 0 to MACS - 1
// In, a line each ("all" or the number of a session first):
//   announce S FIRST COUNT [SEQUENCE]    COUNT for each session: "all" shares them out, session i begins at FIRST + i * COUNT
//   withdraw S FIRST COUNT
//   churn S FIRST COUNT RATE SECONDS     withdraws and announces in turn, RATE routes a second
//   want S COUNT                         say so when it knows COUNT MACs
//   drop S                               ends the connection
// Out: "established S T", "all-established T", "sent S T", "knows S COUNT T", "closed S WHY", with T in ns of CLOCK_MONOTONIC.
// A route is known when it was announced and not withdrawn, once however often it was told.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "tool.h"

enum { kHeader = 19, kMost = 4096, kPerUpdate = 90, kRead = 1 << 18, kHold = 180, kNlri = 35 };

struct Job {
  uint32_t first, count, at, sequence;
  int withdraw;
  // Of a churn: so many turns of the whole are left, and routes may leave so fast.
  uint64_t left, rate, started, sent;
};

struct Session {
  int fd;
  struct in_addr local;
  int established, opened;
  struct Job jobs[16];
  unsigned head, tail;
  uint8_t out[65536];
  uint32_t out_at, out_end;
  uint8_t* part;
  uint32_t part_length;
  uint64_t* known;
  uint32_t count;
  int64_t want;
};

static struct Session* sessions;
static unsigned session_count, established_count;
static uint32_t macs, vni = 10100;
static uint16_t asn;
static int poller;
static struct sockaddr_in peer;

static void put16(uint8_t* p, uint32_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static void put32(uint8_t* p, uint32_t v) {
  put16(p, v >> 16);
  put16(p + 2, v);
}
static uint32_t get16(const uint8_t* p) { return (uint32_t)p[0] << 8 | p[1]; }

static void say(const char* what, const struct Session* s) {
  printf("%s %ld %llu\n", what, s - sessions, (unsigned long long)now_ns());
  fflush(stdout);
}

static uint8_t* header(uint8_t* p, int type) {
  memset(p, 0xff, 16);
  p[18] = (uint8_t)type;
  return p + kHeader;
}
static uint32_t finish(uint8_t* start, const uint8_t* end) {
  put16(start + 16, (uint32_t)(end - start));
  return (uint32_t)(end - start);
}

static uint8_t* room(struct Session* s, uint32_t octets) {
  return s->out_end + octets <= sizeof s->out ? s->out + s->out_end : NULL;
}

static void send_open(struct Session* s) {
  uint8_t* start = room(s, 64);
  uint8_t* p = header(start, 1);
  *p++ = 4;
  put16(p, asn);
  put16(p + 2, kHold);
  memcpy(p + 4, &s->local, 4);
  p += 8;
  // Multiprotocol l2vpn evpn, route refresh, four-octet AS.
  static const uint8_t capabilities[] = {2, 14, 1, 4, 0, 25, 0, 70, 2, 0, 65, 4, 0, 0};
  *p++ = sizeof capabilities + 2;
  memcpy(p, capabilities, sizeof capabilities);
  put16(p + sizeof capabilities, asn);
  p += sizeof capabilities + 2;
  s->out_end += finish(start, p);
}

static void send_keepalive(struct Session* s) {
  uint8_t* start = room(s, kHeader);
  if (start != NULL) s->out_end += finish(start, header(start, 4));
}

// RD, ESI, tag, MAC, no IP, label.
static uint8_t* nlri(uint8_t* p, const struct Session* s, uint32_t n) {
  p[0] = 2;
  p[1] = kNlri - 2;
  put16(p + 2, 1);
  memcpy(p + 4, &s->local, 4);
  put16(p + 8, 1);
  memset(p + 10, 0, 14);
  p[24] = 48;
  put16(p + 25, 0x02aa);
  put32(p + 27, n);
  p[31] = 0;
  p[32] = (uint8_t)(vni >> 16);
  put16(p + 33, vni);
  return p + kNlri;
}

static uint8_t* attribute(uint8_t* p, int flags, int type, uint32_t length) {
  p[0] = (uint8_t)(flags | 0x10);
  p[1] = (uint8_t)type;
  put16(p + 2, length);
  return p + 4;
}

static uint32_t update(uint8_t* start, const struct Session* s, const struct Job* job, uint32_t count) {
  uint8_t* p = header(start, 2);
  put16(p, 0);
  uint8_t* length = p + 2;
  uint8_t* attributes = p = length + 2;
  if (job->withdraw) {
    p = attribute(p, 0x80, 15, 3 + count * kNlri);
  } else {
    p = attribute(p, 0x40, 1, 1);
    *p++ = 0;
    p = attribute(p, 0x40, 2, 0);
    p = attribute(p, 0x40, 5, 4);
    put32(p, 100);
    p = attribute(p + 4, 0xc0, 16, job->sequence > 0 ? 24 : 16);
    put16(p, 0x0002);
    put16(p + 2, asn);
    put32(p + 4, vni);
    put32(p + 8, 0x030c0000);
    put32(p + 12, 8);
    p += 16;
    if (job->sequence > 0) {
      put32(p, 0x06000000);
      put32(p + 4, job->sequence);
      p += 8;
    }
    p = attribute(p, 0x80, 14, 9 + count * kNlri);
  }
  put16(p, 25);
  p[2] = 70;
  p += 3;
  if (!job->withdraw) {
    *p++ = 4;
    memcpy(p, &s->local, 4);
    p[4] = 0;
    p += 5;
  }
  for (uint32_t i = 0; i < count; i++) p = nlri(p, s, job->first + job->at + i);
  put16(length, (uint32_t)(p - attributes));
  return finish(start, p);
}

static int is_due(const struct Job* job) {
  if (job->rate == 0) return 1;
  return job->sent < (now_ns() - job->started) * job->rate / 1000000000u;
}

// Fills the buffer from the jobs, as far as they are due.
static void fill(struct Session* s) {
  while (s->head != s->tail) {
    struct Job* job = &s->jobs[s->head % 16];
    uint8_t* start = room(s, kMost);
    if (start == NULL || !is_due(job)) return;
    uint32_t left = job->count - job->at;
    uint32_t count = left < kPerUpdate ? left : kPerUpdate;
    s->out_end += update(start, s, job, count);
    job->at += count;
    job->sent += count;
    if (job->at < job->count) continue;
    if (job->left > 1) {
      job->left--;
      job->at = 0;
      job->withdraw = !job->withdraw;
      continue;
    }
    s->head++;
    say("sent", s);
  }
}

static void watch(struct Session* s, int op, int writable) {
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0),
                              .data.u32 = (uint32_t)(s - sessions)};
  epoll_ctl(poller, op, s->fd, &event);
}

static void closed(struct Session* s, const char* why) {
  if (s->fd < 0) return;
  close(s->fd);
  s->fd = -1;
  established_count -= (unsigned)s->established;
  s->established = 0;
  printf("closed %ld %s\n", s - sessions, why);
  fflush(stdout);
}

static void flush(struct Session* s) {
  if (s->fd < 0) return;
  for (;;) {
    if (s->established) fill(s);
    if (s->out_at == s->out_end) break;
    ssize_t n = send(s->fd, s->out + s->out_at, s->out_end - s->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      watch(s, EPOLL_CTL_MOD, 1);
      return;
    }
    if (n < 0) {
      closed(s, strerror(errno));
      return;
    }
    s->out_at += (uint32_t)n;
    if (s->out_at == s->out_end) s->out_at = s->out_end = 0;
  }
  watch(s, EPOLL_CTL_MOD, 0);
}

static void know(struct Session* s, uint32_t n, int is_known) {
  if (n >= macs) return;
  uint64_t bit = 1ull << (n & 63);
  uint64_t* word = &s->known[n >> 6];
  if (((*word & bit) != 0) == is_known) return;
  *word ^= bit;
  s->count += is_known ? 1 : -1u;
  if ((int64_t)s->count != s->want) return;
  s->want = -1;
  printf("knows %ld %u %llu\n", s - sessions, s->count, (unsigned long long)now_ns());
  fflush(stdout);
}

static void routes(struct Session* s, const uint8_t* p, const uint8_t* end, int is_known) {
  while (end - p >= 2 && end - p >= 2 + p[1]) {
    if (p[0] == 2 && p[1] >= 33 && p[25] == 0x02 && p[26] == 0xaa)
      know(s, get16(p + 27) << 16 | get16(p + 29), is_known);
    p += 2 + p[1];
  }
}

static void take_update(struct Session* s, const uint8_t* p, const uint8_t* end) {
  if (end - p < 4) return;
  p += 2 + get16(p);
  if (end - p < 2) return;
  p += 2;
  while (end - p >= 4) {
    const int is_long = p[0] & 0x10;
    const uint32_t length = is_long ? get16(p + 2) : p[2];
    const uint8_t* value = p + (is_long ? 4 : 3);
    const int type = p[1];
    if (length > (size_t)(end - value)) return;
    if (type == 14 && length >= 5 && length >= 5u + value[3])
      routes(s, value + 5 + value[3], value + length, 1);
    if (type == 15 && length >= 3) routes(s, value + 3, value + length, 0);
    p = value + length;
  }
}

static void take(struct Session* s, const uint8_t* message, uint32_t length) {
  switch (message[18]) {
    case 1:
      s->opened = 1;
      send_keepalive(s);
      break;
    case 2:
      take_update(s, message + kHeader, message + length);
      break;
    case 3: {
      char why[64];
      snprintf(why, sizeof why, "NOTIFICATION %u/%u", message[19], message[20]);
      closed(s, why);
      break;
    }
    case 4:
      if (s->established || !s->opened) break;
      s->established = 1;
      say("established", s);
      if (++established_count == session_count) say("all-established", s);
      break;
  }
}

static void receive(struct Session* s) {
  static uint8_t data[kMost + kRead];
  memcpy(data, s->part, s->part_length);
  ssize_t n = recv(s->fd, data + s->part_length, kRead, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    closed(s, n == 0 ? "by the peer" : strerror(errno));
    return;
  }
  const uint8_t* p = data;
  const uint8_t* end = data + s->part_length + n;
  while (end - p >= kHeader) {
    uint32_t length = get16(p + 16);
    if (length < kHeader || length > kMost) {
      closed(s, "bad length");
      return;
    }
    if ((uint32_t)(end - p) < length) break;
    take(s, p, length);
    if (s->fd < 0) return;
    p += length;
  }
  s->part_length = (uint32_t)(end - p);
  memcpy(s->part, p, s->part_length);
  flush(s);
}

static void open_session(struct Session* s) {
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = s->local};
  int one = 1;
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (s->fd < 0 || bind(s->fd, (struct sockaddr*)&from, sizeof from) != 0) fail("bind");
  if (connect(s->fd, (struct sockaddr*)&peer, sizeof peer) != 0) fail("connect");
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
  s->part = malloc(kMost);
  s->known = calloc((macs + 63) / 64, 8);
  s->want = -1;
  watch(s, EPOLL_CTL_ADD, 0);
  send_open(s);
  flush(s);
}

static void add_job(struct Session* s, struct Job job) {
  if (s->tail - s->head == 16) {
    fprintf(stderr, "bgp-load: session %ld: too many jobs\n", s - sessions);
    exit(2);
  }
  s->jobs[s->tail++ % 16] = job;
  flush(s);
}

static void obey(char* line) {
  char verb[16], who[16];
  unsigned long a = 0, b = 0, c = 0, d = 0;
  int words = sscanf(line, "%15s %15s %lu %lu %lu %lu", verb, who, &a, &b, &c, &d);
  if (words < 2) return;
  const int all = strcmp(who, "all") == 0;
  unsigned from = all ? 0 : (unsigned)atoi(who);
  unsigned to = all ? session_count : from + 1;
  if (to > session_count) {
    fprintf(stderr, "bgp-load: no session %s\n", who);
    exit(2);
  }
  for (unsigned i = from; i < to; i++) {
    struct Session* s = &sessions[i];
    const uint32_t first = (uint32_t)a + (all ? i * (uint32_t)b : 0);
    struct Job job = {.first = first, .count = (uint32_t)b, .sequence = (uint32_t)c, .left = 1};
    if (strcmp(verb, "announce") == 0) {
      add_job(s, job);
    } else if (strcmp(verb, "withdraw") == 0) {
      job.withdraw = 1;
      add_job(s, job);
    } else if (strcmp(verb, "churn") == 0) {
      // Begins with a withdrawal and ends with an announcement.
      job.sequence = 0;
      job.withdraw = 1;
      job.rate = c;
      job.started = now_ns();
      job.left = (c * d / b + 1) & ~1ul;
      add_job(s, job);
    } else if (strcmp(verb, "want") == 0) {
      s->want = (int64_t)a;
      if (s->count != a) continue;
      s->want = -1;
      printf("knows %u %u %llu\n", i, s->count, (unsigned long long)now_ns());
      fflush(stdout);
    } else if (strcmp(verb, "drop") == 0) {
      closed(s, "as told");
    } else {
      fprintf(stderr, "bgp-load: %s?\n", verb);
      exit(2);
    }
  }
}

// Lines of standard input; at its end everything ends.
static void read_commands(void) {
  static char text[4096];
  static size_t length;
  ssize_t n = read(0, text + length, sizeof text - 1 - length);
  if (n <= 0) exit(0);
  length += (size_t)n;
  text[length] = 0;
  char* line = text;
  for (char* end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = 0;
    obey(line);
  }
  length -= (size_t)(line - text);
  memmove(text, line, length);
}

static int ticker(long nanoseconds) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct timespec each = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  struct itimerspec when = {each, each};
  timerfd_settime(fd, 0, &when, NULL);
  return fd;
}

int main(int argc, char** argv) {
  if (argc < 7) {
    fprintf(stderr, "usage: bgp-load NS PEER ASN LOCAL SESSIONS MACS [vni N]\n");
    return 2;
  }
  enter(argv[1]);
  peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(179)};
  struct in_addr local;
  if (inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1 || inet_pton(AF_INET, argv[4], &local) != 1) {
    fprintf(stderr, "bgp-load: expected IPv4 addresses\n");
    return 2;
  }
  asn = (uint16_t)atoi(argv[3]);
  session_count = (unsigned)atoi(argv[5]);
  macs = (uint32_t)atol(argv[6]);
  if (argc > 8 && strcmp(argv[7], "vni") == 0) vni = (uint32_t)atol(argv[8]);
  struct rlimit files = {session_count + 64, session_count + 64};
  setrlimit(RLIMIT_NOFILE, &files);
  sessions = calloc(session_count, sizeof *sessions);
  poller = epoll_create1(EPOLL_CLOEXEC);
  enum { kCommands = 1u << 31, kKeepalive, kChurn };
  int keepalive = ticker(20 * 1000000000l), churn = ticker(5000000);
  struct epoll_event commands = {.events = EPOLLIN, .data.u32 = kCommands};
  struct epoll_event alive = {.events = EPOLLIN, .data.u32 = kKeepalive};
  struct epoll_event churning = {.events = EPOLLIN, .data.u32 = kChurn};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &commands);
  epoll_ctl(poller, EPOLL_CTL_ADD, keepalive, &alive);
  epoll_ctl(poller, EPOLL_CTL_ADD, churn, &churning);
  for (unsigned i = 0; i < session_count; i++) {
    sessions[i].local.s_addr = htonl(ntohl(local.s_addr) + i);
    open_session(&sessions[i]);
  }
  for (;;) {
    struct epoll_event events[256];
    int n = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < n; i++) {
      uint32_t which = events[i].data.u32;
      uint64_t ticks;
      if (which == kCommands) {
        read_commands();
      } else if (which == kKeepalive) {
        if (read(keepalive, &ticks, 8) < 0) continue;
        for (unsigned s = 0; s < session_count; s++) {
          if (!sessions[s].established) continue;
          send_keepalive(&sessions[s]);
          flush(&sessions[s]);
        }
      } else if (which == kChurn) {
        if (read(churn, &ticks, 8) < 0) continue;
        for (unsigned s = 0; s < session_count; s++)
          if (sessions[s].head != sessions[s].tail && sessions[s].out_at == sessions[s].out_end)
            flush(&sessions[s]);
      } else {
        struct Session* s = &sessions[which];
        if (s->fd >= 0 && (events[i].events & EPOLLOUT)) flush(s);
        if (s->fd >= 0 && (events[i].events & ~EPOLLOUT)) receive(s);
      }
    }
  }
}
