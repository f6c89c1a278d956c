// CLOCK_MONOTONIC in the units the dataplane uses.
#pragma once
#include <stdint.h>
#include <time.h>

namespace vtep {

inline uint64_t monotonic_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ULL + static_cast<uint64_t>(now.tv_nsec);
}

// The same to some milliseconds, at a fifth of the cost.
inline uint64_t coarse_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ULL + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t monotonic_seconds() { return monotonic_nanoseconds() / 1000000000ULL; }

}  // namespace vtep
