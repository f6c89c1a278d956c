// Places in the segment: rows handed out and taken back, memory that readers may still look at, and
// the event ring.
#include "prefixes.hpp"
#include "tables.hpp"

namespace vtep {
namespace {

uint64_t bitmap_bytes(uint32_t capacity) { return (uint64_t{capacity} + 64) / 64 * 8; }

// Enough that an operation that retires every row of a kind fits.
uint64_t retired_capacity(const SegmentConfig& config) {
  return 4096 + 2 * (uint64_t{config.ports} + config.networks + config.remotes + config.nextHops +
                     config.groups + config.macGroups + config.channels);
}

uint64_t length_bytes(const SegmentConfig& config) {
  return (uint64_t{config.networks} + 1) * (kMaxPrefixLength + 1) * sizeof(uint32_t);
}

uint64_t* bitmap_word(const Segment& segment, uint64_t bitmap, uint32_t index) {
  return reinterpret_cast<uint64_t*>(segment.at(bitmap)) + index / 64;
}

}  // namespace

uint64_t writer_bytes(const SegmentConfig& config) {
  return sizeof(WriterState) + bitmap_bytes(config.ports) + bitmap_bytes(config.networks) +
         bitmap_bytes(config.remotes) + bitmap_bytes(config.nextHops) +
         bitmap_bytes(config.groups) + bitmap_bytes(config.macGroups) +
         retired_capacity(config) * sizeof(Retired) + length_bytes(config);
}

void format_writer(const Segment& segment) {
  const SegmentConfig& config = segment.config();
  WriterState& state = writer_state(segment);
  uint64_t offset = segment.header().writer + sizeof(WriterState);
  state.usedPorts = offset;
  state.usedNetworks = offset += bitmap_bytes(config.ports);
  state.usedRemotes = offset += bitmap_bytes(config.networks);
  state.usedNextHops = offset += bitmap_bytes(config.remotes);
  state.usedGroups = offset += bitmap_bytes(config.nextHops);
  state.usedMacGroups = offset += bitmap_bytes(config.groups);
  state.retired = offset += bitmap_bytes(config.macGroups);
  state.retiredCapacity = retired_capacity(config);
  state.lengthCounts = offset += state.retiredCapacity * sizeof(Retired);
  state.epoch = 1;
  state.floodTop = 2;  // offset 0 means: no list
  const uint64_t bitmaps[] = {state.usedPorts,    state.usedNetworks, state.usedRemotes,
                              state.usedNextHops, state.usedGroups,   state.usedMacGroups};
  for (const uint64_t bitmap : bitmaps) {
    *bitmap_word(segment, bitmap, 0) = 1;  // row 0 is never used
  }
}

// The lowest free index, 0 = none.
uint32_t Tables::allocate(uint64_t bitmap, uint32_t capacity) {
  for (uint32_t base = 0; base <= capacity; base += 64) {
    uint64_t* word = bitmap_word(segment_, bitmap, base);
    if (*word == ~uint64_t{0}) continue;
    const uint32_t index = base + static_cast<uint32_t>(__builtin_ctzll(~*word));
    if (index > capacity) return 0;
    *word |= uint64_t{1} << index % 64;
    return index;
  }
  return 0;
}

bool Tables::take(uint64_t bitmap, uint32_t index) {
  uint64_t* word = bitmap_word(segment_, bitmap, index);
  const uint64_t bit = uint64_t{1} << index % 64;
  if ((*word & bit) != 0) return false;
  *word |= bit;
  return true;
}

void Tables::release(uint64_t bitmap, uint32_t index) {
  *bitmap_word(segment_, bitmap, index) &= ~(uint64_t{1} << index % 64);
}

void Tables::retire(RetiredKind kind, uint32_t value) {
  const Retired retired = {state_.epoch, kind, value};
  if (observer_.wait_quiescent == nullptr) return reclaim(retired);
  if (state_.retiredHead - state_.retiredTail == state_.retiredCapacity) {
    const uint64_t epoch = close_epoch();
    observer_.wait_quiescent(observer_.context);
    quiesced(epoch);
  }
  Retired* ring = reinterpret_cast<Retired*>(segment_.at(state_.retired));
  ring[state_.retiredHead++ % state_.retiredCapacity] = retired;
}

// Of a port that no worker uses any more: the next one with this id starts from zero.
void Tables::clear_counters(uint32_t port) {
  for (uint32_t worker = 0; worker < segment_.config().workers; worker++) {
    uint64_t* words = reinterpret_cast<uint64_t*>(&segment_.port_counters(worker, port));
    for (size_t i = 0; i < sizeof(PortCounters) / 8; i++) store_relaxed(words + i, uint64_t{0});
  }
}

void Tables::reclaim(const Retired& retired) {
  switch (retired.kind) {
    case RetiredKind::port:
      write_row(segment_.port(retired.value), PortRow{});
      clear_counters(retired.value);
      return release(state_.usedPorts, retired.value);
    case RetiredKind::network:
      return release(state_.usedNetworks, retired.value);
    case RetiredKind::remote:
      return release(state_.usedRemotes, retired.value);
    case RetiredKind::nextHop:
      return release(state_.usedNextHops, retired.value);
    case RetiredKind::group:
      return release(state_.usedGroups, retired.value);
    case RetiredKind::macGroup:
      return release(state_.usedMacGroups, retired.value);
    case RetiredKind::floodBlock:
      return flood_free(retired.value);
  }
}

uint64_t Tables::close_epoch() { return state_.epoch++; }

void Tables::quiesced(uint64_t epoch) {
  const Retired* ring = reinterpret_cast<const Retired*>(segment_.at(state_.retired));
  while (state_.retiredTail != state_.retiredHead) {
    const Retired retired = ring[state_.retiredTail % state_.retiredCapacity];
    if (retired.epoch > epoch) return;
    state_.retiredTail++;
    reclaim(retired);
  }
}

uint32_t Tables::waiting() const {
  return static_cast<uint32_t>(state_.retiredHead - state_.retiredTail);
}

// The slot is marked as being written before anything in it changes: readers compare its sequence
// before and after they copy.
void Tables::emit(Event event, uint64_t timeNanoseconds) {
  SegmentHeader& header = segment_.header();
  const uint64_t sequence = load_relaxed(&header.eventSequence) + 1;
  event.sequence = 0;
  event.timeNanoseconds = timeNanoseconds;
  uint64_t words[sizeof(Event) / 8];
  copy(words, &event, sizeof event);
  uint64_t* slot = reinterpret_cast<uint64_t*>(
      segment_.at(header.events + sequence % header.config.eventSlots * sizeof(Event)));
  store_relaxed(slot, uint64_t{0});
  for (size_t i = 1; i < sizeof(Event) / 8; i++) store_release(slot + i, words[i]);
  store_release(slot, sequence);
  store_release(&header.eventSequence, sequence);
}

}  // namespace vtep
