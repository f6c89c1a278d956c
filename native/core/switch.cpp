#include "switch.hpp"

#include "decap.hpp"
#include "encap.hpp"
#include "metadata.hpp"
#include "rows.hpp"
#include "switch_pass.hpp"

namespace vtep {
namespace {

constexpr uint64_t kReservedGroup = 0x0000c28001;  // 01:80:c2:00:00, IEEE 802.1Q table 8-1
constexpr uint32_t kFlood = 0;                     // as a destination word

bool is_reserved(uint64_t mac) {
  return (mac & 0xffffffffff) == kReservedGroup && (mac >> 40) < 16;
}

// All that a frame from a VTEP needs: it goes to ports, as it is.
constexpr Layers kToPort = {0, kEthernetHeader, 0, 0, 0, false};

// SegmentFlag bits.
uint16_t segment_of(const Segment& segment, uint32_t port) {
  const RowWord* words = row_words(segment.port(port));
  return static_cast<uint16_t>(load_word(words + offsetof(PortRow, segmentFlags) / 4));
}
static_assert(offsetof(PortRow, segmentFlags) % 4 == 0 && offsetof(PortRow, peers) % 4 == 0);

bool is_blocked(const Segment& segment, uint32_t port) {
  return port != 0 && port <= segment.config().ports &&
         (segment_of(segment, port) & SegmentFlag::blocked) != 0;
}

constexpr uint32_t kNoVni = ~0u;

bool may_talk(const Layers& layers) {
  return layers.ethertype == kEtherArp || layers.protocol == kProtocolIcmp6;
}

// Whether the flow of a frame that is_plain_ipv4() is in the first octets behind the header: UDP or
// TCP, no fragment.
bool is_plain_flow(const uint8_t* data) {
  const uint32_t word = load32(data + 20) & 0xff00ff3f;
  return word == uint32_t{kProtocolUdp} << 24 || word == uint32_t{kProtocolTcp} << 24;
}

}  // namespace

Switch::Switch(const Segment& segment, uint32_t worker, Unresolved unresolved)
    : segment_(segment), counters_(segment, worker), unresolved_(unresolved) {}

void Switch::flush(Burst& out) {
  if (out.emit_count + out.drop_count + out.learn_count != 0) out.flush(out.context, out);
  out.emit_count = out.drop_count = out.learn_count = 0;
}

void Switch::drop(Pass& pass, unsigned index, Drop reason, uint32_t destination) {
  Burst& out = pass.out;
  if (destination == 0) {
    counters_.drop_received(pass.port, reason);
  } else {
    const bool port = destination_kind(destination) == Destination::port;
    counters_.drop_sent(port ? destination_id(destination) : 0, reason);
  }
  if (steps_ != nullptr) tell_loss(reason, destination);
  if (out.drop_count == kMaxEmits) flush(out);
  out.drops[out.drop_count++] = {inputs_[index], destination, out.emit_count, reason};
}

void Switch::from_port(uint32_t port, const Frame* frames, unsigned count, uint64_t now,
                       Burst& out) {
  out.frames = frames_;
  out.inputs = inputs_;
  for (unsigned done = 0; done < count;) {
    const unsigned n = count - done < kBurst ? count - done : kBurst;
    Pass pass(segment_, port, now, out);
    pass.network = segment_.port_network(port);
    if (is_blocked(segment_, port)) {
      pass.network = 0;
      pass.refusal = Drop::segment_blocked;
    }
    if (pass.network != 0) {
      const RowWord* words = row_words(segment_.network(pass.network));
      pass.vni = load_word(words + offsetof(NetworkRow, vni) / 4);
      pass.networkFlags = load_word(words + offsetof(NetworkRow, flags) / 4);
    }
    Work works[kBurst];
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
      Frame& frame = frames_[i];
      Work& work = works[i];
      frame = frames[done + i];
      inputs_[i] = done + i;
      bytes += frame.length;
      work.vni = pass.vni;
      if (!take_plain_frame(pass, frame, work))
        work.reason = check_frame(pass, pass.network, frame, work);
      if (work.care == Care::plain || work.reason == Drop::none)
        note_source(pass, load_mac(frame.data + 6));
    }
    counters_.received(port, n, bytes);
    out.reply_count = 0;
    if (steps_ != nullptr) tell_received(pass, works, n);
    learn_macs(pass);
    forward(pass, works, n);
    flush(out);
    done += n;
  }
}

