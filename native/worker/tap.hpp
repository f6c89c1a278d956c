// A worker's eye for captures: looks at frames where they come in, at what the switch decides, at
// what goes to devices, and writes down what somebody wants to see. Nobody but the worker's thread
// calls it, and all of it is behind one test of on().
//
// What the switch makes of a frame is known after it was seen, so records stay with the worker
// until settle(), which writes the verdicts into them and hands all over.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/switch.hpp"
#include "../port/uplink.hpp"
#include "capture.hpp"
#include "device_list.hpp"

namespace vtep {

// What a frame is known by on its way.
struct Track {
  static constexpr uint16_t kNoInput = UINT16_MAX;
  uint64_t id = 0;
  uint32_t port = 0;          // it came in by, 0 = underlay
  uint16_t input = kNoInput;  // of the batch at hand
  uint8_t marks = 0;          // captures that follow it, a bit each
};

class Tap {
 public:
  static constexpr unsigned kInputs = 4 * kBurst;

  Tap(const Segment& segment, unsigned worker);
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  bool on() const { return on_; }
  void adopt(const DeviceList& list);

  // A batch from a port, or from the underlay (0), before the switch sees it. At most kInputs.
  void arrived(uint32_t port, const Frame* frames, unsigned count, UplinkForm form);
  // One that was held back comes in again.
  void again(const Track& track, const Frame& frame, UplinkForm form);
  // It is held back.
  Track held(unsigned input);
  // It was held back for too long.
  void gave_up(const Track& track, const Frame& frame, UplinkForm form, Drop reason);
  void decided(const Burst& burst);
  // Everything has been sent: hands over what was seen.
  void settle();

  Track track_of(const Burst& burst, const Emit& emit);
  // A frame for a port (0 = uplink) is lost before it became an item.
  void lost(const Track& track, const Emit& emit, const Frame& frame, uint32_t port, Drop reason);
  // Records of an item that is about to be sent, for refused().
  struct Seen {
    uint32_t first = 0, end = 0;
  };
  Seen sending(uint32_t port, const Gather& item, const Track& track);
  Seen sending(uint32_t port, const UplinkGather& item, const Track& track);
  template <class Item>
  void refused(uint32_t port, const Item& item, const Track& track, Seen seen, Drop reason) {
    for (uint32_t i = seen.first; i < seen.end; i++) CaptureWriter::discard(pending_[i].record);
    if (!wants_drops()) return;
    Sight sight = sight_of(port, item);
    sight.point = CapturePoint::drop;
    sight.reason = reason;
    see(sight, track);
  }

 private:
  // A frame at a point.
  struct Sight {
    uint32_t point = CapturePoint::none;
    FrameView frame;
    uint32_t inner = 0;  // where the tenant's frame begins
    uint32_t out = 0;    // the port it goes to
    uint32_t vni = 0;
    uint32_t destination = 0;
    Drop reason = Drop::none;
    uint16_t flags = 0;
    Meta meta;
    uint8_t remote[16] = {};
  };
  // What became of a frame of the batch.
  struct Verdict {
    uint32_t destination = 0;
    uint32_t copies = 0;
    Drop reason = Drop::none;
    uint16_t flags = 0;
    uint8_t hits = 0;  // captures of a port that it goes to
  };
  struct Pending {
    CaptureRecord* record;
    unsigned capture;
    uint16_t input;
  };

  bool wants(uint32_t point) const { return (wanted_ & point_bit(point)) != 0; }
  bool wants_drops() const { return wants(CapturePoint::drop); }
  // The same of frames of one port, from a look at the captures alone.
  bool wants_of(uint32_t point, uint32_t port) const {
    for (const Capture* capture : captures_) {
      const CaptureSpec& spec = capture->spec();
      if ((spec.points & point_bit(point)) != 0 &&
          (spec.follow || spec.port == 0 || spec.port == port))
        return true;
    }
    return false;
  }
  void begin(const Frame* frames, unsigned count, UplinkForm form);
  Sight sight_of(uint32_t port, const Frame& frame);
  Sight sight_of(uint32_t port, const Gather& item);
  Sight sight_of(uint32_t port, const UplinkGather& item);
  uint32_t rebuild(const uint8_t source[16], const uint8_t destination[16], uint16_t source_port,
                   uint32_t payload);
  uint8_t marks_for(const Sight& sight, uint32_t port) const;
  void see_inside(unsigned input);
  bool is_wanted(const CaptureSpec& spec, unsigned capture, const Sight& sight,
                 const Track& track) const;
  void see(const Sight& sight, const Track& track);
  void write_verdict(CaptureRecord& record, const Verdict& verdict) const;
  uint32_t vni_of(uint32_t port) const;
  void address_of(uint32_t destination, uint8_t out[16]) const;
  uint64_t new_id() { return sequence_++ | static_cast<uint64_t>(worker_) << 56; }

  const Segment segment_;
  const unsigned worker_;
  bool on_ = false;
  bool follows_ = false;
  uint32_t wanted_ = 0;  // points of all captures
  std::vector<const Capture*> captures_;
  uint64_t sequence_ = 1;
  uint64_t real_now_ = 0, now_ = 0;
  // The batch at hand.
  uint32_t port_ = 0;
  const Frame* frames_ = nullptr;
  unsigned count_ = 0;
  UplinkForm form_ = UplinkForm::vxlan;
  uint32_t port_vni_ = 0;  // of port_
  Track tracks_[kInputs];
  Verdict verdicts_[kInputs];
  std::vector<Pending> pending_;
  // Of the sight at hand.
  static constexpr unsigned kMostOuter = 14 + 40 + 8;
  uint8_t outer_[kMostOuter];
  iovec pieces_[Gather::kMaxPieces + 1];
};

}  // namespace vtep
