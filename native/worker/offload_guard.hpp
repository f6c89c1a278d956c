// Judges the offloads of one port by what its workers have counted (offload_watch.hpp), and
// switches one off that does not work. No thread, no clock: the keeper calls it once a second.
//
// A suspicion is only a reason for a trial: the offload is off for some seconds. When frames arrive
// then, it stays off, and is tried again after a while (a minute, doubled each time). When it made
// no difference, the loss has another cause: the offload comes back and is left alone for a while.
#pragma once
#include "../port/port.hpp"
#include "offload_watch.hpp"

namespace vtep {

class OffloadGuard {
 public:
  enum class Offload : uint8_t { none, checksum, tcp };
  enum class Phase : uint8_t {
    watching,
    trial,  // off on suspicion
    off,    // it does not work
    rest,   // on; a trial made no difference
  };

  // `counts`: the sum of all workers. True when offload() or phase() has changed.
  bool judge(const OffloadWatch::Counts& counts, uint64_t now_seconds);
  Offload offload() const { return offload_; }
  Phase phase() const { return phase_; }
  // What may be used of what the device says it can do. Without checksums nothing can be cut later.
  Abilities narrow(Abilities abilities) const;

 private:
  void enter(Phase phase, const OffloadWatch::Counts& counts, uint64_t now);
  Offload suspect(const OffloadWatch::Counts& now) const;

  Offload offload_ = Offload::none;
  Phase phase_ = Phase::watching;
  OffloadWatch::Counts base_;  // counts at the beginning of the window, or of the phase
  uint64_t since_ = 0;
  uint64_t pause_ = 60;  // seconds until an offload that was switched off is tried again
};

}  // namespace vtep
