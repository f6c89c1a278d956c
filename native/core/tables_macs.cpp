// The FDB: MACs set by the control plane, learned from frames, aged and flushed.
#include "tables.hpp"

namespace vtep {
namespace {

constexpr uint32_t kFixed = MacFlag::fixed << DestinationWord::flagShift;
constexpr uint32_t kSticky = MacFlag::sticky << DestinationWord::flagShift;

constexpr uint32_t kPeer = MacFlag::peer << DestinationWord::flagShift;

constexpr uint32_t kRouter = Destination::router << DestinationWord::kindShift | kFixed;

bool is_local(uint32_t word) { return destination_kind(word) == Destination::port; }
// Behind a port, and seen or bound there: not by the word of another VTEP of its segment.
bool is_own(uint32_t word) { return is_local(word) && (word & kPeer) == 0; }
uint32_t slot_network(const Words<MacShape::kWords>& slot) { return slot.w[2] >> 16; }
uint32_t kept_flags(uint32_t flags) {
  return (flags & (MacFlag::fixed | MacFlag::sticky)) << DestinationWord::flagShift;
}

}  // namespace

void Tables::mac_count(const MacSlot& slot, int by) {
  add_to_row(&segment_.network(slot_network(slot)), offsetof(NetworkRow, macs), by);
  if (is_local(slot.w[0])) {
    add_to_row(&segment_.port(destination_id(slot.w[0])), offsetof(PortRow, macs), by);
  }
}

void Tables::mac_changed(const MacSlot& slot) {
  if (observer_.mac_changed != nullptr)
    observer_.mac_changed(observer_.context, slot_network(slot), slot_mac(slot));
}

void Tables::saw(uint32_t network, uint64_t mac, uint32_t seconds) {
  MacSlot slot;
  const uint32_t position = macs_.find(mac_key(mac, network), slot);
  if (position == macs_.kNowhere || !is_local(slot.w[0])) return;
  const auto later = static_cast<int32_t>(seconds - load_relaxed(macs_.cold(position)));
  if (later > 0) store_relaxed(macs_.cold(position), seconds);
}

void Tables::mac_tell(const MacSlot& slot, uint32_t kind, uint64_t time, const uint8_t* previous) {
  Event event = {};
  event.kind = static_cast<uint16_t>(kind);
  event.vni = current_row(segment_.network(slot_network(slot))).vni;
  event.port = is_local(slot.w[0]) ? destination_id(slot.w[0]) : 0;
  event.flags = (is_local(slot.w[0]) ? MacFlag::local : MacFlag::remote) |
                (slot.w[0] >> DestinationWord::flagShift & 0xff);
  store_mac(event.mac, slot_mac(slot));
  if (previous != nullptr) copy(event.ip, previous, 16);
  emit(event, time);
}

// Adds the entry, or changes where it points. `position` is where it lies then.
const char* Tables::mac_put(uint32_t network, uint64_t mac, uint32_t word, uint32_t& position) {
  MacSlot slot;
  position = macs_.find(mac_key(mac, network), slot);
  if (position != macs_.kNowhere && slot.w[0] == kRouter) return "the router's own MAC";
  if (position != macs_.kNowhere) return mac_change(position, slot, word);
  slot = mac_key(mac, network);
  slot.w[0] = word;
  if (!place_acquire(network, word)) return "no room for another VTEP of this network";
  position = macs_.insert(slot);
  if (position == macs_.kNowhere) {
    place_release(network, word);
    return "no room for another MAC";
  }
  store_relaxed(macs_.cold(position), now_seconds());
  mac_count(slot, 1);
  mac_changed(slot);
  return nullptr;
}

const char* Tables::mac_change(uint32_t position, const MacSlot& slot, uint32_t word) {
  const uint32_t old = slot.w[0];
  if (old == word) return nullptr;
  const uint32_t network = slot_network(slot);
  if (!place_acquire(network, word)) return "no room for another VTEP of this network";
  mac_count(slot, -1);
  macs_.set_first(position, word);
  MacSlot changed = slot;
  changed.w[0] = word;
  mac_count(changed, 1);
  mac_changed(slot);
  store_relaxed(macs_.cold(position), now_seconds());
  place_release(network, old);
  count_flush();
  return nullptr;
}

// A VTEP may speak where MACs are behind it; a group stays as long as MACs are.
bool Tables::place_acquire(uint32_t network, uint32_t word) {
  const uint32_t kind = destination_kind(word), id = destination_id(word);
  if (kind == Destination::group)
    add_to_row(&segment_.mac_group(id), offsetof(MacGroupRow, references), 1);
  return kind != Destination::remote || access_acquire(network, id, 0);
}

void Tables::place_release(uint32_t network, uint32_t word) {
  const uint32_t kind = destination_kind(word), id = destination_id(word);
  if (kind == Destination::group)
    add_to_row(&segment_.mac_group(id), offsetof(MacGroupRow, references), -1);
  if (kind == Destination::remote) access_release(network, id, 0);
}

// `tell`: event kind for a local entry, 0 = nobody needs to know.
void Tables::mac_erase(uint32_t position, const MacSlot& slot, uint32_t tell) {
  macs_.remove(position);
  mac_changed(slot);
  mac_count(slot, -1);
  place_release(slot_network(slot), slot.w[0]);
  if (!is_local(slot.w[0])) return;
  count_flush();
  if (tell != 0 && is_own(slot.w[0])) mac_tell(slot, tell, state_.timeNanoseconds);
}

// The router's MAC has its place in the FDB: no frame and no route takes it away. It is counted as
// nobody's MAC and told to nobody.
const char* Tables::router_set(uint32_t network, const uint8_t mac[6], const uint8_t before[6]) {
  if (load_mac(mac) == load_mac(before)) return nullptr;
  MacSlot slot = mac_key(load_mac(mac), network), old;
  slot.w[0] = kRouter;
  if (load_mac(mac) != 0) {
    const uint32_t position = macs_.find(slot, old);
    if (position != macs_.kNowhere) mac_erase(position, old, EventKind::macFlushed);
    if (macs_.insert(slot) == macs_.kNowhere) return "no room for another MAC";
    mac_changed(slot);
  }
  router_clear(network, before);
  return nullptr;
}

void Tables::router_clear(uint32_t network, const uint8_t mac[6]) {
  MacSlot slot;
  const uint32_t position = macs_.find(mac_key(load_mac(mac), network), slot);
  if (load_mac(mac) == 0 || position == macs_.kNowhere) return;
  macs_.remove(position);
  mac_changed(slot);
}

void Tables::macs_flush_port(uint32_t id) {
  constexpr uint32_t kPlace = ~(0xffu << DestinationWord::flagShift);
  const uint32_t word = destination_word(Destination::port, id);
  for (uint32_t p = 0; current_row(segment_.port(id)).macs != 0; p++) {
    const MacSlot slot = macs_.read(p);
    if ((slot.w[0] & kPlace) == word) mac_erase(p, slot, EventKind::macFlushed);
  }
}

void Tables::macs_flush_network(uint32_t network) {
  for (uint32_t p = 0; current_row(segment_.network(network)).macs != 0; p++) {
    const MacSlot slot = macs_.read(p);
    if (slot.w[0] != 0 && slot.w[0] != kRouter && slot_network(slot) == network)
      mac_erase(p, slot, EventKind::macFlushed);
  }
}

const char* Tables::mac_set_remote(const MacSetRemoteOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  const uint64_t mac = load_mac(operation.mac);
  if (is_group(mac) || mac == 0) return "not a unicast MAC";
  MacSlot slot;
  uint32_t position = macs_.find(mac_key(mac, network), slot);
  const bool own = position != macs_.kNowhere && is_own(slot.w[0]);
  if (own && (operation.flags & MacFlag::override) == 0) return nullptr;
  uint32_t remote = 0;
  if (const char* reason = remote_find_or_add(operation.remote, remote)) return reason;
  const char* reason = mac_put_far(network, operation.mac,
                                   destination_word(Destination::remote, remote), operation.flags);
  if (reason != nullptr) remote_drop_unused(remote);
  return reason;
}

// What another VTEP says of a MAC: what was seen here stays, unless the other has won it.
const char* Tables::mac_put_far(uint32_t network, const uint8_t mac[6], uint32_t word,
                                uint32_t flags) {
  if (is_group(load_mac(mac)) || load_mac(mac) == 0) return "not a unicast MAC";
  MacSlot slot;
  uint32_t position = macs_.find(mac_key(load_mac(mac), network), slot);
  const bool own = position != macs_.kNowhere && is_own(slot.w[0]);
  if (own && (flags & MacFlag::override) == 0) return nullptr;
  const char* reason = mac_put(network, load_mac(mac), word | kept_flags(flags), position);
  if (reason == nullptr && own) mac_tell(slot, EventKind::macFlushed, state_.timeNanoseconds);
  return reason;
}

const char* Tables::mac_set_local(const MacSetLocalOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  const uint64_t mac = load_mac(operation.mac);
  if (is_group(mac) || mac == 0) return "not a unicast MAC";
  if (!port_is_open(operation.port) || segment_.port_network(operation.port) != network) {
    return "no such port in this network";
  }
  const uint32_t word =
      destination_word(Destination::port, operation.port) | kept_flags(operation.flags) | kFixed;
  uint32_t position;
  return mac_put(network, mac, word, position);
}

const char* Tables::mac_remove(const MacRemoveOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  MacSlot slot;
  const uint32_t position = macs_.find(mac_key(load_mac(operation.mac), network), slot);
  if (position == macs_.kNowhere || slot.w[0] == kRouter) return nullptr;
  const uint32_t origin = is_own(slot.w[0]) ? MacFlag::local : MacFlag::remote;
  if ((operation.flags & origin) != 0) mac_erase(position, slot, 0);
  return nullptr;
}

// A frame with this source came in at this port. Entries that configuration or a sticky route has
// placed stay where they are.
void Tables::mac_learn(const LearnRecord& record) {
  const uint64_t mac = load_mac(record.mac);
  const uint32_t word = destination_word(Destination::port, record.port);
  MacSlot slot;
  uint32_t position = macs_.find(mac_key(mac, record.network), slot);
  if (position == macs_.kNowhere) {
    if (!may_learn(record.port, offsetof(PortRow, macs)) ||
        mac_put(record.network, mac, word, position) != nullptr) {
      return refuse_learning();
    }
    return mac_tell(macs_.read(position), EventKind::macLearned, record.timeNanoseconds);
  }
  const bool here = is_local(slot.w[0]) && destination_id(slot.w[0]) == record.port;
  if (here && is_own(slot.w[0])) {
    store_relaxed(macs_.cold(position), now_seconds());
    return;
  }
  if ((slot.w[0] & (kFixed | kSticky)) != 0) return;
  uint8_t previous[16] = {};
  if (destination_kind(slot.w[0]) == Destination::remote) {
    copy(previous, current_row(segment_.remote(destination_id(slot.w[0]))).address, 16);
  }
  mac_change(position, slot, word);
  const uint32_t kind = here ? EventKind::macLearned : EventKind::macMoved;
  mac_tell(macs_.read(position), kind, record.timeNanoseconds, previous);
}

void Tables::mac_age(uint32_t position) {
  const MacSlot slot = macs_.read(position);
  if (slot.w[0] == 0 || !is_own(slot.w[0]) || (slot.w[0] & kFixed) != 0) return;
  const uint32_t limit = current_row(segment_.network(slot_network(slot))).agingSeconds;
  // Signed: a worker's clock may be a little ahead of ours.
  const int32_t age = static_cast<int32_t>(now_seconds() - load_relaxed(macs_.cold(position)));
  if (limit != 0 && age >= static_cast<int32_t>(limit))
    mac_erase(position, slot, EventKind::macAged);
}

}  // namespace vtep
