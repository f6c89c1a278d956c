// Looks whether what was handed to a port with work left to do (a partial checksum, a super-frame)
// arrives: a TCP sender that got no acknowledgement sends the same octets again, and the worker
// sees that. A sample of frames is remembered for a while; how many of each form were sent again is
// counted by port, for the keeper to judge (offload_guard.hpp).
//
// One object per worker, written by that worker alone; the keeper reads the counts.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/bytes.hpp"

namespace vtep {

class OffloadWatch {
 public:
  // How a frame is handed to the device.
  enum Form : uint8_t { kSuper, kPartial, kPlain };
  struct Counts {
    uint32_t sent[3] = {};      // frames of the sample, by form, of which it is known
    uint32_t repeated[3] = {};  // of those: sent again as good as whole
  };

  explicit OffloadWatch(uint32_t ports) : counts_(ports + 1) {}

  // A frame on its way to `port`. `headers` are its first octets, up to the payload at least;
  // `length` is that of the whole frame, all segments included.
  void sent(uint32_t port, Form form, const uint8_t* headers, uint32_t length, uint64_t now);
  // Keeper's thread. Counts go on over the life of the watch, and wrap.
  Counts read(uint32_t port) const;

 private:
  // Part of a flow's sequence space that was handed over in one frame.
  struct Record {
    uint64_t key = 0;  // flow and port; 0 = free
    uint64_t until = 0;
    uint32_t start = 0;
    uint32_t length = 0;
    uint32_t repeated = 0;  // octets
    uint32_t port = 0;
    Form form = kPlain;
  };
  // One for super-frames and one for others, so that the two can be compared within a flow.
  struct Slot {
    Record records[2];
  };
  static constexpr unsigned kSlots = 256;

  Slot slots_[kSlots];
  std::vector<Counts> counts_;
};

}  // namespace vtep
