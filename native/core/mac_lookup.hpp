// MACs looked up for frames: in two steps with the memory access between them, for a whole burst at
// a time.
#pragma once
#include "rows.hpp"

namespace vtep {

class MacLookup : HashTable<MacShape> {
 public:
  // As the table is now; good until the worker's next quiescent point.
  explicit MacLookup(const Segment& segment) : HashTable(segment, segment.header().macs) {}

  // MAC and network index as the table compares them.
  static uint64_t key(uint64_t mac, uint32_t network) {
    return mac | static_cast<uint64_t>(network) << 48;
  }

  static uint32_t network(uint64_t key) { return static_cast<uint32_t>(key >> 48); }
  static uint64_t mac(uint64_t key) { return key & 0xffffffffffff; }

  // The bucket to look into first; on its way into the cache afterwards.
  const uint32_t* begin(uint64_t key) const {
    const uint32_t* head = bucket(first(hash(slot_of(key))));
    __builtin_prefetch(head);
    return head;
  }
  struct Found {
    const uint32_t* slot;  // null: there is none
    uint32_t word;         // its first word, 0 then
  };
  // The common case alone is where it is called: the entry is in its first bucket, and nobody
  // writes there.
  Found finish(uint64_t key, const uint32_t* head) const {
    const uint32_t generation = load_acquire(head);
    const uint32_t slots = mac_slots_with(head, key);
    if (slots != 0) {
      const uint32_t* slot = head + first_of(slots);
      const uint32_t word = load_acquire(slot);
      fence_acquire();
      if (word != 0 && load_relaxed(head) == generation) return {slot, word};
    }
    return look_further(key);
  }
  // What belongs to the slot: when a frame of this source was last seen.
  uint32_t* seen(const uint32_t* slot) const { return cold(position_of(slot)); }

 private:
  static Slot slot_of(uint64_t key) {
    return {{0, static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  }
  [[gnu::noinline]] Found look_further(uint64_t key) const {
    Slot out;
    const uint32_t* slot = look_up(slot_of(key), hash(slot_of(key)), out);
    if (slot == nullptr) return {nullptr, 0};
    return {slot, out.w[0]};
  }
};

}  // namespace vtep
