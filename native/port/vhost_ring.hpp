// One virtqueue seen from the device, split or packed (VIRTIO 1.2 sections 2.7 and 2.8). What lies
// in the guest's memory may change at any instruction: every word is read once, checked, and used
// from the copy.
#pragma once
#include <stdint.h>

#include <string>

#include "vhost_memory.hpp"

namespace vtep {

// A piece of guest memory.
struct GuestPiece {
  uint8_t* data;
  size_t length;
};

// Pieces of one or several descriptor chains, in order.
struct GuestPieces {
  static constexpr unsigned kMax = 1024;
  GuestPiece at[kMax];
  unsigned count = 0;
};

// A buffer that the driver made available.
struct Chain {
  uint64_t length;  // of its pieces together
  uint16_t id;
  uint16_t slots;  // of the ring
};

class VirtQueue {
 public:
  enum class Taken : uint8_t { none, chain, broken };
  // A place in the ring to return to.
  struct Mark {
    uint16_t index;
    bool wrap;
  };

  // What the front-end said about it. The addresses are its own.
  struct Setup {
    uint32_t size = 0;
    uint64_t descriptors = 0, available = 0, used = 0;
    uint32_t base = 0;  // as SET_VRING_BASE has it
    uint64_t features = 0;
  };
  // False and a sentence when the ring is not wholly in the memory.
  bool start(const Setup& setup, const GuestMemory& memory, std::string& error);
  // Forgets the memory. Answers what GET_VRING_BASE tells.
  uint32_t stop();
  // Null, or why the ring can not go on. It stays so until the next start.
  const char* broken() const { return broken_; }

  // The next buffer; its pieces are added to `pieces`. All of them are for the device to write, or
  // all to read.
  Taken take(Chain& chain, GuestPieces& pieces, bool writable);
  Mark mark() const { return {next_, wrap_}; }
  void rewind(const Mark& mark) { next_ = mark.index, wrap_ = mark.wrap; }
  // Gives it back. The driver sees none of them before publish().
  void give(const Chain& chain, uint32_t written);
  void publish();
  // After publish(): whether the driver wants to be called for what was given since the last time.
  bool wants_call();
  // Whether the driver has to tell of new buffers. After asking for it, look once more.
  void ask_for_kicks(bool wanted);

 private:
  struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t a, b;  // split: flags, next; packed: id, flags
  };
  static_assert(sizeof(Descriptor) == 16);

  Taken fail(const char* why) {
    broken_ = why;
    return Taken::broken;
  }
  Taken take_split(Chain& chain, GuestPieces& pieces, bool writable);
  Taken take_packed(Chain& chain, GuestPieces& pieces, bool writable);
  Taken take_indirect(const Descriptor& table, Chain& chain, GuestPieces& pieces, bool writable);
  // Adds a piece. Null, or what is wrong with it.
  const char* add(const Descriptor& descriptor, bool is_writable, bool writable, Chain& chain,
                  GuestPieces& pieces) const;
  void advance_used(uint16_t slots);

  GuestMemory memory_;
  bool packed_ = false, event_index_ = false, indirect_ = false;
  uint16_t size_ = 0;
  uint8_t* descriptors_ = nullptr;
  uint8_t* available_ = nullptr;  // packed: the driver's event area
  uint8_t* used_ = nullptr;       // packed: the device's
  uint16_t next_ = 0;             // to take
  uint16_t available_seen_ = 0;   // split: the driver's index when we last looked
  uint16_t used_next_ = 0;        // to give
  uint16_t called_ = 0;           // used_next_ when the driver was last asked
  bool wrap_ = true, used_wrap_ = true;
  bool called_is_known_ = false;
  // Packed: the first of what was given, written last.
  bool staged_ = false;
  uint16_t staged_index_ = 0;
  Descriptor staged_descriptor_ = {};
  const char* broken_ = nullptr;
};

}  // namespace vtep
