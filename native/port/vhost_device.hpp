// The virtio-net device behind a front-end: pairs of virtqueues, spread over the workers' queues.
// Workers move frames; one session thread does what the front-end asks for.
//
// A virtqueue belongs to who holds its lock. The receive side of a pair is polled by one worker,
// the send side is used by several when there are fewer pairs than workers. The session takes the
// locks of all only to change something, so workers never meet it in ordinary traffic.
#pragma once
#include <stdint.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "descriptor.hpp"
#include "port.hpp"
#include "vhost_ring.hpp"
#include "virtio_header.hpp"

namespace vtep {

class VhostDevice {
 public:
  static constexpr unsigned kMaxPairs = 64;
  static constexpr unsigned kRings = 2 * kMaxPairs;

  bool open(unsigned queues, std::string& error);

  // Workers; see port.hpp.
  int wait_descriptor(unsigned queue) const { return sides_[queue]->wait.get(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max);
  SendResult send(unsigned queue, const Gather* frames, unsigned count);
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max);

  // Any thread.
  Abilities abilities() const;
  bool ready() const { return live_pairs_.load(std::memory_order_relaxed) != 0; }

  // Session thread, all of the following. Readable when a ring broke or a file of the guest shrank.
  int alarm_descriptor() const { return alarm_.get(); }
  // What broke since the last call, for a sentence; null if nothing.
  const char* take_fault();
  // Helps a worker that waits for a call descriptor of the front-end to take the call: reads it
  // empty. About once a second; true when that was so.
  bool release_blocked_calls();

  uint64_t features() const { return features_; }
  void set_features(uint64_t features);
  // False and a sentence when a running ring is not in it; that ring has stopped then.
  bool set_memory(GuestMemory memory, std::string& error);
  const GuestMemory& memory() const { return memory_; }

  bool set_size(unsigned ring, uint32_t size, std::string& error);
  bool set_addresses(unsigned ring, const vhost::VringAddress& address, std::string& error);
  bool set_base(unsigned ring, uint32_t base, std::string& error);
  uint32_t stop(unsigned ring);
  bool set_kick(unsigned ring, Descriptor kick, std::string& error);
  bool set_call(unsigned ring, Descriptor call, std::string& error);
  void set_enabled(unsigned ring, bool enabled);
  // No front-end any more: everything is forgotten.
  void reset();

 private:
  // One virtqueue of the device.
  struct alignas(64) Line {
    std::atomic<uint32_t> lock = 0;
    std::atomic<bool> live = false;  // worth taking the lock; written by the session
    bool started = false;            // what follows: by the holder of the lock
    bool asked_for_kicks = false;
    VirtQueue ring;
    Descriptor call;
    std::atomic<uint64_t> calls = 0;  // odd while a worker writes to `call`
    // Of the session alone.
    VirtQueue::Setup setup;
    bool has_addresses = false, enabled = false;
    Descriptor kick;
    uint64_t calls_seen = 0;
  };
  // What one worker has.
  struct Side {
    Descriptor wait;  // epoll: the kick descriptors of its rings, and the bell
    Descriptor bell;
    std::vector<uint8_t> arena;
    unsigned first_pair = 0;  // that receive() looks at, by turns
    uint64_t truncated = 0, malformed = 0;
    GuestPieces pieces;
    Chain chains[GuestPieces::kMax];
  };
  // Where a burst of received frames stands.
  struct Filling {
    Frame* frames;
    unsigned max;
    unsigned count = 0;
    size_t at = 0;  // of the arena
  };
  class Paused;

  static constexpr size_t kRoom = kMaxFrameBytes + 12;
  static constexpr size_t kArenaBytes = 16 * ((kRoom + 63) & ~size_t{63});

  static bool lock(Line& line, unsigned attempts);
  static void unlock(Line& line) { line.lock.store(0, std::memory_order_release); }
  void lock_for_session(Line& line);
  unsigned side_of(unsigned ring) const { return ring / 2 % static_cast<unsigned>(sides_.size()); }

  void drain(Line& line, Side& side, Filling& filling);
  bool rearm(unsigned queue, Side& side);
  Line* choose(unsigned queue);
  Drop put(Line& line, Side& side, const Gather& frame);
  Drop place(Line& line, Side& side, const Gather& frame, unsigned& chains);
  void finish(Line& line);
  void report(const char* fault);

  bool start(unsigned ring, std::string& error);
  bool change(unsigned ring, std::string& error);
  void drop_kick(unsigned ring);
  void update();

  std::vector<std::unique_ptr<Side>> sides_;
  std::vector<Line> lines_{kRings};
  Descriptor alarm_;
  std::atomic<const char*> fault_ = nullptr;
  std::atomic<unsigned> pairs_ = 0;  // pairs that workers look at: the highest live one and below
  std::atomic<unsigned> live_pairs_ = 0;
  std::atomic<uint64_t> told_features_ = 0;  // features_ for abilities()
  // Written by the session while it holds all locks, read by holders of any.
  uint64_t features_ = 0;
  uint32_t header_bytes_ = sizeof(VirtioHeader);
  // Of the session alone.
  GuestMemory memory_;
};

}  // namespace vtep
