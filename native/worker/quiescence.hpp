// When may memory be reused that a worker could still be looking at? When every worker has begun a
// new turn since it was unlinked, or sleeps. One writer (the keeper), one slot for each worker.
#pragma once
#include <stdint.h>

#include <atomic>

namespace vtep {

class Quiescence {
 public:
  static constexpr unsigned kMaxWorkers = 16;

  // Worker: a turn begins; nothing from before it is held any more. The fence pairs with the one in
  // advance(): either the keeper sees that we are awake, or we see what it unlinked.
  void begin_turn(unsigned worker) {
    slots_[worker].seen.store(current_.load(std::memory_order_relaxed), std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  // Worker: about to sleep, or gone. Holds nothing.
  void sleep(unsigned worker) { slots_[worker].seen.store(kAsleep, std::memory_order_release); }

  // Keeper: what has been unlinked before this call is free once passed(the answer).
  uint64_t advance() {
    const uint64_t target = current_.load(std::memory_order_relaxed) + 1;
    current_.store(target, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return target;
  }
  // Keeper: every worker has begun a turn at or after `target`, or sleeps.
  bool passed(uint64_t target) const {
    for (const Slot& slot : slots_)
      if (slot.seen.load(std::memory_order_acquire) < target) return false;
    return true;
  }

 private:
  static constexpr uint64_t kAsleep = UINT64_MAX;
  struct alignas(64) Slot {
    std::atomic<uint64_t> seen{kAsleep};
  };
  alignas(64) std::atomic<uint64_t> current_{1};
  Slot slots_[kMaxWorkers];
};

}  // namespace vtep
