// The hash table of the shared segment: bucket hashing with two choices, 64- or 128-byte buckets,
// entries that stay where they are within a level.
//
// An entry goes to its first bucket while that has three free slots, else to the emptier of its
// two. A first bucket counts what sits elsewhere, so that a miss looks at a second cache line only
// where something really overflowed. Full = fill the next level (twice the size) and switch the
// `level` word.
//
// Readers take no lock and never wait for the writer. The first word of a slot says what is stored
// (0 = free), the others are key and data. The writer frees a slot by zeroing the first word;
// before it fills a free slot it bumps the bucket's generation, and it stores the first word last.
// A reader reads the first word, then the others, then the generation again: if that is unchanged,
// all belonged together.
#pragma once
#include "segment.hpp"

namespace vtep {

template <unsigned N>
struct Words {
  uint32_t w[N];
};

// MAC and network -> destination word.
struct MacShape {
  static constexpr unsigned kWords = 3, kSlots = 5, kBucketBytes = 64;
  static constexpr uint32_t kKeyMask[kWords] = {0, ~0u, ~0u};
};
// Network and address -> flags and MAC.
struct NeighbourShape {
  static constexpr unsigned kWords = 7, kSlots = 4, kBucketBytes = 128;
  static constexpr uint32_t kKeyMask[kWords] = {0, 0, 0xffff0000, ~0u, ~0u, ~0u, ~0u};
};
// VNI -> network index; (network, remote) -> references.
struct NumberShape {
  static constexpr unsigned kWords = 2, kSlots = 7, kBucketBytes = 64;
  static constexpr uint32_t kKeyMask[kWords] = {0, ~0u};
};
// VTEP address -> remote index.
struct AddressShape {
  static constexpr unsigned kWords = 5, kSlots = 3, kBucketBytes = 64;
  static constexpr uint32_t kKeyMask[kWords] = {0, ~0u, ~0u, ~0u, ~0u};
};
static_assert(sizeof(FdbSlot) == 4 * MacShape::kWords);
static_assert(sizeof(NeighbourSlot) == 4 * NeighbourShape::kWords);

// The generation word: low 7 bits count overflowed entries (127 = too many to count, for good), the
// rest is the generation.
inline constexpr uint32_t kOverflowMask = 127;
inline constexpr uint32_t kGenerationStep = 128;

inline uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 29;
  h *= 0x9fb21c651e98df25;
  h ^= h >> 32;
  return h;
}

// Which slots of a bucket may have this key: bit w for a slot that begins at word w of the bucket.
// Read without care for the writer, so whoever asks has to look again, or to see the generation
// unchanged; but an entry that stays where it is, is seen.
template <typename Shape>
uint32_t slots_with(const uint32_t* head, const Words<Shape::kWords>& key) {
  uint32_t found = 0;
  for (unsigned s = 0; s < Shape::kSlots; s++) {
    const uint32_t* slot = head + 1 + s * Shape::kWords;
    uint32_t difference = 0;
    for (unsigned i = 1; i < Shape::kWords; i++)
      difference |= (load_acquire(slot + i) ^ key.w[i]) & Shape::kKeyMask[i];
    found |= uint32_t{difference == 0} << (1 + s * Shape::kWords);
  }
  return found;
}

#define VTEP_UNORDERED __attribute__((no_sanitize("thread"))) inline

VTEP_UNORDERED uint64_t key_of_slot(const uint32_t* slot) {
  uint64_t out;
  __builtin_memcpy(&out, slot + 1, sizeof out);
  return out;
}

// The same for MACs, which every frame looks up: the keys of a bucket as three vectors of two, and
// without order, which is enough for entries that are never replaced.
VTEP_UNORDERED uint32_t mac_slots_with(const uint32_t* head, uint64_t key) {
  typedef uint64_t __attribute__((vector_size(16))) Two;
  const Two both = {key, key};
  const Two ab = {key_of_slot(head + 1), key_of_slot(head + 4)};
  const Two cd = {key_of_slot(head + 7), key_of_slot(head + 10)};
  const Two e = {key_of_slot(head + 13), 0};
  const Two hits = ((Two)(ab == both) & Two{1u << 1, 1u << 4}) |
                   ((Two)(cd == both) & Two{1u << 7, 1u << 10}) |
                   ((Two)(e == both) & Two{1u << 13, 0});
  return static_cast<uint32_t>(hits[0] | hits[1]);
}
template <>
inline uint32_t slots_with<MacShape>(const uint32_t* head, const Words<MacShape::kWords>& key) {
  return mac_slots_with(head, key.w[1] | static_cast<uint64_t>(key.w[2]) << 32);
}

