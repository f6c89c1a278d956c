// One keeper changes everything, two workers switch frames, an observer reads: under the thread
// sanitizer. What never changes must be found at every moment, however much around it does; what
// moves is always at one of its places, and where the model says while it rests. Some rounds, each
// with tables that grow from nothing. Usage: race SECONDS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <thread>
#include <vector>

#include "../../core/snapshot.hpp"
#include "../../core/switch.hpp"
#include "../../core/tables.hpp"

namespace {

using namespace vtep;

constexpr uint32_t kVni = 10100;
constexpr unsigned kWorkers = 2;
constexpr uint64_t kStableMac = 0x0a0000000002;  // 02:00:00:00:00:0a, always behind kStableVtep
constexpr uint8_t kLocal[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};

std::atomic<bool> stopping{false};
std::atomic<uint64_t> epoch{0};
std::atomic<uint64_t> passed[kWorkers];
std::atomic<uint64_t> frames_seen{0}, snapshots_seen{0}, moves_seen{0};

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
constexpr uint32_t kStableVtep = 2, kOtherVtep = 3;
constexpr int kRounds = 3;

// MACs that are always known, every fourth by a group of its own, behind kStableVtep or kOtherVtep,
// and addresses that always have an answer, one of two MACs. The keeper counts: odd while it
// changes one, half of it says where it is.
constexpr unsigned kMovers = 64, kAnswers = 16, kFrames = 16;
std::atomic<uint64_t> moves[kMovers], answers[kAnswers];
constexpr uint64_t mover_mac(unsigned i) { return 0x0d0000000002 + (uint64_t{i} << 8); }
constexpr uint64_t answer_mac(unsigned i, uint64_t which) {
  return 0x0e0000000002 + (uint64_t{i} << 8) + (which << 24);
}
constexpr bool by_group(unsigned i) { return i % 4 == 1; }
constexpr uint32_t answer_host(unsigned i) { return 9000 + i; }

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

MacGroupSetOperation group_of(unsigned i, uint32_t vtep) {
  MacGroupSetOperation o = {};
  o.vni = kVni;
  o.esi[0] = 3, o.esi[9] = static_cast<uint8_t>(i);
  vtep_address(vtep, o.remotes);
  return o;
}

MacSetGroupOperation group_mac(unsigned i) {
  MacSetGroupOperation o = {};
  o.vni = kVni;
  o.flags = MacFlag::sticky;
  store_mac(o.mac, mover_mac(i));
  memcpy(o.esi, group_of(i, kStableVtep).esi, sizeof o.esi);
  return o;
}

NeighbourSetOperation answer(unsigned i, uint64_t which) {
  NeighbourSetOperation binding = {};
  binding.vni = kVni;
  binding.flags = NeighbourFlag::remote;
  store_mac(binding.mac, answer_mac(i, which));
  vtep_address(answer_host(i), binding.ip);
  return binding;
}

// A group of 239.0.0.0/8, wanted behind a VTEP.
constexpr uint32_t kStableGroup = 1;
ListenerAddOperation listener(uint32_t group, uint32_t vtep) {
  ListenerAddOperation o = {};
  o.vni = kVni;
  vtep_address(group, o.group);
  o.group[12] = 239;
  if (vtep != 0) vtep_address(vtep, o.remote);
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
  NetworkSetOperation network = {};
  network.vni = kVni;
  network.flags = NetworkFlag::suppress | NetworkFlag::snoop;
  network.agingSeconds = 1;
  o.add(OperationCode::networkSet, network);
  for (uint32_t port = 1; port <= 3; port++)
    o.add(OperationCode::portAttach, PortAttachOperation{port, kVni});
  FloodAddOperation flood = {kVni, 0, {}};
  vtep_address(kStableVtep, flood.remote);
  o.add(OperationCode::floodAdd, flood);
  o.add(OperationCode::listenerAdd, listener(kStableGroup, kStableVtep));
  ListenerAddOperation here = listener(kStableGroup, 0);
  here.port = 2;
  o.add(OperationCode::listenerAdd, here);
  o.add(OperationCode::macSetRemote, remote_mac(kStableMac, kStableVtep));
  o.add(OperationCode::macSetRemote, remote_mac(kStableMac + (1 << 8), kOtherVtep));
  for (unsigned i = 0; i < kMovers; i++) {
    moves[i] = 0;
    if (by_group(i)) {
      o.add(OperationCode::macGroupSet, group_of(i, kStableVtep));
      o.add(OperationCode::macSetGroup, group_mac(i));
    } else {
      o.add(OperationCode::macSetRemote, remote_mac(mover_mac(i), kStableVtep));
    }
  }
  for (unsigned i = 0; i < kAnswers; i++) {
    answers[i] = 0;
    o.add(OperationCode::neighbourSet, answer(i, 0));
  }
  if (tables.apply(o.bytes.data(), o.bytes.size()).failed != 0) fail("set-up was refused");
  next_hop(tables, kStableVtep, 0);
  next_hop(tables, kOtherVtep, 0);
}

template <typename T>
void apply_one(Tables& tables, uint16_t code, const T& operation) {
  Operations o;
  o.add(code, operation);
  if (tables.apply(o.bytes.data(), o.bytes.size()).failed != 0) fail("a change was refused");
}

// At full rate, for some milliseconds: the other changes wait for the workers every time.
void move_all(Tables& tables) {
  const uint64_t until = now() + 3000000;
  for (unsigned n = 0; now() < until; n++) {
    const unsigned m = n % kMovers, a = n % kAnswers;
    const uint64_t moved = moves[m], answered = answers[a];
    moves[m] = moved + 1;
    const uint32_t vtep = (moved / 2 + 1) % 2 == 0 ? kStableVtep : kOtherVtep;
    if (by_group(m)) {
      apply_one(tables, OperationCode::macGroupSet, group_of(m, vtep));
    } else {
      apply_one(tables, OperationCode::macSetRemote, remote_mac(mover_mac(m), vtep));
    }
    moves[m] = moved + 2;
    answers[a] = answered + 1;
    apply_one(tables, OperationCode::neighbourSet, answer(a, (answered / 2 + 1) % 2));
    answers[a] = answered + 2;
  }
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
      FloodAddOperation flood = {kVni, n / 80 % 4, {}};
      vtep_address(1000 + n % 40, flood.remote);
      FloodRemoveOperation gone = {kVni, {}};
      vtep_address(1000 + n % 40, gone.remote);
      if (n / 40 % 2 == 0)
        o.add(OperationCode::floodAdd, flood);
      else
        o.add(OperationCode::floodRemove, gone);
      // Of the group that is always wanted others come and go; and groups as a whole.
      const auto word =
          n / 40 % 2 == 0 ? OperationCode::listenerAdd : OperationCode::listenerRemove;
      o.add(word, listener(kStableGroup, 1000 + n % 40));
      o.add(n / 800 % 2 == 0 ? OperationCode::listenerAdd : OperationCode::listenerRemove,
            listener(2 + n % 800, vtep));
      NeighbourSetOperation binding = {};
      binding.vni = kVni;
      binding.flags = NeighbourFlag::remote;
      store_mac(binding.mac, mac);
      vtep_address(n % 5000 + 1, binding.ip);
      o.add(OperationCode::neighbourSet, binding);
    }
    o.add(OperationCode::portAttach, PortAttachOperation{4, n / 64 % 2 == 0 ? kVni : 0});
    NetworkSetOperation another = {};
    another.vni = 20000 + n / 64 % 20;
    o.add(OperationCode::networkSet, another);
    o.add(OperationCode::networkRemove, NetworkRemoveOperation{20000 + (n / 64 + 10) % 20});
    if (tables.apply(o.bytes.data(), o.bytes.size()).failed != 0) fail("an operation was refused");
    next_hop(tables, kStableVtep, n % 2 == 0 ? 0 : 9000);
    for (uint32_t i = 0; i < 20; i++) {
      LearnRecord record = learned[(n + i) % learned.size()];
      record.timeNanoseconds = now();
      tables.learn(record);
    }
    move_all(tables);
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

// What became of each frame of a burst, against the model of before and after.
struct Model {
  Segment segment;
  uint8_t frames[kFrames][64] = {};
  Frame views[kFrames];
  unsigned picked[kFrames];
  uint64_t before[kFrames];
  unsigned emits[kFrames];
  uint64_t where[kFrames];  // 0 or 1, of the two places

