// libFuzzer entry: arbitrary bytes as operations and as frames of every form. Build and run:
// native/core/fuzz/fuzz.sh [seconds].
//
// Input: u16 length of operations, the operations, then the input of Core::run().
#include "../run.hpp"

namespace {

using namespace vtep;

constexpr size_t kSegmentBytes = 16 << 20;
constexpr size_t kOutputBytes = 64 << 20;
alignas(4096) uint8_t segment_memory[kSegmentBytes];
uint8_t output_memory[kOutputBytes];
alignas(64) uint8_t core_place[sizeof(Core)];

constexpr uint8_t kLocal[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};

SegmentConfig small() {
  SegmentConfig config;
  config.ports = 8;
  config.networks = 8;
  config.remotes = 8;
  config.macs = 64;
  config.neighbours = 64;
  config.eventSlots = 64;
  config.floodWords = 512;
  config.firstBuckets = 2;
  return config;
}

// A network to meet, so that frames get past the first check.
template <typename Operation>
void apply(Core& core, uint16_t code, const Operation& operation) {
  uint8_t bytes[4 + sizeof operation];
  store16(bytes, code);
  store16(bytes + 2, sizeof operation);
  copy(bytes + 4, &operation, sizeof operation);
  core.apply(bytes, sizeof bytes);
}

void set_up(Core& core) {
  apply(core, OperationCode::networkSet, NetworkSetOperation{10100, NetworkFlag::suppress, 10, 100, 20});
  for (uint32_t port = 1; port <= 3; port++) {
    apply(core, OperationCode::portAttach, PortAttachOperation{port, 10100});
  }
  FloodAddOperation flood = {10100, {}};
  copy(flood.remote, kLocal, 16);
  flood.remote[15] = 2;
  apply(core, OperationCode::floodAdd, flood);
  NextHopSetOperation hop = {};
  copy(hop.remote, flood.remote, 16);
  copy(hop.source, kLocal, 16);
  hop.ifindex = 1;
  apply(core, OperationCode::nextHopSet, hop);
  NeighbourSetOperation binding = {10100, NeighbourFlag::remote, {2, 0, 0, 0, 0, 9}, 0, {}};
  copy(binding.ip, kLocal, 16);
  apply(core, OperationCode::neighbourSet, binding);
}

}  // namespace

inline void* operator new(size_t, void* place) noexcept { return place; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const SegmentConfig config = small();
  const uint64_t needed = Core::bytes_needed(config);
  if (size < 2 || needed > kSegmentBytes) return 0;
  clear(segment_memory, static_cast<size_t>(needed));
  Core& core = *new (core_place) Core(segment_memory, config, kLocal, 4789);
  set_up(core);
  const size_t operations = load16(data) % (size - 1);
  core.apply(data + 2, operations);
  Output out;
  out.data = output_memory;
  out.capacity = sizeof output_memory;
  out.grow = [](Output&, size_t) { return false; };
  core.run(data + 2 + operations, size - 2 - operations, out);
  core.tick(1000);
  bool lost;
  core.drain_events(out, lost);
  for (unsigned view = 0; view <= static_cast<unsigned>(View::neighbour); view++) {
    core.snapshot(static_cast<View>(view), out);
  }
  return 0;
}
