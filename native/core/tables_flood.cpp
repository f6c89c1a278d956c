// Flood lists: copy-on-write blocks of an arena, a power of two words each. Remotes are appended in
// place while there is room: the counts are one word, stored last, so a reader sees a list before
// or after the change.
#include "tables.hpp"

namespace vtep {
namespace {

constexpr uint32_t kBlockHead = sizeof(FloodBlock) / 4;
constexpr unsigned kSmallestClass = 3;

unsigned class_of(uint32_t destinations) {
  unsigned size_class = kSmallestClass;
  while ((1u << size_class) < destinations + kBlockHead) size_class++;
  return size_class;
}
bool is_port(uint32_t word) { return destination_kind(word) == Destination::port; }

constexpr uint32_t kFlagMask = 0xffu << DestinationWord::flagShift;

}  // namespace

Tables::FloodList Tables::flood_list(uint32_t network) const {
  return list_at(current_row(segment_.network(network)).floodOffset);
}

Tables::FloodList Tables::list_at(uint32_t offset) const {
  FloodList list;
  list.offset = offset;
  if (list.offset == 0) return list;
  uint32_t* block = segment_.flood_words() + list.offset;
  const uint32_t counts = load_relaxed(block + 1);
  list.capacity = load_relaxed(block);
  list.ports = counts & 0xffff;
  list.remotes = counts >> 16;
  list.words = block + kBlockHead;
  return list;
}

// False: the arena is full.
bool Tables::flood_insert(uint32_t network, uint32_t word) {
  const FloodList old = flood_list(network);
  const uint32_t offset = list_insert(old, word);
  if (offset == 0) return false;
  flood_publish(network, old, offset);
  return true;
}

void Tables::flood_erase(uint32_t network, uint32_t word) {
  const FloodList old = flood_list(network);
  const uint32_t* place = flood_find(old, word);
  if (place != nullptr) flood_publish(network, old, list_erase(old, load_relaxed(place)));
}

// Where a destination is, whatever its flags are; null = nowhere.
uint32_t* Tables::flood_find(const FloodList& list, uint32_t word) {
  for (uint32_t i = 0; i < list.ports + list.remotes; i++)
    if ((load_relaxed(list.words + i) & ~kFlagMask) == word) return list.words + i;
  return nullptr;
}

// The list with one destination more: the same block, or another one that nobody reads yet; 0 = the
// arena is full. Order is kept; a new destination goes last of its kind.
uint32_t Tables::list_insert(const FloodList& old, uint32_t word) {
  if (!is_port(word) && list_append(old, word)) return old.offset;
  return list_copy(old, word, 0);
}

// A list that can not be copied loses the destination in place: readers skip a zero.
uint32_t Tables::list_erase(const FloodList& old, uint32_t word) {
  if (const uint32_t offset = list_copy(old, 0, word)) return offset;
  for (uint32_t i = 0; i < old.ports + old.remotes; i++) {
    if (old.words[i] == word) store_relaxed(old.words + i, 0u);
  }
  return old.offset;
}

uint32_t Tables::list_copy(const FloodList& old, uint32_t add, uint32_t remove) {
  const uint32_t offset = flood_allocate(old.ports + old.remotes + (add != 0 ? 1 : 0));
  if (offset == 0) return 0;
  uint32_t* block = segment_.flood_words() + offset;
  uint32_t* out = block + kBlockHead;
  uint32_t count = 0;
  const auto put = [&](uint32_t word) {
    if (word != 0 && word != remove) store_relaxed(out + count++, word);
  };
  for (uint32_t i = 0; i < old.ports; i++) put(old.words[i]);
  if (is_port(add)) put(add);
  const uint32_t ports = count;
  for (uint32_t i = old.ports; i < old.ports + old.remotes; i++) put(old.words[i]);
  if (!is_port(add)) put(add);
  store_relaxed(block + 1, ports | (count - ports) << 16);
  return offset;
}

bool Tables::list_append(const FloodList& list, uint32_t word) {
  if (list.offset == 0 || list.ports + list.remotes == list.capacity) return false;
  store_relaxed(list.words + list.ports + list.remotes, word);
  store_release(list.words - 1, list.ports | (list.remotes + 1) << 16);
  return true;
}

uint32_t Tables::flood_allocate(uint32_t destinations) {
  const unsigned size_class = class_of(destinations);
  uint32_t* words = segment_.flood_words();
  if (size_class >= kFloodClasses) return 0;
  uint32_t offset = state_.floodFree[size_class];
  if (offset != 0) {
    state_.floodFree[size_class] = load_relaxed(words + offset);
  } else {
    const uint32_t size = 1u << size_class;
    if (size > segment_.config().floodWords - state_.floodTop) return 0;
    offset = state_.floodTop;
    state_.floodTop += size;
  }
  store_relaxed(words + offset, (1u << size_class) - kBlockHead);
  return offset;
}

void Tables::flood_publish(uint32_t network, const FloodList& old, uint32_t offset) {
  if (offset == old.offset) return;
  NetworkRow row = current_row(segment_.network(network));
  row.floodOffset = offset;
  write_row(segment_.network(network), row);
  if (old.offset != 0) retire(RetiredKind::floodBlock, old.offset);
}

void Tables::flood_free(uint32_t offset) {
  uint32_t* block = segment_.flood_words() + offset;
  const unsigned size_class = class_of(load_relaxed(block));
  store_relaxed(block, state_.floodFree[size_class]);
  state_.floodFree[size_class] = offset;
}

void Tables::flood_clear(uint32_t network) {
  const FloodList list = flood_list(network);
  for (uint32_t i = list.ports; i < list.ports + list.remotes; i++) {
    access_release(network, destination_id(list.words[i]), kInFloodList);
  }
  flood_publish(network, list, 0);
}

const char* Tables::flood_add(const FloodAddOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  if (operation.flags > (FloodFlag::noBroadcasts | FloodFlag::noUnknown)) return "no such flag";
  uint32_t remote = 0;
  if (const char* reason = remote_find_or_add(operation.remote, remote)) return reason;
  const uint32_t destination = destination_word(Destination::remote, remote);
  const uint32_t word = destination | operation.flags << DestinationWord::flagShift;
  Words<NumberShape::kWords> pair;
  if (access_.find(access_key(network, remote), pair) != access_.kNowhere &&
      (pair.w[0] & kInFloodList) != 0) {
    uint32_t* place = flood_find(flood_list(network), destination);
    if (place != nullptr && load_relaxed(place) != word) store_relaxed(place, word);
    return nullptr;
  }
  if (!access_acquire(network, remote, kInFloodList)) {
    remote_drop_unused(remote);
    return "no room for another VTEP of this network";
  }
  if (!flood_insert(network, word)) {
    access_release(network, remote, kInFloodList);
    return "no room in the flood lists";
  }
  return nullptr;
}

const char* Tables::flood_remove(const FloodRemoveOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  const uint32_t remote = segment_.find_remote(operation.remote);
  Words<NumberShape::kWords> pair;
  if (remote == 0 || access_.find(access_key(network, remote), pair) == access_.kNowhere ||
      (pair.w[0] & kInFloodList) == 0) {
    return nullptr;
  }
  flood_erase(network, destination_word(Destination::remote, remote));
  access_release(network, remote, kInFloodList);
  return nullptr;
}

const char* Tables::replicator_set(const ReplicatorSetOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  uint32_t remote = 0;
  if (!is_unspecified(operation.remote)) {
    if (const char* reason = remote_find_or_add(operation.remote, remote)) return reason;
    if (remote == current_row(segment_.network(network)).replicator) return nullptr;
    if (!access_acquire(network, remote, 0)) {
      remote_drop_unused(remote);
      return "no room for another VTEP of this network";
    }
  }
  replicator_put(network, remote);
  return nullptr;
}

// One word, so that a frame goes to the replicator or to all, never to both.
void Tables::replicator_put(uint32_t network, uint32_t remote) {
  NetworkRow row = current_row(segment_.network(network));
  const uint32_t before = row.replicator;
  row.replicator = remote;
  write_row(segment_.network(network), row);
  if (before != 0) access_release(network, before, 0);
}

}  // namespace vtep
