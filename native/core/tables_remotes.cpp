// Remotes: found or made by address, counted by what points at them, gone with the last of it. And
// which VTEP may speak in which network.
#include "checksum.hpp"
#include "encap.hpp"
#include "tables.hpp"

namespace vtep {
namespace {

constexpr uint32_t kReferencesWord = offsetof(RemoteRow, references) / 4;
constexpr uint8_t kUdp = 17;

// The header as it goes out, but for VNI, source port, lengths and what follows from them.
void write_template(RemoteRow& row, const RemoteNextHop& hop, uint16_t udpPort) {
  uint8_t* h = row.header;
  clear(h, sizeof row.header);
  copy(h, hop.mac, 6);
  copy(h + 6, hop.sourceMac, 6);
  const bool v4 = is_ipv4(row.address);
  uint8_t* ip = h + 14;
  uint8_t* udp = ip + (v4 ? 20 : 40);
  if (v4) {
    put_net16(h + 12, 0x0800);
    ip[0] = 0x45;
    put_net16(ip + 6, 0x4000);  // don't fragment
    ip[8] = 64;
    ip[9] = kUdp;
    copy(ip + 12, hop.source + 12, 4);
    copy(ip + 16, row.address + 12, 4);
    store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, 20, 0))));
    row.pseudoSum = checksum_fold(pseudo_header_sum(ip + 12, ip + 16, 4, kUdp, 0));
  } else {
    put_net16(h + 12, 0x86dd);
    ip[0] = 0x60;
    ip[6] = kUdp;
    ip[7] = 64;
    copy(ip + 8, hop.source, 16);
    copy(ip + 24, row.address, 16);
    row.pseudoSum = checksum_fold(pseudo_header_sum(ip + 8, ip + 24, 16, kUdp, 0));
  }
  put_net16(udp + 2, udpPort);
  encap_vxlan(0, udp + 8);
  row.headerLength = static_cast<uint8_t>(v4 ? kOuterHeader4 : kOuterHeader6);
}

void write_address(uint8_t to[16], const uint8_t address[16]) {
  uint32_t words[4];
  copy(words, address, 16);
  for (unsigned i = 0; i < 4; i++)
    __atomic_store_n(reinterpret_cast<RowWord*>(to) + i, words[i], __ATOMIC_RELAXED);
}

}  // namespace

const char* Tables::remote_find_or_add(const uint8_t address[16], uint32_t& index) {
  if (!is_unicast_ip(address)) return "not a unicast address";
  if (same_ip(address, segment_.header().localAddress)) return "our own VTEP address";
  if (same_ip(address, segment_.header().replicatorAddress)) return "our own AR-IP";
  index = segment_.find_remote(address);
  if (index != 0) return nullptr;
  index = allocate(state_.usedRemotes, segment_.config().remotes);
  if (index == 0) return "no room for another VTEP";
  RemoteRow row = {};
  row.state = RemoteState::unresolved;
  copy(row.address, address, 16);
  write_row(segment_.remote(index), row);
  Words<AddressShape::kWords> slot = address_key(address);
  slot.w[0] = index;
  if (addresses_.insert(slot) == addresses_.kNowhere) {
    write_row(segment_.remote(index), RemoteRow{});
    release(state_.usedRemotes, index);
    return "no room for another VTEP";
  }
  if (observer_.remote_added != nullptr) observer_.remote_added(observer_.context, index, address);
  return nullptr;
}

void Tables::remote_changed(uint32_t index) {
  if (observer_.remote_changed != nullptr) observer_.remote_changed(observer_.context, index);
}

void Tables::access_changed(uint32_t network, uint32_t remote, bool allowed) {
  if (observer_.access_changed != nullptr)
    observer_.access_changed(observer_.context, network, remote, allowed);
}

void Tables::remote_drop_unused(uint32_t index) {
  const RemoteRow row = current_row(segment_.remote(index));
  if (row.state == RemoteState::free || row.references != 0) return;
  Words<AddressShape::kWords> slot;
  addresses_.remove(addresses_.find(address_key(row.address), slot));
  write_row(segment_.remote(index), RemoteRow{});
  retire(RetiredKind::remote, index);
  remote_changed(index);
  if (observer_.remote_removed != nullptr) {
    observer_.remote_removed(observer_.context, index, row.address);
  }
}

