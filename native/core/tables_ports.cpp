// Ports: rows, which network each is in, and what has to go when one leaves.
#include "tables.hpp"

namespace vtep {
namespace {

template <unsigned N>
void copy_text(char (&to)[N], const char* from) {
  for (unsigned i = 0; i < N; i++) {
    to[i] = *from;
    if (*from != 0) from++;
  }
}

}  // namespace

bool Tables::port_is_open(uint32_t id) const {
  if (id == 0 || id > segment_.config().ports) return false;
  const uint32_t state = current_row(segment_.port(id)).state;
  return state == PortState::open || state == PortState::failed;
}

void Tables::port_changed(uint32_t id) {
  if (observer_.port_changed != nullptr) observer_.port_changed(observer_.context, id);
}

void Tables::tell_port(uint32_t id, uint32_t kind) {
  Event event = {};
  event.kind = static_cast<uint16_t>(kind);
  event.port = id;
  event.flags = current_row(segment_.port(id)).flags;
  emit(event, state_.timeNanoseconds);
}

uint32_t Tables::open_port(const PortInfo& info) {
  const uint32_t id = allocate(state_.usedPorts, segment_.config().ports);
  if (id == 0) return 0;
  PortRow row = {};
  row.state = PortState::open;
  row.up = info.up;
  row.ifindex = info.ifindex;
  row.mtu = info.mtu;
  row.flags = info.flags;
  copy(row.mac, info.mac, 6);
  copy_text(row.kind, info.kind);
  copy_text(row.name, info.name);
  copy_text(row.spec, info.spec);
  write_row(segment_.port(id), row);
  return id;
}

void Tables::set_port_up(uint32_t id, bool up) {
  if (!port_is_open(id)) return;
  PortRow row = current_row(segment_.port(id));
  if ((row.up != 0) == up) return;
  row.up = up;
  write_row(segment_.port(id), row);
  tell_port(id, up ? EventKind::portUp : EventKind::portDown);
}

void Tables::set_port_mtu(uint32_t id, uint32_t mtu) {
  if (!port_is_open(id)) return;
  PortRow row = current_row(segment_.port(id));
  row.mtu = mtu;
  write_row(segment_.port(id), row);
  port_changed(id);
}

void Tables::set_port_flags(uint32_t id, uint32_t flags) {
  if (!port_is_open(id)) return;
  constexpr uint32_t kOff = PortFlag::checksumOff | PortFlag::tsoOff | PortFlag::usoOff;
  constexpr uint32_t kTold = kOff | PortFlag::offloadTrial | PortFlag::offloadSelfTest;
  PortRow row = current_row(segment_.port(id));
  if (row.flags == flags) return;
  const bool told = ((row.flags ^ flags) & kTold) != 0;
  row.flags = flags;
  write_row(segment_.port(id), row);
  if (told) tell_port(id, EventKind::portOffloads);
}

void Tables::set_underlay(uint32_t index, uint32_t ifindex, uint32_t flags) {
  constexpr uint32_t kOff =
      UnderlayFlag::tunnelOff | UnderlayFlag::trainsOff | UnderlayFlag::checksumOff;
  constexpr uint32_t kTold = kOff | UnderlayFlag::offloadTrial | UnderlayFlag::offloadSelfTest;
  UnderlayRow row = current_row(segment_.underlay(index));
  const uint32_t before = row.ifindex == ifindex ? row.flags : 0;
  row.ifindex = ifindex;
  row.flags = flags;
  write_row(segment_.underlay(index), row);
  if (ifindex == 0 || ((before ^ flags) & kTold) == 0) return;
  Event event = {};
  event.kind = EventKind::underlayOffloads;
  event.port = ifindex;
  event.flags = flags;
  emit(event, state_.timeNanoseconds);
}

void Tables::port_gone(uint32_t id) {
  if (!port_is_open(id)) return;
  PortRow row = current_row(segment_.port(id));
  if (row.state == PortState::failed) return;
  row.state = PortState::failed;
  row.up = 0;
  write_row(segment_.port(id), row);
  tell_port(id, EventKind::portGone);
}

void Tables::close_port(uint32_t id) {
  if (!port_is_open(id)) return;
  port_move(id, 0);
  constexpr uint16_t kNobody[16] = {};
  port_segment_put(id, 0, kNobody);
  PortRow row = current_row(segment_.port(id));
  row.state = PortState::closing;
  row.up = 0;
  write_row(segment_.port(id), row);
  retire(RetiredKind::port, id);
}

// Out of the old network, empty-handed, then into the new one: at no time does a frame of one
// network find the way into the other.
const char* Tables::port_move(uint32_t id, uint32_t network) {
  PortRow row = current_row(segment_.port(id));
  const uint32_t old = row.network;
  if (old == network) return nullptr;
  const uint32_t word = destination_word(Destination::port, id);
  if (old != 0) {
    row.network = 0;
    write_row(segment_.port(id), row);
    port_changed(id);
    flood_erase(old, word);
    channels_flush_port(old, id);
    flush_port(id);
  }
  if (network == 0) return nullptr;
  if (old != 0 && observer_.wait_quiescent != nullptr) {
    // A worker may still hold a list or an entry of the old network that names this port.
    observer_.wait_quiescent(observer_.context);
  }
  if (!flood_insert(network, word)) return "no room in the flood lists";
  row = current_row(segment_.port(id));
  row.network = static_cast<uint16_t>(network);
  write_row(segment_.port(id), row);
  port_changed(id);
  return nullptr;
}

const char* Tables::port_attach(const PortAttachOperation& operation) {
  uint32_t network = 0;
  if (operation.vni != 0) {
    network = segment_.find_network(operation.vni);
    if (network == 0) return "no network has this VNI";
  }
  const uint32_t id = operation.port;
  if (implicitPorts_ && id != 0 && id <= segment_.config().ports && take(state_.usedPorts, id)) {
    PortRow row = {};
    row.state = PortState::open;
    row.up = 1;
    copy_text(row.kind, "core");
    write_row(segment_.port(id), row);
  }
  if (!port_is_open(id)) return "no such port";
  return port_move(id, network);
}

}  // namespace vtep
