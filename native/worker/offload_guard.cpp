#include "offload_guard.hpp"

namespace vtep {

namespace {

using Counts = OffloadWatch::Counts;

// Seconds. What was sent before a trial may be repeated in its beginning, which says nothing.
constexpr uint64_t kWindow = 4, kSettle = 1, kTrial = 3, kLongestTrial = 15, kRest = 30,
                   kLongestPause = 3600;
// Frames of the sample. Connections that can not be made do not send many.
constexpr uint32_t kEnoughSuper = 4, kEnoughPartial = 4;

struct Share {
  uint32_t sent = 0, repeated = 0;
  // Nearly all of them: more than any line that still works loses.
  bool is_broken(uint32_t enough) const { return sent >= enough && repeated * 4 >= sent * 3; }
  bool is_well() const { return repeated * 4 <= sent; }
};

Share operator+(const Share& a, const Share& b) {
  return {a.sent + b.sent, a.repeated + b.repeated};
}

Share since(const Counts& base, const Counts& now, OffloadWatch::Form form) {
  return {now.sent[form] - base.sent[form], now.repeated[form] - base.repeated[form]};
}

}  // namespace

Abilities OffloadGuard::narrow(Abilities abilities) const {
  if (phase_ != Phase::trial && phase_ != Phase::off) return abilities;
  if (offload_ == Offload::checksum) return {};
  if (offload_ == Offload::tcp) abilities.tcp_segmentation = false;
  return abilities;
}

// The form that is broken while simpler ones arrive.
OffloadGuard::Offload OffloadGuard::suspect(const Counts& now) const {
  const Share super = since(base_, now, OffloadWatch::kSuper);
  const Share partial = since(base_, now, OffloadWatch::kPartial);
  const Share plain = since(base_, now, OffloadWatch::kPlain);
  if (super.is_broken(kEnoughSuper) && (partial + plain).is_well()) return Offload::tcp;
  if ((partial + super).is_broken(kEnoughPartial) && plain.is_well()) return Offload::checksum;
  return Offload::none;
}

void OffloadGuard::enter(Phase phase, const Counts& counts, uint64_t now) {
  phase_ = phase;
  base_ = counts;
  since_ = now;
}

bool OffloadGuard::judge(const Counts& counts, uint64_t now) {
  const uint64_t passed = now - since_;
  switch (phase_) {
    case Phase::watching: {
      const Offload suspected = suspect(counts);
      if (suspected != Offload::none) {
        offload_ = suspected;
        enter(Phase::trial, counts, now);
        return true;
      }
      if (passed >= kWindow) enter(Phase::watching, counts, now);
      return false;
    }
    case Phase::trial: {
      if (passed <= kSettle) base_ = counts;
      if (passed < kTrial) return false;
      const Share all = since(base_, counts, OffloadWatch::kSuper) +
                        since(base_, counts, OffloadWatch::kPartial) +
                        since(base_, counts, OffloadWatch::kPlain);
      if (all.sent == 0 && passed < kLongestTrial) return false;
      const bool heals = all.sent != 0 && all.is_well();
      enter(heals ? Phase::off : Phase::rest, counts, now);
      return true;
    }
    case Phase::off:
      if (passed < pause_) return false;
      pause_ = pause_ * 2 < kLongestPause ? pause_ * 2 : kLongestPause;
      enter(Phase::watching, counts, now);
      return true;
    case Phase::rest:
      if (passed >= kRest) enter(Phase::watching, counts, now);
      return false;
  }
  return false;
}

}  // namespace vtep
