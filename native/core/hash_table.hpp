// The hash table of the shared segment: buckets of 64 or 128 octets in groups, which grow one by
// one (linear hashing).
//
// An entry has two candidate buckets in one group; it goes to its first while there is room, else
// to its second. A first bucket counts what sits elsewhere, so that a miss looks at a second cache
// line only where something really overflowed. When a table gets full, the next group in turn is
// split: half of its entries, by one more bit of their hash, go to a new group behind the last. So
// nothing is ever held twice, memory follows the entries, and no insertion takes long.
//
// Readers take no lock and never wait for the writer. A bucket is its generation, the first words
// of its slots (what is stored; 0 = free), then their other words, key and data. The writer frees a
// slot by zeroing the first word; before it fills a free slot it bumps the bucket's generation, and
// it stores the first word last. A reader reads the first word, then the others, then the
// generation again: if that is unchanged, all belonged together. An entry that moves is there twice
// for a moment; who misses it in its old place sees a generation or the number of buckets changed,
// and looks again.
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
// IP-VRF and prefix -> next hop or group.
struct PrefixShape {
  static constexpr unsigned kWords = 6, kSlots = 5, kBucketBytes = 128;
  static constexpr uint32_t kKeyMask[kWords] = {0, ~0u, ~0u, ~0u, ~0u, ~0u};
};
// Network, group and source -> list of destinations.
struct ChannelShape {
  static constexpr unsigned kWords = 10, kSlots = 3, kBucketBytes = 128;
  static constexpr uint32_t kKeyMask[kWords] = {0, 0xffff, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
};
static_assert(sizeof(ChannelSlot) == 4 * ChannelShape::kWords);
static_assert(sizeof(PrefixSlot) == 4 * PrefixShape::kWords);
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

// The words of slot s but for the first, in a bucket.
template <typename Shape>
constexpr unsigned rest_of(unsigned s) {
  return 1 + Shape::kSlots + s * (Shape::kWords - 1);
}

// Which slots of a bucket may have this key: bit s for slot s. Read without care for the writer, so
// whoever asks has to look again, or to see the generation unchanged; but an entry that stays where
// it is, is seen.
template <typename Shape>
uint32_t slots_with(const uint32_t* head, const Words<Shape::kWords>& key) {
  uint32_t found = 0;
  for (unsigned s = 0; s < Shape::kSlots; s++) {
    const uint32_t* rest = head + rest_of<Shape>(s);
    uint32_t difference = 0;
    for (unsigned i = 1; i < Shape::kWords; i++)
      difference |= (load_acquire(rest + i - 1) ^ key.w[i]) & Shape::kKeyMask[i];
    found |= uint32_t{difference == 0} << s;
  }
  return found;
}

// The same for MACs, which every frame looks up: the keys of a bucket as vectors of two, and
// without order, which is enough for entries that stay.
__attribute__((no_sanitize("thread"))) inline uint32_t mac_slots_with(const uint32_t* head,
                                                                      uint64_t key) {
  typedef uint64_t __attribute__((vector_size(16), may_alias)) Two;
  typedef uint64_t __attribute__((may_alias)) Key;
  static_assert(MacShape::kSlots == 5 && rest_of<MacShape>(0) == 6 && rest_of<MacShape>(4) == 14);
  const Key* keys = reinterpret_cast<const Key*>(head + 6);
  const Two both = {key, key};
  const Two ab = {keys[0], keys[1]}, cd = {keys[2], keys[3]};
  const Two hits = ((Two)(ab == both) & Two{1, 2}) | ((Two)(cd == both) & Two{4, 8});
  return static_cast<uint32_t>(hits[0] | hits[1]) | uint32_t{keys[4] == key} << 4;
}
// For prefixes two words tell nearly all apart; whoever asks compares the rest.
template <>
inline uint32_t slots_with<PrefixShape>(const uint32_t* head,
                                        const Words<PrefixShape::kWords>& key) {
  uint32_t found = 0;
  for (unsigned s = 0; s < PrefixShape::kSlots; s++) {
    const uint32_t* rest = head + rest_of<PrefixShape>(s);
    const uint32_t difference =
        (load_acquire(rest) ^ key.w[1]) | (load_acquire(rest + 4) ^ key.w[5]);
    found |= uint32_t{difference == 0} << s;
  }
  return found;
}
template <>
inline uint32_t slots_with<MacShape>(const uint32_t* head, const Words<MacShape::kWords>& key) {
  return mac_slots_with(head, key.w[1] | static_cast<uint64_t>(key.w[2]) << 32);
}

// Which buckets a hash may be in, by how many there are.
class Buckets {
 public:
  Buckets() = default;
  Buckets(uint32_t count, uint32_t group)
      : count_(count), mask_(~0u >> __builtin_clz(count | 1)), group_mask_(group - 1) {
    if ((count & (count - 1)) == 0) mask_ >>= 1;
  }
  uint32_t count() const { return count_; }
  uint32_t group() const { return group_mask_ + 1; }
  // Groups that are split already are found by one more bit of the hash than the others.
  uint32_t first(uint64_t hash) const {
    const uint32_t index = static_cast<uint32_t>(hash) & mask_;
    return index < count_ ? index : index & mask_ >> 1;
  }
  // In the group of the first. By other bits: keys that differ in a few octets differ in some bits
  // of their hash only, and those of the first bucket would say the second's.
  uint32_t second(uint64_t hash, uint32_t first) const {
    const uint32_t bits = static_cast<uint32_t>(hash * 0x9e3779b97f4a7c15 >> 40);
    const uint32_t other = (first & ~group_mask_) | (bits & group_mask_);
    return other != first ? other : other ^ 1;
  }
  // The next group to be split begins here; what leaves it goes so many buckets further.
  uint32_t next_split() const { return count_ - split_distance(); }
  uint32_t split_distance() const { return 1u << (31 - __builtin_clz(count_)); }

