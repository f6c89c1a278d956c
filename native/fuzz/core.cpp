// The switch as one object (core/run.hpp): arbitrary operations, frames of every form. Frames go in
// from tenants and from the underlay, with and without metadata, and are finished in software.
#include <stdlib.h>

#include <new>

#include "../core/run.hpp"
#include "script.hpp"

namespace {

using namespace vtep;

constexpr size_t kSegmentBytes = 16 << 20;
constexpr size_t kOutputBytes = 64 << 20;
alignas(4096) uint8_t segment_memory[kSegmentBytes];
uint8_t output_memory[kOutputBytes];
alignas(64) uint8_t core_place[sizeof(Core)];

SegmentConfig small() {
  SegmentConfig config;
  config.ports = 8;
  config.networks = 8;
  config.remotes = 8;
  config.macs = 64;
  config.neighbours = 64;
  config.routes = 64;
  config.nextHops = 16;
  config.groups = 4;
  config.channels = 16;
  config.eventSlots = 64;
  config.floodWords = 512;
  config.groupBuckets = 4;
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const SegmentConfig config = small();
  const uint64_t needed = Core::bytes_needed(config);
  if (size < 2 || needed > kSegmentBytes) return 0;
  clear(segment_memory, static_cast<size_t>(needed));
  Core& core = *new (core_place) Core(segment_memory, config, fuzz::underlay());
  const fuzz::Octets network = fuzz::network();
  if (core.apply(network.data(), network.size()).failed != 0) abort();
  const size_t operations = load16(data) % (size - 1);
  core.apply(data + 2, operations);
  Output out;
  out.data = output_memory;
  out.capacity = sizeof output_memory;
  out.grow = [](Output&, size_t) { return false; };
  // What is routed is edited in place.
  fuzz::Octets frames(data + 2 + operations, data + size);
  core.run(frames.data(), frames.size(), out);
  core.tick(1000);
  bool lost;
  core.drain_events(out, lost);
  for (unsigned view = 0; view <= static_cast<unsigned>(View::listener); view++) {
    core.snapshot(static_cast<View>(view), out);
  }
  return 0;
}
