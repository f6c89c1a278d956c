// What a trace has found out, in order: steps of native/layout/steps.ts in memory of the caller's.
#pragma once
#include "bytes.hpp"
#include "tables.gen.hpp"

namespace vtep {

class Steps {
 public:
  Steps(uint8_t* memory, size_t room) : memory_(memory), room_(room) {}

  // u16 code, u16 size, the structure. What finds no room is counted.
  template <class Step>
  void tell(const Step& step) {
    if (room_ - length_ < 4 + sizeof step) return void(missed_++);
    store16(memory_ + length_, Step::kCode);
    store16(memory_ + length_ + 2, sizeof step);
    copy(memory_ + length_ + 4, &step, sizeof step);
    length_ += 4 + sizeof step;
  }

  const uint8_t* data() const { return memory_; }
  size_t length() const { return length_; }
  uint32_t missed() const { return missed_; }

 private:
  uint8_t* memory_;
  size_t room_;
  size_t length_ = 0;
  uint32_t missed_ = 0;
};

}  // namespace vtep
