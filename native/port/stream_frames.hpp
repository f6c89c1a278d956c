// Takes the octets of a stream apart into frames: in front of each frame its length, four octets in
// network order (QEMU's -netdev stream and -netdev socket: net/net.c, net_fill_rstate).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vector>

#include "../core/frame.hpp"

namespace vtep {

class StreamFrames {
 public:
  static constexpr uint32_t kLengthBytes = 4;

  StreamFrames() = default;  // without memory: takes nothing
  // The longest frame that is taken, and about how many octets are read at once.
  StreamFrames(uint32_t longest, size_t room)
      : longest_(longest), bytes_(room > longest + kLengthBytes ? room : longest + kLengthBytes) {}

  // Where the next octets go: always some room, unless the stream is broken or whole frames wait.
  // Ends the frames that were handed out.
  uint8_t* space(size_t& octets) {
    memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    octets = bytes_.size() - end_;
    return bytes_.data() + end_;
  }
  void arrived(size_t octets) { end_ += octets; }

  // The next whole frame, where it lies. False when none is there yet, or when the stream is
  // broken: then `bad_length` is what it says.
  bool next(Frame& frame) {
    if (end_ - begin_ < kLengthBytes) return false;
    const uint8_t* head = bytes_.data() + begin_;
    const uint32_t length = uint32_t{head[0]} << 24 | uint32_t{head[1]} << 16 |
                            uint32_t{head[2]} << 8 | uint32_t{head[3]};
    if (length > longest_) {
      bad_length = length;
      return false;
    }
    if (end_ - begin_ - kLengthBytes < length) return false;
    frame = Frame{};
    frame.data = bytes_.data() + begin_ + kLengthBytes;
    frame.length = length;
    begin_ += kLengthBytes + length;
    return true;
  }

  uint32_t bad_length = 0;

 private:
  uint32_t longest_ = 0;
  std::vector<uint8_t> bytes_;
  size_t begin_ = 0, end_ = 0;  // of what has arrived and was not handed out
};

}  // namespace vtep
