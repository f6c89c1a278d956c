// The bench's meter: sends numbered frames into one interface and verifies what leaves another.
//   meter --tx NS/IF --rx NS/IF --to MAC --from MAC [options]
//     --size N          octets without FCS [64]           --flows N  UDP source ports [64]
//     --seconds S       of one trial [1]                  --rate PPS [as fast as it goes]
//     --count N         end after so many frames          --macs N   source MACs, counted up [1]
//     --cpus TX,RX      pins source and sink              --packet   sendmmsg instead of AF_XDP
//     --tunnel VNI,MAC_TO,MAC_FROM,IP_TO,IP_FROM          send inside VXLAN
//     --expect VNI      accept only frames inside VXLAN with this VNI
//     --warm N          frames sent slowly first and not counted [64]
//     --search LOSS,PPS,STEPS,CONFIRM   highest rate with at most LOSS per cent lost: bisects from
//     PPS downwards, then
//                       repeats what it found CONFIRM times; each has to pass, or a tenth less is
//                       tried
// Prints one JSON object: without --search the trial, with it {"rate", "loss", "trials"}; rates per
// second, loss in per cent, "cores" burned by the whole machine meanwhile. The two namespaces may
// be one.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "sink.h"
#include "source.h"

static struct frame_options options = {.size = 64, .flows = 64, .macs = 1};
static struct source source;
static struct sink sink;
static volatile int sink_done;
static int cpus[2] = {-1, -1};
static uint32_t first_magic;

struct trial {
  uint64_t sent;
  double seconds, rate, loss, cores;
  unsigned sink_drops;
};

static uint64_t wall_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

static void* sink_thread(void* unused) {
  (void)unused;
  pin(cpus[1]);
  run_sink(&sink, &sink_done);
  return NULL;
}

// Clock ticks of all processors, but for idling, waiting and what others have stolen.
static unsigned long busy_ticks(void) {
  unsigned long user, nice, system, idle, wait, irq, softirq;
  FILE* file = fopen("/proc/stat", "r");
  if (file == NULL || fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle,
                             &wait, &irq, &softirq) != 7)
    fail("/proc/stat");
  fclose(file);
  return user + nice + system + irq + softirq;
}

