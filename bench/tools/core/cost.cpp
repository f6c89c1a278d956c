// What the switch costs by itself, beside the limit of limit.c, in one process and by turns: frames
// lie in memory, nothing is received or sent. Every burst has other MACs, by chance; writing them
// into the frames is not counted.
//
//   cost speed MACS TRIALS     ours, the limit; where sources differ also the limit that learns
//   cost memory TRIALS         octets for each MAC of a million
//   cost learning TRIALS       the table grows to a million MACs while a worker forwards
//   cost routes N TRIALS       routing to VTEPs by N prefixes: ours, the limit
//   cost route-table N         octets for each of N routes, and routes added in a second
//   cost run CASE MACS BURSTS  one case, for a profiler
// A line for each: name, then after tabs its columns, of which each is one value per trial.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bed.hpp"
#include "growth.hpp"
#include "limit.h"
#include "routes.hpp"

namespace {

using namespace vtep;
using namespace vtep::bench;

constexpr uint32_t kStride = 64 * 7;  // of frames: no two burst members share an L1 set for long
constexpr uint32_t kRoom = 128;       // before each
constexpr uint32_t kInner = 60;       // 64 on the wire, with FCS
constexpr uint32_t kOuterLength = 50;
constexpr uint32_t kTrialBursts = 40000;

using Limit = uint32_t (*)(limit*, uint8_t* const*, const uint32_t*, uint32_t);

// One way through the switch.
struct Case {
  const char* name;
  bool to_remote;     // destinations are behind VTEPs, else behind port 2
  bool from_outer;    // frames come from the underlay
  bool many_sources;  // every frame has another source, else one per case
  uint32_t vteps;
  Limit limit;
};
const Case kCases[] = {
    {"encapsulate", true, false, false, 1, limit_encapsulate},
    {"encapsulate, 64 VTEPs", true, false, false, 64, limit_encapsulate},
    {"encapsulate, another source in every frame", true, false, true, 1, limit_encapsulate},
    {"decapsulate", false, true, false, 1, limit_decapsulate},
    {"bridge", false, false, false, 1, limit_bridge},
};

// The frames of a burst, and what both sides need to take them.
struct Frames {
  std::vector<uint8_t> memory = std::vector<uint8_t>(kBurst * kStride + 64);
  Frame ours[kBurst];
  uint8_t* starts[kBurst];
  uint32_t lengths[kBurst];
  uint32_t inner;  // where the tenant's frame begins

  explicit Frames(const Case& what) : inner(what.from_outer ? kOuterLength : 0) {
    uint8_t* base = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) &
                                               ~uintptr_t{63});
    for (uint32_t i = 0; i < kBurst; i++) {
      uint8_t* p = base + i * kStride + kRoom - inner;
      starts[i] = p;
      lengths[i] = inner + kInner;
      if (what.from_outer) write_outer(p, kInner);
      write_inner(p + inner, kInner, i);
      ours[i].data = p;
      ours[i].length = lengths[i];
      ours[i].headroom = 64;
    }
  }
  void set_macs(const Bed& bed, const Case& what, uint64_t at) {
    for (uint32_t i = 0; i < kBurst; i++) {
      uint8_t* p = starts[i] + inner;
      store_mac(p, bed.destination(at + i));
      store_mac(p + 6, what.many_sources ? bed.source(at + i) : bed.source(0));
    }
  }
};

// Bursts through the switch: what goes to a VTEP gets its header.
struct Ours {
  Switch& sw;
  Burst& burst;
  Segment segment;
  RemoteCache remotes;
  uint64_t emitted = 0;
  alignas(64) uint8_t headers[kBurst][128];
  Meta metas[kBurst];

  Ours(Bed& bed) : sw(*bed.sw), burst(*bed.burst), segment(bed.segment) {
    burst.flush = [](void* context, Burst& full) { static_cast<Ours*>(context)->take(full); };
    burst.context = this;
  }
  void take(Burst& full) {
    const RemoteSnapshot* remote = nullptr;
    uint32_t last = 0;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < full.emit_count; i++) {
      const Emit& emit = full.emits[i];
      const Frame& frame = full.frames[emit.frame];
      bytes += frame.length;
      if (destination_kind(emit.destination) != Destination::remote) continue;
      const uint32_t id = destination_id(emit.destination);
      if (id != last) remote = remotes.find(segment, last = id);
      if (remote == nullptr) fail("a VTEP without a row");
      const unsigned slot = i % kBurst;
      bytes += encap_frame(*remote, emit.vni, emit.hash, frame, headers[slot], metas[slot]);
    }
    sw.counters().sent(0, full.emit_count, bytes);
    emitted += full.emit_count;
  }
  void forward(const Case& what, const Frames& frames, uint64_t now) {
    if (what.from_outer) {
      sw.from_outer(frames.ours, kBurst, now, burst);
    } else {
      sw.from_port(1, frames.ours, kBurst, now, burst);
    }
  }
};