void Switch::from_vxlan(const Frame* frames, unsigned count, uint64_t now, Burst& out) {
  from_underlay(frames, count, false, now, out);
}

void Switch::from_outer(const Frame* frames, unsigned count, uint64_t now, Burst& out) {
  from_underlay(frames, count, true, now, out);
}

void Switch::from_underlay(const Frame* frames, unsigned count, bool outer, uint64_t now,
                           Burst& out) {
  out.frames = frames_;
  out.inputs = inputs_;
  out.reply_count = 0;
  const SegmentHeader& header = segment_.header();
  LocalUnderlay us;
  const auto* local = reinterpret_cast<const RowWord*>(header.localAddress);
  const auto* replicator = reinterpret_cast<const RowWord*>(header.replicatorAddress);
  for (unsigned i = 0; i < 4; i++) {
    store32(us.local + 4 * i, load_word(local + i));
    store32(us.replicator + 4 * i, load_word(replicator + i));
  }
  us.udp_port = static_cast<uint16_t>(load_relaxed(&header.udpPort));
  Pass pass(segment_, 0, now, out);
  Work works[kBurst];
  Frame rest;
  unsigned filled = 0;
  uint64_t bytes = 0;
  const auto run = [&] {
    if (steps_ != nullptr) tell_received(pass, works, filled);
    forward(pass, works, filled);
    flush(out);
    filled = 0;
    out.reply_count = 0;
  };
  for (unsigned i = 0; i < count; i++) {
    if (outer) {
      const unsigned room = count - i < kBurst - filled ? count - i : kBurst - filled;
      const unsigned plain =
          take_plain_packets(pass, us, frames + i, room, frames_ + filled, works + filled);
      for (unsigned end = i + plain; i < end; i++) {
        bytes += frames[i].length;
        inputs_[filled++] = i;
      }
      if (filled == kBurst) run();
      if (i == count) break;
    }
    bytes += frames[i].length;
    inputs_[filled] = i;
    uint32_t size;
    const Drop reason = outer ? open_outer(frames[i], us, frames_[filled], size)
                              : open_payload(frames[i], frames_[filled], size);
    if (reason != Drop::none) {
      // In order behind what came before it.
      works[filled].reason = reason;
      works[filled].care = Care::special;
      works[filled].vni = kNoVni;
      if (++filled == kBurst) run();
      continue;
    }
    bool more;
    do {
      more = split_packets(frames_[filled], size, rest);
      inputs_[filled] = i;
      works[filled].reason = check_packet(pass, frames_[filled], works[filled], us.local);
      if (++filled == kBurst) run();
      if (more) frames_[filled] = rest;
    } while (more);
  }
  run();
  counters_.received(0, count, bytes);
}

inline void Switch::note_source(Pass& pass, uint64_t mac) {
  if (mac == pass.lastSourceMac) return;
  pass.lastSourceMac = mac;
  const uint64_t key = MacLookup::key(mac, pass.network);
  pass.sources[pass.sourceCount++] = {key, pass.macs.begin(key)};
}

// What check_frame() would find right and plain, with nothing offloaded. False for all else.
inline bool Switch::take_plain_frame(const Pass& pass, Frame& frame, Work& work) {
  const uint8_t* data = frame.data;
  if (!is_plain_ipv4(data, frame.length) || frame.length < kEthernetHeader + 20 + 4) return false;
  const uint64_t destination = load64(data) & kMacMask;
  const uint64_t source = load64(data + 6) & kMacMask;
  if (is_group(destination | source) || source == 0 || pass.network == 0) return false;
  if (!is_plain_flow(data) || has_offloads(frame.meta)) return false;
  frame.meta = {};
  work.care = Care::plain;
  work.layers.l3 = kEthernetHeader;  // all that it takes to a port; the flow is where it is
  work.key = MacLookup::key(destination, pass.network);
  work.bucket = pass.macs.begin(work.key);
  return true;
}

