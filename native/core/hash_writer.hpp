// The writer's side of a hash table: the keeper alone.
#pragma once
#include "hash_table.hpp"

namespace vtep {

template <typename Shape>
class HashWriter : public HashTable<Shape> {
  using Base = HashTable<Shape>;

 public:
  using Base::Base;
  using Base::kNowhere;
  using Base::kSlots;
  using Base::kWords;
  using typename Base::Slot;

  uint32_t count() const { return load_relaxed(&this->region_->count); }

  // The key is not there yet. Gives its position; kNowhere when the table is at its limit.
  uint32_t insert(const Slot& slot) {
    HashRegion& region = *this->region_;
    if (region.count >= region.limit) return kNowhere;
    const uint64_t room = uint64_t{this->buckets()} * kSlots;
    if (region.count >= (this->buckets() < kRoomy ? room / 4 : room / 5 * 2)) split();
    const uint64_t hash = this->hash(slot);
    uint32_t position = place(hash);
    while (position == kNowhere && split()) position = place(hash);
    if (position == kNowhere) return kNowhere;
    write(position, slot);
    store_relaxed(&region.count, region.count + 1);
    return position;
  }
  // New first word of an entry; the other words stay.
  void set_first(uint32_t position, uint32_t word) {
    store_release(this->bucket(position / kSlots) + 1 + position % kSlots, word);
  }
  // New content under the same key; gives the position from now on. The new one is there before the
  // old one goes, so that readers find either; only where both buckets are full they may miss it
  // for a moment.
  uint32_t replace(uint32_t position, const Slot& slot) {
    const uint64_t hash = this->hash(slot);
    const uint32_t home = this->buckets_.first(hash);
    uint32_t to = free_slot(home);
    if (to == kNowhere) to = free_slot(this->buckets_.second(hash, home));
    if (to == kNowhere) {
      set_first(position, 0);
      write(position, slot);
      return position;
    }
    move(position, to, slot, home);
    return to;
  }
  void remove(uint32_t position) {
    const Slot slot = this->read(position);
    set_first(position, 0);
    const uint32_t home = home_of(slot);
    if (home != position / kSlots) count_overflow(home, -1);
    store_relaxed(&this->region_->count, this->region_->count - 1);
  }

 private:
  // Tables of fewer buckets are kept emptier: little memory, and hardly a second bucket to look at.
  // The others hold two fifths on average, so four fifths in the groups that are the next to be
  // split.
  static constexpr uint32_t kRoomy = 1u << 14;
  static constexpr int kChain = 2;  // entries that move so that another one finds room

  uint32_t home_of(const Slot& slot) const { return this->buckets_.first(this->hash(slot)); }

  void next_generation(uint32_t index) {
    uint32_t* head = this->bucket(index);
    store_release(head, load_relaxed(head) + kGenerationStep);
  }
  void write(uint32_t position, const Slot& slot) {
    uint32_t* head = this->bucket(position / kSlots);
    const unsigned s = position % kSlots;
    next_generation(position / kSlots);
    for (unsigned i = 1; i < kWords; i++)
      store_release(head + rest_of<Shape>(s) + i - 1, slot.w[i]);
    store_release(head + 1 + s, slot.w[0]);
  }
  uint32_t free_slot(uint32_t index) const {
    const uint32_t* first = this->bucket(index) + 1;
    for (unsigned s = 0; s < kSlots; s++)
      if (load_relaxed(first + s) == 0) return index * kSlots + s;
    return kNowhere;
  }
  void count_overflow(uint32_t index, int by) {
    uint32_t* head = this->bucket(index);
    const uint32_t word = load_relaxed(head);
    if ((word & kOverflowMask) != kOverflowMask)
      store_release(head, word + static_cast<uint32_t>(by));
  }
  void copy_cold(uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < this->region_->coldBytes / 4; i++)
      store_relaxed(this->cold(to) + i, load_relaxed(this->cold(from) + i));
  }
  // Into a free slot of one of its buckets.
  void move(uint32_t from, uint32_t to, const Slot& slot, uint32_t home) {
    const bool was_away = from / kSlots != home, is_away = to / kSlots != home;
    if (is_away && !was_away) count_overflow(home, 1);
    copy_cold(from, to);
    write(to, slot);
    next_generation(from / kSlots);
    set_first(from, 0);
    if (was_away && !is_away) count_overflow(home, -1);
  }
  // A free slot for an entry with this hash, which is counted where it is not in its first bucket.
  uint32_t place(uint64_t hash) {
    const uint32_t home = this->buckets_.first(hash);
    const uint32_t away = this->buckets_.second(hash, home);
    uint32_t position = free_slot(home);
    if (position == kNowhere) position = free_slot(away);
    for (int chain = 1; chain <= kChain && position == kNowhere; chain++) {
      position = make_room(home, chain);
      if (position == kNowhere) position = make_room(away, chain);
    }
    if (position != kNowhere && position / kSlots != home) count_overflow(home, 1);
    return position;
  }
  // Moves one entry of a full bucket into its other one; before that, one of that bucket, if there
  // has to be.
  uint32_t make_room(uint32_t index, int chain) {
    for (unsigned s = 0; s < kSlots; s++) {
      const uint32_t position = index * kSlots + s;
      const Slot slot = this->read(position);
      const uint64_t hash = this->hash(slot);
      const uint32_t home = this->buckets_.first(hash);
      const uint32_t other = home != index ? home : this->buckets_.second(hash, home);
      uint32_t to = free_slot(other);
      if (to == kNowhere && chain > 1) to = make_room(other, chain - 1);
      if (to == kNowhere) continue;
      move(position, to, slot, home);
      return position;
    }
    return kNowhere;
  }
  // Splits the next group. A table that is mostly empty does not grow: colliding keys must not eat
  // the reserve.
  bool split() {
    HashRegion& region = *this->region_;
    const uint32_t group = this->buckets_.group(), before = region.buckets;
    if (region.most - before < group || region.count < uint64_t{before} * kSlots / 8) return false;
    const uint32_t from = this->buckets_.next_split();
    const uint32_t further = this->buckets_.split_distance();
    const Buckets after(before + group, group);
    const auto each_leaving = [&](auto take) {
      this->each_of_group(from, [&](uint32_t position, const Slot& slot) {
        const uint32_t home = after.first(this->hash(slot));
        if (home >= before) take(position, slot, home);
      });
    };
    // All go equally far, so there is room where they arrive. Readers find them there as soon as
    // there are more buckets, and only then they go here.
    each_leaving([&](uint32_t position, const Slot& slot, uint32_t home) {
      const uint32_t to = position + further * kSlots;
      copy_cold(position, to);
      write(to, slot);
      if (home != to / kSlots) count_overflow(home, 1);
    });
    store_release(&region.buckets, before + group);
    this->load();
    each_leaving([&](uint32_t position, const Slot&, uint32_t home) {
      set_first(position, 0);
      if (home - further != position / kSlots) count_overflow(home - further, -1);
    });
    bring_home(from);
    bring_home(before);
    return true;
  }
  // What found no room in its first bucket, and would now.
  void bring_home(uint32_t group) {
    this->each_of_group(group, [&](uint32_t position, const Slot& slot) {
      const uint32_t home = home_of(slot);
      if (home == position / kSlots) return;
      const uint32_t to = free_slot(home);
      if (to != kNowhere) move(position, to, slot, home);
    });
  }
};

}  // namespace vtep
