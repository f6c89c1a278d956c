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
    if (pass.network != 0) {
      const RowWord* words = row_words(segment_.network(pass.network));
      pass.vni = load_word(words + offsetof(NetworkRow, vni) / 4);
      pass.networkFlags = load_word(words + offsetof(NetworkRow, flags) / 4);
    }
    Work works[kBurst];
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
      frames_[i] = frames[done + i];
      inputs_[i] = done + i;
      bytes += frames_[i].length;
      classify_port(pass, works[i], i);
    }
    counters_.received(port, n, bytes);
    out.reply_count = 0;
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
  uint8_t local[16];
  for (unsigned i = 0; i < 4; i++) {
    store32(local + 4 * i, load_word(reinterpret_cast<const RowWord*>(header.localAddress) + i));
  }
  const uint16_t udp_port = static_cast<uint16_t>(load_relaxed(&header.udpPort));
  Pass pass(segment_, 0, now, out);
  Work works[kBurst];
  unsigned filled = 0;
  uint64_t bytes = 0;
  const auto run = [&] {
    forward(pass, works, filled);
    flush(out);
    filled = 0;
  };
  for (unsigned i = 0; i < count; i++) {
    bytes += frames[i].length;
    inputs_[filled] = i;
    uint32_t size;
    const Drop reason = outer ? open_outer(frames[i], local, udp_port, frames_[filled], size)
                              : open_payload(frames[i], frames_[filled], size);
    if (reason != Drop::none) {
      // In order behind what came before it.
      works[filled].reason = reason;
      if (++filled == kBurst) run();
      continue;
    }
    for (bool more = true; more;) {
      Frame rest;
      more = split_packets(frames_[filled], size, rest);
      inputs_[filled] = i;
      classify_packet(pass, works[filled], filled, local);
      if (++filled == kBurst) run();
      if (more) frames_[filled] = rest;
    }
  }
  run();
  counters_.received(0, count, bytes);
}

// Checks that need no table but the port's row; starts the memory accesses of the lookups.
void Switch::classify_port(Pass& pass, Work& work, unsigned index) {
  Frame& frame = frames_[index];
  work.network = pass.network;
  work.vni = pass.vni;
  work.reason = pass.network == 0 ? Drop::port_detached : check_frame(frame, work);
  if (work.reason != Drop::none) return;
  prefetch_destination(pass, work);
  const uint64_t source = load_mac(frame.data + 6);
  if (source == pass.lastMac) return;
  pass.lastMac = source;
  const uint64_t hash = pass.macs.hash(mac_key(source, work.network));
  pass.macs.prefetch(hash);
  pass.sources[pass.sourceCount++] = {source, hash};
}

inline void Switch::prefetch_destination(const Pass& pass, Work& work) {
  if (is_group(work.destination)) return;
  work.hash = pass.macs.hash(mac_key(work.destination, work.network));
  pass.macs.prefetch(work.hash);
}

// What holds for every tenant's frame, wherever it comes from.
inline Drop Switch::check_frame(Frame& frame, Work& work) {
  if (frame.length < kEthernetHeader) return Drop::too_short;
  work.destination = load_mac(frame.data);
  const uint64_t source = load_mac(frame.data + 6);
  if (is_group(source) || source == 0) return Drop::source_multicast;
  if (is_reserved(work.destination)) return Drop::reserved_group;
  if (!find_layers(frame.data, frame.length, work.layers)) return Drop::malformed;
  return check_metadata(frame.data, frame.length, work.layers, frame.meta);
}

// A VXLAN packet (RFC 7348 section 5): flags, VNI, and whether this VTEP may speak in this network.
// Then the frame inside.
void Switch::classify_packet(Pass& pass, Work& work, unsigned index, const uint8_t local[16]) {
  constexpr uint8_t kInstanceBit = 0x08;
  constexpr uint8_t kOtherFormat = 0x35;  // version, next protocol and OAM bits of VXLAN-GPE
  Frame& frame = frames_[index];
  if (frame.length < kVxlanHeader) {
    work.reason = Drop::outer_malformed;
    return;
  }
  if ((frame.data[0] & kInstanceBit) == 0 || (frame.data[0] & kOtherFormat) != 0) {
    work.reason = Drop::vxlan_flags;
    return;
  }
  if (same_ip(frame.source, local)) {
    work.reason = Drop::own_address;
    return;
  }
  work.vni = net32(frame.data + 4) >> 8;
  work.reason = admit(pass, work.vni, frame.source);
  if (work.reason != Drop::none) return;
  work.network = pass.lastNetwork;
  frame.data += kVxlanHeader;
  frame.length -= kVxlanHeader;
  frame.headroom += kVxlanHeader;
  if ((frame.meta.flags & kNeedsChecksum) != 0) {
    frame.meta.checksum_start = static_cast<uint16_t>(frame.meta.checksum_start - kVxlanHeader);
    frame.meta.header_length = static_cast<uint16_t>(
        frame.meta.header_length > kVxlanHeader ? frame.meta.header_length - kVxlanHeader : 0);
  }
  work.reason = check_frame(frame, work);
  if (work.reason == Drop::none) prefetch_destination(pass, work);
}

