#include "tap.hpp"

#include <time.h>

#include <algorithm>

#include "../core/checksum.hpp"
#include "../core/decap.hpp"
#include "../core/encap.hpp"
#include "../core/rows.hpp"
#include "clock.hpp"

namespace vtep {

namespace {

constexpr uint32_t kUdpHeader = 8;

bool is_arrival(uint32_t point) {
  return point == CapturePoint::fromPort || point == CapturePoint::beforeDecap ||
         point == CapturePoint::afterDecap;
}

uint64_t realtime_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ULL + static_cast<uint64_t>(now.tv_nsec);
}

// Where VXLAN begins behind an outer Ethernet header, and who sent it; 0 = it is none that can be
// read.
uint32_t find_vxlan(const Frame& frame, uint8_t source[16]) {
  if (frame.length < kEthernetHeader + 20) return 0;
  const uint8_t* ip = frame.data + kEthernetHeader;
  uint32_t udp;
  if (net16(frame.data + 12) == kEtherIpv4) {
    map_ipv4(source, ip + 12);
    if (ip[9] != kProtocolUdp) return 0;
    udp = kEthernetHeader + (ip[0] & 15u) * 4;
  } else if (net16(frame.data + 12) == kEtherIpv6 && frame.length >= kEthernetHeader + 40) {
    copy(source, ip + 8, 16);
    if (ip[6] != kProtocolUdp) return 0;
    udp = kEthernetHeader + 40;
  } else {
    return 0;
  }
  const uint32_t vxlan = udp + kUdpHeader;
  return vxlan + kVxlanHeader <= frame.length ? vxlan : 0;
}

}  // namespace

static_assert(Capture::kMost <= 8, "a bit each in Track::marks and Verdict::hits");

Tap::Tap(const Segment& segment, unsigned worker) : segment_(segment), worker_(worker) {}

void Tap::adopt(const DeviceList& list) {
  captures_ = list.captures;
  on_ = !captures_.empty();
  wanted_ = 0;
  follows_ = false;
  for (const Capture* capture : captures_) {
    wanted_ |= capture->spec().points;
    follows_ |= capture->spec().follow;
  }
}

uint32_t Tap::vni_of(uint32_t port) const {
  const uint32_t network = segment_.port_network(port);
  if (network == 0) return 0;
  return load_word(row_words(segment_.network(network)) + offsetof(NetworkRow, vni) / 4);
}

void Tap::address_of(uint32_t destination, uint8_t out[16]) const {
  RemoteSnapshot remote;
  if (destination_kind(destination) == Destination::remote &&
      segment_.read_remote(destination_id(destination), remote))
    copy(out, remote.address, 16);
}

// ---- what comes in

void Tap::begin(const Frame* frames, unsigned count, UplinkForm form) {
  frames_ = frames;
  count_ = count;
  form_ = form;
  real_now_ = realtime_nanoseconds();
  now_ = coarse_nanoseconds();
}

void Tap::arrived(uint32_t port, const Frame* frames, unsigned count, UplinkForm form) {
  begin(frames, std::min(count, kInputs), form);
  port_ = port;
  port_vni_ = port != 0 ? vni_of(port) : 0;
  const bool inside = port == 0 && wants(CapturePoint::afterDecap);
  const uint32_t point = port != 0 ? CapturePoint::fromPort : CapturePoint::beforeDecap;
  const bool wanted = port != 0 ? wants_of(point, port) : wants(point);
  for (unsigned i = 0; i < count_; i++) {
    Track& track = tracks_[i];
    track = {new_id(), port, static_cast<uint16_t>(i), 0};
    verdicts_[i] = {};
    if (wanted || follows_) {
      Sight sight = sight_of(port, frames[i]);
      sight.point = point;
      if (follows_) track.marks = marks_for(sight, port);
      if (wanted) see(sight, track);
    }
    if (inside) see_inside(i);
  }
}

void Tap::again(const Track& track, const Frame& frame, UplinkForm form) {
  begin(&frame, 1, form);
  port_ = track.port;
  port_vni_ = port_ != 0 ? vni_of(port_) : 0;
  tracks_[0] = track;
  tracks_[0].input = Track::kNoInput;
  verdicts_[0] = {};
}