// What holds for every tenant's frame, wherever it comes from; starts the look-up of its
// destination.
inline Drop Switch::check_frame(const Pass& pass, uint32_t network, Frame& frame, Work& work) {
  work.care = Care::special;
  if (network == 0) return pass.refusal;
  if (frame.length < kEthernetHeader) return Drop::too_short;
  const uint64_t destination = load_mac(frame.data);
  const uint64_t source = load_mac(frame.data + 6);
  if (is_group(source) || source == 0) return Drop::source_multicast;
  if (is_group(destination) && is_reserved(destination)) return Drop::reserved_group;
  Care care = Care::ordinary;
  if (is_plain_ipv4(frame.data, frame.length)) {
    find_plain_layers(frame.data, work.layers);
    if (is_plain_flow(frame.data) && frame.length >= work.layers.l4 + 4u) care = Care::plain;
  } else {
    if (!find_layers(frame.data, frame.length, work.layers)) return Drop::malformed;
    if (may_talk(work.layers)) care = Care::special;
  }
  const Drop reason = check_metadata(frame.data, frame.length, work.layers, frame.meta);
  if (reason != Drop::none) return reason;
  work.key = MacLookup::key(destination, network);
  if (is_group(destination)) return Drop::none;
  work.bucket = pass.macs.begin(work.key);
  work.care = care;
  return Drop::none;
}

// None when a packet of this burst came from the same VTEP and network before.
inline const Switch::Peer& Switch::find_peer(Pass& pass, uint32_t vni, const uint8_t source[16]) {
  Peer& peer = pass.peers[(source[15] ^ vni) % Pass::kPeers];
  if (peer.vni != vni || !same_ip(peer.address, source)) look_up_peer(pass, vni, source, peer);
  return peer;
}

// Two or three cache lines.
void Switch::look_up_peer(const Pass& pass, uint32_t vni, const uint8_t source[16], Peer& out) {
  out.vni = vni;
  copy(out.address, source, 16);
  out.network = pass.segment.find_network(vni);
  out.verdict = Drop::unknown_vni;
  if (out.network == 0) return;
  const uint32_t remote = pass.segment.find_remote(source);
  const HashTable<NumberShape> access(pass.segment, pass.segment.header().access);
  Words<NumberShape::kWords> pair;
  const bool allowed =
      remote != 0 && access.find(access_key(out.network, remote), pair) != access.kNowhere;
  out.verdict = allowed ? Drop::none : Drop::unknown_vtep;
}

// A VXLAN packet (RFC 7348 section 5): flags, VNI, and whether this VTEP may speak in this network.
// Then the frame inside.
inline Drop Switch::check_packet(Pass& pass, Frame& frame, Work& work, const uint8_t local[16]) {
  constexpr uint8_t kInstanceBit = 0x08;
  constexpr uint8_t kOtherFormat = 0x35;  // version, next protocol and OAM bits of VXLAN-GPE
  work.care = Care::special;
  work.vni = kNoVni;
  if (frame.length < kVxlanHeader) return Drop::outer_malformed;
  if ((frame.data[0] & kInstanceBit) == 0 || (frame.data[0] & kOtherFormat) != 0)
    return Drop::vxlan_flags;
  if (same_ip(frame.source, local)) return Drop::own_address;
  work.vni = net32(frame.data + 4) >> 8;
  const Peer& peer = find_peer(pass, work.vni, frame.source);
  if (peer.verdict != Drop::none) return peer.verdict;
  frame.data += kVxlanHeader;
  frame.length -= kVxlanHeader;
  frame.headroom += kVxlanHeader;
  if ((frame.meta.flags & kNeedsChecksum) != 0) {
    frame.meta.checksum_start = static_cast<uint16_t>(frame.meta.checksum_start - kVxlanHeader);
    frame.meta.header_length = static_cast<uint16_t>(
        frame.meta.header_length > kVxlanHeader ? frame.meta.header_length - kVxlanHeader : 0);
  }
  return check_frame(pass, peer.network, frame, work);
}