#undef VTEP_UNORDERED

template <typename Shape>
class HashTable {
 public:
  static constexpr unsigned kWords = Shape::kWords;
  static constexpr unsigned kSlots = Shape::kSlots;
  static constexpr uint32_t kNowhere = ~0u;
  using Slot = Words<kWords>;

  // Both offsets of one level, read together with the level word.
  HashTable(const Segment& segment, HashRegion& region) : segment_(segment), region_(&region) {
    load();
  }

  // Readers call this once per burst: the level they then see stays valid until their next
  // quiescent point.
  void load() {
    level_ = load_acquire(&region_->level);
    buckets_ = segment_.at(region_->offset[level_]);
    mask_ = (1u << (region_->firstBits + level_)) - 1;
    seed_ = region_->seed;
  }

  uint64_t hash(const Slot& key) const {
    uint64_t h = seed_;
    for (unsigned i = 1; i < kWords; i += 2) {
      const uint64_t low = key.w[i] & Shape::kKeyMask[i];
      const uint64_t high = i + 1 < kWords ? key.w[i + 1] & Shape::kKeyMask[i + 1] : 0;
      h = (h ^ (low | high << 32)) * 0x9e3779b97f4a7c15;
      h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
    }
    return h ^ h >> 32;
  }

  // Position of the entry, or kNowhere. `out` is the whole slot.
  uint32_t find(const Slot& key, uint64_t hash, Slot& out) const {
    const uint32_t* slot = look_up(key, hash, out);
    return slot == nullptr ? kNowhere : position_of(slot);
  }
  uint32_t find(const Slot& key, Slot& out) const { return find(key, hash(key), out); }

  uint32_t buckets() const { return mask_ + 1; }
  uint32_t level() const { return level_; }
  // The slot as it is at one moment; its first word is 0 when it is free (or kept changing).
  Slot read(uint32_t position) const {
    return read(bucket(position / kSlots), 1 + position % kSlots * kWords);
  }
  // Cold data of a slot: written by workers, relaxed.
  uint32_t* cold(uint32_t position) const {
    return reinterpret_cast<uint32_t*>(segment_.at(region_->cold[level_]) +
                                       static_cast<uint64_t>(position) * region_->coldBytes);
  }

 protected:
  static constexpr int kAttempts = 64;

  // The slot that begins at this word of the bucket. False when it has changed meanwhile.
  static bool read_once(const uint32_t* head, uint32_t word, Slot& out) {
    const uint32_t generation = load_acquire(head);
    for (unsigned i = 0; i < kWords; i++) out.w[i] = load_acquire(head + word + i);
    return load_relaxed(head) == generation;
  }
  static Slot read(const uint32_t* head, uint32_t word) {
    Slot out;
    for (int attempt = 0; attempt < kAttempts; attempt++) {
      if (read_once(head, word, out) || out.w[0] == 0) return out;
    }
    return {};
  }
  uint32_t first(uint64_t hash) const { return static_cast<uint32_t>(hash) & mask_; }
  uint32_t second(uint64_t hash) const {
    const uint32_t other = static_cast<uint32_t>(hash >> 32) & mask_;
    return other != first(hash) ? other : other ^ 1;
  }
  uint32_t* bucket(uint32_t index) const {
    return reinterpret_cast<uint32_t*>(buckets_ +
                                       static_cast<uint64_t>(index) * Shape::kBucketBytes);
  }

  uint32_t position_of(const uint32_t* slot) const {
    const uint64_t offset =
        static_cast<uint64_t>(reinterpret_cast<const uint8_t*>(slot) - buckets_);
    const uint32_t word = static_cast<uint32_t>(offset % Shape::kBucketBytes / 4);
    return static_cast<uint32_t>(offset / Shape::kBucketBytes) * kSlots + (word - 1) / kWords;
  }
  static uint32_t first_of(uint32_t slots) { return static_cast<uint32_t>(__builtin_ctz(slots)); }

