#include "vhost_ring.hpp"

#include <string.h>

namespace vtep {
namespace {

constexpr uint16_t kNext = 1, kWrite = 2, kIndirectTable = 4;
constexpr uint16_t kPackedAvailable = 1 << 7, kPackedUsed = 1 << 15;
constexpr uint16_t kNoInterrupt = 1, kNoNotify = 1;  // split: flags of the two sides
constexpr uint16_t kEventEnable = 0, kEventDisable = 1, kEventDescriptor = 2;
constexpr uint16_t kWrapBit = 1 << 15;
constexpr uint32_t kMaxSize = 32768;

uint16_t load16(const uint8_t* at) {
  return __atomic_load_n(reinterpret_cast<const uint16_t*>(at), __ATOMIC_RELAXED);
}
uint16_t load16_acquire(const uint8_t* at) {
  return __atomic_load_n(reinterpret_cast<const uint16_t*>(at), __ATOMIC_ACQUIRE);
}
void store16(uint8_t* at, uint16_t value) {
  __atomic_store_n(reinterpret_cast<uint16_t*>(at), value, __ATOMIC_RELAXED);
}
void store16_release(uint8_t* at, uint16_t value) {
  __atomic_store_n(reinterpret_cast<uint16_t*>(at), value, __ATOMIC_RELEASE);
}

// A copy that the compiler can not go back behind, and read the guest's memory a second time.
template <class Value>
Value copy_once(const uint8_t* from) {
  Value value;
  memcpy(&value, from, sizeof value);
  asm volatile("" ::: "memory");
  return value;
}

// VIRTIO 1.2 section 2.7.7.2: whether `wanted` lies in [before, now).
bool passed(uint16_t wanted, uint16_t now, uint16_t before) {
  return static_cast<uint16_t>(now - wanted - 1) < static_cast<uint16_t>(now - before);
}

bool aligned(const uint8_t* at, uintptr_t to) { return reinterpret_cast<uintptr_t>(at) % to == 0; }

}  // namespace

bool VirtQueue::start(const Setup& setup, const GuestMemory& memory, std::string& error) {
  packed_ = (setup.features & vhost::kRingPacked) != 0;
  event_index_ = (setup.features & vhost::kEventIndex) != 0;
  indirect_ = (setup.features & vhost::kIndirect) != 0;
  const uint64_t size = setup.size;
  if (size == 0 || size > kMaxSize || (!packed_ && (size & (size - 1)) != 0)) {
    error = "ring: expected a size of 1 to 32768" + std::string(packed_ ? "" : ", a power of two") +
            ", got " + std::to_string(size);
    return false;
  }
  // The event words lie behind the rings whether they are in use or not.
  const uint64_t available = packed_ ? 4 : 4 + 2 * size + 2, used = packed_ ? 4 : 4 + 8 * size + 2;
  descriptors_ = memory.find_user(setup.descriptors, 16 * size);
  available_ = memory.find_user(setup.available, available);
  used_ = memory.find_user(setup.used, used);
  if (descriptors_ == nullptr || available_ == nullptr || used_ == nullptr) {
    error = "ring: its addresses are not wholly in the memory that was passed";
    return false;
  }
  if (!aligned(descriptors_, 16) || !aligned(available_, packed_ ? 4 : 2) || !aligned(used_, 4)) {
    error = "ring: its addresses are not aligned (VIRTIO 1.2 section 2.7)";
    return false;
  }
  memory_ = memory;
  size_ = static_cast<uint16_t>(size);
  staged_ = false;
  called_is_known_ = false;
  broken_ = nullptr;
  // We never keep a buffer between two calls, so what was taken has been used.
  next_ = static_cast<uint16_t>(setup.base);
  if (packed_) {
    wrap_ = (setup.base & kWrapBit) != 0;
    next_ &= static_cast<uint16_t>(kWrapBit - 1);
    if (next_ >= size_) {
      error = "ring: expected a base below its size " + std::to_string(size) + ", got " +
              std::to_string(next_);
      return false;
    }
    used_next_ = next_;
    used_wrap_ = wrap_;
  } else {
    used_next_ = load16(used_ + 2);
    available_seen_ = next_;
  }
  return true;
}

uint32_t VirtQueue::stop() {
  memory_ = GuestMemory();
  descriptors_ = available_ = used_ = nullptr;
  if (!packed_) return next_;
  const uint32_t used = uint32_t{used_next_} | (used_wrap_ ? kWrapBit : 0u);
  return (uint32_t{next_} | (wrap_ ? kWrapBit : 0u)) | used << 16;
}

VirtQueue::Taken VirtQueue::take(Chain& chain, GuestPieces& pieces, bool writable) {
  if (broken_ != nullptr) return Taken::broken;
  chain.length = 0;
  return packed_ ? take_packed(chain, pieces, writable) : take_split(chain, pieces, writable);
}

const char* VirtQueue::add(const Descriptor& descriptor, bool is_writable, bool writable,
                           Chain& chain, GuestPieces& pieces) const {
  if (is_writable != writable) return "a descriptor is for the wrong direction";
  uint64_t address = descriptor.address, left = descriptor.length;
  // Nobody needs them, and a row of them would keep us busy for nothing.
  if (left == 0) return "a descriptor of length 0";
  while (left > 0) {
    if (pieces.count == GuestPieces::kMax) return "a buffer of more than 1024 pieces";
    uint64_t length;
    uint8_t* data = memory_.find(address, left, length);
    if (data == nullptr) return "a descriptor points outside of the memory that was passed";
    pieces.at[pieces.count++] = {data, length};
    chain.length += length;
    address += length;
    left -= length;
  }
  return nullptr;
}

VirtQueue::Taken VirtQueue::take_split(Chain& chain, GuestPieces& pieces, bool writable) {
  const uint16_t mask = static_cast<uint16_t>(size_ - 1);
  if (next_ == available_seen_) {
    available_seen_ = load16_acquire(available_ + 2);
    if (static_cast<uint16_t>(available_seen_ - next_) > size_)
      return fail("the available index ran away");
    if (next_ == available_seen_) return Taken::none;
  }
  chain.id = load16(available_ + 4 + 2 * (next_ & mask));
  chain.slots = 1;
  uint16_t index = chain.id;
  for (unsigned steps = 0; steps < size_; steps++) {
    if (index >= size_) return fail("a descriptor index is beyond the ring");
    const auto descriptor = copy_once<Descriptor>(descriptors_ + 16 * index);
    const uint16_t flags = descriptor.a;
    const bool more = (flags & kNext) != 0;
    if ((flags & kIndirectTable) != 0) {
      if (more) return fail("an indirect descriptor that has a next");
      const Taken taken = take_indirect(descriptor, chain, pieces, writable);
      if (taken == Taken::chain) next_++;
      return taken;
    }
    const char* wrong = add(descriptor, (flags & kWrite) != 0, writable, chain, pieces);
    if (wrong != nullptr) return fail(wrong);
    if (!more) {
      next_++;
      return Taken::chain;
    }
    index = descriptor.b;
  }
  return fail("a loop of descriptors");
}

VirtQueue::Taken VirtQueue::take_packed(Chain& chain, GuestPieces& pieces, bool writable) {
  const uint16_t first_flags = load16_acquire(descriptors_ + 16 * next_ + 14);
  if (((first_flags & kPackedAvailable) != 0) != wrap_ ||
      ((first_flags & kPackedUsed) != 0) == wrap_)
    return Taken::none;
  uint16_t index = next_;
  bool wrap = wrap_;
  for (uint16_t slots = 1; slots <= size_; slots++) {
    const auto descriptor = copy_once<Descriptor>(descriptors_ + 16 * index);
    const uint16_t flags = descriptor.b;
    const bool more = (flags & kNext) != 0;
    if (++index == size_) {
      index = 0;
      wrap = !wrap;
    }
    if ((flags & kIndirectTable) != 0) {
      if (more || slots > 1) return fail("an indirect descriptor in a chain");
      const Taken taken = take_indirect(descriptor, chain, pieces, writable);
      if (taken != Taken::chain) return taken;
    } else {
      const char* wrong = add(descriptor, (flags & kWrite) != 0, writable, chain, pieces);
      if (wrong != nullptr) return fail(wrong);
    }
    if (more) continue;
    chain.id = descriptor.a;
    chain.slots = slots;
    next_ = index;
    wrap_ = wrap;
    return Taken::chain;
  }
  return fail("a loop of descriptors");
}

// A table of descriptors elsewhere in memory. Split: linked by `next`; packed: one behind the
// other.
VirtQueue::Taken VirtQueue::take_indirect(const Descriptor& table, Chain& chain,
                                          GuestPieces& pieces, bool writable) {
  if (!indirect_) return fail("an indirect descriptor, which was not negotiated");
  const uint32_t count = table.length / 16;
  if (table.length % 16 != 0 || count == 0 || count > GuestPieces::kMax)
    return fail("an indirect table of a wrong size");
  uint64_t available;
  const uint8_t* at = memory_.find(table.address, table.length, available);
  if (at == nullptr || available != table.length)
    return fail("an indirect table outside of the memory that was passed");
  uint32_t index = 0;
  for (uint32_t steps = 0; steps < count; steps++) {
    const auto descriptor = copy_once<Descriptor>(at + 16 * index);
    const uint16_t flags = packed_ ? descriptor.b : descriptor.a;
    if ((flags & kIndirectTable) != 0) return fail("an indirect table in an indirect table");
    const char* wrong = add(descriptor, (flags & kWrite) != 0, writable, chain, pieces);
    if (wrong != nullptr) return fail(wrong);
    if (packed_) {
      index++;
      continue;
    }
    if ((flags & kNext) == 0) return Taken::chain;
    index = descriptor.b;
    if (index >= count) return fail("a descriptor index is beyond its indirect table");
  }
  return packed_ ? Taken::chain : fail("a loop of descriptors");
}

void VirtQueue::advance_used(uint16_t slots) {
  const uint32_t next = uint32_t{used_next_} + slots;
  if (next >= size_) used_wrap_ = !used_wrap_;
  used_next_ = static_cast<uint16_t>(next >= size_ ? next - size_ : next);
}

void VirtQueue::give(const Chain& chain, uint32_t written) {
  if (!packed_) {
    const uint32_t element[2] = {chain.id, written};
    memcpy(used_ + 4 + 8 * (used_next_ & (size_ - 1)), element, sizeof element);
    used_next_++;
    return;
  }
  Descriptor used = {};
  used.length = written;
  used.a = chain.id;
  used.b = static_cast<uint16_t>((used_wrap_ ? kPackedAvailable | kPackedUsed : 0) |
                                 (written != 0 ? kWrite : 0));
  if (!staged_) {
    staged_ = true;
    staged_index_ = used_next_;
    staged_descriptor_ = used;
  } else {
    uint8_t* at = descriptors_ + 16 * used_next_;
    memcpy(at + 8, &used.length, 6);
    store16_release(at + 14, used.b);
  }
  advance_used(chain.slots);
}

void VirtQueue::publish() {
  if (!packed_) {
    store16_release(used_ + 2, used_next_);
  } else if (staged_) {
    staged_ = false;
    uint8_t* at = descriptors_ + 16 * staged_index_;
    memcpy(at + 8, &staged_descriptor_.length, 6);
    store16_release(at + 14, staged_descriptor_.b);
  }
}

bool VirtQueue::wants_call() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const uint16_t now = used_next_, before = called_;
  const bool known = called_is_known_;
  called_ = now;
  called_is_known_ = true;
  if (!packed_) {
    if (!event_index_) return (load16(available_) & kNoInterrupt) == 0;
    return !known || passed(load16(available_ + 4 + 2 * size_), now, before);
  }
  const uint16_t flags = load16(available_ + 2) & 3;
  if (flags != kEventDescriptor || !event_index_) return flags != kEventDisable;
  if (!known) return true;
  const uint16_t wanted = load16(available_);
  int32_t event = wanted & (kWrapBit - 1), start = before;
  // All counted from the beginning of the round that we are in.
  if (((wanted & kWrapBit) != 0) != used_wrap_) event -= size_;
  if (now <= before) start -= size_;
  return passed(static_cast<uint16_t>(event), now, static_cast<uint16_t>(start));
}

void VirtQueue::ask_for_kicks(bool wanted) {
  if (packed_) {
    if (wanted && event_index_) {
      store16(used_, static_cast<uint16_t>(next_ | (wrap_ ? kWrapBit : 0)));
      store16_release(used_ + 2, kEventDescriptor);
    } else {
      store16(used_ + 2, wanted ? kEventEnable : kEventDisable);
    }
  } else if (!event_index_) {
    store16(used_, wanted ? 0 : kNoNotify);
  } else if (wanted) {
    // Not wanted: the driver tells only when its index passes the old place, a round later.
    store16(used_ + 4 + 8 * size_, next_);
  }
  if (wanted) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace vtep
