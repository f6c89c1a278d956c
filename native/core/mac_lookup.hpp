// MACs looked up for frames: in two steps with the memory access between them, for a whole burst at
// a time.
#pragma once
#include "rows.hpp"

namespace vtep {

class MacLookup : HashTable<MacShape> {
 public:
  explicit MacLookup(const Segment& segment) : HashTable(segment, segment.header().macs) {}

  // MAC and network index as the table compares them.
  static uint64_t key(uint64_t mac, uint32_t network) {
    return mac | static_cast<uint64_t>(network) << 48;
  }

  static uint32_t network(uint64_t key) { return static_cast<uint32_t>(key >> 48); }
  static uint64_t mac(uint64_t key) { return key & 0xffffffffffff; }

  // The bucket to look into first; on its way into the cache afterwards.
  const uint32_t* begin(uint64_t key) const {
    const uint32_t* head = bucket(buckets_.first(hash(slot_of(key))));
    __builtin_prefetch(head);
    return head;
  }
  struct Found {
    uint32_t word;      // the slot's first word, 0: there is none
    uint32_t position;  // where, if so
  };
  // The common case alone is where it is called: the entry is in its first bucket, and nobody
  // writes there.
  Found finish(uint64_t key, const uint32_t* head) const {
    const uint32_t generation = load_acquire(head);
    const uint32_t slots = mac_slots_with(head, key);
    if (slots != 0) {
      const uint32_t word = load_acquire(head + 1 + first_of(slots));
      fence_acquire();
      if (word != 0 && load_relaxed(head) == generation)
        return {word, index_of(head) * kSlots + first_of(slots)};
    }
    return look_further(key);
  }
  // What belongs to an entry: when a frame of this source was last seen.
  uint32_t* seen(uint32_t position) const { return cold(position); }

 private:
  static Slot slot_of(uint64_t key) {
    return {{0, static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  }
  [[gnu::noinline]] Found look_further(uint64_t key) const {
    Slot out;
    const uint32_t position = find(slot_of(key), out);
    if (position == kNowhere) return {0, 0};
    return {out.w[0], position};
  }
};

}  // namespace vtep
