#include "egress.hpp"

#include <string.h>

#include <algorithm>
#include <iterator>

#include "../core/checksum.hpp"
#include "../core/layers.hpp"
#include "../core/metadata.hpp"
#include "clock.hpp"

namespace vtep {

namespace {

constexpr uint32_t kUdpHeader = 8;
constexpr uint16_t kUdpChecksumOffset = 6;
constexpr uint32_t kMaxUdpSegments = 128;  // of the kernel: UDP_MAX_SEGMENTS

bool needs_checksum(const Meta& meta) { return (meta.flags & kNeedsChecksum) != 0; }

bool can_segment(const Abilities& abilities, const Meta& meta) {
  return (meta.gso_type & ~kGsoEcn) == kGsoUdp ? abilities.udp_segmentation
                                               : abilities.tcp_segmentation;
}

// Of what goes to a device as it is, or with its checksum finished here.
OffloadForm form_of(const Abilities& abilities, const Meta& meta) {
  if (meta.gso_type != kGsoNone) return OffloadForm::super;
  return needs_checksum(meta) && abilities.partial_checksum ? OffloadForm::partial
                                                            : OffloadForm::plain;
}

}  // namespace

Egress::Egress(const Segment& segment, unsigned worker, WorkerCounters& counters, Tap* tap)
    : segment_(segment),
      counters_(counters),
      tap_(tap),
      worker_(worker),
      watch_(segment.config().ports) {
  groups_.reserve(kEmits);
  group_of_.resize(segment.config().ports + 1);
}

void Egress::add(const Burst& burst) {
  if (emit_count_ + burst.emit_count > kEmits ||
      reply_count_ + burst.reply_count > std::size(replies_))
    finish();
  uint16_t place_of[2 * kBurst];  // of the burst's frames and replies, here
  memset(place_of, 0xff, sizeof place_of);
  const bool watched = tap_ != nullptr && tap_->on();
  for (unsigned i = 0; watched && i < burst.emit_count; i++)
    tracks_[emit_count_ + i] = tap_->track_of(burst, burst.emits[i]);
  for (unsigned i = 0; i < burst.emit_count; i++) {
    Emit& emit = emits_[emit_count_++] = burst.emits[i];
    uint16_t& place = place_of[emit.reply != 0 ? kBurst + emit.reply - 1 : emit.frame];
    if (place == kEnd) {
      place = static_cast<uint16_t>(frame_count_++);
      frames_[place] =
          emit.reply != 0 ? keep(burst.replies[emit.reply - 1]) : burst.frames[emit.frame];
    }
    emit.frame = place;
  }
}

// What was to go to `port` (0 = uplink) does not become an item.
void Egress::lose(uint16_t number, uint32_t port, Drop reason) {
  counters_.drop_sent(port, reason);
  if (tap_ == nullptr || !tap_->on()) return;
  const Emit& emit = emits_[number];
  tap_->lost(tracks_[number], emit, frames_[emit.frame], port, reason);
}

Frame Egress::keep(const Reply& reply) {
  Reply& kept = replies_[reply_count_++];
  kept = reply;
  Frame frame;
  frame.data = kept.bytes;
  frame.length = kept.length;
  return frame;
}

void Egress::finish() {
  if (emit_count_ == 0) return;
  sort();
  for (const Group& group : groups_) {
    if (group.destination == 0) {
      to_uplink(group);
    } else {
      to_port(group);
    }
  }
  emit_count_ = frame_count_ = reply_count_ = 0;
}

// Chains the emits of each destination, in order. All remotes are one destination: the uplink.
void Egress::sort() {
  groups_.clear();
  for (uint16_t i = 0; i < emit_count_; i++) {
    const uint32_t word = emits_[i].destination;
    const uint32_t destination =
        destination_kind(word) == Destination::port ? destination_id(word) : 0;
    next_[i] = kEnd;
    uint16_t& slot = group_of_[destination];
    if (slot < groups_.size() && groups_[slot].destination == destination) {
      next_[groups_[slot].last] = i;
      groups_[slot].last = i;
    } else {
      slot = static_cast<uint16_t>(groups_.size());
      groups_.push_back({destination, i, i});
    }
  }
}

void Egress::to_port(const Group& group) {
  const PortDevice* device = list_->port(group.destination);
  if (device == nullptr) {
    for (uint16_t i = group.first; i != kEnd; i = next_[i])
      lose(i, group.destination, Drop::port_closed);
    return;
  }
  ports_.open(device->port, worker_, group.destination, counters_);
  now_ = coarse_nanoseconds();
  const Abilities& abilities = device->abilities;
  const bool merging =
      abilities.tcp_segmentation && abilities.partial_checksum && group.first != group.last;
  if (merging) merge(group);
  for (uint16_t i = group.first; i != kEnd; i = next_[i]) {
    ports_.of(i);
    if (!merging) {
      frame_to_port(abilities, i);
    } else if (!merger_.is_joined(i)) {
      if (merger_.next(i) == Merger::kNone) {
        frame_to_port(abilities, i);
      } else {
        merged_to_port(i);
      }
    }
  }
  ports_.flush();
}

void Egress::merge(const Group& group) {
  merger_.clear();
  for (uint16_t i = group.first; i != kEnd; i = next_[i]) merger_.add(i, frames_[emits_[i].frame]);
}

// One header for all, and each one's payload where it is.
void Egress::merged_to_port(uint16_t first) {
  ports_.begin(1 + Merger::kMaxSegments, Merger::kMaxHeader, 1);
  uint8_t* header = ports_.make(Merger::kMaxHeader);
  const uint32_t length = merger_.write_header(first, header, ports_.item().meta);
  ports_.add(header, length);
  for (uint16_t i = first; i != Merger::kNone; i = merger_.next(i)) {
    const Frame& frame = frames_[emits_[i].frame];
    ports_.add(frame.data + length, frame.length - length);
  }
  watch_.sent(ports_.port(), OffloadForm::super, header, ports_.item().length, now_);
  ports_.end();
}

void Egress::frame_to_port(const Abilities& abilities, uint16_t number) {
  const Frame& frame = frames_[emits_[number].frame];
  if (frame.meta.gso_type != kGsoNone && !can_segment(abilities, frame.meta))
    return cut_to_port(abilities, number);
  watch_.sent(ports_.port(), form_of(abilities, frame.meta), frame.data, frame.length, now_);
  if (needs_checksum(frame.meta) && !abilities.partial_checksum) {
    ports_.begin(3, 2, 1);
    add_completed(ports_, frame);
  } else {
    ports_.begin(1, 0, 1);
    ports_.add(frame.data, frame.length);
    ports_.item().meta = frame.meta;
  }
  ports_.end();
}

void Egress::cut_to_port(const Abilities& abilities, uint16_t number) {
  const Frame& frame = frames_[emits_[number].frame];
  const auto checksums =
      abilities.partial_checksum ? Segmenter::Checksums::partial : Segmenter::Checksums::complete;
  const Drop reason = segmenter_.open(frame, checksums);
  if (reason != Drop::none) return lose(number, ports_.port(), reason);
  const auto form = abilities.partial_checksum ? OffloadForm::partial : OffloadForm::plain;
  watch_.sent(ports_.port(), form, frame.data, frame.length, now_);
  unsigned frames = 1;
  while (segmenter_.next(piece_)) {
    ports_.begin(2, piece_.header_length, frames);
    uint8_t* header = ports_.make(piece_.header_length);
    copy(header, piece_.header, piece_.header_length);
    ports_.add(header, piece_.header_length);
    ports_.add(piece_.payload, piece_.payload_length);
    ports_.item().meta = piece_.meta;
    ports_.end();
    frames = 0;
  }
}

// The frame with its checksum finished, in three pieces around it. The metadata of the item says
// that nothing is left to do.
template <class AnyBatch>
void Egress::add_completed(AnyBatch& batch, const Frame& frame) {
  const uint32_t place = uint32_t{frame.meta.checksum_start} + frame.meta.checksum_offset;
  uint8_t* checksum = batch.make(2);
  store16(checksum, completed_checksum(frame.data, frame.length, frame.meta));
  batch.add(frame.data, place);
  batch.add(checksum, 2);
  batch.add(frame.data + place + 2, frame.length - place - 2);
}

bool Egress::find_remote(uint32_t index) {
  if (index == remote_index_) return true;
  remote_index_ = 0;
  if (!segment_.read_remote(index, remote_) || remote_.state == RemoteState::free) return false;
  remote_index_ = index;
  path_ = &list_->uplink->path(remote_.ifindex);
  return true;
}

// RFC 7348 section 4.3: a VTEP does not fragment.
bool Egress::fits_path(uint32_t inner_length) const {
  const uint32_t outer =
      (is_ipv4(remote_.address) ? kOuterHeader4 : kOuterHeader6) - kEthernetHeader;
  return remote_.mtu == 0 || outer + inner_length <= remote_.mtu;
}

void Egress::to_uplink(const Group& group) {
  remote_index_ = 0;  // what was read in another burst may be out of date
  if (list_->uplink != nullptr) uplink_.open(list_->uplink->uplink, worker_, 0, counters_);
  now_ = coarse_nanoseconds();
  for (uint16_t i = group.first; i != kEnd; i = next_[i]) {
    const Emit& emit = emits_[i];
    const Frame& frame = frames_[emit.frame];
    uplink_.of(i);
    if (list_->uplink == nullptr || !find_remote(destination_id(emit.destination))) {
      lose(i, 0, Drop::unresolved);
    } else if (!fits_path(wire_length(frame.length, frame.meta))) {
      lose(i, 0, Drop::exceeds_mtu);
    } else if (keeps_whole(frame)) {
      whole_to_uplink(i);
    } else if (frame.meta.gso_type != kGsoNone) {
      cut_to_uplink(i);
    } else {
      frame_to_uplink(emit, frame);
    }
  }
  if (list_->uplink != nullptr) uplink_.flush();
}

// A frame that leaves in so many datagrams at once.
void Egress::watch_uplink(uint32_t datagrams, const Frame& frame) {
  if (path_->watch_row == 0) return;
  const bool partial = writes_outer() && !is_ipv4(remote_.address) && path_->checksum;
  const auto form = datagrams > 1 ? OffloadForm::train
                    : partial     ? OffloadForm::partial
                                  : OffloadForm::plain;
  watch_.sent(path_->watch_row, form, frame.data, frame.length, now_);
}

// The outer checksum, where nobody behind us finishes it. Its header has been made for this item.
void Egress::finish_outer() {
  UplinkGather& item = uplink_.item();
  if (path_->checksum || !needs_checksum(item.meta)) return;
  const uint32_t start = item.meta.checksum_start;
  uint64_t sum = 0;
  uint32_t at = 0;
  for (unsigned i = 0; i < item.count; i++) {
    const iovec& piece = item.pieces[i];
    const size_t skip = at < start ? std::min<size_t>(start - at, piece.iov_len) : 0;
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base) + skip;
    const uint64_t part = checksum_add(bytes, piece.iov_len - skip, 0);
    sum += ((at + skip - start) & 1) != 0 ? checksum_odd(part) : part;
    at += static_cast<uint32_t>(piece.iov_len);
  }
  const uint16_t checksum = static_cast<uint16_t>(~checksum_fold(sum));
  auto* udp = static_cast<uint8_t*>(item.pieces[0].iov_base) + start;
  store16(udp + item.meta.checksum_offset, checksum == 0 ? uint16_t{0xffff} : checksum);
  item.meta = Meta();
}

