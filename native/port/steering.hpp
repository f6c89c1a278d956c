// Which queue of a device a frame is for: a program in the kernel that devices with several queues
// attach (packet fanout, tap, SO_REUSEPORT).
//
// A flow goes to the worker that lives on the CPU where its frames come up: no other CPU has to be
// woken for it. While that worker is busy, it goes to one that is not. A flow changes its queue
// only when all that went before is through: nothing was left between the program and the far side
// of the worker, or the flow has paused and all that came before its pause is forwarded. So order
// within a flow holds, and one that never pauses stays where it is while the others leave.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

#include "descriptor.hpp"

namespace vtep {

// Shared with the kernel's program, one for each device. What different workers write lies in
// different cache lines.
struct SteeringTable {
  static constexpr unsigned kCpus = 256, kQueues = 16, kBuckets = 256;
  static constexpr uint8_t kNone = 0xff;
  // What the worker of a queue writes.
  struct alignas(64) Queue {
    uint64_t through;    // so many that entered are forwarded
    uint64_t forwarded;  // CLOCK_MONOTONIC: frames that came well before are forwarded
    uint8_t busy;        // 1: it has more to do than it can
  };
  // What the program writes.
  struct alignas(64) Entrance {
    uint64_t entered;  // frames that were sent to the queue
  };
  struct alignas(64) Bucket {  // flows with the same hash
    uint64_t last;             // CLOCK_MONOTONIC of the last frame
    uint64_t ticket;           // its number among those that entered its queue
    uint32_t queue;            // where that went
    uint32_t home;             // where it goes when no worker lives on the CPU
  };

  alignas(64) uint8_t home[kCpus];  // queue of the worker that lives on a CPU, or kNone
  alignas(64) uint8_t idle;         // a queue whose worker is not busy, or kNone
  Queue queues[kQueues];
  Entrance entrances[kQueues];
  Bucket buckets[kBuckets];
};

class Steering {
 public:
  // `cpus`: where the worker of each queue lives, -1 for anywhere; may be empty. Null, and why,
  // when the kernel refuses: then it spreads the flows by its own hash.
  static std::unique_ptr<Steering> open(unsigned queues, const std::vector<int>& cpus,
                                        std::string& why_not);
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;
  ~Steering();

  int program() const { return program_.get(); }

  // Worker of `queue`, around a look at its device: before(), with everything forwarded that was
  // handed over earlier, then after() with what was found. `ring`: frames that the queue holds at
  // most.
  void before(unsigned queue);
  void after(unsigned queue, unsigned found, unsigned ring);
  // Worker of `queue`: it has more to do than it can, or not any more.
  void set_busy(unsigned queue, bool busy);

  const SteeringTable& table() const { return *table_; }

 private:
  // A moment that is published once so many frames have been taken out after it.
  struct alignas(64) Mark {
    uint64_t looked = 0;
    uint64_t time = 0;
    int64_t left = 0;
    uint64_t taken = 0;  // frames that came out, and those that never will
    // What entered and did not come out, at least, at all looks that found nothing since then.
    uint64_t missing = UINT64_MAX;
    uint64_t missing_since = 0;
  };

  Steering() = default;
  bool load(std::string& why_not);
  static void count_lost(Mark& mark, uint64_t entered);

  unsigned queues_ = 0;
  Descriptor map_, program_;
  SteeringTable* table_ = nullptr;
  std::vector<Mark> marks_;
};

}  // namespace vtep