 private:
  uint32_t count_ = 0;
  uint32_t mask_ = 0;
  uint32_t group_mask_ = 0;
};

template <typename Shape>
class HashTable {
 public:
  static constexpr unsigned kWords = Shape::kWords;
  static constexpr unsigned kSlots = Shape::kSlots;
  static constexpr uint32_t kNowhere = ~0u;
  using Slot = Words<kWords>;

  HashTable(const Segment& segment, HashRegion& region)
      : region_(&region),
        memory_(segment.at(region.offset)),
        cold_(segment.at(region.cold)),
        seed_(region.seed) {
    load();
  }

  // As many buckets as there are now. Needs no repetition: who misses an entry because of it finds
  // it in a second attempt.
  void load() { buckets_ = Buckets(load_acquire(&region_->buckets), region_->group); }

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
    Buckets buckets = buckets_;
    for (int attempt = 0; attempt < kAttempts; attempt++) {
      const uint32_t one = buckets.first(hash), two = buckets.second(hash, one);
      const uint32_t before = load_acquire(bucket(one));
      uint32_t position = look_into(one, key, out);
      if (position != kNowhere) return position;
      const bool overflows = (before & kOverflowMask) != 0;
      const uint32_t before_two = overflows ? load_acquire(bucket(two)) : 0;
      if (overflows) position = look_into(two, key, out);
      if (position != kNowhere) return position;
      fence_acquire();
      const bool still = load_relaxed(bucket(one)) == before &&
                         (!overflows || load_relaxed(bucket(two)) == before_two);
      const uint32_t count = load_acquire(&region_->buckets);
      if (still && count == buckets.count()) return kNowhere;
      buckets = Buckets(count, buckets.group());
    }
    return kNowhere;
  }
  uint32_t find(const Slot& key, Slot& out) const { return find(key, hash(key), out); }