// A remote whose next hop is not known has no template: the uplink then hands the datagram to the
// kernel, which resolves the way, or says no.
bool Egress::writes_outer() const {
  return list_->uplink->form == UplinkForm::ethernet && remote_.headerLength != 0;
}

void Egress::begin_uplink(const Emit& emit, unsigned pieces, unsigned bytes, unsigned frames) {
  uplink_.begin(pieces, bytes, frames);
  UplinkGather& item = uplink_.item();
  item.destination = Address::from_bytes(remote_.address);
  item.source_port = source_port(emit.hash);
  if (!writes_outer()) return;
  item.ifindex = remote_.ifindex;
  item.outer_length = static_cast<uint16_t>(remote_.headerLength - kVxlanHeader);
}

// The inner checksum is finished here, always: on a virtual wire (veth) nobody else would, and a
// far VTEP with a UDP socket gets the bytes without the metadata. The outer one may stay partial:
// sockets and AF_PACKET alike know what to do with it.
void Egress::frame_to_uplink(const Emit& emit, const Frame& frame) {
  begin_uplink(emit, 4, kMaxOuterHeader + 2, 1);
  uint8_t* header = uplink_.make(kMaxOuterHeader);
  if (writes_outer()) {
    Frame finished = frame;
    finished.meta = Meta();
    uplink_.add(header,
                encap_frame(remote_, emit.vni, emit.hash, finished, header, uplink_.item().meta));
  } else {
    encap_vxlan(emit.vni, header);
    uplink_.add(header, kVxlanHeader);
  }
  if (needs_checksum(frame.meta)) {
    add_completed(uplink_, frame);
  } else {
    uplink_.add(frame.data, frame.length);
  }
  finish_outer();
  watch_uplink(1, frame);
  uplink_.end();
}