// Two or three cache lines; none when the packet before came from the same VTEP and network.
Drop Switch::admit(Pass& pass, uint32_t vni, const uint8_t source[16]) {
  if (!pass.known || pass.lastVni != vni || !same_ip(pass.lastSource, source)) {
    pass.known = true;
    pass.lastVni = vni;
    copy(pass.lastSource, source, 16);
    pass.lastNetwork = segment_.find_network(vni);
    pass.lastVerdict = Drop::unknown_vni;
    if (pass.lastNetwork != 0) {
      const uint32_t remote = segment_.find_remote(source);
      const HashTable<NumberShape> access(segment_, segment_.header().access);
      Words<NumberShape::kWords> pair;
      const bool allowed =
          remote != 0 && access.find(access_key(pass.lastNetwork, remote), pair) != access.kNowhere;
      pass.lastVerdict = allowed ? Drop::none : Drop::unknown_vtep;
    }
  }
  return pass.lastVerdict;
}

// Destination word of a frame; kFlood.
inline uint32_t Switch::find_place(Pass& pass, const Work& work) {
  if (is_group(work.destination)) return kFlood;
  if (work.destination != pass.lastDestination || work.network != pass.lastDestinationNetwork) {
    pass.lastDestination = work.destination;
    pass.lastDestinationNetwork = work.network;
    pass.lastPlace =
        pass.macs.find_first(mac_key(work.destination, work.network), work.hash) & kPlace;
  }
  return pass.lastPlace;
}

// Single words of rows: they need no generation.
const Switch::Way& Switch::find_way(Pass& pass, uint32_t destination) const {
  Way& way = pass.way;
  way.destination = destination;
  way.reason = Drop::none;
  way.room = ~0u;
  const uint32_t id = destination_id(destination);
  if (destination_kind(destination) == Destination::port) {
    const uint32_t mtu = load_word(row_words(segment_.port(id)) + offsetof(PortRow, mtu) / 4);
    if (mtu != 0) way.room = mtu;
    return way;
  }
  const RowWord* words = row_words(segment_.remote(id));
  const uint32_t word = load_word(words + offsetof(RemoteRow, state) / 4);
  const uint32_t mtu = load_word(words + offsetof(RemoteRow, mtu) / 4);
  const uint32_t state = word & 0xff;
  const uint32_t outer = (word >> 8 & 0xff) - kEthernetHeader;  // of the outer packet's IP and on
  if (state != RemoteState::resolved) {
    const bool lost = unresolved_ == Unresolved::drop || state == RemoteState::free;
    if (lost) way.reason = Drop::unresolved;
  } else if (mtu != 0) {
    way.room = mtu > outer ? mtu - outer : 0;
  }
  return way;
}

inline void Switch::send(Pass& pass, const Work& work, unsigned index, uint32_t destination) {
  const Frame& frame = frames_[index];
  const Way& way = pass.way.destination == destination ? pass.way : find_way(pass, destination);
  if (way.reason != Drop::none) return drop(pass, index, way.reason, destination);
  uint32_t length = wire_length(frame.length, frame.meta);
  uint32_t hash = 0;
  if (destination_kind(destination) == Destination::port) {
    length -= work.layers.l3;
  } else {
    hash = flow_hash(frame.data, frame.length, work.layers);
  }
  if (length > way.room) return drop(pass, index, Drop::exceeds_mtu, destination);
  Burst& out = pass.out;
  if (out.emit_count == kMaxEmits) flush(out);
  out.emits[out.emit_count++] = {index, destination, work.vni, hash, 0};
}

// In the order of arrival, so that no flow is reordered and every build gives the same.
void Switch::forward(Pass& pass, Work* works, unsigned count) {
  const uint32_t here = destination_word(Destination::port, pass.port);
  for (unsigned i = 0; i < count; i++) {
    Work& work = works[i];
    if (work.reason != Drop::none) {
      drop(pass, i, work.reason);
      continue;
    }
    const bool talks = work.layers.ethertype == kEtherArp || work.layers.protocol == kProtocolIcmp6;
    if (talks && pass.port != 0 && talk_neighbours(pass, work, i)) continue;
    const uint32_t place = find_place(pass, work);
    if (place == kFlood) {
      flood(pass, work, i);
    } else if (pass.port == 0 && destination_kind(place) == Destination::remote) {
      drop(pass, i, Drop::split_horizon);
    } else if (place == here) {
      drop(pass, i, Drop::same_port);
    } else {
      send(pass, work, i, place);
    }
  }
}

// To every port but the one it came from and, unless it came from a VTEP, to every remote. A port
// may do so only so often: each of its frames becomes as many as there are receivers.
void Switch::flood(Pass& pass, const Work& work, unsigned index) {
  const RowWord* row = row_words(segment_.network(work.network));
  if (pass.port != 0 &&
      !storm_.admit(pass.port, load_word(row + offsetof(NetworkRow, stormFramesPerSecond) / 4),
                    load_word(row + offsetof(NetworkRow, stormBurst) / 4), pass.now)) {
    return drop(pass, index, Drop::storm_control);
  }
  const uint32_t offset = load_word(row + offsetof(NetworkRow, floodOffset) / 4);
  uint32_t targets = 0;
  if (offset != 0) {
    const uint32_t* block = segment_.flood_words() + offset;
    const uint32_t counts = load_acquire(block + 1);
    const uint32_t ports = counts & 0xffff;
    const uint32_t end = pass.port != 0 ? ports + (counts >> 16) : ports;
    const uint32_t here = destination_word(Destination::port, pass.port);
    for (uint32_t i = 0; i < end; i++) {
      const uint32_t word = load_relaxed(block + 2 + i);
      if (word == 0 || word == here) continue;
      send(pass, work, index, word);
      targets++;
    }
  }
  if (targets == 0) return drop(pass, index, Drop::no_destination);
  WorkerCounters::add(counters_.port(pass.port).flooded, 1);
}

}  // namespace vtep
