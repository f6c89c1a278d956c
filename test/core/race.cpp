// One keeper changes everything, two workers switch frames, an observer reads: under the thread
// sanitizer. What never changes must be found at every moment, however much around it does. Usage:
// race SECONDS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <thread>
#include <vector>

#include "../../native/core/snapshot.hpp"
#include "../../native/core/switch.hpp"
#include "../../native/core/tables.hpp"

namespace {

using namespace vtep;

constexpr uint32_t kVni = 10100;
constexpr unsigned kWorkers = 2;
constexpr uint64_t kStableMac = 0x0a0000000002;  // 02:00:00:00:00:0a, always behind kStableVtep
constexpr uint8_t kLocal[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};

std::atomic<bool> stopping{false};
std::atomic<uint64_t> epoch{0};
std::atomic<uint64_t> passed[kWorkers];
std::atomic<uint64_t> frames_seen{0}, snapshots_seen{0};

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "race: %s\n", what);
  exit(1);
}

uint64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000ull + static_cast<uint64_t>(t.tv_nsec);
}

void vtep_address(uint32_t n, uint8_t out[16]) {
  memcpy(out, kLocal, 16);
  out[14] = static_cast<uint8_t>(n >> 8);
  out[15] = static_cast<uint8_t>(n);
}
constexpr uint32_t kStableVtep = 2;

// What a worker's quiescence is: it says that it has seen the newest epoch between two bursts.
void wait_quiescent(void*) {
  const uint64_t wanted = ++epoch;
  for (unsigned w = 0; w < kWorkers; w++) {
    while (passed[w] < wanted && !stopping) std::this_thread::yield();
  }
}

struct Operations {
  std::vector<uint8_t> bytes;
  template <typename T>
  void add(uint16_t code, const T& operation) {
    const uint16_t head[2] = {code, sizeof operation};
    const uint8_t* p = reinterpret_cast<const uint8_t*>(head);
    bytes.insert(bytes.end(), p, p + 4);
    p = reinterpret_cast<const uint8_t*>(&operation);
    bytes.insert(bytes.end(), p, p + sizeof operation);
  }
};

MacSetRemoteOperation remote_mac(uint64_t mac, uint32_t vtep) {
  MacSetRemoteOperation o = {};
  o.vni = kVni;
  o.flags = MacFlag::sticky;
  store_mac(o.mac, mac);
  vtep_address(vtep, o.remote);
  return o;
}

void next_hop(Tables& tables, uint32_t vtep, uint32_t mtu) {
  uint8_t address[16];
  vtep_address(vtep, address);
  RemoteNextHop hop;
  memcpy(hop.nextHop, address, 16);
  memcpy(hop.source, kLocal, 16);
  hop.ifindex = 1;
  hop.mtu = mtu;
  tables.set_next_hop(address, hop);
}

void set_up(Tables& tables) {
  PortInfo info;
  for (int i = 0; i < 4; i++) tables.open_port(info);
  Operations o;
  o.add(OperationCode::networkSet, NetworkSetOperation{kVni, NetworkFlag::suppress, 1, 0, 0});
  for (uint32_t port = 1; port <= 3; port++)
    o.add(OperationCode::portAttach, PortAttachOperation{port, kVni});
  FloodAddOperation flood = {kVni, {}};
  vtep_address(kStableVtep, flood.remote);
  o.add(OperationCode::floodAdd, flood);
  o.add(OperationCode::macSetRemote, remote_mac(kStableMac, kStableVtep));
  if (tables.apply(o.bytes.data(), o.bytes.size()).failed != 0) fail("set-up was refused");
  next_hop(tables, kStableVtep, 0);
}

void keeper(Tables& tables, std::vector<LearnRecord>& learned) {
  uint32_t n = 0;
  while (!stopping) {
    tables.set_time(now());
    Operations o;
    for (unsigned i = 0; i < 64; i++, n++) {
      // MACs come and go in waves, so that the table grows; VTEPs with them, so that rows are
      // reused.
      const uint32_t vtep = 16 + n % 50;
      const uint64_t mac = 0x0b0000000002 + (static_cast<uint64_t>(n % 20000) << 8);
      if (n / 20000 % 2 == 0) {
        o.add(OperationCode::macSetRemote, remote_mac(mac, vtep));
      } else {
        MacRemoveOperation remove = {kVni, MacFlag::remote, {}};
        store_mac(remove.mac, mac);
        o.add(OperationCode::macRemove, remove);
      }
      FloodAddOperation flood = {kVni, {}};
      vtep_address(1000 + n % 40, flood.remote);
      o.add(n / 40 % 2 == 0 ? OperationCode::floodAdd : OperationCode::floodRemove, flood);
      NeighbourSetOperation binding = {};
      binding.vni = kVni;
      binding.flags = NeighbourFlag::remote;
      store_mac(binding.mac, mac);
      vtep_address(n % 5000 + 1, binding.ip);
      o.add(OperationCode::neighbourSet, binding);
    }
    o.add(OperationCode::portAttach, PortAttachOperation{4, n / 64 % 2 == 0 ? kVni : 0});
    o.add(OperationCode::networkSet, NetworkSetOperation{20000 + n / 64 % 20, 0, 0, 0, 0});
    o.add(OperationCode::networkRemove, NetworkRemoveOperation{20000 + (n / 64 + 10) % 20});
    if (tables.apply(o.bytes.data(), o.bytes.size()).failed != 0) fail("an operation was refused");
    next_hop(tables, kStableVtep, n % 2 == 0 ? 0 : 9000);
    for (uint32_t i = 0; i < 20; i++) {
      LearnRecord record = learned[(n + i) % learned.size()];
      record.timeNanoseconds = now();
      tables.learn(record);
    }
    tables.age_step(200);
    const uint64_t closed = tables.close_epoch();
    wait_quiescent(nullptr);
    if (!stopping) tables.quiesced(closed);
  }
}