// One that has a single segment is none for the kernel; UDP has a limit of its own there.
bool Egress::keeps_whole(const Frame& frame) const {
  const Meta& meta = frame.meta;
  if (meta.gso_type == kGsoNone || !list_->uplink->abilities.tunnel_segmentation ||
      !path_->tunnel || !writes_outer())
    return false;
  const uint32_t payload = frame.length - meta.header_length;
  if (payload <= meta.gso_size ||
      remote_.headerLength + frame.length > UplinkGather::kMaxWholeBytes ||
      (meta.gso_type == kGsoUdp && payload > uint32_t{kMaxUdpSegments} * meta.gso_size))
    return false;
  return list_->uplink->uplink->takes_whole(worker_, remote_.ifindex, is_ipv4(remote_.address));
}

// One VXLAN header in front of all of it. The inner checksum stays as partial as it was: who cuts
// the super-frame finishes it, and so does who receives it whole.
void Egress::whole_to_uplink(uint16_t number) {
  const Emit& emit = emits_[number];
  const Frame& frame = frames_[emit.frame];
  Layers layers;
  if (!find_layers(frame.data, frame.length, layers)) return lose(number, 0, Drop::bad_metadata);
  begin_uplink(emit, 2, kMaxOuterHeader, 1);
  uint8_t* header = uplink_.make(kMaxOuterHeader);
  const uint32_t outer = encap_outer(remote_, emit.vni, emit.hash, frame.length, header);
  UplinkGather& item = uplink_.item();
  item.inner_network = static_cast<uint16_t>(outer + layers.l3);
  item.meta = frame.meta;
  item.meta.checksum_start = static_cast<uint16_t>(outer + frame.meta.checksum_start);
  item.meta.header_length = static_cast<uint16_t>(outer + frame.meta.header_length);
  uplink_.add(header, outer);
  uplink_.add(frame.data, frame.length);
  if (path_->watch_row != 0)
    watch_.sent(path_->watch_row, OffloadForm::super, frame.data, frame.length, now_);
  uplink_.end();
}