  // The slot of the entry, or null. An entry that is being replaced may go from one place into the
  // other while we look: its buckets say so.
  const uint32_t* look_up(const Slot& key, uint64_t hash, Slot& out) const {
    const uint32_t* one = bucket(first(hash));
    const uint32_t* other = bucket(second(hash));
    for (int attempt = 0; attempt < kAttempts; attempt++) {
      const uint32_t before = load_acquire(one);
      const uint32_t* slot = look_into(one, key, out);
      if (slot != nullptr) return slot;
      const bool overflows = (before & kOverflowMask) != 0;
      const uint32_t before_other = overflows ? load_acquire(other) : 0;
      if (overflows) slot = look_into(other, key, out);
      if (slot != nullptr) return slot;
      if (load_relaxed(one) != before) continue;
      if (!overflows || load_relaxed(other) == before_other) return nullptr;
    }
    return nullptr;
  }
  static const uint32_t* look_into(const uint32_t* head, const Slot& key, Slot& out) {
    for (uint32_t slots = slots_with<Shape>(head, key); slots != 0; slots &= slots - 1) {
      out = read(head, first_of(slots));
      if (out.w[0] != 0 && matches(out, key)) return head + first_of(slots);
    }
    return nullptr;
  }
  static bool matches(const Slot& slot, const Slot& key) {
    uint32_t difference = 0;
    for (unsigned i = 1; i < kWords; i++) difference |= (slot.w[i] ^ key.w[i]) & Shape::kKeyMask[i];
    return difference == 0;
  }

  Segment segment_;
  HashRegion* region_;
  uint8_t* buckets_ = nullptr;
  uint64_t seed_ = 0;
  uint32_t mask_ = 0;
  uint32_t level_ = 0;
};

// The keeper's side.
template <typename Shape>
class HashWriter : public HashTable<Shape> {
  using Base = HashTable<Shape>;
  using typename Base::Slot;

 public:
  using Base::Base;
  using Base::kNowhere;

  uint32_t count() const { return load_relaxed(&this->region_->count); }

  // The key is not there yet. Gives its position; kNowhere when the table is at its limit.
  // `retire(level)` is called for a level that has been replaced.
  template <typename Retire>
  uint32_t insert(const Slot& slot, Retire retire) {
    HashRegion& region = *this->region_;
    if (region.count >= region.limit) return kNowhere;
    const uint64_t room = static_cast<uint64_t>(this->buckets()) * Base::kSlots;
    if (region.count >= (this->buckets() < kRoomy ? room / 4 : room / 4 * 3)) grow(retire);
    uint32_t position = place(slot);
    while (position == kNowhere && grow(retire)) position = place(slot);
    if (position != kNowhere) store_relaxed(&region.count, region.count + 1);
    return position;
  }
  // New first word of an entry; the other words stay.
  void set_first(uint32_t position, uint32_t word) {
    store_release(
        this->bucket(position / Base::kSlots) + 1 + position % Base::kSlots * Base::kWords, word);
  }
  // New content under the same key; gives the position from now on. The new one is there before the
  // old one goes, so that readers find either; only where both buckets are full they may miss it
  // for a moment.
  uint32_t replace(uint32_t position, const Slot& slot) {
    const uint64_t hash = this->hash(slot);
    const uint32_t home = this->first(hash), away = this->second(hash);
    unsigned room;
    uint32_t to = free_slot(home, room);
    if (to == kNowhere) to = free_slot(away, room);
    if (to == kNowhere) {
      set_first(position, 0);
      write(position, slot);
      return position;
    }
    const bool was_away = position / Base::kSlots != home, is_away = to / Base::kSlots != home;
    if (is_away && !was_away) count_overflow(home, 1);
    for (uint32_t i = 0; i < this->region_->coldBytes / 4; i++)
      store_relaxed(this->cold(to) + i, load_relaxed(this->cold(position) + i));
    write(to, slot);
    next_generation(home);
    next_generation(away);
    set_first(position, 0);
    if (was_away && !is_away) count_overflow(home, -1);
    return to;
  }
  void remove(uint32_t position) {
    const Slot slot = this->read(position);
    set_first(position, 0);
    const uint32_t home = this->first(this->hash(slot));
    if (home != position / Base::kSlots) count_overflow(home, -1);
    store_relaxed(&this->region_->count, this->region_->count - 1);
  }

