#include "offload_guard.hpp"

namespace vtep {

namespace {

using Counts = OffloadWatch::Counts;

// Seconds. What was sent before a trial may be repeated in its beginning, which says nothing.
constexpr uint64_t kWindow = 4, kSettle = 1, kTrial = 3, kLongestTrial = 15, kRest = 30;
// The first pause is short: a line that was cut for a second looks the same.
constexpr uint64_t kFirstPause = 10, kPause = 60, kLongestPause = 3600, kForgiven = 600;
// Frames of the sample. Connections that can not be made do not send many. In doubt, others have
// been seen to be lost.
constexpr uint32_t kEnough = 4, kEnoughInDoubt = 2;

struct Share {
  uint32_t sent = 0, repeated = 0;
  // Nearly all of them: more than any line that still works loses.
  bool is_broken(uint32_t enough) const { return sent >= enough && repeated * 4 >= sent * 3; }
  bool is_well() const { return repeated * 4 <= sent; }
};

Share operator+(const Share& a, const Share& b) {
  return {a.sent + b.sent, a.repeated + b.repeated};
}

Share since(const Counts& base, const Counts& now, OffloadForm form) {
  const auto i = static_cast<unsigned>(form);
  return {now.sent[i] - base.sent[i], now.repeated[i] - base.repeated[i]};
}

}  // namespace

// The forms that are broken while single frames arrive. Where those do not, either, unless they are
// complete, all that is left to the device is.
OffloadForms OffloadGuard::suspects(const Counts& base, const Counts& now, bool doubted) {
  const uint32_t enough = doubted ? kEnoughInDoubt : kEnough;
  const Share super = since(base, now, OffloadForm::super);
  const Share train = since(base, now, OffloadForm::train);
  const Share partial = since(base, now, OffloadForm::partial);
  const Share plain = since(base, now, OffloadForm::plain);
  OffloadForms out;
  if ((partial + plain).is_well()) {
    if (super.is_broken(enough)) out = out | OffloadForm::super;
    if (train.is_broken(enough)) out = out | OffloadForm::train;
  }
  if (out.empty() && (partial + super + train).is_broken(enough) && plain.is_well())
    out = OffloadForms(OffloadForm::super) | OffloadForm::train | OffloadForm::partial;
  return out;
}

void OffloadGuard::enter(Phase phase, const Counts& counts, uint64_t now) {
  phase_ = phase;
  base_ = last_ = counts;
  since_ = now;
}

void OffloadGuard::begin(const Counts& counts, uint64_t now) {
  enter(Phase::watching, counts, now);
}

bool OffloadGuard::set_tested(OffloadForms broken) {
  const bool changed = !(tested_ == broken);
  tested_ = broken;
  return changed;
}

bool OffloadGuard::judge(const Counts& counts, uint64_t now, bool doubted) {
  const uint64_t passed = now - since_;
  switch (phase_) {
    case Phase::watching: {
      // What arrived before it broke does not speak for it.
      suspected_ = suspects(base_, counts, doubted) | suspects(last_, counts, doubted);
      last_ = counts;
      if (!suspected_.empty()) {
        enter(Phase::trial, counts, now);
        return true;
      }
      if (now - resumed_ >= kForgiven) pause_ = 0;
      if (passed >= kWindow) enter(Phase::watching, counts, now);
      return false;
    }
    case Phase::trial: {
      if (passed <= kSettle) {
        base_ = counts;
        return false;
      }
      const OffloadForms more = suspects(base_, counts, doubted).without(suspected_);
      if (!more.empty()) {
        suspected_ = suspected_ | more;
        enter(Phase::trial, counts, now);
        return true;
      }
      if (passed < kTrial) return false;
      const Share all =
          since(base_, counts, OffloadForm::super) + since(base_, counts, OffloadForm::train) +
          since(base_, counts, OffloadForm::partial) + since(base_, counts, OffloadForm::plain);
      if (all.sent == 0 && passed < kLongestTrial) return false;
      const bool heals = all.sent != 0 && all.is_well();
      enter(heals ? Phase::off : Phase::rest, counts, now);
      return true;
    }
    case Phase::off:
      if (passed < (pause_ == 0 ? kFirstPause : pause_)) return false;
      pause_ = pause_ == 0 ? kPause : pause_ * 2 < kLongestPause ? pause_ * 2 : kLongestPause;
      resumed_ = now;
      enter(Phase::watching, counts, now);
      return true;
    case Phase::rest:
      if (passed >= kRest) enter(Phase::watching, counts, now);
      return false;
  }
  return false;
}

}  // namespace vtep