Track Tap::held(unsigned input) {
  if (input >= count_) return {};
  verdicts_[input].flags |= CaptureFlag::held;
  return tracks_[input];
}

void Tap::gave_up(const Track& track, const Frame& frame, UplinkForm form, Drop reason) {
  if (!wants_drops()) return;
  begin(&frame, 1, form);
  Sight sight = sight_of(track.port, frame);
  sight.point = CapturePoint::drop;
  sight.reason = reason;
  Track alone = track;
  alone.input = Track::kNoInput;
  see(sight, alone);
}

// A frame as it came: what is in front of VXLAN is made where the kernel has kept it.
Tap::Sight Tap::sight_of(uint32_t port, const Frame& frame) {
  Sight sight;
  sight.meta = frame.meta;
  if (port != 0) {
    sight.vni = port == port_ ? port_vni_ : vni_of(port);
    pieces_[0] = {frame.data, frame.length};
    sight.frame = {pieces_, 1, frame.length, 0};
    return sight;
  }
  uint32_t vxlan = 0;
  if (form_ == UplinkForm::ethernet) {
    vxlan = find_vxlan(frame, sight.remote);
    pieces_[0] = {frame.data, frame.length};
    sight.frame = {pieces_, 1, frame.length, 0};
  } else {
    copy(sight.remote, frame.source, 16);
    const uint32_t outer = rebuild(frame.source, segment_.header().localAddress, 0, frame.length);
    pieces_[0] = {outer_, outer};
    pieces_[1] = {frame.data, frame.length};
    sight.frame = {pieces_, 2, outer + frame.length, 0};
    sight.flags = CaptureFlag::rebuilt;
    if (frame.length >= kVxlanHeader) vxlan = outer;
  }
  if (vxlan == 0) return sight;
  sight.inner = vxlan + kVxlanHeader;
  uint32_t word = 0;
  if (sight.frame.load(vxlan + 4, 4, word)) sight.vni = word >> 8;
  return sight;
}

// Ethernet, IP and UDP in front of a datagram of the kernel's; answers how many octets they have.
uint32_t Tap::rebuild(const uint8_t source[16], const uint8_t destination[16], uint16_t source_port,
                      uint32_t payload) {
  const bool v4 = is_ipv4(destination);
  const uint32_t ip_header = v4 ? 20 : 40;
  const auto udp_length = static_cast<uint16_t>(std::min(payload + kUdpHeader, 65535 - ip_header));
  uint8_t* ip = outer_ + kEthernetHeader;
  uint8_t* udp = ip + ip_header;
  clear(outer_, sizeof outer_);
  put_net16(outer_ + 12, v4 ? kEtherIpv4 : kEtherIpv6);
  if (v4) {
    ip[0] = 0x45;
    put_net16(ip + 2, static_cast<uint16_t>(udp_length + ip_header));
    put_net16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = kProtocolUdp;
    copy(ip + 12, source + 12, 4);
    copy(ip + 16, destination + 12, 4);
    store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, ip_header, 0))));
  } else {
    ip[0] = 0x60;
    put_net16(ip + 4, udp_length);
    ip[6] = kProtocolUdp;
    ip[7] = 64;
    copy(ip + 8, source, 16);
    copy(ip + 24, destination, 16);
  }
  put_net16(udp, source_port);
  put_net16(udp + 2, static_cast<uint16_t>(load_relaxed(&segment_.header().udpPort)));
  put_net16(udp + 4, udp_length);
  return kEthernetHeader + ip_header + kUdpHeader;
}

