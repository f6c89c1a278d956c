// Rows of the arrays (port, network, remote): the first word is a generation, odd while the keeper
// writes. Words are read and written one by one, so single-word facts (a port's network, a remote's
// state) need no generation at all.
#pragma once
#include "bytes.hpp"
#include "hash_table.hpp"
#include "tables.gen.hpp"

namespace vtep {

// A 32-bit view of a row's memory, whatever the types of its fields are.
typedef uint32_t __attribute__((may_alias)) RowWord;

inline uint32_t load_word(const RowWord* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

template <typename Row>
const RowWord* row_words(const Row& row) {
  return reinterpret_cast<const RowWord*>(&row);
}

// False when the row kept changing, or its writer died in the middle.
template <typename Row>
bool read_row(const Row& row, Row& out, int attempts) {
  const RowWord* words = row_words(row);
  for (int attempt = 0; attempt < attempts; attempt++) {
    const uint32_t generation = load_word(words);
    if ((generation & 1) != 0) continue;
    uint32_t copied[sizeof(Row) / 4];
    copied[0] = generation;
    for (size_t i = 1; i < sizeof(Row) / 4; i++) copied[i] = load_word(words + i);
    if (load_word(words) != generation) continue;
    copy(&out, copied, sizeof out);
    return true;
  }
  return false;
}

// Keeper only: the row as it is. It has no other writer.
template <typename Row>
Row current_row(const Row& row) {
  Row out;
  uint32_t copied[sizeof(Row) / 4];
  for (size_t i = 0; i < sizeof(Row) / 4; i++) copied[i] = load_word(row_words(row) + i);
  copy(&out, copied, sizeof out);
  return out;
}

// Keeper only. Words that do not change are not written; neither is anything when nothing changes.
template <typename Row>
void write_row(Row& row, const Row& value) {
  RowWord* words = reinterpret_cast<RowWord*>(&row);
  uint32_t wanted[sizeof(Row) / 4];
  copy(wanted, &value, sizeof value);
  const uint32_t generation = load_word(words);
  bool writing = false;
  for (size_t i = 1; i < sizeof(Row) / 4; i++) {
    if (load_word(words + i) == wanted[i]) continue;
    if (!writing) __atomic_store_n(words, generation + 1, __ATOMIC_RELAXED);
    writing = true;
    __atomic_store_n(words + i, wanted[i], __ATOMIC_RELEASE);
  }
  if (writing) __atomic_store_n(words, generation + 2, __ATOMIC_RELEASE);
}

// Keeper only: adds to one word of a row, outside of the generation.
inline void add_to_row(void* row, size_t offset, int by) {
  RowWord* word = reinterpret_cast<RowWord*>(static_cast<uint8_t*>(row) + offset);
  __atomic_store_n(word, load_word(word) + static_cast<uint32_t>(by), __ATOMIC_RELAXED);
}

// Keys of the hash tables.
inline Words<MacShape::kWords> mac_key(uint64_t mac, uint32_t network) {
  return {{0, static_cast<uint32_t>(mac), static_cast<uint32_t>(mac >> 32) | network << 16}};
}
inline Words<AddressShape::kWords> address_key(const uint8_t* ip) {
  return {{0, load32(ip), load32(ip + 4), load32(ip + 8), load32(ip + 12)}};
}
inline Words<NeighbourShape::kWords> neighbour_key(const uint8_t* ip, uint32_t network) {
  return {{0, 0, network << 16, load32(ip), load32(ip + 4), load32(ip + 8), load32(ip + 12)}};
}
inline Words<ChannelShape::kWords> channel_key(uint32_t network, const uint8_t* group,
                                               const uint8_t* source) {
  return {{0, network, load32(group), load32(group + 4), load32(group + 8), load32(group + 12),
           load32(source), load32(source + 4), load32(source + 8), load32(source + 12)}};
}
inline Words<NumberShape::kWords> access_key(uint32_t network, uint32_t remote) {
  return {{0, network << 16 | remote}};
}
inline uint64_t slot_mac(const Words<MacShape::kWords>& slot) {
  return slot.w[1] | static_cast<uint64_t>(slot.w[2] & 0xffff) << 32;
}
inline uint64_t slot_mac(const Words<NeighbourShape::kWords>& slot) {
  return slot.w[1] | static_cast<uint64_t>(slot.w[2] & 0xffff) << 32;
}

// Beside the slots, written by workers as frames are seen.
struct MacCold {
  uint32_t lastSeenSeconds;
};
struct NeighbourCold {
  uint32_t lastSeenSeconds;
  uint32_t port;
};

inline constexpr uint32_t kInFloodList = 1u << 31;  // in the value of an access entry

}  // namespace vtep
