// Packets that wait for the MAC of their next hop (RFC 1122 section 2.3.2.2): the first one of a
// connection would else be lost, and come again a second later.
#pragma once
#include <string.h>

#include <algorithm>
#include <vector>

#include "../core/switch.hpp"
#include "tap.hpp"

namespace vtep {

class HeldFrames {
 public:
  bool empty() const { return frames_.empty(); }

  // Copies a frame as it came in from `ingress` (port id, 0 = uplink). A frame that is looked at
  // again stays. `track` is what the tap knows it by.
  Hold keep(uint32_t ingress, const Frame& frame, uint64_t now, const Track& track) {
    if (again_ != nullptr) {
      again_->waits = true;
      return Hold::still;
    }
    // Several packets in one can not be told apart here.
    const bool whole = ingress != 0 || frame.meta.gso_type == kGsoNone;
    const auto of_ingress = std::count_if(
        frames_.begin(), frames_.end(), [&](const Held& held) { return held.ingress == ingress; });
    if (!whole || of_ingress == kMostOfIngress || frames_.size() == kMostFrames ||
        octets_ + frame.length > kMostOctets)
      return Hold::no;
    Held held = {ingress, now + kLongest, true, frame, {frame.data, frame.data + frame.length},
                 track};
    octets_ += frame.length;
    frames_.push_back(std::move(held));
    return Hold::kept;
  }

  // Looks at all again when the tables may know more: switch_again(ingress, frame, track) is to
  // call keep() for those that still wait; lost(ingress, frame, track) is told of those that have
  // waited too long. What went on has to be sent before drop_gone().
  template <class Again, class Lost>
  void look(const Segment& segment, uint64_t now, Again switch_again, Lost lost) {
    const uint64_t known = knowledge(segment);
    const bool more = known != known_;
    known_ = known;
    for (Held& held : frames_) {
      if (more) {
        held.waits = false;
        again_ = &held;
        held.frame.data = held.octets.data();
        switch_again(held.ingress, held.frame, held.track);
        again_ = nullptr;
      }
      if (held.waits && now >= held.until) {
        held.waits = false;
        held.frame.data = held.octets.data();
        lost(held.ingress, held.frame, held.track);
      }
    }
  }
  void drop_gone() {
    std::erase_if(frames_, [](const Held& held) { return !held.waits; });
    octets_ = 0;
    for (const Held& held : frames_) octets_ += held.frame.length;
  }

 private:
  static constexpr uint64_t kLongest = 1000000000;
  static constexpr size_t kMostFrames = 64, kMostOctets = 256 << 10;
  static constexpr int kMostOfIngress = 16;  // a tenant that tries all addresses is in nobody's way

  struct Held {
    uint32_t ingress;
    uint64_t until;  // nanoseconds
    bool waits;
    Frame frame;
    std::vector<uint8_t> octets;
    Track track;
  };

  // Changes whenever a binding, a MAC or a route has.
  static uint64_t knowledge(const Segment& segment) {
    const SegmentHeader& header = segment.header();
    return load_relaxed(&header.eventSequence) + load_relaxed(&header.flushCount) +
           (static_cast<uint64_t>(load_relaxed(&header.neighbours.count)) << 32);
  }

  std::vector<Held> frames_;
  size_t octets_ = 0;
  uint64_t known_ = 0;
  Held* again_ = nullptr;  // that is looked at
};

}  // namespace vtep
