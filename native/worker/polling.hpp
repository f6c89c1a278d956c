// When a worker that has nothing left to do should look again at once, and when it should sleep;
// whether it has more to do than it can, and whether it gets the CPU when it wants it. A pure
// machine: what happened goes in with its time, decisions come out.
#pragma once
#include <stdint.h>

namespace vtep {

// What the kernel's scheduler says of a thread: totals.
struct CpuAccount {
  uint64_t ran = 0;     // nanoseconds on a CPU
  uint64_t waited = 0;  // nanoseconds ready to run, without one
  uint64_t times = 0;   // that it got one
};

class Polling {
 public:
  enum class Mode : uint8_t {
    adaptive,  // looks again for a moment after work, where that has paid off lately
    never,     // sleeps at once
    always,    // never sleeps
  };

  // No longer than this is waited awake, in nanoseconds: the price of a wake-up and some more.
  static constexpr uint64_t kLongest = 60000;
  // A look that comes so late says that somebody else ran on this CPU meanwhile. If the CPU was not
  // ours alone for at least kAlone before that, it would not have slept without us either: then
  // waiting awake saves nobody's wake-up, and is in somebody's way.
  static constexpr uint64_t kPreempted = 6000, kAlone = 10000;
  static constexpr uint64_t kShortestPenalty = 10000000, kLongestPenalty = 5000000000;
  // Load is judged by windows of this length; it is over when it is low for so many in a row.
  static constexpr uint64_t kWindow = 10000000;
  static constexpr unsigned kCalmWindows = 10;
  // Who waits longer than this for the CPU, on average, shares it with somebody who does not sleep.
  static constexpr uint64_t kCrowdedWait = 50000;
  static constexpr uint64_t kCrowdedFor = 300000000;

  explicit Polling(Mode mode = Mode::adaptive) : mode_(mode) {}

  // A look from `began` to `now` (CLOCK_MONOTONIC) found so many frames, and has forwarded them.
  // True: look again at once; false: sleep until a device has something.
  bool again(uint64_t began, uint64_t now, unsigned frames) {
    if (window_began_ == 0) window_began_ = began;
    if (awake_ && idle_since_ != 0) {
      if (began - looked_ <= kPreempted) {
        alone_ += began - looked_;
      } else if (alone_ < kAlone) {
        punish(now);
      }
    }
    if (frames != 0) {
      if (idle_since_ != 0) learn(began - idle_since_);
      idle_since_ = now;
      alone_ = 0;
    } else if (awake_) {
      looked_in_vain_ += now - looked_;
    }
    looked_ = now;
    awake_ = decide(now);
    return awake_;
  }

  // The load is to be judged: call judge().
  bool judges(uint64_t now) const { return window_began_ != 0 && now - window_began_ >= kWindow; }
  void judge(uint64_t now, const CpuAccount& total) {
    uint64_t worked = total.ran - account_.ran;
    const uint64_t waited = total.waited - account_.waited;
    const uint64_t times = total.times - account_.times;
    account_ = total;
    worked -= looked_in_vain_ < worked ? looked_in_vain_ : worked;
    const uint64_t length = now - window_began_;
    // Waiting awake takes time from whoever else is on the machine. With much to do there is no gap
    // to bridge, and a thread that had to wait itself has neighbours.
    spare_time_ = worked < length / 3 && waited < length / 4;
    // A few microseconds are the time of whoever woke us.
    if (times != 0 && waited / times > kCrowdedWait && waited > length / 8) {
      worked += waited;
      if (looked_in_vain_ != 0) {
        punish(now);
      } else {
        crowded_until_ = now + kCrowdedFor;
      }
    }
    if (worked > length - length / 4) {
      loaded_ = true;
      calm_ = 0;
    } else if (worked > length / 2) {
      calm_ = 0;
    } else if ((calm_ += static_cast<unsigned>(length / kWindow)) >= kCalmWindows) {
      loaded_ = false;
    }
    window_began_ = now;
    looked_in_vain_ = 0;
  }

  // Others want the CPU, and so do we: let them run and look once more before sleeping. What they
  // send meanwhile comes as one burst, and nobody has to wake us.
  bool lets_others_run() const { return mode_ == Mode::adaptive && !spare_time_; }
  // More to do than time, for a while now.
  bool loaded() const { return loaded_; }
  // Somebody else wants the CPU that we are on.
  bool crowded(uint64_t now) const { return now < crowded_until_; }
  // Time that is waited awake after work at most, in nanoseconds; 0: sleep at once.
  uint64_t patience(uint64_t now) const {
    if (score_ < kWorthwhile || now < punished_until_ || !spare_time_) return 0;
    const uint64_t twice = 2 * gap_;
    return twice < kLongest ? twice : kLongest;
  }

 private:
  static constexpr uint32_t kFull = 1 << 16, kWorthwhile = kFull / 2;

  bool decide(uint64_t now) const {
    if (mode_ != Mode::adaptive) return mode_ == Mode::always;
    return idle_since_ != 0 && now - idle_since_ < patience(now);
  }

  // Work came after so long a time: would waiting awake have met it?
  void learn(uint64_t gap) {
    score_ -= score_ / 8;
    if (gap > kLongest) return;
    score_ += kFull / 8;
    gap_ = gap_ - gap_ / 8 + gap / 8;
  }

  // Every time that this is wrong soon after the last, it is longer until the next try.
  void punish(uint64_t now) {
    if (now < punished_until_) return;
    const bool soon = punished_until_ != 0 && now - punished_until_ < 2 * penalty_;
    penalty_ = !soon                            ? kShortestPenalty
               : penalty_ * 2 < kLongestPenalty ? penalty_ * 2
                                                : kLongestPenalty;
    punished_until_ = now + penalty_;
  }

  Mode mode_;
  bool awake_ = false;  // the last decision
  bool loaded_ = false;
  uint64_t idle_since_ = 0;
  uint64_t looked_ = 0;
  uint64_t alone_ = 0;       // since the last work, nobody else ran so long
  uint32_t score_ = 0;       // of kFull: how often the next work came within kLongest
  uint64_t gap_ = kLongest;  // then: after how long, on average
  uint64_t penalty_ = kShortestPenalty, punished_until_ = 0;
  uint64_t window_began_ = 0, looked_in_vain_ = 0;
  unsigned calm_ = 0;
  bool spare_time_ = true;  // in the last window
  CpuAccount account_;
  uint64_t crowded_until_ = 0;
};

}  // namespace vtep
