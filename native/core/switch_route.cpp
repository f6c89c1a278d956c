// The router: what is sent to a router MAC goes where its IP-VRF says (RFC 9135), or its sender is
// told why not.
#include "checksum.hpp"
#include "metadata.hpp"
#include "packet.hpp"
#include "prefixes.hpp"
#include "switch_pass.hpp"
#include "switch_trace.hpp"

namespace vtep {
namespace {

// What a port's packets may cause, for each worker.
constexpr uint32_t kErrorsPerSecond = 1000, kErrorBurst = 50;
constexpr uint32_t kQuestionsPerSecond = 1000, kQuestionBurst = 50;

struct Router {
  uint32_t vni;
  uint32_t vrf;
  uint64_t mac;
};

// Single words of the row: each is true by itself.
Router router_of(const Segment& segment, uint32_t network) {
  const RowWord* words = row_words(segment.network(network));
  const uint32_t head = load_word(words + offsetof(NetworkRow, vrf) / 4);
  const uint32_t tail = load_word(words + offsetof(NetworkRow, vrf) / 4 + 1);
  return {load_word(words + offsetof(NetworkRow, vni) / 4), head & 0xffff,
          head >> 16 | static_cast<uint64_t>(tail) << 16};
}
static_assert(offsetof(NetworkRow, mac) == offsetof(NetworkRow, vrf) + 2);

// Our address of a family, :: = none.
void address_of(const Segment& segment, uint32_t network, bool v4, uint8_t out[16]) {
  const RowWord* words = row_words(segment.network(network)) +
                         (v4 ? offsetof(NetworkRow, address4) : offsetof(NetworkRow, address6)) / 4;
  for (unsigned i = 0; i < 4; i++) store32(out + 4 * i, load_word(words + i));
}

uint32_t hash_of(const Reply& reply) {
  Layers layers;
  (void)find_layers(reply.bytes, reply.length, layers);
  return flow_hash(reply.bytes, reply.length, layers);
}

constexpr unsigned kNoFrame = ~0u - 1;

template <class Pass>
const RouteLookup& lookup_of(const Segment& segment, Pass& pass, uint32_t vrf) {
  if (pass.routes.use(segment, vrf))
    for (RouteLookup::Ahead& place : pass.places) place.frame = ~0u;
  return pass.routes;
}

}  // namespace

// Of the frames behind this one that go to the same router, the next few.
void Switch::look_ahead(Pass& pass, const Work& work, unsigned index, uint32_t vrf) {
  const RouteLookup& lookup = lookup_of(segment_, pass, vrf);
  if (pass.ahead < index) pass.ahead = index;
  for (; pass.ahead < pass.count && pass.ahead < index + Pass::kAhead; pass.ahead++) {
    RouteLookup::Ahead& place = pass.places[pass.ahead % Pass::kAhead];
    place.frame = ~0u;
    const Frame& frame = frames_[pass.ahead];
    const Work& next = pass.works[pass.ahead];
    if (next.care == Care::special || next.key != work.key) continue;
    uint8_t ip[16];
    if (is_plain_ipv4(frame.data, frame.length)) {
      map_ipv4(ip, frame.data + kEthernetHeader + 16);
    } else if (frame.length >= kEthernetHeader + 40) {
      copy(ip, frame.data + kEthernetHeader + 24, 16);
    } else {
      continue;
    }
    place.frame = pass.ahead;
    lookup.begin(ip, place);
  }
}

// `Drop::for_router` is an address of our own. `index`: of the frame whose destination is `ip`, or
// none.
Drop Switch::find_hop(Pass& pass, uint32_t vrf, const uint8_t ip[16], uint32_t hash, unsigned index,
                      Hop& hop) const {
  NextHopRow next;
  const RouteLookup::Ahead& ahead = pass.places[index % Pass::kAhead];
  const uint32_t target =
      lookup_of(segment_, pass, vrf).find(ip, ahead.frame == index ? &ahead : nullptr);
  if (steps_ != nullptr) tell_route(vrf, ip, target);
  if (target == 0 || !read_target(segment_, target, hash, next)) return Drop::no_route;
  if (steps_ != nullptr) tell_next_hop(next, ip);
  if (next.kind == RouteKind::own) return Drop::for_router;
  if (next.kind == RouteKind::remote) {
    hop.vni = next.vni;
    hop.mac = load_mac(next.mac);
    hop.source_mac = router_of(segment_, vrf).mac;
    hop.way.destination = destination_word(Destination::remote, next.remote);
    measure_remote(hop.way);
    return Drop::none;
  }
  if (next.kind != RouteKind::connected && next.kind != RouteKind::gateway) return Drop::no_route;
  const Router router = router_of(segment_, next.network);
  hop.network = next.network;
  hop.vni = router.vni;
  hop.source_mac = router.mac;
  copy(hop.ip, next.kind == RouteKind::gateway ? next.via : ip, 16);
  const HashTable<NeighbourShape> bindings(segment_, segment_.header().neighbours);
  Words<NeighbourShape::kWords> binding;
  if (bindings.find(neighbour_key(hop.ip, next.network), binding) == bindings.kNowhere) {
    if (steps_ != nullptr) tell_vni_ip<NoNeighbourStep>(hop.vni, hop.ip);
    return Drop::no_neighbour;
  }
  hop.mac = slot_mac(binding);
  const uint64_t key = MacLookup::key(hop.mac, next.network);
  uint32_t place = pass.macs.finish(key, pass.macs.begin(key)).word & kPlace;
  if (steps_ != nullptr) tell_neighbour(hop, place);
  if (destination_kind(place) == Destination::group) {
    const uint32_t remote = group_remote(segment_.mac_group(destination_id(place)), hash);
    if (steps_ != nullptr) tell_member(remote, hash);
    place = remote != 0 ? destination_word(Destination::remote, remote) : 0;
  }
  hop.way.destination = place;
  hop.way.kind = Way::unknown;
  hop.way.room = ~0u;
  if (destination_kind(place) == Destination::port) measure_port(hop.way);
  if (destination_kind(place) == Destination::remote) measure_remote(hop.way);
  return destination_kind(place) == Destination::router ? Drop::no_route : Drop::none;
}

void Switch::emit_routed(Pass& pass, unsigned index, const Hop& hop, uint32_t hash,
                         uint16_t reply) {
  Burst& out = pass.out;
  if (out.emit_count == kMaxEmits) flush(out);
  out.emits[out.emit_count++] = {index, hop.way.destination, hop.vni, hash, reply, true};
}

// A question, or a packet to a MAC that nobody knows the place of: to all of the network it is in.
// Gives how many get it.
unsigned Switch::flood_routed(Pass& pass, unsigned index, const Hop& hop, uint32_t hash,
                              uint16_t reply) {
  const RowWord* row = row_words(segment_.network(hop.network));
  const uint32_t offset = load_word(row + offsetof(NetworkRow, floodOffset) / 4);
  unsigned sent = 0;
  const Receivers receivers(segment_, row, offset, reply != 0, Receivers::by_replicator);
  if (steps_ != nullptr) tell_receivers(hop.vni, receivers);
  const uint32_t length = reply != 0 ? pass.out.replies[reply - 1].length
                                     : wire_length(frames_[index].length, frames_[index].meta);
  for (uint32_t i = 0; i < receivers.count; i++) {
    Hop copy = hop;
    copy.way.destination = receivers[i];
    if (copy.way.destination == 0) continue;
    const bool port = destination_kind(copy.way.destination) == Destination::port;
    if (port) {
      measure_port(copy.way);
    } else {
      measure_remote(copy.way);
    }
    const uint32_t size = port ? length - kEthernetHeader : length;
    if (steps_ != nullptr) tell_room(copy.way, size);
    if (copy.way.kind != Way::open || size > copy.way.room) continue;
    emit_routed(pass, index, copy, hash, reply);
    sent++;
  }
  return sent;
}

void Switch::route(Pass& pass, const Work& work, unsigned index) {
  Frame& frame = frames_[index];
  const uint32_t vrf = router_of(segment_, MacLookup::network(work.key)).vrf;
  Layers layers;
  if (is_plain_ipv4(frame.data, frame.length)) {
    find_plain_layers(frame.data, layers);
  } else if (!find_layers(frame.data, frame.length, layers)) {
    return drop(pass, index, Drop::malformed);
  }
  if (layers.ethertype == kEtherArp) return drop(pass, index, Drop::for_router);
  Packet packet;
  if (vrf == 0 || !read_packet(frame.data, frame.length, layers, packet)) {
    if (steps_ != nullptr) steps_->tell(NoRouterStep{work.vni});
    return drop(pass, index, Drop::not_routable);
  }
  const uint32_t hash = flow_hash(frame.data, frame.length, layers);
  Hop hop;
  look_ahead(pass, work, index, vrf);
  const Drop reason = find_hop(pass, vrf, packet.destination, hash, index, hop);
  if (reason == Drop::for_router) return to_router(pass, work, index, layers, packet, vrf);
  if (is_link_local(packet.source) || is_link_local(packet.destination))
    return drop(pass, index, Drop::not_routable);
  const auto refuse = [&](Drop why, IcmpError error, uint32_t mtu = 0) {
    report(pass, index, layers, packet, vrf, error, mtu);
    drop(pass, index, why);
  };
  if (packet.ttl <= 1) return refuse(Drop::ttl_exceeded, IcmpError::ttl_exceeded);
  if (reason == Drop::no_route) return refuse(reason, IcmpError::no_route);
  if (reason == Drop::no_neighbour) {
    Burst& out = pass.out;
    const Hold held = out.hold == nullptr ? Hold::no : out.hold(out.context, inputs_[index]);
    if (held != Hold::still) ask(pass, index, hop);
    if (held == Hold::no) drop(pass, index, reason);
    return;
  }
  if (hop.way.kind == Way::obstructed)
    return drop(pass, index, hop.way.reason, hop.way.destination);
  const uint32_t size = wire_length(frame.length, frame.meta) - kEthernetHeader;
  // Towards a VTEP the Ethernet header counts, too.
  uint32_t room = hop.way.room;
  if (!hop.way.port && room != ~0u) room = room > kEthernetHeader ? room - kEthernetHeader : 0;
  if (steps_ != nullptr) tell_room(hop.way, size);
  if (size > room) return refuse(Drop::exceeds_mtu, IcmpError::too_big, room);
  pass_on(frame.data, packet, hop.mac, hop.source_mac);
  if (steps_ != nullptr) tell_hop(packet.ttl - 1u, hop);
  if (hop.way.kind == Way::unknown) {
    if (flood_routed(pass, index, hop, hash, 0) == 0) drop(pass, index, Drop::no_destination);
  } else {
    emit_routed(pass, index, hop, hash, 0);
  }
}

// Echoes are answered, by the way that the request came; that there is no service is said.
void Switch::to_router(Pass& pass, const Work& work, unsigned index, const Layers& layers,
                       const Packet& packet, uint32_t vrf) {
  Frame& frame = frames_[index];
  const Router router = router_of(segment_, MacLookup::network(work.key));
  const bool service = layers.protocol == kProtocolTcp || layers.protocol == kProtocolUdp;
  if (service) {
    report(pass, index, layers, packet, vrf, IcmpError::no_service, 0);
    return drop(pass, index, Drop::for_router);
  }
  Hop hop;
  hop.vni = work.vni;
  hop.way.destination = destination_word(Destination::port, pass.port);
  const uint32_t hash = flow_hash(frame.data, frame.length, layers);
  const bool back =
      pass.port != 0 || (find_hop(pass, vrf, packet.source, hash, kNoFrame, hop) == Drop::none &&
                         hop.way.kind == Way::open);
  if (!back || !answer_echo(frame, layers, packet, router.mac))
    return drop(pass, index, Drop::for_router);
  if (pass.port == 0) {
    store_mac(frame.data, hop.mac);
    store_mac(frame.data + 6, hop.source_mac);
  }
  if (steps_ != nullptr) tell_ip<EchoStep>(packet.source);
  emit_routed(pass, index, hop, hash, 0);
  drop(pass, index, Drop::for_router);
}

// An ICMP error to the sender, unless there were too many or it must not be told.
void Switch::report(Pass& pass, unsigned index, const Layers& layers, const Packet& packet,
                    uint32_t vrf, IcmpError error, uint32_t mtu) {
  const Frame& frame = frames_[index];
  const uint32_t network = pass.port != 0 ? pass.network : vrf;
  uint8_t source[16];
  address_of(segment_, network, packet.v4, source);
  if (is_unspecified(source) || !may_report(frame.data, frame.length, layers, packet)) return;
  if (!errors_.admit(pass.port, kErrorsPerSecond, kErrorBurst, pass.now)) return;
  Burst& out = pass.out;
  if (out.reply_count == kBurst) return;
  Reply& reply = out.replies[out.reply_count];
  const Router router = router_of(segment_, network);
  reply.length = write_icmp_error(frame.data, frame.length, packet, error, mtu, source, router.mac,
                                  reply.bytes, sizeof reply.bytes);
  const uint32_t hash = hash_of(reply);
  Hop hop;
  hop.vni = router.vni;
  hop.way.destination = destination_word(Destination::port, pass.port);
  if (pass.port == 0) {
    const Drop reason = find_hop(pass, vrf, packet.source, hash, kNoFrame, hop);
    if (reason != Drop::none || hop.way.kind != Way::open) return;
    store_mac(reply.bytes, hop.mac);
    store_mac(reply.bytes + 6, hop.source_mac);
  }
  if (steps_ != nullptr) tell_ip<ToldStep>(packet.source);
  out.reply_count++;
  emit_routed(pass, index, hop, hash, static_cast<uint16_t>(out.reply_count));
}

// Who has the next hop's address? Asked of all in its network; whoever answers is learned.
void Switch::ask(Pass& pass, unsigned index, const Hop& hop) {
  uint8_t source[16];
  address_of(segment_, hop.network, is_ipv4(hop.ip), source);
  Burst& out = pass.out;
  if (is_unspecified(source) || out.reply_count == kBurst) return;
  if (!questions_.admit(pass.port, kQuestionsPerSecond, kQuestionBurst, pass.now)) return;
  Reply& reply = out.replies[out.reply_count++];
  reply.length = write_neighbour_question(hop.ip, source, hop.source_mac, reply.bytes);
  const uint32_t hash = hash_of(reply);
  if (steps_ != nullptr) tell_vni_ip<QuestionStep>(hop.vni, hop.ip);
  flood_routed(pass, index, hop, hash, static_cast<uint16_t>(out.reply_count));
}

}  // namespace vtep
