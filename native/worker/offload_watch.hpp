// Looks whether what was handed to a device with work left to do (a partial checksum, a
// super-frame) arrives: a TCP sender that got no acknowledgement sends the same octets again, and
// the worker sees that. A sample of frames is remembered for a while; how many of each form were
// sent again is counted by row, for the keeper to judge (offload_guard.hpp). A row is a port, or an
// interface of the underlay.
//
// One object per worker, written by that worker alone; the keeper reads the counts.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/bytes.hpp"
#include "../core/tables.gen.hpp"

namespace vtep {

// How a frame is handed to a device: a super-frame whole; a super-frame cut into a train of VXLAN
// datagrams that the device takes apart; with a partial checksum; with nothing left to do.
enum class OffloadForm : uint8_t { super, train, partial, plain };

class OffloadWatch {
 public:
  static constexpr unsigned kForms = 4;
  struct Counts {
    uint32_t sent[kForms] = {};      // frames of the sample, by form, of which it is known
    uint32_t repeated[kForms] = {};  // of those: sent again as good as whole
    void operator+=(const Counts& other);
  };

  // Rows are the ports' by number; then the underlay interfaces', from 1.
  explicit OffloadWatch(uint32_t ports) : counts_(underlay_row(ports, Limits::maxUnderlays) + 1) {}
  static constexpr uint32_t underlay_row(uint32_t ports, uint32_t index) { return ports + index; }

  // A frame on its way. `headers` are its first octets, up to the payload at least; `length` is
  // that of the whole frame, all segments included.
  void sent(uint32_t row, OffloadForm form, const uint8_t* headers, uint32_t length, uint64_t now);
  // Keeper's thread. Counts go on over the life of the watch, and wrap.
  Counts read(uint32_t row) const;

 private:
  // Part of a flow's sequence space that was handed over in one frame.
  struct Record {
    uint64_t key = 0;  // flow and row; 0 = free
    uint64_t time = 0;
    uint32_t start = 0;
    uint32_t length = 0;
    uint32_t repeated = 0;  // octets
    uint32_t row = 0;
    OffloadForm form = OffloadForm::plain;
    bool syn = false;
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