// Frames inside, as the switch will find them.
void Tap::see_inside(unsigned input) {
  LocalUnderlay us;
  const SegmentHeader& header = segment_.header();
  copy(us.local, header.localAddress, 16);
  copy(us.replicator, header.replicatorAddress, 16);
  us.udp_port = static_cast<uint16_t>(load_relaxed(&header.udpPort));
  const Frame& frame = frames_[input];
  Frame packet = frame, rest;
  uint32_t size = 0;
  const Drop reason = form_ == UplinkForm::ethernet ? open_outer(frame, us, packet, size)
                                                    : open_payload(frame, packet, size);
  if (reason != Drop::none || size == 0) return;
  for (bool more = true; more; packet = rest) {
    more = split_packets(packet, size, rest);
    if (packet.length < kVxlanHeader) continue;
    const iovec piece = {packet.data + kVxlanHeader, packet.length - kVxlanHeader};
    Sight sight;
    sight.point = CapturePoint::afterDecap;
    sight.vni = net32(packet.data + 4) >> 8;
    sight.frame = {&piece, 1, packet.length - kVxlanHeader, 0};
    sight.meta = packet.meta;
    if ((sight.meta.flags & kNeedsChecksum) != 0)
      sight.meta.checksum_start = static_cast<uint16_t>(sight.meta.checksum_start - kVxlanHeader);
    copy(sight.remote, packet.source, 16);
    see(sight, tracks_[input]);
  }
}

// Which captures follow a frame that has come in. Of one from the underlay whether it goes to the
// port that they are about is known later.
uint8_t Tap::marks_for(const Sight& sight, uint32_t port) const {
  uint8_t marks = 0;
  for (unsigned i = 0; i < captures_.size(); i++) {
    const CaptureSpec& spec = captures_[i]->spec();
    if (!spec.follow || captures_[i]->enough()) continue;
    if (spec.vni != 0 && spec.vni != sight.vni) continue;
    if (spec.port != 0 && port != 0 && spec.port != port) continue;
    FrameView inner = sight.frame;
    inner.skip = sight.inner;
    inner.length -= sight.inner;
    if (spec.filter.matches(inner)) marks |= static_cast<uint8_t>(1u << i);
  }
  return marks;
}

// ---- what the switch decides

Track Tap::track_of(const Burst& burst, const Emit& emit) {
  if (burst.inputs != nullptr && burst.inputs[emit.frame] < count_)
    return tracks_[burst.inputs[emit.frame]];
  return {new_id(), 0, Track::kNoInput, 0};  // our own word
}

void Tap::decided(const Burst& burst) {
  for (unsigned i = 0; i < burst.emit_count; i++) {
    const Emit& emit = burst.emits[i];
    const bool to_port = destination_kind(emit.destination) == Destination::port;
    const uint32_t out = to_port ? destination_id(emit.destination) : 0;
    if (burst.inputs != nullptr && burst.inputs[emit.frame] < count_) {
      Verdict& verdict = verdicts_[burst.inputs[emit.frame]];
      if (emit.reply != 0) {
        verdict.flags |= CaptureFlag::answered;
      } else {
        if (verdict.copies++ == 0) verdict.destination = emit.destination;
        if (emit.routed) verdict.flags |= CaptureFlag::routed;
      }
      for (unsigned c = 0; c < captures_.size(); c++)
        if (to_port && captures_[c]->spec().port == out)
          verdict.hits |= static_cast<uint8_t>(1u << c);
    }
    if (to_port || !wants_of(CapturePoint::beforeEncap, port_)) continue;
    Sight sight;
    sight.point = CapturePoint::beforeEncap;
    sight.vni = emit.vni;
    sight.destination = emit.destination;
    if (emit.routed) sight.flags = CaptureFlag::routed;
    if (emit.reply != 0) {
      const Reply& reply = burst.replies[emit.reply - 1];
      pieces_[0] = {const_cast<uint8_t*>(reply.bytes), reply.length};
      sight.frame = {pieces_, 1, reply.length, 0};
    } else {
      const Frame& frame = burst.frames[emit.frame];
      pieces_[0] = {frame.data, frame.length};
      sight.frame = {pieces_, 1, frame.length, 0};
      sight.meta = frame.meta;
    }
    address_of(emit.destination, sight.remote);
    see(sight, track_of(burst, emit));
  }
  for (unsigned i = 0; i < burst.drop_count; i++) {
    const Dropped& dropped = burst.drops[i];
    if (dropped.input >= count_) continue;
    Verdict& verdict = verdicts_[dropped.input];
    if (verdict.reason == Drop::none) {
      verdict.reason = dropped.reason;
    } else if (verdict.reason != dropped.reason) {
      verdict.flags |= CaptureFlag::parts;
    }
    if (dropped.reason == Drop::suppressed) verdict.flags |= CaptureFlag::answered;
    if (!wants_drops()) continue;
    Sight sight = sight_of(port_, frames_[dropped.input]);
    sight.point = CapturePoint::drop;
    sight.reason = dropped.reason;
    sight.destination = dropped.destination;
    if (destination_kind(dropped.destination) == Destination::port)
      sight.out = destination_id(dropped.destination);
    address_of(dropped.destination, sight.remote);
    see(sight, tracks_[dropped.input]);
  }
}

