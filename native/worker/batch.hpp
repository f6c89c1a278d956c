// Frames on their way to one device: the items, their pieces, and the bytes that were made for them
// (headers, checksums). Tenants' bytes stay where they were received. When one of the arrays is
// full, what is there is sent and the place is used again.
#pragma once
#include <stdint.h>

#include "../core/counters.hpp"
#include "../port/port.hpp"
#include "tap.hpp"

namespace vtep {

template <class Device, class Item>
class Batch {
 public:
  static constexpr unsigned kItems = 64;
  static constexpr unsigned kPieces = 1024;
  static constexpr unsigned kBytes = 64 * 1024;

  // `tracks` are what frames are known by, by the numbers that are given to of().
  Batch(Tap* tap, const Track* tracks) : tap_(tap), tracks_(tracks) {}

  // The counters of `port` (0 = uplink) are told what was sent and what was lost.
  void open(Device* device, unsigned queue, uint32_t port, WorkerCounters& counters) {
    device_ = device;
    queue_ = queue;
    port_ = port;
    counters_ = &counters;
  }

  uint32_t port() const { return port_; }
  // The items that follow are of this frame.
  void of(uint16_t number) { number_ = number; }

  // Begins an item that has at most so many pieces and made bytes. `frames` is what it counts for:
  // a super-frame that becomes several items is one frame, counted with the first.
  void begin(unsigned pieces, unsigned bytes, unsigned frames) {
    if (items_used_ == kItems || pieces_used_ + pieces > kPieces || bytes_used_ + bytes > kBytes)
      flush();
    Item& item = items_[items_used_];
    item = Item();
    item.pieces = pieces_ + pieces_used_;
    frames_[items_used_] = frames;
    numbers_[items_used_] = number_;
  }
  void add(const void* data, size_t length) {
    Item& item = items_[items_used_];
    pieces_[pieces_used_ + item.count++] = {const_cast<void*>(data), length};
    item.length += static_cast<uint32_t>(length);
  }
  // Memory that lives until the item is sent.
  uint8_t* make(unsigned bytes) {
    uint8_t* out = bytes_ + bytes_used_;
    bytes_used_ += bytes;
    return out;
  }
  Item& item() { return items_[items_used_]; }
  void end() { pieces_used_ += items_[items_used_++].count; }

  void flush() {
    if (items_used_ == 0) return;
    uint64_t frames = 0, bytes = 0;
    for (unsigned i = 0; i < items_used_; i++) frames += frames_[i], bytes += items_[i].length;
    const bool watched = tap_ != nullptr && tap_->on();
    // Before, as the memory may be the device's afterwards.
    for (unsigned i = 0; watched && i < items_used_; i++)
      seen_[i] = tap_->sending(port_, items_[i], tracks_[numbers_[i]]);
    send_all(*device_, queue_, items_, items_used_, [&](uint32_t index, Drop reason) {
      counters_->drop_sent(port_, reason);
      frames -= frames_[index], bytes -= items_[index].length;
      if (watched)
        tap_->refused(port_, items_[index], tracks_[numbers_[index]], seen_[index], reason);
    });
    counters_->sent(port_, frames, bytes);
    items_used_ = pieces_used_ = bytes_used_ = 0;
  }

 private:
  Device* device_ = nullptr;
  WorkerCounters* counters_ = nullptr;
  unsigned queue_ = 0;
  uint32_t port_ = 0;
  unsigned items_used_ = 0;
  unsigned pieces_used_ = 0;
  unsigned bytes_used_ = 0;
  Item items_[kItems];
  unsigned frames_[kItems];
  Tap* const tap_;
  const Track* const tracks_;
  uint16_t number_ = 0;
  uint16_t numbers_[kItems];
  Tap::Seen seen_[kItems];
  iovec pieces_[kPieces];
  uint8_t bytes_[kBytes];
};

}  // namespace vtep
