// Storm control: how many frames of a port are replicated. One bucket of tokens per port, for one
// worker, filled by the time that the frames bring along: no clock is asked.
#pragma once
#include "tables.gen.hpp"

namespace vtep {

class StormControl {
 public:
  // One more frame of `port` to flood at `now` (nanoseconds). False when there are more than
  // `frames_per_second` (0 = any number) beyond `burst` at once.
  //
  // The bucket is kept as the moment at which it will be full again (ITU-T I.371, the virtual
  // scheduling algorithm), so that one word and no refilling is enough.
  bool admit(uint32_t port, uint32_t frames_per_second, uint32_t burst, uint64_t now) {
    if (frames_per_second == 0 || port > Limits::maxPorts) return true;
    const uint64_t interval = kSecond / frames_per_second;
    const uint64_t room = interval * (burst > 1 ? burst - 1 : 0);
    uint64_t& full_at = full_at_[port];
    if (full_at < now) full_at = now;
    if (full_at - now > room) {
      // Emptied under slower settings, it is not owed more than one that is empty under these.
      const uint64_t empty = now + room + interval;
      if (full_at > empty) full_at = empty;
      return false;
    }
    full_at += interval;
    return true;
  }

 private:
  static constexpr uint64_t kSecond = 1000000000;
  uint64_t full_at_[Limits::maxPorts + 1] = {};
};

}  // namespace vtep