template <typename Forward>
double measure(const Bed& bed, const Case& what, Frames& frames, uint64_t& at, Forward forward) {
  uint64_t spent = 0;
  for (uint32_t i = 0; i < kTrialBursts; i++, at += kBurst) {
    frames.set_macs(bed, what, at);
    const uint64_t start = nanoseconds();
    forward();
    spent += nanoseconds() - start;
  }
  return static_cast<double>(spent) / (uint64_t{kTrialBursts} * kBurst);
}

void check_emitted(const Case& what, const char* whose, uint64_t emitted, uint64_t expected) {
  if (emitted == expected) return;
  fprintf(stderr, "cost: %s: expected %llu frames %s to go out, got %llu\n", what.name,
          static_cast<unsigned long long>(expected), whose,
          static_cast<unsigned long long>(emitted));
  exit(1);
}
void print_column(const std::vector<double>& values) {
  printf("\t");
  for (const double value : values) printf("%.3f ", value);
}

void speed(uint32_t macs, unsigned trials) {
  for (const Case& what : kCases) {
    Bed bed(macs, what.vteps, what.to_remote, what.many_sources);
    Ours ours(bed);
    Frames frames(what);
    // What takes turns.
    struct Side {
      Limit run;
      limit* table;
      uint64_t emitted = 0;
      std::vector<double> values = {};
    };
    const auto table = [&](const std::vector<uint64_t>& of) {
      return limit_new(of.data(), static_cast<uint32_t>(of.size()), what.vteps, kVni);
    };
    std::vector<Side> limits = {{what.limit, table(bed.destinations)}};
    if (what.many_sources) {
      std::vector<uint64_t> all = bed.destinations;
      for (uint32_t i = 0; i < bed.sources; i++) all.push_back(mac_of(1, i));
      limits.push_back({limit_encapsulate_learning, table(all)});
    }
    std::vector<double> values;
    uint64_t at = 0;
    for (unsigned trial = 0; trial <= trials; trial++) {
      const double mine = measure(bed, what, frames, at,
                                  [&] { ours.forward(what, frames, kSecond * (2 + trial)); });
      if (trial != 0) values.push_back(mine);  // the first warms up
      for (Side& side : limits) {
        const double theirs = measure(bed, what, frames, at, [&] {
          side.emitted += side.run(side.table, frames.starts, frames.lengths, kBurst);
        });
        if (trial != 0) side.values.push_back(theirs);
      }
    }
    const uint64_t expected = uint64_t{trials + 1} * kTrialBursts * kBurst;
    check_emitted(what, "of ours", ours.emitted, expected);
    printf("%s", what.name);
    print_column(values);
    for (const Side& side : limits) {
      check_emitted(what, "of the limit", side.emitted, expected);
      limit_free(side.table);
      print_column(side.values);
    }
    printf("\n");
    fflush(stdout);
  }
}

void run_one(unsigned which, uint32_t macs, uint32_t bursts) {
  const Case& what = kCases[which];
  Bed bed(macs, what.vteps, what.to_remote, what.many_sources);
  Ours ours(bed);
  Frames frames(what);
  for (uint64_t i = 0; i < bursts; i++) {
    frames.set_macs(bed, what, i * kBurst);
    ours.forward(what, frames, kSecond);
  }
  printf("%s: %llu frames\n", what.name, static_cast<unsigned long long>(ours.emitted));
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return static_cast<uint32_t>(strtoul(argv[i], nullptr, 10)); };
  if (argc == 4 && strcmp(argv[1], "speed") == 0) {
    speed(number(2), number(3));
  } else if (argc == 3 && strcmp(argv[1], "memory") == 0) {
    measure_memory(number(2));
  } else if (argc == 3 && strcmp(argv[1], "learning") == 0) {
    measure_learning(number(2));
  } else if (argc == 4 && strcmp(argv[1], "routes") == 0) {
    measure_routes(number(2), number(3));
  } else if (argc == 3 && strcmp(argv[1], "route-table") == 0) {
    measure_route_table(number(2));
  } else if (argc == 5 && strcmp(argv[1], "run") == 0 &&
             number(2) < sizeof kCases / sizeof *kCases) {
    run_one(number(2), number(3), number(4));
  } else {
    fprintf(stderr,
            "usage: cost speed MACS TRIALS | memory TRIALS | learning TRIALS | routes N TRIALS | "
            "route-table N | run CASE MACS BURSTS\n");
    return 2;
  }
  return 0;
}