void Egress::cut_to_uplink(uint16_t number) {
  const Emit& emit = emits_[number];
  const Frame& frame = frames_[emit.frame];
  const Drop reason = segmenter_.open(frame, Segmenter::Checksums::complete);
  if (reason != Drop::none) return lose(number, 0, reason);
  if (!segmenter_.next(piece_)) return;
  unsigned frames = 1;
  for (uint32_t left = segmenter_.pieces(); left > 0;) {
    const uint32_t datagrams = train(emit, left, frames);
    if (frames != 0) watch_uplink(datagrams, frame);
    left -= datagrams;
    frames = 0;
  }
}

// Sends the piece at hand and those behind it that go with it: as many datagrams of one size as the
// uplink takes in one piece, the last of the super-frame may be shorter. Answers how many; the
// piece behind them is at hand then.
uint32_t Egress::train(const Emit& emit, uint32_t left, unsigned frames) {
  const UplinkAbilities& abilities = list_->uplink->abilities;
  const uint32_t size = kVxlanHeader + piece_.header_length + piece_.payload_length;
  uint32_t datagrams = 1;
  if (abilities.trains && path_->trains) {
    datagrams = abilities.max_train_bytes / size;
    if (datagrams > abilities.max_datagrams) datagrams = abilities.max_datagrams;
    if (datagrams > left) datagrams = left;
    if (datagrams > Gather::kMaxPieces / 2) datagrams = Gather::kMaxPieces / 2;
    if (datagrams == 0) datagrams = 1;
  }
  const unsigned outer = writes_outer() ? remote_.headerLength : kVxlanHeader;
  begin_uplink(emit, 2 * datagrams, outer + datagrams * (kVxlanHeader + Piece::kMaxHeader), frames);
  uint8_t* head = nullptr;
  uint32_t payload = 0;
  for (uint32_t i = 0; i < datagrams; i++) {
    const unsigned front = i == 0 ? outer : kVxlanHeader;
    uint8_t* header = uplink_.make(front + piece_.header_length);
    if (i == 0) head = header;
    encap_vxlan(emit.vni, header + front - kVxlanHeader);
    copy(header + front, piece_.header, piece_.header_length);
    uplink_.add(header, front + piece_.header_length);
    uplink_.add(piece_.payload, piece_.payload_length);
    payload += kVxlanHeader + piece_.header_length + piece_.payload_length;
    segmenter_.next(piece_);
  }
  const bool is_train = datagrams > 1;
  Meta& meta = uplink_.item().meta;
  if (is_train) {
    meta.gso_type = kGsoUdp;
    meta.gso_size = static_cast<uint16_t>(size);
  }
  if (writes_outer()) {
    // Written aside: it makes use of all its room, and behind the outer header lies the inner one
    // here.
    uint8_t header[kMaxOuterHeader];
    encap_outer(remote_, emit.vni, emit.hash, payload - kVxlanHeader, header,
                is_train ? OuterChecksum::partial : OuterChecksum::automatic);
    copy(head, header, outer);
    // Over IPv6 the outer checksum is always there, over IPv4 only in a train: the kernel cuts no
    // datagrams without one.
    if (is_train || !is_ipv4(remote_.address)) {
      const unsigned udp = outer - kVxlanHeader - kUdpHeader;
      meta.flags = kNeedsChecksum;
      meta.header_length = static_cast<uint16_t>(outer - kVxlanHeader);
      meta.checksum_start = static_cast<uint16_t>(udp);
      meta.checksum_offset = kUdpChecksumOffset;
    }
  }
  if (!is_train) finish_outer();
  uplink_.end();
  return datagrams;
}

}  // namespace vtep