// What check_packet() would find right, of what nearly all packets are: a frame to one MAC,
// untagged. Takes packets up to the first that is anything else; gives their number.
unsigned Switch::take_plain_packets(Pass& pass, const LocalUnderlay& us, const Frame* packets,
                                    unsigned count, Frame* frame, Work* work) {
  const MacLookup macs = pass.macs;
  const uint64_t ours = plain_destination(us);
  const Frame* packet = packets;
  uint64_t last = ~uint64_t{0};
  uint32_t network = 0;
  for (const Frame* end = packets + count; packet != end; packet++, frame++, work++) {
    uint32_t length;
    if (!is_plain_packet(*packet, ours, length)) break;
    const uint8_t* outer = packet->data;
    const uint64_t destination = load64(outer + kPlainHeaders) & kMacMask;
    const uint64_t source_and_type = load64(outer + kPlainHeaders + 6);
    if (is_group(destination | source_and_type) || (source_and_type & kMacMask) == 0 ||
        is_tag(__builtin_bswap16(static_cast<uint16_t>(source_and_type >> 48)))) {
      break;
    }
    const uint64_t from = load32(outer + 26);
    const uint32_t vni = net32(outer + 46) >> 8;
    const uint64_t pair = from | static_cast<uint64_t>(vni) << 32;
    if (pair != last) {
      if (!look_up_pair(pass, pair, us, network)) break;
      last = pair;
    }
    const uint64_t key = MacLookup::key(destination, network);
    work->key = key;
    work->bucket = macs.begin(key);
    work->vni = vni;
    work->layers = kToPort;
    work->reason = Drop::none;
    work->care = Care::ordinary;
    frame->data = packet->data + kPlainHeaders;
    frame->length = length;
    frame->headroom = packet->headroom + kPlainHeaders;
    frame->meta = {};
    frame->flags = 0;
    store_mapped_ipv4(frame->source, from);
  }
  return static_cast<unsigned>(packet - packets);
}

// Whether this VTEP (low half) may speak in this VNI (high half), and in which network.
bool Switch::look_up_pair(Pass& pass, uint64_t pair, const LocalUnderlay& us, uint32_t& network) {
  uint8_t address[16];
  store_mapped_ipv4(address, static_cast<uint32_t>(pair));
  if (same_ip(address, us.local)) return false;
  const Peer& peer = find_peer(pass, static_cast<uint32_t>(pair >> 32), address);
  if (peer.verdict != Drop::none) return false;
  network = peer.network;
  return true;
}

// Single words of rows: they need no generation.
inline void Switch::find_way(Pass& pass, uint32_t destination) const {
  if (destination_kind(destination) != Destination::remote || pass.port == 0)
    return find_local_way(pass, destination);
  pass.way.destination = destination;
  measure_remote(pass.way);
}

// How wide it is to the VTEP `way.destination`, and whether it leads anywhere.
void Switch::measure_remote(Way& way) const {
  const RowWord* words = row_words(segment_.remote(destination_id(way.destination)));
  const uint32_t word = load_word(words + offsetof(RemoteRow, state) / 4);
  const uint32_t mtu = load_word(words + offsetof(RemoteRow, mtu) / 4);
  const uint32_t state = word & 0xff;
  const uint32_t outer = (word >> 8 & 0xff) - kEthernetHeader;
  way.kind = Way::open;
  way.port = false;
  way.room = mtu == 0 ? ~0u : mtu > outer ? mtu - outer : 0;
  if (state == RemoteState::resolved) return;
  const bool lost = unresolved_ == Unresolved::drop || state == RemoteState::free;
  if (lost) way.kind = Way::obstructed;
  way.room = ~0u;
  way.reason = Drop::unresolved;
}

void Switch::measure_port(Way& way) const {
  const RowWord* words = row_words(segment_.port(destination_id(way.destination)));
  const uint32_t mtu = load_word(words + offsetof(PortRow, mtu) / 4);
  way.kind = Way::open;
  way.port = true;
  way.room = mtu != 0 ? mtu : ~0u;
  way.segment = segment_of(segment_, destination_id(way.destination));
  if ((way.segment & SegmentFlag::blocked) == 0) return;
  way.kind = Way::obstructed;
  way.reason = Drop::segment_blocked;
}

// Towards a port or nowhere, or from a VTEP to a VTEP.
void Switch::find_local_way(Pass& pass, uint32_t destination) const {
  Way& way = pass.way;
  way.destination = destination;
  way.kind = Way::open;
  way.port = destination_kind(destination) == Destination::port;
  way.room = ~0u;
  if (destination == kFlood) {
    way.kind = Way::unknown;
  } else if (destination == destination_word(Destination::port, pass.port)) {
    way.kind = Way::turned;
    way.reason = Drop::same_port;
  } else if (way.port) {
    measure_port(way);
  } else if (destination_kind(destination) == Destination::router) {
    way.kind = Way::routed;
  } else if (destination_kind(destination) == Destination::group && pass.port != 0) {
    way.kind = Way::spread;
  } else {
    way.kind = Way::turned;
    way.reason = Drop::split_horizon;
  }
}

