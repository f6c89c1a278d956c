// Whether frames that the fast path sends somewhere seem to be lost: the programs count the TCP
// segments that come again. What is lost, and why, they can not see; so in doubt the frames go
// through the workers for a while, whose watch (native/worker/offload_watch.hpp) can.
#pragma once
#include <stdint.h>

namespace vtep {

class FastDoubt {
 public:
  // Once a second, with counts that only grow. True while the workers shall have the frames.
  bool judge(uint64_t segments, uint64_t repeated, uint64_t now_seconds) {
    const uint64_t sent = segments - segments_, again = repeated - repeated_;
    segments_ = segments, repeated_ = repeated;
    if (held(now_seconds)) return true;
    // Far more than any line that still works loses.
    if (again < kEnough || again * 4 < sent || now_seconds < patient_until_) return false;
    until_ = now_seconds + kLook;
    patient_until_ = until_ + kRest;
    return true;
  }
  // The workers have found it: when they let go, the next suspicion counts at once.
  void confirm() { patient_until_ = 0; }
  bool held(uint64_t now_seconds) const { return now_seconds < until_; }

 private:
  static constexpr uint64_t kEnough = 4;
  static constexpr uint64_t kLook = 6;   // seconds: a suspicion and a trial of the workers
  static constexpr uint64_t kRest = 30;  // then, as there was another cause
  uint64_t segments_ = 0, repeated_ = 0, until_ = 0, patient_until_ = 0;
};

}  // namespace vtep