// ---- what goes out

void Tap::lost(const Track& track, const Emit& emit, const Frame& frame, uint32_t port,
               Drop reason) {
  if (!wants_drops()) return;
  Sight sight;
  sight.point = CapturePoint::drop;
  sight.reason = reason;
  sight.vni = emit.vni;
  sight.out = port;
  sight.destination = emit.destination;
  sight.meta = frame.meta;
  pieces_[0] = {frame.data, frame.length};
  sight.frame = {pieces_, 1, frame.length, 0};
  address_of(emit.destination, sight.remote);
  see(sight, track);
}

Tap::Sight Tap::sight_of(uint32_t port, const Gather& item) {
  Sight sight;
  sight.point = CapturePoint::toPort;
  sight.out = port;
  sight.destination = destination_word(Destination::port, port);
  sight.vni = vni_of(port);
  sight.meta = item.meta;
  sight.frame = {item.pieces, item.count, item.length, 0};
  return sight;
}

Tap::Sight Tap::sight_of(uint32_t, const UplinkGather& item) {
  Sight sight;
  sight.point = CapturePoint::afterEncap;
  sight.meta = item.meta;
  sight.frame = {item.pieces, item.count, item.length, 0};
  copy(sight.remote, item.destination.bytes, 16);
  uint32_t vxlan = item.outer_length;
  if (vxlan == 0) {
    vxlan = rebuild(segment_.header().localAddress, sight.remote, item.source_port, item.length);
    pieces_[0] = {outer_, vxlan};
    std::copy_n(item.pieces, item.count, pieces_ + 1);
    sight.frame = {pieces_, item.count + 1, vxlan + item.length, 0};
    sight.flags = CaptureFlag::rebuilt;
  }
  sight.inner = vxlan + kVxlanHeader;
  uint32_t word = 0;
  if (sight.frame.load(vxlan + 4, 4, word)) sight.vni = word >> 8;
  return sight;
}

Tap::Seen Tap::sending(uint32_t port, const Gather& item, const Track& track) {
  const auto first = static_cast<uint32_t>(pending_.size());
  if (wants_of(CapturePoint::toPort, port)) see(sight_of(port, item), track);
  return {first, static_cast<uint32_t>(pending_.size())};
}

Tap::Seen Tap::sending(uint32_t port, const UplinkGather& item, const Track& track) {
  const auto first = static_cast<uint32_t>(pending_.size());
  if (wants_of(CapturePoint::afterEncap, track.port)) see(sight_of(port, item), track);
  return {first, static_cast<uint32_t>(pending_.size())};
}

// ---- writing down

// As far as it is known by now.
bool Tap::is_wanted(const CaptureSpec& spec, unsigned capture, const Sight& sight,
                    const Track& track) const {
  const uint32_t point = sight.point;
  if ((spec.points & point_bit(point)) == 0) return false;
  if (spec.follow) return (track.marks >> capture & 1) != 0;
  if (spec.vni != 0 && spec.vni != sight.vni) return false;
  const bool lost = point == CapturePoint::drop;
  const bool from_underlay =
      point == CapturePoint::beforeDecap || point == CapturePoint::afterDecap;
  if (spec.port != 0 && !from_underlay) {
    const bool out = point == CapturePoint::toPort || lost;
    const bool in = point != CapturePoint::toPort;
    if (!(out && sight.out == spec.port) && !(in && track.port == spec.port)) return false;
  }
  if (spec.reason != 0 &&
      (lost ? static_cast<uint32_t>(sight.reason) != spec.reason : !is_arrival(point)))
    return false;
  FrameView view = sight.frame;
  if (spec.inner) {
    view.skip = sight.inner;
    view.length -= sight.inner;
  }
  return spec.filter.matches(view);
}