static void sleep_until(uint64_t when) {
  struct timespec t = {.tv_sec = (time_t)(when / 1000000000u),
                       .tv_nsec = (long)(when % 1000000000u)};
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

// Frames that are due, whole bursts: between them the source sleeps, so that it takes no processor
// from what is measured.
static unsigned due(double rate, uint64_t start, uint64_t now, uint64_t sent) {
  if (rate <= 0) return kBatch;
  double wanted = (double)(now - start) * rate / 1e9 - (double)sent;
  double burst = rate / 10000 < 1 ? 1 : rate / 10000 > kBatch ? kBatch : rate / 10000;
  if (wanted >= burst) return wanted > kBatch ? kBatch : (unsigned)wanted;
  uint64_t wait = (uint64_t)((burst - wanted) / rate * 1e9) + 1;
  if (wait > 20000) sleep_until(now + wait);
  return 0;
}

static struct trial run_trial(double rate, double seconds, uint64_t limit) {
  static uint32_t trials, before;
  static struct template t;
  uint32_t magic = first_magic + trials++ % 4096;
  struct trial result = {0};
  make_template(&t, &options, magic);
  drain_source(&source);
  fill_source(&source, &t);
  reset_sink(&sink, magic, before);
  unsigned long ticks = busy_ticks();
  uint64_t start = wall_ns(), end = start + (uint64_t)(seconds * 1e9), now, origin = start;
  if (limit > kMaxFrames - kBatch) limit = kMaxFrames - kBatch;
  uint64_t paced = 0;  // frames since `origin`
  while ((now = wall_ns()) < end && result.sent < limit) {
    unsigned n = due(rate, origin, now, paced);
    if (n == 0) continue;
    if (n > limit - result.sent) n = (unsigned)(limit - result.sent);
    n = send_frames(&source, &t, &options, (uint32_t)result.sent, n);
    result.sent += n;
    paced += n;
    // Held up for long: what was missed is not caught up with in one burst.
    double behind = (double)(now - origin) * rate / 1e9 - (double)paced;
    if (rate > 0 && behind > 4 * kBatch && behind > rate * 0.005) {
      origin = now;
      paced = 0;
    }
  }
  now = wall_ns();
  __atomic_store_n(&sink.end, now, __ATOMIC_RELAXED);
  result.seconds = (double)(now - start) / 1e9;
  result.cores = (double)(busy_ticks() - ticks) / (double)sysconf(_SC_CLK_TCK) / result.seconds;
  drain_source(&source);
  // What is still in queues: until nothing has come for 150 ms, two seconds at most.
  uint64_t last = sink.arrived, quiet = wall_ns(), give_up = quiet + 2000000000u;
  while ((now = wall_ns()) < give_up && now - quiet < 150000000u) {
    usleep(10000);
    uint64_t arrived = __atomic_load_n(&sink.arrived, __ATOMIC_RELAXED);
    if (arrived != last) quiet = now;
    last = arrived;
  }
  before = (uint32_t)result.sent;
  result.rate = (double)result.sent / result.seconds;
  uint64_t lost = result.sent > sink.received ? result.sent - sink.received : 0;
  result.loss = result.sent ? 100.0 * (double)lost / (double)result.sent : 0;
  result.sink_drops = sink_drops(&sink);
  return result;
}

static void print_trial(const struct trial* r) {
  printf(
      "{\"source\":\"%s\",\"seconds\":%.4f,\"sent\":%llu,\"received\":%llu,\"inTime\":%llu,"
      "\"duplicates\":%llu,\"reordered\":%llu,\"corrupt\":%llu,\"corruptOuter\":%llu,"
      "\"foreign\":%llu,\"refused\":%llu,\"sinkDrops\":%u,\"outerPorts\":%u,\"cores\":%.3f}\n",
      source.is_xdp ? "af_xdp" : "sendmmsg", r->seconds, (unsigned long long)r->sent,
      (unsigned long long)sink.received, (unsigned long long)sink.in_time,
      (unsigned long long)sink.duplicates, (unsigned long long)sink.reordered,
      (unsigned long long)sink.corrupt, (unsigned long long)sink.corrupt_outer,
      (unsigned long long)sink.foreign, (unsigned long long)source.refused, r->sink_drops,
      options.expect ? outer_ports(&sink) : 0, r->cores);
}

struct search {
  double loss, from;
  unsigned steps, confirm;
};

// One trial of a search, also printed.
static int passes(double rate, double seconds, const struct search* s, struct trial* r) {
  static int printed;
  *r = run_trial(rate, seconds, UINT64_MAX);
  int good = r->loss <= s->loss && r->rate >= rate * 0.98;
  printf("%s{\"rate\":%.0f,\"sent\":%.0f,\"loss\":%.4f,\"good\":%s}", printed++ ? "," : "", rate,
         r->rate, r->loss, good ? "true" : "false");
  return good;
}

static void search(const struct search* s, double seconds) {
  struct trial r;
  double low = 0, high = s->from, found = 0, worst = 0;
  printf("{\"source\":\"%s\",\"trials\":[", source.is_xdp ? "af_xdp" : "sendmmsg");
  for (unsigned i = 0; i < s->steps; i++) {
    double rate = i == 0 ? high : (low + high) / 2;
    if (passes(rate, seconds, s, &r)) {
      low = rate;
      if (i == 0) break;
    } else {
      high = rate;
      // What the source does not reach is no use to try again.
      if (r.rate < rate * 0.98 && r.rate > low) high = r.rate;
    }
  }
  for (unsigned attempt = 0; low > 0 && found == 0 && attempt < 5; attempt++) {
    unsigned good = 0;
    worst = 0;
    while (good < s->confirm && passes(low, seconds, s, &r)) {
      good++;
      if (r.loss > worst) worst = r.loss;
    }
    if (good == s->confirm)
      found = low;
    else
      low *= 0.9;
  }
  printf("],\"rate\":%.0f,\"loss\":%.4f}\n", found, worst);
}

static void parse_side(char* text, const char** namespace, const char** interface) {
  char* slash = strchr(text, '/');
  if (slash == NULL) {
    fprintf(stderr, "meter: interface %s: expected NAMESPACE/INTERFACE\n", text);
    exit(2);
  }
  *slash = 0;
  *namespace = text;
  *interface = slash + 1;
}

static void parse_tunnel(const char* text) {
  char macs[2][20], addresses[2][20];
  struct in_addr to, from;
  if (sscanf(text, "%u,%19[^,],%19[^,],%19[^,],%19s", &options.vni, macs[0], macs[1], addresses[0],
             addresses[1]) != 5 ||
      !inet_aton(addresses[0], &to) || !inet_aton(addresses[1], &from)) {
    fprintf(stderr, "meter: tunnel %s: expected VNI,MAC_TO,MAC_FROM,IP_TO,IP_FROM\n", text);
    exit(2);
  }
  parse_mac(macs[0], options.outer_destination);
  parse_mac(macs[1], options.outer_source);
  options.outer_to = ntohl(to.s_addr);
  options.outer_from = ntohl(from.s_addr);
  options.tunnel = 1;
}

int main(int argc, char** argv) {
  const char *tx[2] = {0}, *rx[2] = {0}, *to = NULL, *from = NULL;
  double seconds = 1, rate = 0;
  uint64_t limit = UINT64_MAX;
  unsigned warm = 64;
  int packet = 0;
  struct search wanted = {0};
  const struct option names[] = {{"tx", 1, 0, 't'},
                                 {"rx", 1, 0, 'r'},
                                 {"to", 1, 0, 'd'},
                                 {"from", 1, 0, 's'},
                                 {"size", 1, 0, 'z'},
                                 {"flows", 1, 0, 'f'},
                                 {"macs", 1, 0, 'm'},
                                 {"seconds", 1, 0, 'S'},
                                 {"rate", 1, 0, 'R'},
                                 {"count", 1, 0, 'c'},
                                 {"cpus", 1, 0, 'C'},
                                 {"packet", 0, 0, 'p'},
                                 {"tunnel", 1, 0, 'T'},
                                 {"expect", 1, 0, 'e'},
                                 {"search", 1, 0, 'b'},
                                 {"warm", 1, 0, 'w'},
                                 {0}};
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (c) {
      case 't':
        parse_side(optarg, &tx[0], &tx[1]);
        break;
      case 'r':
        parse_side(optarg, &rx[0], &rx[1]);
        break;
      case 'd':
        to = optarg;
        break;
      case 's':
        from = optarg;
        break;
      case 'z':
        options.size = (unsigned)atoi(optarg);
        break;
      case 'f':
        options.flows = (unsigned)atoi(optarg);
        break;
      case 'm':
        options.macs = (unsigned)atoi(optarg);
        break;
      case 'S':
        seconds = atof(optarg);
        break;
      case 'R':
        rate = atof(optarg);
        break;
      case 'c':
        limit = strtoull(optarg, NULL, 10);
        break;
      case 'C':
        sscanf(optarg, "%d,%d", &cpus[0], &cpus[1]);
        break;
      case 'p':
        packet = 1;
        break;
      case 'T':
        parse_tunnel(optarg);
        break;
      case 'e':
        options.expect = 1;
        options.vni = (uint32_t)atoi(optarg);
        break;
      case 'w':
        warm = (unsigned)atoi(optarg);
        break;
      case 'b':
        sscanf(optarg, "%lf,%lf,%u,%u", &wanted.loss, &wanted.from, &wanted.steps, &wanted.confirm);
        break;
      default:
        return 2;
    }
  if (tx[0] == NULL || rx[0] == NULL || to == NULL || from == NULL || seconds <= 0 ||
      options.size < kMinSize || options.size > kMaxSize || options.flows < 1 ||
      options.flows > kMaxFlows || options.macs < 1 || options.macs > 1 << 24) {
    fprintf(stderr,
            "meter: expected --tx, --rx, --to, --from, a positive time, %d to %d octets, 1 to %d "
            "flows; see the head of meter.c\n",
            kMinSize, kMaxSize, kMaxFlows);
    return 2;
  }
  parse_mac(to, options.destination);
  parse_mac(from, options.source);
  first_magic = (uint32_t)(wall_ns() ^ (uint64_t)getpid() << 20) & ~4095u;
  prctl(PR_SET_TIMERSLACK, 1);

  enter(rx[0]);
  open_sink(&sink, rx[1], &options);
  enter(tx[0]);
  open_source(&source, tx[1], packet);
  pthread_t thread;
  if (pthread_create(&thread, NULL, sink_thread, NULL) != 0) fail("thread");
  pin(cpus[0]);
  if (warm > 0) run_trial(20000, 1 + warm / 20000.0, warm);
  if (wanted.steps > 0) {
    search(&wanted, seconds);
  } else {
    struct trial r = run_trial(rate, seconds, limit);
    print_trial(&r);
  }
  sink_done = 1;
  pthread_join(thread, NULL);
  return 0;
}
