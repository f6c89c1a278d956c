#include "counters.hpp"

namespace vtep {

uint64_t read_drops(const Segment& segment, Drop reason) {
  uint64_t sum = 0;
  for (uint32_t worker = 0; worker < segment.config().workers; worker++) {
    sum += load_relaxed(segment.drop_counters(worker) + static_cast<unsigned>(reason));
  }
  return sum;
}

PortCounters read_port_counters(const Segment& segment, uint32_t port) {
  constexpr size_t kWords = sizeof(PortCounters) / 8;
  uint64_t sums[kWords] = {};
  for (uint32_t worker = 0; worker < segment.config().workers; worker++) {
    const uint64_t* words = reinterpret_cast<const uint64_t*>(&segment.port_counters(worker, port));
    for (size_t i = 0; i < kWords; i++) sums[i] += load_relaxed(words + i);
  }
  PortCounters out;
  copy(&out, sums, sizeof out);
  return out;
}

}  // namespace vtep