void Tap::see(const Sight& sight, const Track& track) {
  for (unsigned i = 0; i < captures_.size(); i++) {
    const Capture& capture = *captures_[i];
    const CaptureSpec& spec = capture.spec();
    if (!is_wanted(spec, i, sight, track) || (!spec.follow && capture.enough())) continue;
    Capture::Seat& seat = capture.seat(worker_);
    if (!seat.admit(spec.rate, now_)) {
      seat.writer.missed_rate();
      continue;
    }
    const uint32_t octets = std::min(spec.snap_length, sight.frame.length);
    CaptureRecord* record = seat.writer.begin(octets);
    if (record == nullptr) {
      seat.writer.missed_room();
      continue;
    }
    record->point = static_cast<uint8_t>(sight.point);
    record->worker = static_cast<uint8_t>(worker_);
    record->reason = static_cast<uint16_t>(sight.reason);
    record->id = track.id;
    record->timeNanoseconds = real_now_;
    record->captured = sight.frame.copy_to(CaptureWriter::bytes(record), octets);
    record->frameLength = sight.frame.length;
    record->port = track.port;
    record->outPort = sight.out;
    record->vni = sight.vni;
    record->destination = sight.destination;
    record->flags = sight.flags;
    record->gsoType = sight.meta.gso_type;
    record->metaFlags = sight.meta.flags & kNeedsChecksum;
    record->gsoSize = sight.meta.gso_size;
    record->headerLength = sight.meta.header_length;
    record->checksumStart = sight.meta.checksum_start;
    record->checksumOffset = sight.meta.checksum_offset;
    copy(record->remote, sight.remote, 16);
    pending_.push_back({record, i, track.input});
  }
}

void Tap::write_verdict(CaptureRecord& record, const Verdict& verdict) const {
  record.destination = verdict.destination;
  record.copies = verdict.copies;
  record.flags = static_cast<uint16_t>(record.flags | verdict.flags);
  record.reason = static_cast<uint16_t>(verdict.reason);
  if (destination_kind(verdict.destination) == Destination::port)
    record.outPort = destination_id(verdict.destination);
  if (port_ != 0) address_of(verdict.destination, record.remote);
}

void Tap::settle() {
  // Frames that are followed: of those from the underlay only what goes to the port they are about.
  for (unsigned input = 0; follows_ && input < count_; input++) {
    Track& track = tracks_[input];
    for (unsigned i = 0; i < captures_.size() && track.input != Track::kNoInput; i++) {
      const auto bit = static_cast<uint8_t>(1u << i);
      if ((track.marks & bit) == 0) continue;
      const bool hit =
          track.port != 0 || captures_[i]->spec().port == 0 || (verdicts_[input].hits & bit) != 0;
      if (!hit || !captures_[i]->take()) track.marks &= static_cast<uint8_t>(~bit);
    }
  }
  uint64_t taken[Capture::kMost] = {};
  for (const Pending& each : pending_) {
    CaptureRecord& record = *each.record;
    const CaptureSpec& spec = captures_[each.capture]->spec();
    if (record.point == CapturePoint::none) continue;
    bool keep = true;
    if (each.input != Track::kNoInput) {
      const Verdict& verdict = verdicts_[each.input];
      const bool hit = (verdict.hits >> each.capture & 1) != 0;
      if (is_arrival(record.point)) {
        write_verdict(record, verdict);
        if (spec.reason != 0) keep = static_cast<uint32_t>(verdict.reason) == spec.reason;
        if (!spec.follow && spec.port != 0 && port_ == 0) keep = keep && hit;
      }
      if (spec.follow) keep = (tracks_[each.input].marks >> each.capture & 1) != 0;
    }
    if (keep && !spec.follow) keep = captures_[each.capture]->take();
    if (keep) {
      taken[each.capture]++;
    } else {
      CaptureWriter::discard(&record);
    }
  }
  pending_.clear();
  for (unsigned i = 0; i < captures_.size(); i++)
    captures_[i]->seat(worker_).writer.publish(taken[i]);
  count_ = 0;
}

}  // namespace vtep