  uint32_t buckets() const { return buckets_.count(); }
  // The slot as it is at one moment; its first word is 0 when it is free (or kept changing).
  Slot read(uint32_t position) const { return read(bucket(position / kSlots), position % kSlots); }
  // Cold data of a slot: written by workers, relaxed.
  uint32_t* cold(uint32_t position) const {
    return reinterpret_cast<uint32_t*>(cold_ +
                                       static_cast<uint64_t>(position) * region_->coldBytes);
  }

  // Every entry that stays meanwhile once: take(position, slot), group by group. Where a group is
  // split while it is read, undo() takes back what it gave. False when that went on for too long.
  template <typename Take, typename Mark, typename Undo>
  bool each(Take take, Mark mark, Undo undo) const {
    const uint32_t group = buckets_.group(), first_count = buckets_.count();
    bool all = true;
    for (uint32_t at = 0; at < first_count; at += group) {
      for (int attempt = 0;; attempt++) {
        const auto before = mark();
        const uint32_t count = load_acquire(&region_->buckets);
        each_of_group(at, take);
        for (uint32_t late = first_count; late < count; late += group)
          if (ancestor(late, first_count) == at) each_of_group(late, take);
        fence_acquire();
        if (load_relaxed(&region_->buckets) == count) break;
        if (attempt == kAttempts) {
          all = false;
          break;
        }
        undo(before);
      }
    }
    return all;
  }

 protected:
  static constexpr int kAttempts = 64;

  static bool read_once(const uint32_t* head, unsigned s, Slot& out) {
    const uint32_t generation = load_acquire(head);
    out.w[0] = load_acquire(head + 1 + s);
    for (unsigned i = 1; i < kWords; i++) out.w[i] = load_acquire(head + rest_of<Shape>(s) + i - 1);
    return load_relaxed(head) == generation;
  }
  static Slot read(const uint32_t* head, unsigned s) {
    Slot out;
    for (int attempt = 0; attempt < kAttempts; attempt++) {
      if (read_once(head, s, out) || out.w[0] == 0) return out;
    }
    return {};
  }
  uint32_t* bucket(uint32_t index) const {
    return reinterpret_cast<uint32_t*>(memory_ +
                                       static_cast<uint64_t>(index) * Shape::kBucketBytes);
  }
  uint32_t index_of(const uint32_t* bucket) const {
    return static_cast<uint32_t>(
        static_cast<uint64_t>(reinterpret_cast<const uint8_t*>(bucket) - memory_) /
        Shape::kBucketBytes);
  }
  static unsigned first_of(uint32_t slots) { return static_cast<unsigned>(__builtin_ctz(slots)); }

  uint32_t look_into(uint32_t index, const Slot& key, Slot& out) const {
    const uint32_t* head = bucket(index);
    for (uint32_t slots = slots_with<Shape>(head, key); slots != 0; slots &= slots - 1) {
      out = read(head, first_of(slots));
      if (out.w[0] != 0 && matches(out, key)) return index * kSlots + first_of(slots);
    }
    return kNowhere;
  }
  static bool matches(const Slot& slot, const Slot& key) {
    uint32_t difference = 0;
    for (unsigned i = 1; i < kWords; i++) difference |= (slot.w[i] ^ key.w[i]) & Shape::kKeyMask[i];
    return difference == 0;
  }
  template <typename Take>
  void each_of_group(uint32_t at, Take take) const {
    const uint32_t end = (at + buckets_.group()) * kSlots;
    for (uint32_t position = at * kSlots; position < end; position++) {
      const Slot slot = read(position);
      if (slot.w[0] != 0) take(position, slot);
    }
  }
  // The group below `end` that this one's entries came from.
  static uint32_t ancestor(uint32_t at, uint32_t end) {
    while (at >= end) at -= 1u << (31 - __builtin_clz(at));
    return at;
  }

  HashRegion* region_;
  uint8_t* memory_;
  uint8_t* cold_;
  uint64_t seed_;
  Buckets buckets_;
};

}  // namespace vtep
