// The MAC table while it grows: memory, the keeper's side of learning, and a worker that forwards
// meanwhile.
#include "growth.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "bed.hpp"

namespace vtep::bench {
namespace {

constexpr uint32_t kMillion = 1000000;
constexpr uint32_t kRound = 4096;  // records that the keeper takes before it looks elsewhere
constexpr uint32_t kMany = 40000;  // MACs beyond which what a table has at least does not count

LearnRecord learned(uint8_t kind, uint32_t n, uint32_t port) {
  LearnRecord record = {};
  record.kind = LearnRecord::kMac;
  record.port = port;
  record.network = 1;
  store_mac(record.mac, mac_of(kind, n));
  return record;
}

// A bed with a keeper as the dataplane has it: what is replaced goes back to the system after all
// workers have passed a quiescent point.
struct Keeper {
  Bed bed;
  Tables tables;
  std::atomic<uint64_t> epoch{0};
  std::atomic<uint64_t> passed{~uint64_t{0}};  // by the worker; all ones: none runs

  Keeper() : bed(256, 1, true, false), tables(bed.segment, hooks(this)) {}

  static TablesObserver hooks(Keeper* keeper) {
    TablesObserver out;
    out.context = keeper;
    out.wait_quiescent = [](void* context) { static_cast<Keeper*>(context)->wait(); };
    return out;
  }
  void wait() {
    const uint64_t wanted = ++epoch;
    while (passed < wanted) std::this_thread::yield();
  }
  void settle() {
    const uint64_t closed = tables.close_epoch();
    wait();
    tables.quiesced(closed);
  }
  uint64_t resident() const {
    struct stat status;
    if (fstat(bed.memory->file, &status) != 0) fail("fstat");
    return static_cast<uint64_t>(status.st_blocks) * 512;
  }
  uint32_t count() const { return bed.segment.header().macs.count; }
};

void print(const char* name, const std::vector<double>& values) {
  printf("%s\t", name);
  for (const double value : values) printf("%.6g ", value);
  printf("\n");
  fflush(stdout);
}

// Bursts of frames to MACs behind a VTEP, all known, from one known source.
struct Forwarder {
  Keeper& keeper;
  uint8_t bytes[kBurst][128] = {};
  Frame frames[kBurst];
  uint64_t at = 0, emitted = 0;

  explicit Forwarder(Keeper& owner) : keeper(owner) {
    for (uint32_t i = 0; i < kBurst; i++) {
      write_inner(bytes[i], 60, i);
      frames[i].data = bytes[i];
      frames[i].length = 60;
    }
    Burst& burst = *keeper.bed.burst;
    burst.context = this;
    burst.flush = [](void* context, Burst& full) {
      Forwarder& self = *static_cast<Forwarder*>(context);
      for (unsigned i = 0; i < full.emit_count; i++)
        self.emitted += destination_kind(full.emits[i].destination) == Destination::remote;
    };
  }
  // Nanoseconds per frame over so many bursts, or until told to stop.
  double forward(uint32_t bursts, const std::atomic<bool>* stop) {
    uint64_t spent = 0, done = 0;
    const uint64_t before = emitted;
    for (; done < bursts && (stop == nullptr || !*stop); done++) {
      keeper.passed = keeper.epoch.load();
      for (uint32_t i = 0; i < kBurst; i++, at++) {
        store_mac(bytes[i], keeper.bed.destination(at));
        store_mac(bytes[i] + 6, keeper.bed.source(0));
      }
      const uint64_t start = nanoseconds();
      keeper.bed.sw->from_port(1, frames, kBurst, kSecond, *keeper.bed.burst);
      spent += nanoseconds() - start;
    }
    if (emitted - before != done * kBurst) fail("a frame to a known MAC was not forwarded as such");
    return static_cast<double>(spent) / static_cast<double>(done * kBurst);
  }
};

}  // namespace

void measure_memory(unsigned trials) {
  std::vector<double> all, most, growing;
  for (unsigned trial = 0; trial < trials; trial++) {
    Keeper keeper;
    // The event ring is in use from end to end before anything counts.
    for (uint32_t i = 0; i < 2 * Limits::eventRingSlots; i++)
      keeper.tables.learn(learned(3, i % 744, 1 + i / 744 % 2));
    keeper.settle();
    const uint64_t first = keeper.resident();
    const uint32_t known = keeper.count();
    const auto each = [&](uint32_t macs) {
      return static_cast<double>(keeper.resident() - first) / macs;
    };
    most.push_back(0);
    growing.push_back(0);
    for (uint32_t i = 0; i < kMillion; i++) {
      keeper.tables.learn(learned(4, i, 1));
      if (i % kRound != 0 || i < kMany) continue;
      growing.back() = std::max(growing.back(), each(i));
      keeper.settle();
      most.back() = std::max(most.back(), each(i));
    }
    keeper.settle();
    if (keeper.count() != known + kMillion) fail("not every MAC was learned");
    all.push_back(each(kMillion));
  }
  print("memory for each further MAC, 1000000 MACs", all);
  print("memory for each further MAC, at its most beyond 40000", most);
  print("memory for each further MAC, while the table grows", growing);
}

void measure_learning(unsigned trials) {
  std::vector<double> rate, stall, quiet, meanwhile;
  for (unsigned trial = 0; trial < trials; trial++) {
    Keeper keeper;
    Forwarder forwarder(keeper);
    forwarder.forward(2000, nullptr);
    quiet.push_back(forwarder.forward(40000, nullptr));
    std::atomic<bool> stop{false};
    std::thread worker([&] {
      meanwhile.push_back(forwarder.forward(~0u, &stop));
      keeper.passed = ~uint64_t{0};
    });
    uint64_t longest = 0;
    const uint64_t start = nanoseconds();
    uint64_t last = start;
    for (uint32_t i = 0; i < kMillion; i++) {
      keeper.tables.learn(learned(4, i, 1));
      const uint64_t now = nanoseconds();
      if (now - last > longest) longest = now - last;
      last = now;
      if (i % kRound == 0) {
        keeper.settle();
        last = nanoseconds();
      }
    }
    rate.push_back(1e9 * kMillion / static_cast<double>(last - start));
    stall.push_back(static_cast<double>(longest) / 1e6);
    stop = true;
    worker.join();
    if (keeper.count() < kMillion) fail("not every MAC was learned");
  }
  print("learn 1000000 MACs, keeper", rate);
  print("learn 1000000 MACs, longest pause of the keeper", stall);
  print("encapsulate beside a keeper, nothing is learned", quiet);
  print("encapsulate beside a keeper, 1000000 MACs are learned", meanwhile);
}

}  // namespace vtep::bench