// On the way that has been found, which is open.
inline void Switch::send(Pass& pass, const Work& work, unsigned index) {
  const Frame& frame = frames_[index];
  const Way& way = pass.way;
  uint32_t length = wire_length(frame.length, frame.meta);
  if (way.port) length -= work.layers.l3;
  if (length > way.room) return drop(pass, index, Drop::exceeds_mtu, way.destination);
  uint32_t hash = 0;
  if (!way.port) {
    hash = work.care == Care::plain ? plain_flow_hash(frame.data)
                                    : flow_hash(frame.data, frame.length, work.layers);
  }
  Burst& out = pass.out;
  if (out.emit_count == kMaxEmits) flush(out);
  out.emits[out.emit_count++] = {index, way.destination, work.vni, hash, 0};
}

// In the order of arrival, so that no flow is reordered and every build gives the same.
void Switch::forward(Pass& pass, Work* works, unsigned count) {
  pass.works = works;
  pass.count = count;
  pass.ahead = 0;
  if (steps_ == nullptr) {
    forward_all<false>(pass, works, count);
  } else {
    forward_all<true>(pass, works, count);
  }
}

// `kTold`: of a trace. All others do not pay for the questions.
template <bool kTold>
void Switch::forward_all(Pass& pass, const Work* works, unsigned count) {
  const MacLookup macs = pass.macs;
  uint64_t last = 0;
  uint32_t place = kFlood;
  for (unsigned i = 0; i < count; i++) {
    const Work& work = works[i];
    if (work.care == Care::special) {
      forward_special(pass, work, i);
      continue;
    }
    if (work.key != last) {
      last = work.key;
      place = macs.finish(work.key, work.bucket).word & kPlace;
    }
    if (place != pass.way.destination) find_way(pass, place);
    if constexpr (kTold) tell_way(pass, work, i);
    if (pass.way.kind == Way::open) {
      send(pass, work, i);
    } else {
      turn_away(pass, work, i);
    }
  }
}

void Switch::turn_away(Pass& pass, const Work& work, unsigned index) {
  const Way& way = pass.way;
  if (way.kind == Way::unknown) return flood(pass, work, index);
  if (way.kind == Way::routed) return route(pass, work, index);
  if (way.kind == Way::spread) return to_group(pass, work, index);
  drop(pass, index, way.reason, way.kind == Way::obstructed ? way.destination : 0);
}

void Switch::forward_special(Pass& pass, const Work& work, unsigned index) {
  if (work.reason != Drop::none) return drop(pass, index, work.reason);
  if (pass.port != 0 && may_talk(work.layers) && talk_neighbours(pass, work, index)) return;
  if (is_group(work.key)) return flood(pass, work, index);
  find_way(pass, pass.macs.finish(work.key, work.bucket).word & kPlace);
  if (steps_ != nullptr) tell_way(pass, work, index);
  if (pass.way.kind != Way::open) return turn_away(pass, work, index);
  send(pass, work, index);
}

// To a host behind several VTEPs (RFC 7432 section 8.4): by the one that has this flow.
void Switch::to_group(Pass& pass, const Work& work, unsigned index) {
  const Frame& frame = frames_[index];
  const uint32_t hash = work.care == Care::plain ? plain_flow_hash(frame.data)
                                                 : flow_hash(frame.data, frame.length, work.layers);
  const MacGroupRow& group = segment_.mac_group(destination_id(pass.way.destination));
  const uint32_t remote = group_remote(group, hash);
  if (steps_ != nullptr) tell_member(remote, hash);
  if (remote == 0) return flood(pass, work, index);
  find_way(pass, destination_word(Destination::remote, remote));
  if (steps_ != nullptr) tell_room(pass.way, wire_length(frame.length, frame.meta));
  if (pass.way.kind != Way::open) return turn_away(pass, work, index);
  send(pass, work, index);
}