struct Checker {
  Segment segment;
  bool to_stable = false, to_port = false;
  static void flush(void* context, Burst& burst) {
    Checker& self = *static_cast<Checker*>(context);
    for (unsigned i = 0; i < burst.emit_count; i++) {
      const Emit& emit = burst.emits[i];
      if (emit.vni != kVni) fail("a frame left in another network");
      if (emit.destination == destination_word(Destination::port, 2)) self.to_port = true;
      if (destination_kind(emit.destination) != Destination::remote) continue;
      RemoteSnapshot remote;
      uint8_t stable[16];
      vtep_address(kStableVtep, stable);
      if (!self.segment.read_remote(destination_id(emit.destination), remote)) fail("a torn row");
      if (same_ip(remote.address, stable)) self.to_stable = true;
    }
  }
};

void worker(const Segment& segment, unsigned index) {
  uint8_t bytes[64] = {};
  Frame frames[16];
  Checker checker{segment};
  auto burst = std::make_unique<Burst>();
  burst->flush = Checker::flush;
  burst->context = &checker;
  auto sw = std::make_unique<Switch>(segment, index);
  uint32_t n = 0;
  while (!stopping) {
    passed[index] = epoch.load();
    for (Frame& frame : frames) frame = Frame{bytes, sizeof bytes, 0, {}, 0, {}};
    store_mac(bytes + 6, 0x0c0000000002 + (static_cast<uint64_t>(n++ % 500) << 8));
    store_mac(bytes, kStableMac);
    checker.to_stable = checker.to_port = false;
    sw->from_port(1, frames, 16, now(), *burst);
    if (!checker.to_stable) fail("the MAC that never moves was not found");
    store_mac(bytes, 0xffffffffffff);
    checker.to_stable = checker.to_port = false;
    sw->from_port(1, frames, 16, now(), *burst);
    if (!checker.to_stable || !checker.to_port)
      fail("the flood list lost a destination that is always in it");
    // ARP for whatever binding: the answer is read from the neighbour table.
    put_net16(bytes + 12, 0x0806);
    const uint8_t arp[] = {0, 1, 8, 0, 6, 4, 0, 1};
    memcpy(bytes + 14, arp, sizeof arp);
    memcpy(bytes + 22, bytes + 6, 6);
    memcpy(bytes + 28, "\x0a\x01\x00\x09", 4);
    put_net32(bytes + 38, 0x0a000000 + n % 5000);
    sw->from_port(1, frames, 16, now(), *burst);
    memset(bytes + 12, 0, 52);
    frames_seen += 48;
  }
}

void observer(const Segment& segment) {
  EventReader events(segment);
  std::vector<uint8_t> out;
  while (!stopping) {
    for (const View view :
         {View::port, View::network, View::remote, View::flood, View::mac, View::neighbour}) {
      out.resize(snapshot_estimate(segment, view));
      const SnapshotResult result = snapshot(segment, view, out.data(), out.size());
      if (view != View::mac || !result.complete) continue;
      bool found = false;
      for (uint64_t at = 0; at < result.written; at += sizeof(MacView)) {
        MacView row;
        memcpy(&row, out.data() + at, sizeof row);
        if (row.vni != kVni) fail("a MAC of another network");
        if (load_mac(row.mac) == kStableMac) found = true;
      }
      if (!found) fail("a complete snapshot without the MAC that is always there");
      snapshots_seen++;
    }
    Event row;
    bool lost = false;
    uint64_t last = 0;
    while (events.drain(&row, 1, lost) == 1) {
      if (row.sequence <= last) fail("events out of order");
      last = row.sequence;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? atoi(argv[1]) : 3;
  SegmentConfig config;
  config.workers = kWorkers;
  config.macs = 65536;
  config.seed = 0x1234567;
  const uint64_t size = Segment::bytes_needed(config);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  const Segment segment = Segment::format(memory, config);
  TablesObserver hooks;
  hooks.wait_quiescent = wait_quiescent;
  // As a dataplane does: what nobody uses any more is given back, and would read as zeros.
  static uint8_t* base = static_cast<uint8_t*>(memory);
  hooks.memory_retired = [](void*, uint64_t offset, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; i += 4) {
      store_relaxed(reinterpret_cast<uint32_t*>(base + offset + i), 0u);
    }
  };
  Tables tables(segment, hooks);
  tables.set_local(kLocal, 4789);
  set_up(tables);
  std::vector<LearnRecord> learned(400);
  for (size_t i = 0; i < learned.size(); i++) {
    LearnRecord& record = learned[i];
    record = {};
    record.kind = i % 2 == 0 ? LearnRecord::kMac : LearnRecord::kNeighbour;
    record.port = 1 + static_cast<uint32_t>(i / 2 % 3);
    record.network = static_cast<uint16_t>(segment.find_network(kVni));
    store_mac(record.mac, 0x0c0000000002 + (static_cast<uint64_t>(i % 50) << 8));
    vtep_address(static_cast<uint32_t>(7000 + i % 60), record.ip);
  }
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < kWorkers; w++) threads.emplace_back(worker, segment, w);
  threads.emplace_back(observer, segment);
  threads.emplace_back([&] { keeper(tables, learned); });
  timespec nap = {seconds, 0};
  nanosleep(&nap, nullptr);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  printf("frames %llu snapshots %llu macs level %u\n",
         static_cast<unsigned long long>(frames_seen.load()),
         static_cast<unsigned long long>(snapshots_seen.load()), segment.header().macs.level);
  return 0;
}
