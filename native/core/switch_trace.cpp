// What the switch tells of a traced frame (steps.hpp). Nothing here decides anything.
#include "switch_trace.hpp"

#include "metadata.hpp"
#include "rows.hpp"

namespace vtep {
namespace {

// MacFlag bits.
uint16_t flags_of(uint32_t word) {
  return static_cast<uint16_t>(word >> DestinationWord::flagShift & 0xff);
}

// Whether there is a VNI to speak of.
bool has_vni(uint32_t vni) { return vni < 1u << 24; }

// The address of a VTEP; :: when it is gone.
void address_of(const Segment& segment, uint32_t index, uint8_t out[16]) {
  RemoteSnapshot remote;
  clear(out, 16);
  if (segment.read_remote(index, remote)) copy(out, remote.address, 16);
}

uint32_t vni_of(const Segment& segment, uint32_t network) {
  return load_word(row_words(segment.network(network)) + offsetof(NetworkRow, vni) / 4);
}

}  // namespace

Switch::Switch(const Segment& segment, const WorkerCounters& counters)
    : segment_(segment), counters_(counters), unresolved_(Unresolved::drop) {}

void Switch::trace(Steps& steps, const Switch* like, Unresolved unresolved) {
  steps_ = &steps;
  unresolved_ = unresolved;
  if (like == nullptr) {
    clear(recent_, sizeof recent_);
    storm_ = errors_ = heard_ = questions_ = {};
    return;
  }
  copy(recent_, like->recent_, sizeof recent_);
  storm_ = like->storm_;
  errors_ = like->errors_;
  heard_ = like->heard_;
  questions_ = like->questions_;
}

void Switch::tell_received(const Pass& pass, const Work* works, unsigned count) const {
  if (pass.port != 0) {
    if (pass.network != 0) {
      steps_->tell(FromPortStep{pass.port, pass.vni});
    } else {
      steps_->tell(FromNowhereStep{pass.port});
    }
  }
  for (unsigned i = 0; i < count; i++) {
    const Frame& frame = frames_[i];
    const Work& work = works[i];
    const Drop reason = work.care == Care::plain ? Drop::none : work.reason;
    if (pass.port == 0) {
      if (!has_vni(work.vni)) continue;
      FromVtepStep from;
      from.vni = work.vni;
      copy(from.remote, frame.source, 16);
      steps_->tell(from);
      if (reason == Drop::unknown_vni || reason == Drop::unknown_vtep) continue;
      AllowedStep allowed;
      allowed.vni = work.vni;
      copy(allowed.remote, frame.source, 16);
      steps_->tell(allowed);
    }
    if (frame.length < kEthernetHeader) continue;
    FrameStep step = {};
    copy(step.destination, frame.data, 6);
    copy(step.source, frame.data + 6, 6);
    step.etherType = net16(frame.data + 12);
    step.length = frame.length;
    Layers layers;
    if (find_layers(frame.data, frame.length, layers)) {
      step.etherType = layers.ethertype;
      step.version = layers.version;
      step.protocol = layers.version != 0 ? layers.protocol : uint8_t{0};
    }
    steps_->tell(step);
  }
}

// As learn_macs() would decide.
void Switch::tell_sources(const Pass& pass) const {
  constexpr uint32_t kPlaced = (MacFlag::fixed | MacFlag::sticky) << DestinationWord::flagShift;
  const uint32_t here = destination_word(Destination::port, pass.port);
  for (unsigned i = 0; i < pass.sourceCount; i++) {
    const Source& source = pass.sources[i];
    const uint32_t word = pass.macs.finish(source.key, source.bucket).word;
    const auto tell = [&](auto step) {
      store_mac(step.mac, MacLookup::mac(source.key));
      steps_->tell(step);
    };
    if ((word & kSeat) == here) {
      tell(KnownStep{pass.port, {}, 0});
    } else if ((word & kPlaced) != 0 || destination_kind(word) == Destination::router) {
      tell(BoundStep{});
    } else if (destination_kind(word) == Destination::port && (word & kPlace) != here) {
      tell(MovedFromPortStep{destination_id(word), {}, 0});
    } else if (destination_kind(word) == Destination::remote) {
      MovedFromVtepStep step;
      address_of(segment_, destination_id(word), step.remote);
      tell(step);
    } else {
      tell(NewStep{pass.port, {}, 0});
    }
  }
}

// `word`: of the FDB, with flags.
void Switch::tell_place(uint32_t vni, uint64_t mac, uint32_t word) const {
  const auto tell = [&](auto step) {
    step.vni = vni;
    store_mac(step.mac, mac);
    steps_->tell(step);
  };
  const uint32_t id = destination_id(word);
  if (destination_kind(word) == Destination::port) {
    AtPortStep step = {};
    step.port = id;
    step.flags = flags_of(word);
    tell(step);
  } else if (destination_kind(word) == Destination::remote) {
    AtVtepStep step = {};
    step.flags = flags_of(word);
    address_of(segment_, id, step.remote);
    tell(step);
  } else if (destination_kind(word) == Destination::router) {
    AtRouterStep step = {};
    step.flags = flags_of(word);
    tell(step);
  } else if (destination_kind(word) == Destination::group) {
    AtSegmentStep step = {};
    step.flags = flags_of(word);
    MacGroupRow group;
    if (id <= segment_.config().macGroups && read_row(segment_.mac_group(id), group, 64))
      copy(step.esi, group.esi, sizeof step.esi);
    tell(step);
  } else {
    tell(UnknownStep{});
  }
}

void Switch::tell_way(const Pass& pass, const Work& work, unsigned index) const {
  const Frame& frame = frames_[index];
  tell_place(work.vni, MacLookup::mac(work.key), pass.macs.finish(work.key, work.bucket).word);
  const uint32_t size = wire_length(frame.length, frame.meta);
  tell_room(pass.way, pass.way.port ? size - work.layers.l3 : size);
}

void Switch::tell_room(const Way& way, uint32_t size) const {
  if (way.kind != Way::open && way.kind != Way::obstructed) return;
  const uint32_t room = way.room == ~0u ? 0 : way.room;
  const uint32_t id = destination_id(way.destination);
  if (destination_kind(way.destination) == Destination::port)
    return steps_->tell(ToPortStep{id, size, room});
  RemoteSnapshot remote;
  if (destination_kind(way.destination) != Destination::remote || !segment_.read_remote(id, remote))
    return;
  if (remote.state != RemoteState::resolved) return tell_ip<UnresolvedStep>(remote.address);
  ToVtepStep step = {};
  step.size = size;
  step.room = room;
  step.mtu = remote.mtu;
  step.ifindex = remote.ifindex;
  copy(step.remote, remote.address, 16);
  copy(step.nextHop, remote.nextHop, 16);
  copy(step.nextHopMac, remote.header, 6);
  steps_->tell(step);
}

void Switch::tell_member(uint32_t remote, uint32_t hash) const {
  const uint32_t bucket = hash >> kGroupShift;
  if (remote == 0) return steps_->tell(NoMemberStep{bucket});
  MemberStep step;
  step.bucket = bucket;
  address_of(segment_, remote, step.remote);
  steps_->tell(step);
}

void Switch::tell_flood(const Pass& pass, const Work& work) const {
  if (is_group(work.key)) {
    GroupStep step = {};
    step.vni = work.vni;
    store_mac(step.mac, MacLookup::mac(work.key));
    steps_->tell(step);
  }
  const RowWord* row = row_words(segment_.network(MacLookup::network(work.key)));
  const uint32_t most = load_word(row + offsetof(NetworkRow, stormFramesPerSecond) / 4);
  if (pass.port == 0 || most == 0) return;
  steps_->tell(StormStep{most, load_word(row + offsetof(NetworkRow, stormBurst) / 4)});
}

void Switch::tell_receivers(uint32_t vni, const Receivers& receivers) const {
  steps_->tell(FloodStep{vni, receivers.ports, receivers.count - receivers.ports});
  if (receivers.replicator == 0) return;
  ReplicatorStep step;
  address_of(segment_, destination_id(receivers.replicator), step.remote);
  steps_->tell(step);
}

void Switch::tell_route(uint32_t vrf, const uint8_t ip[16], uint32_t target) const {
  const uint32_t vni = vni_of(segment_, vrf);
  if (target == 0) return tell_vni_ip<NoRouteStep>(vni, ip);
  RouteStep step;
  RouteLookup lookup(segment_);
  lookup.use(segment_, vrf);
  uint32_t length = 0;
  (void)lookup.find(ip, nullptr, &length);
  step.vni = vni;
  step.length = is_ipv4(ip) && length >= kIpv4Length ? length - kIpv4Length : length;
  mask_ip(ip, length, step.prefix);
  copy(step.ip, ip, 16);
  steps_->tell(step);
}

void Switch::tell_next_hop(const NextHopRow& next, const uint8_t ip[16]) const {
  if (next.kind == RouteKind::own) return tell_ip<OwnStep>(ip);
  if (next.kind == RouteKind::connected) return tell_vni_ip<ConnectedStep>(next.vni, ip);
  if (next.kind == RouteKind::gateway) return tell_vni_ip<GatewayStep>(next.vni, next.via);
  if (next.kind != RouteKind::remote) return steps_->tell(NowhereStep{next.vni});
  ByVtepStep step = {};
  step.vni = next.vni;
  copy(step.mac, next.mac, 6);
  copy(step.remote, next.via, 16);
  steps_->tell(step);
}

void Switch::tell_neighbour(const Hop& hop, uint32_t word) const {
  NeighbourStep step = {};
  step.vni = hop.vni;
  store_mac(step.mac, hop.mac);
  copy(step.ip, hop.ip, 16);
  steps_->tell(step);
  tell_place(hop.vni, hop.mac, word);
}

void Switch::tell_hop(uint32_t ttl, const Hop& hop) const {
  HopStep step = {};
  step.ttl = ttl;
  store_mac(step.source, hop.source_mac);
  store_mac(step.destination, hop.mac);
  steps_->tell(step);
}

void Switch::tell_loss(Drop reason, uint32_t destination) const {
  const uint32_t number = static_cast<uint32_t>(reason);
  if (destination_kind(destination) == Destination::port)
    return steps_->tell(LostToPortStep{destination_id(destination), number});
  if (destination_kind(destination) != Destination::remote) return steps_->tell(LostStep{number});
  LostToVtepStep step;
  step.reason = number;
  address_of(segment_, destination_id(destination), step.remote);
  steps_->tell(step);
}

}  // namespace vtep