// Why a broadcast from the VTEP `source` (remote index) must not go to a port that leads to an
// Ethernet segment, or `none`. Who leads there, too, has delivered it (RFC 8365 section 8.3.1); of
// all others' one VTEP of the segment delivers; of what we replicate that is us, as of a frame of
// our own (RFC 9574 section 9.2).
Drop Switch::keep_back(const Way& way, uint32_t source, bool replicated) const {
  const RowWord* peers =
      row_words(segment_.port(destination_id(way.destination))) + offsetof(PortRow, peers) / 4;
  for (unsigned i = 0; i < kMaxGroupMembers / 2; i++) {
    const uint32_t pair = load_word(peers + i);
    if (pair == 0) break;
    if (source != 0 && ((pair & 0xffff) == source || pair >> 16 == source)) return Drop::local_bias;
  }
  const bool delivers = replicated || (way.segment & SegmentFlag::designated) != 0;
  return delivers ? Drop::none : Drop::not_designated;
}

// To every port but the one it came from and, unless it came from a VTEP, to every remote that has
// not asked to be left out; of multicast, where it is heard who wants it, to these. Broadcast and
// multicast go to the replicator alone, where there is one: it serves the other remotes (RFC 9574
// section 5.2). As replicator of the network we do so for a VTEP that sent them to our AR-IP, and
// leave out that one (section 5.1). A port may do so only so often: each of its frames becomes as
// many as there are receivers.
void Switch::flood(Pass& pass, const Work& work, unsigned index) {
  const RowWord* row = row_words(segment_.network(MacLookup::network(work.key)));
  if (steps_ != nullptr) tell_flood(pass, work);
  if (pass.port != 0 &&
      !storm_.admit(pass.port, load_word(row + offsetof(NetworkRow, stormFramesPerSecond) / 4),
                    load_word(row + offsetof(NetworkRow, stormBurst) / 4), pass.now)) {
    return drop(pass, index, Drop::storm_control);
  }
  uint32_t offset = load_word(row + offsetof(NetworkRow, floodOffset) / 4);
  const uint32_t flags = load_word(row + offsetof(NetworkRow, flags) / 4);
  Drop nobody = Drop::no_destination;
  if (is_group(work.key)) {
    if ((flags & NetworkFlag::advertise) != 0) hear_solicitation(pass, work, index);
    if ((flags & NetworkFlag::snoop) != 0) nobody = select_listeners(pass, work, index, offset);
  }
  const bool replicates = pass.port == 0 && (frames_[index].flags & kToReplicator) != 0 &&
                          (flags & NetworkFlag::replicate) != 0 && is_group(work.key);
  const Receivers::Remotes remotes = pass.port != 0 ? Receivers::by_replicator
                                     : replicates   ? Receivers::all
                                                    : Receivers::none;
  const Receivers receivers(segment_, row, offset, is_group(work.key), remotes);
  if (steps_ != nullptr) tell_receivers(work.vni, receivers);
  uint32_t here = destination_word(Destination::port, pass.port);
  uint32_t source = 0;
  if (replicates) {
    source = segment_.find_remote(frames_[index].source);
    here = destination_word(Destination::remote, source);
  }
  uint32_t targets = 0;
  for (uint32_t i = 0; i < receivers.count; i++) {
    const uint32_t word = receivers[i];
    if (word == 0 || word == here) continue;
    targets++;
    if (replicates && destination_kind(word) == Destination::remote) {
      pass.way.destination = word;
      measure_remote(pass.way);
    } else {
      find_way(pass, word);
    }
    if (steps_ != nullptr)
      tell_room(pass.way, wire_length(frames_[index].length, frames_[index].meta) -
                              (pass.way.port ? work.layers.l3 : 0));
    if (pass.port == 0 && pass.way.port && pass.way.segment != 0 && pass.way.kind == Way::open) {
      if (source == 0) source = segment_.find_remote(frames_[index].source);
      const Drop reason = keep_back(pass.way, source, replicates);
      if (reason != Drop::none) {
        drop(pass, index, reason, word);
        continue;
      }
    }
    if (pass.way.kind == Way::open) {
      send(pass, work, index);
    } else {
      turn_away(pass, work, index);
    }
  }
  // For all other frames there is no way from one VTEP to another.
  if (replicates) pass.way.destination = ~0u;
  if (targets == 0) return drop(pass, index, nobody);
  WorkerCounters::add(counters_.port(pass.port).flooded, 1);
}

}  // namespace vtep