  void begin(std::atomic<uint64_t>* counts, unsigned of, uint32_t n) {
    for (unsigned i = 0; i < kFrames; i++) {
      picked[i] = (n * 13 + i) % of;
      before[i] = counts[picked[i]].load();
      emits[i] = 0;
      views[i] = Frame{frames[i], sizeof frames[i], 0, {}, 0, {}};
    }
  }
  void check(std::atomic<uint64_t>* counts, const char* lost, const char* misled) const {
    for (unsigned i = 0; i < kFrames; i++) {
      if (emits[i] != 1) fail(lost);
      const bool rested = before[i] % 2 == 0 && counts[picked[i]].load() == before[i];
      if (rested && where[i] != before[i] / 2 % 2) fail(misled);
    }
  }
  static void flush(void* context, Burst& burst) {
    Model& self = *static_cast<Model*>(context);
    for (unsigned e = 0; e < burst.emit_count; e++) self.take(burst, burst.emits[e]);
  }
  void take(const Burst& burst, const Emit& emit) {
    const unsigned i = burst.inputs[emit.frame];
    if (emit.reply != 0) {
      const uint64_t mac = load_mac(burst.replies[emit.reply - 1].bytes + 22);
      where[i] = mac == answer_mac(picked[i], 0) ? 0 : 1;
      if (where[i] == 1 && mac != answer_mac(picked[i], 1)) fail("an answer with a torn MAC");
    } else {
      RemoteSnapshot remote;
      uint8_t places[2][16];
      vtep_address(kStableVtep, places[0]);
      vtep_address(kOtherVtep, places[1]);
      if (destination_kind(emit.destination) != Destination::remote) return void(emits[i] += 2);
      if (!segment.read_remote(destination_id(emit.destination), remote)) fail("a torn row");
      where[i] = same_ip(remote.address, places[0]) ? 0 : 1;
      if (where[i] == 1 && !same_ip(remote.address, places[1])) fail("a VTEP it never was behind");
    }
    emits[i]++;
  }
};

void write_question(uint8_t* bytes, uint64_t source, uint32_t host) {
  const uint8_t arp[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  store_mac(bytes, 0xffffffffffff);
  store_mac(bytes + 6, source);
  memcpy(bytes + 12, arp, sizeof arp);
  store_mac(bytes + 22, source);
  memcpy(bytes + 28, "\x0a\x01\x00\x09", 4);
  put_net32(bytes + 38, 0x0a000000 + host);
}

void check_movers(Switch& sw, Model& model, Burst& burst, uint32_t n) {
  burst.flush = Model::flush;
  burst.context = &model;
  model.begin(moves, kMovers, n);
  for (unsigned i = 0; i < kFrames; i++) {
    memset(model.frames[i], 0, sizeof model.frames[i]);
    store_mac(model.frames[i], mover_mac(model.picked[i]));
    store_mac(model.frames[i] + 6, 0x0c0000000002);
  }
  sw.from_port(1, model.views, kFrames, now(), burst);
  model.check(moves, "a MAC that is always known was flooded or lost",
              "a frame went where its MAC has not been since the burst began");
  model.begin(answers, kAnswers, n);
  for (unsigned i = 0; i < kFrames; i++)
    write_question(model.frames[i], 0x0c0000000002, answer_host(model.picked[i]));
  sw.from_port(1, model.views, kFrames, now(), burst);
  model.check(answers, "a question that always has an answer was flooded",
              "an answer gave the MAC of before");
}

void worker(const Segment& segment, unsigned index) {
  uint8_t bytes[64] = {};
  Frame frames[16];
  Checker checker{segment};
  auto burst = std::make_unique<Burst>();
  auto model = std::make_unique<Model>();
  model->segment = segment;
  auto sw = std::make_unique<Switch>(segment, index);
  uint32_t n = 0;
  while (!stopping) {
    passed[index] = epoch.load();
    check_movers(*sw, *model, *burst, n);
    burst->flush = Checker::flush;
    burst->context = &checker;
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
    // A datagram to the group.
    store_mac(bytes, 0x0100005e0001);
    memcpy(bytes + 12, "\x08\x00\x45\x00\x00\x20\x00\x00\x00\x00\x40\x11", 12);
    memcpy(bytes + 26, "\x0a\x01\x00\x09\xef\x00\x00", 7);
    bytes[33] = kStableGroup;
    checker.to_stable = checker.to_port = false;
    sw->from_port(1, frames, 16, now(), *burst);
    if (!checker.to_stable || !checker.to_port)
      fail("the group lost a listener that is always there");
    memset(bytes + 12, 0, 52);
    // ARP for whatever binding: the answer is read from the neighbour table.
    store_mac(bytes, 0xffffffffffff);
    put_net16(bytes + 12, 0x0806);
    const uint8_t arp[] = {0, 1, 8, 0, 6, 4, 0, 1};
    memcpy(bytes + 14, arp, sizeof arp);
    memcpy(bytes + 22, bytes + 6, 6);
    memcpy(bytes + 28, "\x0a\x01\x00\x09", 4);
    put_net32(bytes + 38, 0x0a000000 + n % 5000);
    sw->from_port(1, frames, 16, now(), *burst);
    memset(bytes + 12, 0, 52);
    frames_seen += 64 + 2 * kFrames;
  }
}

void observer(const Segment& segment) {
  EventReader events(segment);
  std::vector<uint8_t> out;
  while (!stopping) {
    for (const View view : {View::port, View::network, View::remote, View::flood, View::mac,
                            View::neighbour, View::listener}) {
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

// One life of the tables.
uint32_t run_round(uint64_t seed, long nanoseconds) {
  stopping = false;
  epoch = 0;
  for (std::atomic<uint64_t>& each : passed) each = 0;
  SegmentConfig config;
  config.workers = kWorkers;
  config.macs = 65536;
  config.seed = seed;
  const uint64_t size = Segment::bytes_needed(config);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  const Segment segment = Segment::format(memory, config);
  TablesObserver hooks;
  hooks.wait_quiescent = wait_quiescent;
  Tables tables(segment, hooks);
  tables.set_local({kLocal, 4789});
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
  const timespec nap = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  nanosleep(&nap, nullptr);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<uint64_t>& count : moves) moves_seen += count / 2;
  const uint32_t buckets = segment.header().macs.buckets;
  munmap(memory, size);
  return buckets;
}

}  // namespace

int main(int argc, char** argv) {
  const long seconds = argc > 1 ? atol(argv[1]) : 3;
  uint32_t buckets = 0;
  for (uint64_t round = 1; round <= kRounds; round++)
    buckets = run_round(0x1234567 * round, seconds * 1000000000 / kRounds);
  printf("frames %llu snapshots %llu moves %llu buckets %u\n",
         static_cast<unsigned long long>(frames_seen.load()),
         static_cast<unsigned long long>(snapshots_seen.load()),
         static_cast<unsigned long long>(moves_seen.load()), buckets);
  return 0;
}
