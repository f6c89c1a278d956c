// A set of words by open addressing: eight octets for an entry and as many free, where a node of
// the standard library's takes forty.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/hash_table.hpp"

namespace vtep {

// 0 is no key.
class KeySet {
 public:
  uint32_t size() const { return size_; }
  bool has(uint64_t key) const { return slots_[find(key)] == key; }
  void add(uint64_t key) {
    const uint64_t at = find(key);
    if (slots_[at] == key) return;
    slots_[at] = key;
    if (++size_ > slots_.size() / 4 * 3) grow();
  }
  // False where it was not.
  bool remove(uint64_t key) {
    uint64_t hole = find(key);
    if (slots_[hole] != key) return false;
    size_--;
    // What lies behind it and could lie in the hole moves there (Knuth 6.4, algorithm R).
    for (uint64_t at = next(hole); slots_[at] != 0; at = next(at)) {
      const uint64_t from_home = (at - home(slots_[at])) & (slots_.size() - 1);
      if (from_home < ((at - hole) & (slots_.size() - 1))) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = 0;
    return true;
  }

  // For walks over all: slot i of so many, 0 where there is none. A removal may bring a later one
  // into a slot.
  uint64_t slots() const { return slots_.size(); }
  uint64_t slot(uint64_t i) const { return slots_[i]; }

 private:
  uint64_t next(uint64_t at) const { return (at + 1) & (slots_.size() - 1); }
  uint64_t home(uint64_t key) const { return mix(key) & (slots_.size() - 1); }
  uint64_t find(uint64_t key) const {
    uint64_t at = home(key);
    while (slots_[at] != 0 && slots_[at] != key) at = next(at);
    return at;
  }
  void grow() {
    std::vector<uint64_t> before(slots_.size() * 2);
    before.swap(slots_);
    for (const uint64_t key : before)
      if (key != 0) slots_[find(key)] = key;
  }

  std::vector<uint64_t> slots_ = std::vector<uint64_t>(64);
  uint32_t size_ = 0;
};

}  // namespace vtep
