// Routes of IP-VRFs: prefixes, and where they lead. Next hops and groups of them are shared by all
// routes that say the same, so a million routes by way of a few VTEPs are a few rows.
#include "prefixes.hpp"
#include "tables.hpp"

namespace vtep {
namespace {

constexpr size_t kIdentified = offsetof(NextHopRow, identity);

uint32_t slot_network(const Words<PrefixShape::kWords>& slot) { return slot.w[1] & 0xffff; }
uint32_t slot_length(const Words<PrefixShape::kWords>& slot) { return slot.w[1] >> 16; }

bool leads_into_network(uint32_t kind) {
  return kind == RouteKind::connected || kind == RouteKind::gateway;
}

// From the identity on, which says what follows.
bool same_hop(const NextHopRow& a, const NextHopRow& b) {
  return equal(reinterpret_cast<const uint8_t*>(&a) + kIdentified,
               reinterpret_cast<const uint8_t*>(&b) + kIdentified, sizeof a - kIdentified);
}

uint32_t hash_of(const NextHopRow& hop) {
  return static_cast<uint32_t>(mix(hop.identity ^ hop.network) >> 32);
}

uint32_t hash_of(const uint16_t* hops, unsigned count) {
  uint64_t h = count;
  for (unsigned i = 0; i < count; i++) h = mix(h ^ hops[i]);
  return static_cast<uint32_t>(h >> 32);
}

}  // namespace

// What the operation says, as key and next hop; of a remote, the remote is still to be found.
template <class Operation>
const char* Tables::read_route(const Operation& operation, PrefixWords& key,
                               NextHopRow& hop) const {
  const uint32_t vrf = segment_.find_network(operation.vrf);
  if (!is_vrf(vrf)) return "no IP-VRF has this VNI";
  const uint32_t length = operation.length;
  uint8_t masked[16];
  if (length > kMaxPrefixLength) return "not a prefix length";
  mask_ip(operation.prefix, length, masked);
  if (!same_ip(masked, operation.prefix)) return "bits behind the prefix length";
  if (is_ipv4(operation.prefix) && length < kIpv4Length) return "not a prefix length of IPv4";
  key = prefix_key(vrf, length, operation.prefix);
  hop = {};
  hop.kind = operation.kind;
  hop.network = static_cast<uint16_t>(vrf);
  hop.vni = operation.vrf;
  if (leads_into_network(hop.kind)) {
    const uint32_t network = segment_.find_network(operation.vni);
    if (network == 0) return "no network has this VNI";
    hop.network = static_cast<uint16_t>(network);
    hop.vni = operation.vni;
    if (hop.kind == RouteKind::gateway) copy(hop.via, operation.via, 16);
  } else if (hop.kind == RouteKind::remote) {
    if (operation.vni == 0 || operation.vni >= 1u << 24) return "not a VNI";
    if (is_group(load_mac(operation.mac)) || load_mac(operation.mac) == 0)
      return "not a unicast MAC";
    hop.vni = operation.vni;
    copy(hop.mac, operation.mac, 6);
    copy(hop.via, operation.via, 16);
  } else if (hop.kind != RouteKind::own && hop.kind != RouteKind::blackhole) {
    return "no such kind of route";
  }
  hop.identity = next_hop_identity(hop);
  return nullptr;
}

// The row with this content, 0 = none.
uint32_t Tables::hop_find(const NextHopRow& wanted) const {
  return intern_find(hash_of(wanted), 0, [&](uint32_t index) {
    return same_hop(current_row(segment_.next_hop(index)), wanted);
  });
}

uint32_t Tables::group_find(const Members& wanted) const {
  return intern_find(hash_of(wanted.hops, wanted.count), kGroupBit, [&](uint32_t index) {
    const GroupRow row = current_row(segment_.group(index));
    return row.count == wanted.count && equal(row.members, wanted.hops, 2 * wanted.count);
  });
}

bool Tables::intern_add(uint32_t hash, uint32_t value) {
  for (uint32_t i = 0; i < kInternProbes; i++) {
    Words<NumberShape::kWords> slot;
    if (interned_.find({{0, hash + i}}, slot) == interned_.kNowhere)
      return interned_.insert({{value, hash + i}}) != interned_.kNowhere;
  }
  return false;
}

void Tables::intern_remove(uint32_t hash, uint32_t value) {
  for (uint32_t i = 0; i < kInternProbes; i++) {
    Words<NumberShape::kWords> slot;
    const uint32_t position = interned_.find({{0, hash + i}}, slot);
    if (position != interned_.kNowhere && slot.w[0] == value) return interned_.remove(position);
  }
}

// A row for this next hop, found or made. It is not counted yet. A VTEP that packets are routed to
// may speak in the IP-VRF: its answers come from there.
const char* Tables::hop_obtain(NextHopRow& hop, const uint8_t remote[16], uint32_t& index) {
  uint32_t remote_index = 0;
  if (hop.kind == RouteKind::remote) {
    if (const char* reason = remote_find_or_add(remote, remote_index)) return reason;
    hop.remote = remote_index;
  }
  const uint32_t hash = hash_of(hop);
  index = hop_find(hop);
  if (index != 0) return nullptr;
  const char* reason = "no room for another next hop";
  index = allocate(state_.usedNextHops, segment_.config().nextHops);
  if (index != 0) {
    write_row(segment_.next_hop(index), hop);
    const bool access =
        hop.kind != RouteKind::remote || access_acquire(hop.network, remote_index, 0);
    if (access && intern_add(hash, index)) return nullptr;
    if (access && hop.kind == RouteKind::remote) access_release(hop.network, remote_index, 0);
    write_row(segment_.next_hop(index), NextHopRow{});
    release(state_.usedNextHops, index);
    index = 0;
  }
  if (remote_index != 0) remote_drop_unused(remote_index);
  return reason;
}

void Tables::hop_count(uint32_t index, int by) {
  add_to_row(&segment_.next_hop(index), offsetof(NextHopRow, references), by);
  const NextHopRow row = current_row(segment_.next_hop(index));
  if (row.references != 0) return;
  intern_remove(hash_of(row), index);
  write_row(segment_.next_hop(index), NextHopRow{});
  retire(RetiredKind::nextHop, index);
  if (row.kind == RouteKind::remote) access_release(row.network, row.remote, 0);
}

Tables::Members Tables::members_of(uint32_t target) const {
  Members members;
  if ((target & kGroupBit) == 0) {
    members.count = target != 0 ? 1 : 0;
    members.hops[0] = static_cast<uint16_t>(target);
    return members;
  }
  const GroupRow row = current_row(segment_.group(target & ~kGroupBit));
  members.count = row.count;
  copy(members.hops, row.members, 2 * row.count);
  return members;
}

// The target of a route with these next hops, which are counted as members of a new group. The
// target itself is not counted yet.
const char* Tables::target_obtain(const Members& members, uint32_t& target) {
  target = members.hops[0];
  if (members.count == 1) return nullptr;
  const uint32_t hash = hash_of(members.hops, members.count);
  uint32_t index = group_find(members);
  if (index == 0) {
    index = allocate(state_.usedGroups, segment_.config().groups);
    if (index == 0) return "no room for another group of next hops";
    GroupRow row = {};
    row.count = members.count;
    copy(row.members, members.hops, 2 * members.count);
    uint64_t identities[kMaxGroupMembers];
    for (unsigned i = 0; i < members.count; i++)
      identities[i] = current_row(segment_.next_hop(members.hops[i])).identity;
    for (unsigned bucket = 0; bucket < kGroupBuckets; bucket++)
      row.buckets[bucket] = static_cast<uint8_t>(bucket_member(identities, members.count, bucket));
    write_row(segment_.group(index), row);
    if (!intern_add(hash, index | kGroupBit)) {
      write_row(segment_.group(index), GroupRow{});
      release(state_.usedGroups, index);
      return "no room for another group of next hops";
    }
    for (unsigned i = 0; i < members.count; i++) hop_count(members.hops[i], 1);
  }
  target = index | kGroupBit;
  return nullptr;
}

void Tables::target_count(uint32_t target, int by) {
  if ((target & kGroupBit) == 0) return hop_count(target, by);
  const uint32_t index = target & ~kGroupBit;
  add_to_row(&segment_.group(index), offsetof(GroupRow, references), by);
  if (current_row(segment_.group(index)).references != 0) return;
  const Members members = members_of(target);
  intern_remove(hash_of(members.hops, members.count), target);
  write_row(segment_.group(index), GroupRow{});
  retire(RetiredKind::group, index);
  for (unsigned i = 0; i < members.count; i++) hop_count(members.hops[i], -1);
}

// Readers look up the lengths that are said to be in use: said before the first such prefix is
// there, and until the last has gone.
void Tables::count_length(uint32_t network, uint32_t length, int by) {
  uint32_t* counts = reinterpret_cast<uint32_t*>(segment_.at(state_.lengthCounts)) +
                     uint64_t{network} * (kMaxPrefixLength + 1);
  counts[length] += static_cast<uint32_t>(by);
  NetworkRow row = current_row(segment_.network(network));
  row.routes += static_cast<uint32_t>(by);
  uint8_t& byte = row.prefixLengths[length / 8];
  const uint8_t bit = static_cast<uint8_t>(1u << length % 8);
  byte = static_cast<uint8_t>(counts[length] != 0 ? byte | bit : byte & ~bit);
  write_row(segment_.network(network), row);
}

const char* Tables::route_add(const RouteAddOperation& operation) {
  PrefixWords key, slot;
  NextHopRow hop;
  if (const char* reason = read_route(operation, key, hop)) return reason;
  const uint32_t position = prefixes_.find(key, slot);
  const bool known = position != prefixes_.kNowhere;
  Members members = known ? members_of(slot.w[0]) : Members();
  uint32_t index = 0;
  if (const char* reason = hop_obtain(hop, operation.via, index)) return reason;
  unsigned place = 0;
  while (place < members.count && members.hops[place] < index) place++;
  if (place < members.count && members.hops[place] == index) return nullptr;
  // Counted, so that it goes when it is not needed after all.
  hop_count(index, 1);
  const char* reason = nullptr;
  uint32_t target = 0;
  if (members.count == kMaxGroupMembers) {
    reason = "no room for another path of this route";
  } else {
    for (unsigned i = members.count++; i > place; i--) members.hops[i] = members.hops[i - 1];
    members.hops[place] = static_cast<uint16_t>(index);
    reason = target_obtain(members, target);
  }
  if (reason == nullptr) {
    target_count(target, 1);
    if (known) {
      prefixes_.set_first(position, target);
      target_count(slot.w[0], -1);
    } else {
      key.w[0] = target;
      count_length(slot_network(key), slot_length(key), 1);
      if (prefixes_.insert(key) == prefixes_.kNowhere) {
        reason = "no room for another route";
        count_length(slot_network(key), slot_length(key), -1);
        target_count(target, -1);
      }
    }
  }
  hop_count(index, -1);
  if (reason != nullptr) return reason;
  uint32_t& paths = segment_.header().paths;
  store_relaxed(&paths, paths + 1);
  return nullptr;
}

const char* Tables::route_remove(const RouteRemoveOperation& operation) {
  PrefixWords key, slot;
  NextHopRow hop;
  if (const char* reason = read_route(operation, key, hop)) return reason;
  if (hop.kind == RouteKind::remote) hop.remote = segment_.find_remote(operation.via);
  const uint32_t position = prefixes_.find(key, slot);
  const uint32_t index = hop_find(hop);
  if (position == prefixes_.kNowhere || index == 0) return nullptr;
  Members members = members_of(slot.w[0]);
  unsigned place = 0;
  while (place < members.count && members.hops[place] != index) place++;
  if (place == members.count) return nullptr;
  if (members.count == 1) {
    prefix_erase(position, slot);
    return nullptr;
  }
  members.count--;
  for (unsigned i = place; i < members.count; i++) members.hops[i] = members.hops[i + 1];
  uint32_t target;
  if (const char* reason = target_obtain(members, target)) return reason;
  target_count(target, 1);
  prefixes_.set_first(position, target);
  target_count(slot.w[0], -1);
  uint32_t& paths = segment_.header().paths;
  store_relaxed(&paths, paths - 1);
  return nullptr;
}

void Tables::prefix_erase(uint32_t position, const PrefixWords& slot) {
  prefixes_.remove(position);
  count_length(slot_network(slot), slot_length(slot), -1);
  uint32_t& paths = segment_.header().paths;
  store_relaxed(&paths, paths - members_of(slot.w[0]).count);
  target_count(slot.w[0], -1);
}

void Tables::prefixes_flush_network(uint32_t network) {
  for (uint32_t p = 0; current_row(segment_.network(network)).routes != 0; p++) {
    const PrefixWords slot = prefixes_.read(p);
    if (slot.w[0] != 0 && slot_network(slot) == network) prefix_erase(p, slot);
  }
}

bool Tables::is_routed_into(uint32_t network) const {
  const uint64_t* used = reinterpret_cast<const uint64_t*>(segment_.at(state_.usedNextHops));
  for (uint32_t base = 0; base <= segment_.config().nextHops; base += 64) {
    for (uint64_t word = used[base / 64]; word != 0; word &= word - 1) {
      const uint32_t index = base + static_cast<uint32_t>(__builtin_ctzll(word));
      if (index > segment_.config().nextHops) break;
      const NextHopRow row = current_row(segment_.next_hop(index));
      if (leads_into_network(row.kind) && row.network == network) return true;
    }
  }
  return false;
}

}  // namespace vtep