// A single word, so that encapsulation need not look at the row again.
void Tables::count_remote(uint32_t index, int by) {
  RowWord* word = reinterpret_cast<RowWord*>(&segment_.remote(index)) + kReferencesWord;
  const uint32_t count = load_word(word) + static_cast<uint32_t>(by);
  __atomic_store_n(word, count, __ATOMIC_RELAXED);
  if (count == 0) remote_drop_unused(index);
}

bool Tables::access_acquire(uint32_t network, uint32_t remote, uint32_t bit) {
  Words<NumberShape::kWords> pair = access_key(network, remote);
  const uint32_t position = access_.find(pair, pair);
  if (position != access_.kNowhere) {
    access_.set_first(position, (pair.w[0] + 1) | bit);
  } else {
    pair.w[0] = 1 | bit;
    if (access_.insert(pair) == access_.kNowhere) return false;
    access_changed(network, remote, true);
  }
  count_remote(remote, 1);
  return true;
}

void Tables::access_release(uint32_t network, uint32_t remote, uint32_t bit) {
  Words<NumberShape::kWords> pair = {};
  const uint32_t position = access_.find(access_key(network, remote), pair);
  const uint32_t word = (pair.w[0] & ~bit) - 1;
  if ((word & ~kInFloodList) == 0) {
    access_.remove(position);
    access_changed(network, remote, false);
  } else {
    access_.set_first(position, word);
  }
  count_remote(remote, -1);
}

const char* Tables::set_next_hop(const uint8_t remote[16], const RemoteNextHop& hop) {
  const uint32_t index = segment_.find_remote(remote);
  if (index == 0) return "no such VTEP";
  RemoteRow row = current_row(segment_.remote(index));
  const uint32_t before = row.state;
  const bool resolved = hop.ifindex != 0;
  if (resolved && is_ipv4(row.address) != is_ipv4(hop.source))
    return "source address of the other family";
  copy(row.nextHop, hop.nextHop, 16);
  row.state = static_cast<uint8_t>(resolved ? RemoteState::resolved : RemoteState::unresolved);
  row.ifindex = hop.ifindex;
  row.mtu = hop.mtu;
  row.nextHopIndex = static_cast<uint16_t>(hop.nextHopIndex);
  row.headerLength = 0;
  row.pseudoSum = 0;
  clear(row.header, sizeof row.header);
  if (resolved) write_template(row, hop, static_cast<uint16_t>(segment_.header().udpPort));
  write_row(segment_.remote(index), row);
  remote_changed(index);
  if (before != row.state) {
    Event event = {};
    event.kind =
        static_cast<uint16_t>(resolved ? EventKind::remoteResolved : EventKind::remoteUnresolved);
    copy(event.ip, row.address, 16);
    emit(event, state_.timeNanoseconds);
  }
  return nullptr;
}

const char* Tables::next_hop_set(const NextHopSetOperation& operation) {
  RemoteNextHop hop;
  copy(hop.nextHop, operation.nextHop, 16);
  copy(hop.source, operation.source, 16);
  copy(hop.mac, operation.mac, 6);
  copy(hop.sourceMac, operation.sourceMac, 6);
  hop.ifindex = operation.ifindex;
  hop.mtu = operation.mtu;
  return set_next_hop(operation.remote, hop);
}

// Templates keep their next hop and take the new source address and port; a remote of the other
// family has lost its way.
void Tables::set_local(const LocalUnderlay& us) {
  SegmentHeader& header = segment_.header();
  const uint8_t* address = us.local;
  write_address(header.localAddress, address);
  write_address(header.replicatorAddress, us.replicator);
  store_relaxed(&header.udpPort, uint32_t{us.udp_port});
  for (uint32_t index = 1; index <= header.config.remotes; index++) {
    const RemoteRow row = current_row(segment_.remote(index));
    if (row.state != RemoteState::resolved) continue;
    RemoteNextHop hop;
    copy(hop.nextHop, row.nextHop, 16);
    copy(hop.source, address, 16);
    copy(hop.mac, row.header, 6);
    copy(hop.sourceMac, row.header + 6, 6);
    hop.ifindex = is_ipv4(address) == is_ipv4(row.address) ? row.ifindex : 0;
    hop.mtu = row.mtu;
    hop.nextHopIndex = row.nextHopIndex;
    set_next_hop(row.address, hop);
  }
}

}  // namespace vtep