 private:
  // Tables of fewer buckets are kept emptier: little memory, and hardly a second bucket to look at.
  static constexpr uint32_t kRoomy = 1u << 14;

  void next_generation(uint32_t index) {
    uint32_t* head = this->bucket(index);
    store_release(head, load_relaxed(head) + kGenerationStep);
  }
  void write(uint32_t position, const Slot& slot) {
    uint32_t* to =
        this->bucket(position / Base::kSlots) + 1 + position % Base::kSlots * Base::kWords;
    next_generation(position / Base::kSlots);
    for (unsigned i = 1; i < Base::kWords; i++) store_release(to + i, slot.w[i]);
    store_release(to, slot.w[0]);
  }
  // First free slot of a bucket and how many are free.
  uint32_t free_slot(uint32_t index, unsigned& free) const {
    const uint32_t* head = this->bucket(index);
    uint32_t found = kNowhere;
    free = 0;
    for (unsigned s = Base::kSlots; s-- > 0;) {
      if (load_relaxed(head + 1 + s * Base::kWords) != 0) continue;
      found = index * Base::kSlots + s;
      free++;
    }
    return found;
  }
  void count_overflow(uint32_t index, int by) {
    uint32_t* head = this->bucket(index);
    const uint32_t word = load_relaxed(head);
    if ((word & kOverflowMask) != kOverflowMask)
      store_release(head, word + static_cast<uint32_t>(by));
  }
  uint32_t place(const Slot& slot) { return place(slot, this->hash(slot)); }
  uint32_t place(const Slot& slot, uint64_t hash) {
    unsigned room, other_room;
    uint32_t position = free_slot(this->first(hash), room);
    if (room < 3) {
      const uint32_t other = free_slot(this->second(hash), other_room);
      if (other_room > room) {
        position = other;
        count_overflow(this->first(hash), 1);
      }
    }
    if (position != kNowhere) write(position, slot);
    return position;
  }
  // Fills the next level and switches. A level that is mostly empty is not replaced: colliding keys
  // must not eat the reserve.
  template <typename Retire>
  bool grow(Retire retire) {
    HashRegion& region = *this->region_;
    const uint64_t room = static_cast<uint64_t>(this->buckets()) * Base::kSlots;
    if (region.count < room / 8) return false;
    for (uint32_t level = this->level_ + 1; level < region.levels; level++) {
      if (!fill(level)) {
        retire(level);
        continue;
      }
      const uint32_t old = this->level_;
      store_release(&region.level, level);
      this->load();
      retire(old);
      return true;
    }
    return false;
  }
  bool fill(uint32_t level) {
    HashWriter next(*this);
    next.level_ = level;
    next.buckets_ = this->segment_.at(this->region_->offset[level]);
    next.mask_ = (1u << (this->region_->firstBits + level)) - 1;
    // Some at a time, so that their places are on the way into the cache together.
    constexpr unsigned kAtOnce = 32;
    struct Move {
      Slot slot;
      uint32_t from;
      uint64_t hash;
    };
    Move moves[kAtOnce];
    unsigned waiting = 0;
    const uint32_t slots = this->buckets() * Base::kSlots;
    for (uint32_t from = 0; from < slots; from++) {
      Move& move = moves[waiting];
      move.slot = this->read(from);
      if (move.slot.w[0] != 0) {
        move.from = from;
        move.hash = this->hash(move.slot);
        __builtin_prefetch(next.bucket(next.first(move.hash)), 1);
        waiting++;
      }
      if (waiting < kAtOnce && from + 1 < slots) continue;
      for (const Move& each : moves) {
        if (waiting == 0) break;
        waiting--;
        const uint32_t to = next.place(each.slot, each.hash);
        if (to == kNowhere) return false;
        for (uint32_t i = 0; i < this->region_->coldBytes / 4; i++)
          store_relaxed(next.cold(to) + i, load_relaxed(this->cold(each.from) + i));
      }
    }
    return true;
  }
};

}  // namespace vtep
