// Ethernet segments (RFC 7432): groups of VTEPs that the MACs of a segment are behind, and ports
// that lead to one. A group has its own row that MACs point at, so that a VTEP comes and goes for
// any number of MACs by one write.
#include "tables.hpp"

namespace vtep {
namespace {

constexpr unsigned kMost = kMaxGroupMembers;
static_assert(sizeof(MacGroupRow::members) == 2 * kMost);
static_assert(sizeof(PortRow::peers) == 2 * kMost);
static_assert(sizeof(MacGroupSetOperation::remotes) == 16 * kMost);

uint32_t hash_of(uint32_t network, const uint8_t esi[10], const uint8_t via[16]) {
  uint64_t h = mix(network ^ load64(esi));
  h = mix(h ^ load16(esi + 8));
  h = mix(h ^ load64(via));
  return static_cast<uint32_t>(mix(h ^ load64(via + 8)) >> 32);
}

bool is_no_segment(const uint8_t esi[10]) { return (load64(esi) | load16(esi + 8)) == 0; }

bool holds(const uint16_t members[kMost], unsigned count, uint32_t index) {
  for (unsigned i = 0; i < count; i++)
    if (members[i] == index) return true;
  return false;
}

}  // namespace

uint32_t Tables::mac_group_find(uint32_t network, const uint8_t esi[10],
                                const uint8_t via[16]) const {
  return intern_find(hash_of(network, esi, via), kMacGroupBit, [&](uint32_t index) {
    const MacGroupRow row = current_row(segment_.mac_group(index));
    return row.network == network && equal(row.esi, esi, sizeof row.esi) && same_ip(row.via, via);
  });
}

void Tables::mac_group_count(int by) {
  uint32_t& count = segment_.header().macGroupCount;
  store_relaxed(&count, count + static_cast<uint32_t>(by));
}

// Members may speak in the network, as the VTEP of a MAC may. New ones are counted before old ones
// are let go, so that whoever stays is never gone in between.
const char* Tables::mac_group_set(const MacGroupSetOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  if (is_no_segment(operation.esi)) return "no Ethernet segment";
  uint16_t members[kMost] = {};
  unsigned count = 0;
  const auto let_go = [&] {
    for (unsigned i = 0; i < count; i++) access_release(network, members[i], 0);
  };
  for (unsigned i = 0; i < kMost; i++) {
    const uint8_t* address = operation.remotes + 16 * i;
    if (is_unspecified(address)) break;
    uint32_t remote = 0;
    const char* reason = remote_find_or_add(address, remote);
    if (reason == nullptr && holds(members, count, remote)) continue;
    if (reason == nullptr && !access_acquire(network, remote, 0)) {
      remote_drop_unused(remote);
      reason = "no room for another VTEP of this network";
    }
    if (reason != nullptr) {
      let_go();
      return reason;
    }
    members[count++] = static_cast<uint16_t>(remote);
  }
  uint32_t index = mac_group_find(network, operation.esi, operation.via);
  const bool known = index != 0;
  if (!known) {
    index = allocate(state_.usedMacGroups, segment_.config().macGroups);
    const uint32_t hash = hash_of(network, operation.esi, operation.via);
    if (index == 0 || !intern_add(hash, index | kMacGroupBit)) {
      if (index != 0) release(state_.usedMacGroups, index);
      let_go();
      return "no room for another group of VTEPs";
    }
    mac_group_count(1);
  }
  const MacGroupRow old = current_row(segment_.mac_group(index));
  MacGroupRow row = {};
  row.references = old.references;
  row.count = count;
  row.network = static_cast<uint16_t>(network);
  copy(row.members, members, sizeof row.members);
  copy(row.esi, operation.esi, sizeof row.esi);
  copy(row.via, operation.via, sizeof row.via);
  uint64_t identities[kMost];
  for (unsigned i = 0; i < count; i++)
    identities[i] = remote_identity(current_row(segment_.remote(members[i])).address);
  for (unsigned bucket = 0; count != 0 && bucket < kGroupBuckets; bucket++)
    store16(row.buckets + 2 * bucket, members[bucket_member(identities, count, bucket)]);
  write_row(segment_.mac_group(index), row);
  for (unsigned i = 0; known && i < old.count; i++)
    access_release(network, load16(old.members + 2 * i), 0);
  return nullptr;
}

const char* Tables::mac_group_remove(const MacGroupRemoveOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return nullptr;
  const uint32_t index = mac_group_find(network, operation.esi, operation.via);
  if (index == 0) return nullptr;
  if (current_row(segment_.mac_group(index)).references != 0)
    return "a MAC leads there: it goes first";
  mac_group_erase(index);
  return nullptr;
}

void Tables::mac_group_erase(uint32_t index) {
  const MacGroupRow row = current_row(segment_.mac_group(index));
  intern_remove(hash_of(row.network, row.esi, row.via), index | kMacGroupBit);
  write_row(segment_.mac_group(index), MacGroupRow{});
  retire(RetiredKind::macGroup, index);
  mac_group_count(-1);
  for (unsigned i = 0; i < row.count; i++)
    access_release(row.network, load16(row.members + 2 * i), 0);
}

// Behind its MACs.
void Tables::mac_groups_flush_network(uint32_t network) {
  const uint64_t* used = reinterpret_cast<const uint64_t*>(segment_.at(state_.usedMacGroups));
  for (uint32_t base = 0; base <= segment_.config().macGroups; base += 64) {
    for (uint64_t word = used[base / 64]; word != 0; word &= word - 1) {
      const uint32_t index = base + static_cast<uint32_t>(__builtin_ctzll(word));
      if (index == 0 || index > segment_.config().macGroups) continue;
      if (current_row(segment_.mac_group(index)).network == network) mac_group_erase(index);
    }
  }
}

const char* Tables::mac_set_group(const MacSetGroupOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  const uint32_t group = mac_group_find(network, operation.esi, operation.via);
  if (group == 0) return "no such group of VTEPs";
  return mac_put_far(network, operation.mac, destination_word(Destination::group, group),
                     operation.flags);
}

const char* Tables::mac_set_peer(const MacSetPeerOperation& operation) {
  const uint32_t network = segment_.find_network(operation.vni);
  if (network == 0) return "no network has this VNI";
  if (!port_is_open(operation.port) || segment_.port_network(operation.port) != network)
    return "no such port in this network";
  constexpr uint32_t kPeer = MacFlag::peer << DestinationWord::flagShift;
  const uint32_t word = destination_word(Destination::port, operation.port) | kPeer;
  return mac_put_far(network, operation.mac, word, operation.flags);
}

const char* Tables::port_segment_set(const PortSegmentSetOperation& operation) {
  if (!port_is_open(operation.port)) return "no such port";
  uint16_t peers[kMost] = {};
  unsigned count = 0;
  const auto let_go = [&] {
    for (unsigned i = 0; i < count; i++) count_remote(peers[i], -1);
  };
  for (unsigned i = 0; i < kMost; i++) {
    const uint8_t* address = operation.peers + 16 * i;
    if (is_unspecified(address)) break;
    uint32_t remote = 0;
    if (const char* reason = remote_find_or_add(address, remote)) {
      let_go();
      return reason;
    }
    if (holds(peers, count, remote)) continue;
    count_remote(remote, 1);
    peers[count++] = static_cast<uint16_t>(remote);
  }
  constexpr uint16_t kSaid = SegmentFlag::designated | SegmentFlag::blocked;
  port_segment_put(operation.port, (operation.flags & kSaid) | SegmentFlag::member, peers);
  return nullptr;
}

const char* Tables::port_segment_clear(const PortSegmentClearOperation& operation) {
  constexpr uint16_t kNobody[kMost] = {};
  if (port_is_open(operation.port)) port_segment_put(operation.port, 0, kNobody);
  return nullptr;
}

// `peers` are counted; those before are let go.
void Tables::port_segment_put(uint32_t id, uint16_t flags, const uint16_t peers[16]) {
  PortRow row = current_row(segment_.port(id));
  uint16_t before[kMost];
  copy(before, row.peers, sizeof before);
  const bool changed = row.segmentFlags != flags;
  row.segmentFlags = flags;
  copy(row.peers, peers, sizeof row.peers);
  write_row(segment_.port(id), row);
  for (unsigned i = 0; i < kMost && before[i] != 0; i++) count_remote(before[i], -1);
  if (changed) port_changed(id);
}

}  // namespace vtep
