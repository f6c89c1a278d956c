// The front of the writer: operations by number, networks, learning and the round of aging.
#include "tables.hpp"

namespace vtep {

struct Tables::Verb {
  uint32_t size;
  const char* (*apply)(Tables& tables, const uint8_t* bytes);

  template <typename Operation, const char* (Tables::*method)(const Operation&)>
  static constexpr Verb of() {
    return {sizeof(Operation), [](Tables& tables, const uint8_t* bytes) {
              Operation operation;
              copy(&operation, bytes, sizeof operation);
              return (tables.*method)(operation);
            }};
  }
};

// By operation code; the static_asserts hold the order of layout.ts.
const Tables::Verb Tables::kVerbs[] = {
    Verb::of<NetworkSetOperation, &Tables::network_set>(),
    Verb::of<NetworkRemoveOperation, &Tables::network_remove>(),
    Verb::of<PortAttachOperation, &Tables::port_attach>(),
    Verb::of<FloodAddOperation, &Tables::flood_add>(),
    Verb::of<FloodRemoveOperation, &Tables::flood_remove>(),
    Verb::of<MacSetRemoteOperation, &Tables::mac_set_remote>(),
    Verb::of<MacSetLocalOperation, &Tables::mac_set_local>(),
    Verb::of<MacRemoveOperation, &Tables::mac_remove>(),
    Verb::of<NeighbourSetOperation, &Tables::neighbour_set>(),
    Verb::of<NeighbourRemoveOperation, &Tables::neighbour_remove>(),
    Verb::of<RouteAddOperation, &Tables::route_add>(),
    Verb::of<RouteRemoveOperation, &Tables::route_remove>(),
    Verb::of<ListenerAddOperation, &Tables::listener_add>(),
    Verb::of<ListenerRemoveOperation, &Tables::listener_remove>(),
    Verb::of<NextHopSetOperation, &Tables::next_hop_set>(),
    Verb::of<MacGroupSetOperation, &Tables::mac_group_set>(),
    Verb::of<MacGroupRemoveOperation, &Tables::mac_group_remove>(),
    Verb::of<MacSetGroupOperation, &Tables::mac_set_group>(),
    Verb::of<MacSetPeerOperation, &Tables::mac_set_peer>(),
    Verb::of<PortSegmentSetOperation, &Tables::port_segment_set>(),
    Verb::of<PortSegmentClearOperation, &Tables::port_segment_clear>(),
    Verb::of<ReplicatorSetOperation, &Tables::replicator_set>(),
};
static_assert(OperationCode::networkSet == 1 && OperationCode::networkRemove == 2);
static_assert(OperationCode::portAttach == 3 && OperationCode::floodAdd == 4);
static_assert(OperationCode::floodRemove == 5 && OperationCode::macSetRemote == 6);
static_assert(OperationCode::macSetLocal == 7 && OperationCode::macRemove == 8);
static_assert(OperationCode::neighbourSet == 9 && OperationCode::neighbourRemove == 10);
static_assert(OperationCode::routeAdd == 11 && OperationCode::routeRemove == 12);
static_assert(OperationCode::listenerAdd == 13 && OperationCode::listenerRemove == 14);
static_assert(OperationCode::nextHopSet == 15);
static_assert(OperationCode::macGroupSet == 16 && OperationCode::macGroupRemove == 17);
static_assert(OperationCode::macSetGroup == 18 && OperationCode::macSetPeer == 19);
static_assert(OperationCode::portSegmentSet == 20 && OperationCode::portSegmentClear == 21);
static_assert(OperationCode::replicatorSet == 22);

Tables::Tables(const Segment& segment, const TablesObserver& observer, bool implicitPorts)
    : segment_(segment),
      observer_(observer),
      implicitPorts_(implicitPorts),
      state_(writer_state(segment)),
      macs_(segment, segment.header().macs),
      neighbours_(segment, segment.header().neighbours),
      vnis_(segment, segment.header().vnis),
      access_(segment, segment.header().access),
      addresses_(segment, segment.header().addresses),
      prefixes_(segment, segment.header().prefixes),
      interned_(segment, segment.header().interned),
      channels_(segment, segment.header().channels) {}

void Tables::set_time(uint64_t nanoseconds) {
  state_.timeNanoseconds = nanoseconds;
  store_relaxed(&segment_.header().clockSeconds, static_cast<uint32_t>(nanoseconds / 1000000000));
}

ApplyResult Tables::apply(const uint8_t* bytes, size_t length) {
  constexpr uint32_t kVerbCount = sizeof(kVerbs) / sizeof(kVerbs[0]);
  ApplyResult result;
  uint32_t index = 0;
  const auto fail = [&](uint16_t code, const char* reason) {
    if (result.failed++ != 0) return;
    result.index = index;
    result.code = code;
    result.reason = reason;
  };
  for (size_t at = 0; at < length; index++) {
    const uint16_t code = length - at >= 4 ? load16(bytes + at) : uint16_t{0};
    if (code == 0 || code > kVerbCount) {
      fail(code, "no operation has this code");
      break;
    }
    const Verb& verb = kVerbs[code - 1];
    if (load16(bytes + at + 2) != verb.size || length - at - 4 < verb.size) {
      fail(code, "not of this operation's size");
      break;
    }
    if (const char* reason = verb.apply(*this, bytes + at + 4)) {
      fail(code, reason);
    } else {
      result.applied++;
    }
    at += 4 + verb.size;
  }
  return result;
}

const char* Tables::network_set(const NetworkSetOperation& operation) {
  if (operation.vni == 0 || operation.vni >= 1u << 24) return "not a VNI";
  const bool routed = operation.vrf != 0;
  if (operation.vrf >= 1u << 24) return "not the VNI of an IP-VRF";
  const uint64_t mac = load_mac(operation.mac);
  if (is_group(mac)) return "not a unicast MAC";
  uint32_t vrf = routed ? segment_.find_network(operation.vrf) : 0;
  if (routed && operation.vrf != operation.vni && !is_vrf(vrf)) return "no IP-VRF has this VNI";
  uint32_t index = segment_.find_network(operation.vni);
  if (index != 0 && operation.vrf != operation.vni &&
      current_row(segment_.network(index)).routes != 0)
    return "it has routes: they go first";
  if (index == 0) {
    index = allocate(state_.usedNetworks, segment_.config().networks);
    if (index == 0) return "no room for another network";
    write_row(segment_.network(index), NetworkRow{});
    if (vnis_.insert({{index, operation.vni}}) == vnis_.kNowhere) {
      release(state_.usedNetworks, index);
      return "no room for another network";
    }
  }
  if (operation.vrf == operation.vni) vrf = index;
  NetworkRow row = current_row(segment_.network(index));
  if (const char* reason = router_set(index, operation.mac, row.mac)) {
    if (row.vni == 0) {
      Words<NumberShape::kWords> slot;
      vnis_.remove(vnis_.find({{0, operation.vni}}, slot));
      retire(RetiredKind::network, index);
    }
    return reason;
  }
  // Whoever had the router's MAC is gone, and no longer counted.
  row = current_row(segment_.network(index));
  if (row.vrf == index && vrf != index) forget_vrf(index);
  row.vrf = static_cast<uint16_t>(vrf);
  copy(row.mac, operation.mac, 6);
  copy(row.address4, operation.address4, 16);
  copy(row.address6, operation.address6, 16);
  row.vni = operation.vni;
  row.flags = operation.flags;
  row.agingSeconds = operation.agingSeconds;
  row.stormFramesPerSecond = operation.stormFramesPerSecond;
  row.stormBurst = operation.stormBurst;
  write_row(segment_.network(index), row);
  return nullptr;
}

const char* Tables::network_remove(const NetworkRemoveOperation& operation) {
  const uint32_t index = segment_.find_network(operation.vni);
  if (index == 0) return nullptr;
  if (is_routed_into(index)) return "a route of another IP-VRF leads there: it goes first";
  const FloodList list = flood_list(index);
  for (uint32_t i = 0; i < list.ports; i++) {
    const uint32_t port = destination_id(list.words[i]);
    PortRow row = current_row(segment_.port(port));
    row.network = 0;
    write_row(segment_.port(port), row);
    port_changed(port);
  }
  macs_flush_network(index);
  bindings_flush_network(index);
  mac_groups_flush_network(index);
  flood_clear(index);
  replicator_put(index, 0);
  channels_flush_network(index);
  prefixes_flush_network(index);
  router_clear(index, current_row(segment_.network(index)).mac);
  forget_vrf(index);
  Words<NumberShape::kWords> slot;
  vnis_.remove(vnis_.find({{0, operation.vni}}, slot));
  write_row(segment_.network(index), NetworkRow{});
  retire(RetiredKind::network, index);
  return nullptr;
}

bool Tables::is_vrf(uint32_t network) const {
  return network != 0 && current_row(segment_.network(network)).vrf == network;
}

// Networks that were routed there are routed nowhere.
void Tables::forget_vrf(uint32_t vrf) {
  if (!is_vrf(vrf)) return;
  for (uint32_t index = 1; index <= segment_.config().networks; index++) {
    NetworkRow row = current_row(segment_.network(index));
    if (row.vrf != vrf || index == vrf) continue;
    row.vrf = 0;
    write_row(segment_.network(index), row);
  }
}

void Tables::set_learn_limit(uint32_t count) {
  store_relaxed(&segment_.header().learnLimit, count);
}

bool Tables::may_learn(uint32_t port, size_t count) const {
  const uint32_t limit = segment_.header().learnLimit;
  return limit == 0 || load_word(row_words(segment_.port(port)) + count / 4) < limit;
}

void Tables::refuse_learning() {
  SegmentHeader& header = segment_.header();
  store_relaxed(&header.learnRefused, header.learnRefused + 1);
}

void Tables::learn(const LearnRecord& record) {
  if (record.kind == LearnRecord::kQuery && record.port == 0) return tell_heard(record);
  // What the worker saw may be outdated: the port has moved on.
  if (!port_is_open(record.port) || record.network == 0 ||
      segment_.port_network(record.port) != record.network) {
    return;
  }
  if (record.kind == LearnRecord::kMac) mac_learn(record);
  if (record.kind == LearnRecord::kNeighbour) neighbour_learn(record);
  if (record.is_heard()) tell_heard(record);
}

// What is heard changes no table: the control plane knows for how long it holds.
void Tables::tell_heard(const LearnRecord& record) {
  const uint32_t kind = record.kind == LearnRecord::kReport  ? EventKind::multicastReport
                        : record.kind == LearnRecord::kQuery ? EventKind::multicastQuery
                                                             : EventKind::routerSolicited;
  Event event = {};
  event.kind = static_cast<uint16_t>(kind);
  event.vni = current_row(segment_.network(record.network)).vni;
  event.port = record.port;
  event.flags = record.flags;
  copy(event.ip, record.ip, 16);
  copy(event.source, record.source, 16);
  if (event.vni != 0) emit(event, record.timeNanoseconds);
}

void Tables::flush_port(uint32_t id) {
  if (id == 0 || id > segment_.config().ports) return;
  macs_flush_port(id);
  bindings_flush_port(id);
}

bool Tables::age_step(uint32_t budget) {
  for (; budget > 0; budget--) {
    const bool macs = state_.ageTable == 0;
    const uint32_t slots = macs ? MacShape::kSlots : NeighbourShape::kSlots;
    const uint32_t end = slots * (macs ? macs_.buckets() : neighbours_.buckets());
    for (uint32_t s = 0; s < slots && state_.agePosition < end; s++, state_.agePosition++) {
      if (macs) {
        mac_age(state_.agePosition);
      } else {
        binding_age(state_.agePosition);
      }
    }
    if (state_.agePosition < end) continue;
    state_.agePosition = 0;
    state_.ageTable = macs ? 1 : 0;
    if (!macs) return true;
  }
  return false;
}

}  // namespace vtep
