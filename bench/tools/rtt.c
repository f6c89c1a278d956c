// Round trips of one UDP packet between two tenants, their own stacks included.
//   rtt NS_A NS_B ADDRESS_OF_B SIZE SECONDS [CPU_A CPU_B [GAP_MS]]
// CPU -1: not pinned. With a gap, each is sent after so much idling: what waking up adds.
// Prints {"count","lost","p50","p99","max"} in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tool.h"

enum { kPort = 7007, kMaxSamples = 1 << 20, kMaxSize = 1472 };

static void echo(int fd) {
  char data[kMaxSize];
  struct sockaddr_in from;
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr*)&from, &size);
    if (n > 0) sendto(fd, data, (size_t)n, 0, (struct sockaddr*)&from, size);
  }
}

static int ascending(const void* a, const void* b) {
  uint32_t x = *(const uint32_t*)a, y = *(const uint32_t*)b;
  return (x > y) - (x < y);
}

static void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

// One round trip in nanoseconds, or 0 when the answer did not come.
static uint64_t once(int fd, char* data, size_t size, uint64_t number) {
  memcpy(data, &number, sizeof number);
  uint64_t start = now_ns();
  if (send(fd, data, size, 0) < 0) fail("send");
  for (;;) {
    uint64_t answer;
    if (recv(fd, data, size, 0) < (ssize_t)sizeof answer) return 0;
    memcpy(&answer, data, sizeof answer);
    if (answer == number) return now_ns() - start;
  }
}

int main(int argc, char** argv) {
  int good = argc == 6 || argc == 8 || argc == 9;
  size_t size = good ? (size_t)atoi(argv[4]) : 0;
  if (!good || size < 8 || size > kMaxSize) {
    fprintf(stderr, "usage: rtt NS_A NS_B ADDRESS_OF_B SIZE(8-%d) SECONDS [CPU_A CPU_B [GAP_MS]]\n",
            kMaxSize);
    return 2;
  }
  int cpus[2] = {argc > 7 ? atoi(argv[6]) : -1, argc > 7 ? atoi(argv[7]) : -1};
  useconds_t gap = argc > 8 ? (useconds_t)(atof(argv[8]) * 1000) : 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort)};
  int ready[2];
  if (pipe(ready) != 0) fail("pipe");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enter(argv[2]);
    pin(cpus[1]);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("bind");
    if (write(ready[1], "", 1) != 1) fail("pipe");
    echo(fd);
  }
  char data[kMaxSize] = {0};
  if (read(ready[0], data, 1) != 1) fail("echo");
  enter(argv[1]);
  pin(cpus[0]);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  inet_aton(argv[3], &address.sin_addr);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail(argv[3]);
  struct timeval limit = {0, 200000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

  static uint32_t samples[kMaxSamples];
  uint32_t count = 0, lost = 0;
  uint64_t start = now_ns(), end = start + (uint64_t)(atof(argv[5]) * 1e9),
           warm = start + 200000000u;
  for (uint64_t i = 1, t; (t = now_ns()) < end && count < kMaxSamples; i++) {
    if (gap > 0) usleep(gap);
    uint64_t took = once(fd, data, size, i);
    if (t < warm) continue;
    if (took == 0)
      lost++;
    else
      samples[count++] = (uint32_t)took;
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (count == 0) {
    fprintf(stderr, "rtt: no answer from %s\n", argv[3]);
    return 1;
  }
  qsort(samples, count, sizeof samples[0], ascending);
  printf("{\"count\":%u,\"lost\":%u,\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}\n", count, lost,
         samples[count / 2] / 1e3, samples[(uint64_t)count * 99 / 100] / 1e3,
         samples[count - 1] / 1e3);
  return 0;
}
