// A frame's way through the switch, told step by step: the very code of the workers on the same
// tables, which may be mapped read-only. Nothing is sent, counted, learned or refreshed.
#pragma once
#include "run_format.hpp"
#include "steps.hpp"

namespace vtep {

class Tracer {
 public:
  // Octets of `scratch`: what a worker would count goes there.
  static uint64_t scratch_needed(const Segment& segment);
  Tracer(const Segment& segment, void* scratch);

  // `input`: as of Core::run(), with one frame of form 0 to 2. The time 0 is the keeper's own.
  // `like`: the worker whose frame it would be, with what it remembers (storm control, what it has
  // reported); null: one that has just begun. Null, or what is wrong with the input. Output,
  // appended:
  //   the output of Core::run(), at most kMostRecords records
  //   u32 records left out, u32 steps left out, u32 length, steps as Steps has them
  const char* trace(uint8_t* input, size_t length, const Switch* like, Unresolved unresolved,
                    Output& out);

 private:
  static constexpr uint32_t kMostRecords = 512;
  static constexpr size_t kStepOctets = 64 << 10;

  struct Sink;

  Segment segment_;
  Switch worker_;
  Burst burst_;
  RemoteCache remotes_;
  uint8_t steps_[kStepOctets];
};

}  // namespace vtep
