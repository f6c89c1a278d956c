// What workers saw, on its way to the keeper: one producer, one consumer, no lock. Full means drop:
// an unlearned MAC is seen again with its next frame.
#pragma once
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>

namespace vtep {

// An eventfd that is written only while the other side may be asleep. The sleeper announces itself,
// looks once more, then sleeps; the waker publishes its work, then looks whether somebody sleeps.
// Both fences are full, so one of the two sees the other.
class Doorbell {
 public:
  Doorbell() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;
  ~Doorbell() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int descriptor() const { return descriptor_; }
  void announce_sleep() {
    asleep_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void announce_wake() { asleep_.store(false, std::memory_order_relaxed); }
  void silence() {
    uint64_t count;
    while (::read(descriptor_, &count, sizeof count) > 0) {
    }
  }
  void ring_if_asleep() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed) &&
        asleep_.exchange(false, std::memory_order_relaxed))
      ring();
  }
  void ring() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof one);
  }

 private:
  int descriptor_;
  std::atomic<bool> asleep_{false};
};

template <typename Record, uint32_t kSlots>
class SpscRing {
  static_assert((kSlots & (kSlots - 1)) == 0);

 public:
  // Producer.
  bool push(const Record& record) {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ == kSlots) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ == kSlots) return false;
    }
    slots_[head % kSlots] = record;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  // Consumer.
  bool pop(Record& record) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    record = slots_[tail % kSlots];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool empty() const {
    return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_acquire);
  }

 private:
  // Written by nobody, by the producer, by the consumer: a cache line each.
  alignas(64) std::unique_ptr<Record[]> slots_ = std::make_unique<Record[]>(kSlots);
  alignas(64) std::atomic<uint32_t> head_{0};
  uint32_t tail_seen_ = 0;
  alignas(64) std::atomic<uint32_t> tail_{0};
};

}  // namespace vtep
