// A capture: what somebody wants to see, and where workers put it. Lists of devices carry the
// captures that are on (device_list.hpp); a worker's tap (tap.hpp) looks at frames for them.
#pragma once
#include <stdint.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capture_ring.hpp"
#include "packet_filter.hpp"

namespace vtep {

constexpr uint32_t point_bit(uint32_t point) { return 1u << point; }

struct CaptureSpec {
  static constexpr uint32_t kEveryPoint = 0xfe;  // fromPort to drop
  static constexpr uint32_t kMostOctets = 65536 + 256;
  static constexpr uint32_t kMostRate = 10000000;

  uint32_t points = kEveryPoint;       // point_bit()s
  uint32_t port = 0;                   // id; 0 = of all
  uint32_t vni = 0;                    // 0 = of all
  uint32_t reason = 0;                 // Drop; 0 = whatever became of them
  bool inner = false;                  // the filter is about the frame in VXLAN
  bool follow = false;                 // frames are chosen where they come in, and seen everywhere
  uint32_t snap_length = kMostOctets;  // octets of a frame that are kept
  uint64_t frames = 0;                 // then it is enough; 0 = never
  uint32_t rate = 100000;              // records a second, of each worker
  PacketFilter filter;

  // key=value lines, each as above, `filter` in hexadecimal. False with one sentence.
  static bool parse(std::string_view text, CaptureSpec& out, std::string& error);
  // Whether it can want frames that the fast path carries: it loses none.
  bool wants_carried() const {
    return reason == 0 && (follow || (points & ~point_bit(CapturePoint::drop)) != 0);
  }
};

class Capture {
 public:
  static constexpr unsigned kMost = 4;  // at once

  // Null and one sentence.
  static std::unique_ptr<Capture> open(CaptureSpec spec, unsigned workers, uint64_t owner,
                                       std::string& error);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  const CaptureSpec& spec() const { return spec_; }
  uint64_t owner() const { return owner_; }
  const CaptureMemory& memory() const { return memory_; }

  // Workers, each its own.
  struct alignas(64) Seat {
    Seat(CaptureRingHead& head, uint8_t* ring) : writer(head, ring) {}
    CaptureWriter writer;
    uint64_t filled_at = 0;  // nanoseconds
    uint32_t tokens = 0;     // records that may be taken now
    bool admit(uint32_t rate, uint64_t now);
  };
  Seat& seat(unsigned worker) const { return *seats_[worker]; }
  // Any worker: one more of spec().frames. False: it has been enough.
  bool take() const;
  bool enough() const {
    return spec_.frames != 0 && taken_.load(std::memory_order_relaxed) >= spec_.frames;
  }

 private:
  Capture(CaptureSpec spec, uint64_t owner) : spec_(std::move(spec)), owner_(owner) {}

  const CaptureSpec spec_;
  const uint64_t owner_;  // session of the control socket
  CaptureMemory memory_;
  std::vector<std::unique_ptr<Seat>> seats_;
  mutable std::atomic<uint64_t> taken_{0};
};

}  // namespace vtep
