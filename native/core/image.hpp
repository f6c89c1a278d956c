// A copy of the tables in one small segment: what a trace needs, anywhere else. Row indices and
// port ids stay; what only the writer, counters and events need is empty.
#pragma once
#include "segment.hpp"

namespace vtep {

// What an image of a segment takes, and what it holds.
struct ImagePlan {
  SegmentConfig config;
  uint64_t bytes = 0;
  uint64_t networks[1024] = {};  // bitmap of indices: those that are in it
};

// `vni`: of the one network that is wanted, with all that share its IP-VRF; 0 = all. `seed`: of the
// image's hash tables, so that it does not tell the segment's. Null, or a few words why not.
const char* plan_image(const Segment& from, uint32_t vni, uint64_t seed, ImagePlan& plan);

// `memory`: plan.bytes zeros, 64-byte aligned. Null, or a few words: the tables have grown beyond
// the plan, or are being written: plan again.
const char* write_image(const Segment& from, const ImagePlan& plan, void* memory);

}  // namespace vtep
