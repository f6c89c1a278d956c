// Judges the offloads of one port, or of one interface of the underlay, by what its workers have
// counted (offload_watch.hpp), and switches off what does not work. No thread, no clock: the keeper
// calls it once a second.
//
// A suspicion is only a reason for a trial: the forms are off for some seconds; a simpler form that
// turns out to be broken in their place is tried without, too. When frames arrive then, they stay
// off, and are tried again after a while (ten seconds, a minute, doubled each time). When it made
// no difference, the loss has another cause: they come back and are left alone for a while.
//
// What a self-test found broken (offload_tester.hpp) is off for as long as that test says so.
#pragma once
#include "offload_watch.hpp"

namespace vtep {

// Forms of frames, one bit each.
class OffloadForms {
 public:
  constexpr OffloadForms() = default;
  constexpr OffloadForms(OffloadForm form) : bits_(static_cast<uint8_t>(1u << unsigned(form))) {}
  constexpr OffloadForms operator|(OffloadForms other) const { return with(bits_ | other.bits_); }
  constexpr OffloadForms without(OffloadForms other) const { return with(bits_ & ~other.bits_); }
  constexpr bool has(OffloadForm form) const { return (bits_ >> unsigned(form) & 1) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const OffloadForms&) const = default;

 private:
  static constexpr OffloadForms with(unsigned bits) {
    OffloadForms out;
    out.bits_ = static_cast<uint8_t>(bits);
    return out;
  }
  uint8_t bits_ = 0;
};

class OffloadGuard {
 public:
  enum class Phase : uint8_t {
    watching,
    trial,  // some are off on suspicion
    off,    // they do not work
    rest,   // on; a trial made no difference
  };

  // What the workers have counted before.
  void begin(const OffloadWatch::Counts& counts, uint64_t now_seconds);
  // `counts`: the sum of all workers. `doubted`: the fast path has seen losses there. True when
  // off() or phase() has changed.
  bool judge(const OffloadWatch::Counts& counts, uint64_t now_seconds, bool doubted = false);
  // What the self-tests say is broken, now. True when that has changed.
  bool set_tested(OffloadForms broken);

  // Not to be used.
  OffloadForms off() const { return watched_off() | tested_; }
  OffloadForms tested() const { return tested_; }
  bool on_trial() const { return phase_ == Phase::trial; }
  Phase phase() const { return phase_; }

 private:
  OffloadForms watched_off() const {
    return phase_ == Phase::trial || phase_ == Phase::off ? suspected_ : OffloadForms();
  }
  void enter(Phase phase, const OffloadWatch::Counts& counts, uint64_t now);
  static OffloadForms suspects(const OffloadWatch::Counts& base, const OffloadWatch::Counts& now,
                               bool doubted);

  OffloadForms suspected_, tested_;
  Phase phase_ = Phase::watching;
  OffloadWatch::Counts base_;  // counts at the beginning of the window, or of the phase
  OffloadWatch::Counts last_;  // a second ago
  uint64_t since_ = 0;
  uint64_t resumed_ = 0;  // when what was off was tried again
  uint64_t pause_ = 0;    // seconds that it was off before; 0 = it was not, or long ago
};

}  // namespace vtep
