// IP to MAC bindings: set by the control plane (they answer ARP and ND) or snooped from frames
// (they are told, and age).
#include "tables.hpp"

namespace vtep {
namespace {

constexpr uint32_t kKept = NeighbourFlag::local | NeighbourFlag::remote | NeighbourFlag::fixed |
                           NeighbourFlag::router | NeighbourFlag::noOverride |
                           NeighbourFlag::gateway;

uint32_t slot_network(const Words<NeighbourShape::kWords>& slot) { return slot.w[2] >> 16; }
bool is_learned(uint32_t flags) {
  return (flags & (NeighbourFlag::local | NeighbourFlag::fixed)) == NeighbourFlag::local;
}

Words<NeighbourShape::kWords> make_slot(const uint8_t* ip, uint32_t network, uint64_t mac,
                                        uint32_t flags) {
  Words<NeighbourShape::kWords> slot = neighbour_key(ip, network);
  slot.w[0] = flags;
  slot.w[1] = static_cast<uint32_t>(mac);
  slot.w[2] |= static_cast<uint32_t>(mac >> 32);
  return slot;
}

}  // namespace

// Which port a binding was learned from (0 = none), and that it was seen now.
void Tables::binding_own(uint32_t position, uint32_t port) {
  uint32_t* cold = neighbours_.cold(position);
  const uint32_t old = load_relaxed(cold + 1);
  if (old != port) {
    if (old != 0) add_to_row(&segment_.port(old), offsetof(PortRow, neighbours), -1);
    if (port != 0) add_to_row(&segment_.port(port), offsetof(PortRow, neighbours), 1);
    store_relaxed(cold + 1, port);
  }
  store_relaxed(cold, now_seconds());
}

bool Tables::binding_put(const BindingSlot& slot, uint32_t port) {
  BindingSlot old;
  uint32_t position = neighbours_.find(slot, old);
  if (position != neighbours_.kNowhere) {
    if (!equal(&old, &slot, sizeof slot)) {
      position = neighbours_.replace(position, slot);
      count_flush();
    }
  } else {
    position = neighbours_.insert(slot);
    if (position == neighbours_.kNowhere) return false;
    store_relaxed(neighbours_.cold(position) + 1, 0u);
    add_to_row(&segment_.network(slot_network(slot)), offsetof(NetworkRow, neighbours), 1);
  }
  binding_own(position, port);
  return true;
}

void Tables::binding_erase(uint32_t position, const BindingSlot& slot, uint32_t tell) {
  const uint32_t port = load_relaxed(neighbours_.cold(position) + 1);
  binding_own(position, 0);
  neighbours_.remove(position);
  add_to_row(&segment_.network(slot_network(slot)), offsetof(NetworkRow, neighbours), -1);
  if ((slot.w[0] & NeighbourFlag::local) == 0) return;
  count_flush();
  if (tell != 0) binding_tell(slot, port, tell, state_.timeNanoseconds);
}

void Tables::binding_tell(const BindingSlot& slot, uint32_t port, uint32_t kind, uint64_t time) {
  Event event = {};
  event.kind = static_cast<uint16_t>(kind);
  event.vni = current_row(segment_.network(slot_network(slot))).vni;
  event.port = port;
  event.flags = slot.w[0];
  store_mac(event.mac, slot_mac(slot));
  copy(event.ip, &slot.w[3], 16);
  emit(event, time);
}

void Tables::bindings_flush_port(uint32_t id) {
  for (uint32_t p = 0; current_row(segment_.port(id)).neighbours != 0; p++) {
    const BindingSlot slot = neighbours_.read(p);
    if (slot.w[0] == 0 || load_relaxed(neighbours_.cold(p) + 1) != id) continue;
    binding_erase(p, slot, EventKind::neighbourAged);
  }
}

void Tables::bindings_flush_network(uint32_t network) {
  for (uint32_t p = 0; current_row(segment_.network(network)).neighbours != 0; p++) {
    const BindingSlot slot = neighbours_.read(p);
    if (slot.w[0] == 0 || slot_network(slot) != network) continue;
    binding_erase(p, slot, is_learned(slot.w[0]) ? EventKind::neighbourAged : 0);
  }
}

const char* Tables::neighbour_set(const NeighbourSetOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  const uint64_t mac = load_mac(operation.mac);
  if (is_group(mac) || mac == 0) return "not a unicast MAC";
  if (!is_unicast_ip(operation.ip)) return "not a unicast address";
  const uint32_t origin = operation.flags & (NeighbourFlag::local | NeighbourFlag::remote);
  if (origin != NeighbourFlag::local && origin != NeighbourFlag::remote) {
    return "neither of local nor of remote origin";
  }
  const BindingSlot slot = make_slot(operation.ip, network, mac, operation.flags & kKept);
  return binding_put(slot, 0) ? nullptr : "no room for another binding";
}

const char* Tables::neighbour_remove(const NeighbourRemoveOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  BindingSlot slot;
  const uint32_t position = neighbours_.find(neighbour_key(operation.ip, network), slot);
  if (position != neighbours_.kNowhere &&
      (slot.w[0] & operation.flags & (NeighbourFlag::local | NeighbourFlag::remote)) != 0) {
    binding_erase(position, slot, 0);
  }
  return nullptr;
}

// A tenant said that it owns this address. What configuration says stays; what a route said gives
// way, and the control plane is told.
void Tables::neighbour_learn(const LearnRecord& record) {
  const uint64_t mac = load_mac(record.mac);
  constexpr uint32_t kSaid = NeighbourFlag::router | NeighbourFlag::noOverride;
  BindingSlot slot =
      make_slot(record.ip, record.network, mac, NeighbourFlag::local | (record.flags & kSaid));
  BindingSlot old;
  const uint32_t position = neighbours_.find(slot, old);
  uint32_t kind = EventKind::neighbourLearned;
  if (position != neighbours_.kNowhere) {
    if ((old.w[0] & NeighbourFlag::fixed) != 0) return;
    const bool same = is_learned(old.w[0]) && slot_mac(old) == mac;
    if (same) slot.w[0] |= old.w[0] & kSaid;
    if (same && slot.w[0] == old.w[0]) return binding_own(position, record.port);
    if (!same) kind = EventKind::neighbourMoved;
  } else if (!may_learn(record.port, offsetof(PortRow, neighbours))) {
    return refuse_learning();
  }
  if (!binding_put(slot, record.port)) return refuse_learning();
  binding_tell(slot, record.port, kind, record.timeNanoseconds);
}

void Tables::binding_age(uint32_t position) {
  const BindingSlot slot = neighbours_.read(position);
  if (!is_learned(slot.w[0])) return;
  const uint32_t limit = current_row(segment_.network(slot_network(slot))).agingSeconds;
  const int32_t age =
      static_cast<int32_t>(now_seconds() - load_relaxed(neighbours_.cold(position)));
  if (limit != 0 && age >= static_cast<int32_t>(limit))
    binding_erase(position, slot, EventKind::neighbourAged);
}

}  // namespace vtep
