#include "snapshot.hpp"

#include "prefixes.hpp"
#include "rows.hpp"

namespace vtep {
namespace {

constexpr int kRowAttempts = 4096;

// Rows behind one another in the caller's buffer.
class Rows {
 public:
  Rows(uint8_t* out, uint64_t capacity) : out_(out), capacity_(capacity) {}
  template <typename Row>
  void add(const Row& row) {
    if (capacity_ - written_ < sizeof row) {
      complete_ = false;
      return;
    }
    copy(out_ + written_, &row, sizeof row);
    written_ += sizeof row;
  }
  // What was read is not all.
  void spoil() { complete_ = false; }
  SnapshotResult result() const { return {written_, complete_}; }

 private:
  uint8_t* out_;
  uint64_t capacity_;
  uint64_t written_ = 0;
  bool complete_ = true;
};

// A row that could not be read, for its writer was stopped in the middle, spoils the rows: what
// hangs on it would be missing in silence.
template <typename Row>
bool read_or_spoil(const Row& from, Row& row, Rows& rows) {
  if (read_row(from, row, kRowAttempts)) return true;
  rows.spoil();
  return false;
}

bool read_network(const Segment& segment, uint32_t index, NetworkRow& row, Rows& rows) {
  return index != 0 && index <= segment.config().networks &&
         read_or_spoil(segment.network(index), row, rows) && row.vni != 0;
}

uint32_t vni_of(const Segment& segment, uint32_t index, Rows& rows) {
  NetworkRow row;
  return read_network(segment, index, row, rows) ? row.vni : 0;
}

bool address_of(const Segment& segment, uint32_t index, uint8_t out[16], Rows& rows) {
  if (index == 0) return false;
  RemoteSnapshot remote;
  if (!segment.read_remote(index, remote)) {
    rows.spoil();
    return false;
  }
  if (remote.state == RemoteState::free) return false;
  copy(out, remote.address, 16);
  return true;
}

// Of up to 16 remote indices, as a row has them.
void addresses_of(const Segment& segment, const uint8_t indices[32], uint8_t out[256], Rows& rows) {
  unsigned count = 0;
  for (unsigned i = 0; i < kMaxGroupMembers; i++) {
    const uint32_t index = load16(indices + 2 * i);
    if (index == 0) break;
    if (address_of(segment, index, out + 16 * count, rows)) count++;
  }
}

void ports(const Segment& segment, Rows& rows) {
  for (uint32_t id = 1; id <= segment.config().ports; id++) {
    PortRow row;
    if (!read_row(segment.port(id), row, kRowAttempts) || row.state == PortState::free) continue;
    PortView view = {};
    view.id = id;
    view.vni = vni_of(segment, row.network, rows);
    view.ifindex = row.ifindex;
    view.mtu = row.mtu;
    view.flags = row.flags;
    view.state = row.state;
    view.up = row.up;
    copy(view.mac, row.mac, sizeof view.mac);
    copy(view.kind, row.kind, sizeof view.kind);
    copy(view.name, row.name, sizeof view.name);
    copy(view.spec, row.spec, sizeof view.spec);
    view.segmentFlags = row.segmentFlags;
    view.macs = row.macs;
    view.neighbours = row.neighbours;
    addresses_of(segment, row.peers, view.peers, rows);
    rows.add(view);
  }
}

// A flood block of a network, within the arena whatever a torn word may say.
struct Block {
  uint32_t* words;
  uint32_t ports;
  uint32_t remotes;
};
Block flood_block(const Segment& segment, uint32_t offset) {
  const uint32_t end = segment.config().floodWords;
  if (offset == 0 || offset > end - 2) return {nullptr, 0, 0};
  uint32_t* block = segment.flood_words() + offset;
  const uint32_t counts = load_acquire(block + 1);
  const uint32_t ports = counts & 0xffff;
  const uint32_t remotes = counts >> 16;
  if (ports + remotes > end - 2 - offset) return {nullptr, 0, 0};
  return {block + 2, ports, remotes};
}

void networks(const Segment& segment, Rows& rows) {
  for (uint32_t index = 1; index <= segment.config().networks; index++) {
    NetworkRow row;
    if (!read_network(segment, index, row, rows)) continue;
    const Block block = flood_block(segment, row.floodOffset);
    NetworkView view = {};
    view.vni = row.vni;
    view.flags = row.flags;
    view.agingSeconds = row.agingSeconds;
    view.ports = block.ports;
    view.remotes = block.remotes;
    view.stormFramesPerSecond = row.stormFramesPerSecond;
    view.stormBurst = row.stormBurst;
    view.vrf = vni_of(segment, row.vrf, rows);
    view.routes = row.routes;
    copy(view.mac, row.mac, sizeof view.mac);
    copy(view.address4, row.address4, sizeof view.address4);
    copy(view.address6, row.address6, sizeof view.address6);
    address_of(segment, row.replicator, view.replicator, rows);
    rows.add(view);
  }
}

void remotes(const Segment& segment, Rows& rows) {
  for (uint32_t index = 1; index <= segment.config().remotes; index++) {
    RemoteSnapshot remote;
    if (!segment.read_remote(index, remote) || remote.state == RemoteState::free) continue;
    RemoteView view = {};
    copy(view.address, remote.address, sizeof view.address);
    copy(view.nextHop, remote.nextHop, sizeof view.nextHop);
    copy(view.nextHopMac, remote.header, sizeof view.nextHopMac);
    view.state = static_cast<uint8_t>(remote.state);
    view.ifindex = remote.ifindex;
    view.mtu = remote.mtu;
    view.references = remote.references;
    rows.add(view);
  }
}

void underlays(const Segment& segment, Rows& rows) {
  for (uint32_t index = 1; index <= Limits::maxUnderlays; index++) {
    UnderlayRow row;
    if (read_row(segment.underlay(index), row, kRowAttempts) && row.ifindex != 0)
      rows.add(UnderlayView{row.ifindex, row.flags});
  }
}

// A list that was replaced while we read it is read again; the writer may be quick, but not for
// ever.
void floods(const Segment& segment, Rows& rows) {
  for (uint32_t index = 1; index <= segment.config().networks; index++) {
    for (int attempt = 0;; attempt++) {
      Rows before = rows;
      NetworkRow row, after;
      if (!read_network(segment, index, row, rows)) break;
      const Block block = flood_block(segment, row.floodOffset);
      for (uint32_t i = block.ports; i < block.ports + block.remotes; i++) {
        FloodView view = {};
        view.vni = row.vni;
        const uint32_t word = load_acquire(block.words + i);
        view.flags = word >> DestinationWord::flagShift & 0xff;
        if (address_of(segment, word & DestinationWord::idMask, view.address, rows)) rows.add(view);
      }
      if (read_network(segment, index, after, rows) && after.generation == row.generation) break;
      rows = before;
      if (attempt == 16) {
        rows.spoil();
        break;
      }
    }
  }
}

uint32_t age_of(const Segment& segment, uint32_t seconds) {
  const uint32_t age = load_relaxed(&segment.header().clockSeconds) - seconds;
  return static_cast<int32_t>(age) < 0 ? 0 : age;
}

template <typename Shape, typename Network, typename Add>
void entries(const Segment& segment, HashRegion& region, Rows& rows, Network network, Add add) {
  const HashTable<Shape> table(segment, region);
  const bool all = table.each(
      [&](uint32_t position, const Words<Shape::kWords>& slot) {
        const uint32_t seen = region.coldBytes != 0 ? load_relaxed(table.cold(position)) : 0;
        if (const uint32_t vni = vni_of(segment, network(slot), rows); vni != 0)
          add(slot, vni, seen);
      },
      [&] { return rows; }, [&](const Rows& before) { rows = before; });
  if (!all) rows.spoil();
}

bool read_group(const Segment& segment, uint32_t index, MacGroupRow& row, Rows& rows) {
  return index != 0 && index <= segment.config().macGroups &&
         read_or_spoil(segment.mac_group(index), row, rows) && row.network != 0;
}

void mac_groups(const Segment& segment, Rows& rows) {
  // Rows that were never used are left alone: reading them would make their memory.
  uint32_t left = load_relaxed(&segment.header().macGroupCount);
  for (uint32_t index = 1; left > 0 && index <= segment.config().macGroups; index++) {
    MacGroupRow row;
    if (!read_group(segment, index, row, rows)) continue;
    left--;
    MacGroupView view = {};
    view.vni = vni_of(segment, row.network, rows);
    if (view.vni == 0) continue;
    copy(view.esi, row.esi, sizeof view.esi);
    copy(view.via, row.via, sizeof view.via);
    addresses_of(segment, row.members, view.remotes, rows);
    rows.add(view);
  }
}

void macs(const Segment& segment, Rows& rows) {
  entries<MacShape>(
      segment, segment.header().macs, rows, [](const auto& slot) { return slot.w[2] >> 16; },
      [&](const Words<MacShape::kWords>& slot, uint32_t vni, uint32_t seen) {
        MacView view = {};
        view.vni = vni;
        const uint32_t id = slot.w[0] & DestinationWord::idMask;
        const uint32_t kind = slot.w[0] >> DestinationWord::kindShift;
        if (kind == Destination::router) return;
        const uint32_t flags = slot.w[0] >> DestinationWord::flagShift & 0xff;
        const bool local = kind == Destination::port && (flags & MacFlag::peer) == 0;
        if (kind == Destination::port) {
          view.port = id;
          if (local) view.ageSeconds = age_of(segment, seen);
        } else if (kind == Destination::group) {
          MacGroupRow group;
          if (!read_group(segment, id, group, rows)) return;
          copy(view.esi, group.esi, sizeof view.esi);
          copy(view.remote, group.via, sizeof view.remote);
        } else if (!address_of(segment, id, view.remote, rows)) {
          return;
        }
        store_mac(view.mac, slot_mac(slot));
        view.flags = static_cast<uint8_t>((local ? MacFlag::local : MacFlag::remote) | flags);
        rows.add(view);
      });
}

void neighbours(const Segment& segment, Rows& rows) {
  entries<NeighbourShape>(
      segment, segment.header().neighbours, rows, [](const auto& slot) { return slot.w[2] >> 16; },
      [&](const Words<NeighbourShape::kWords>& slot, uint32_t vni, uint32_t seen) {
        NeighbourView view = {};
        view.vni = vni;
        view.flags = slot.w[0];
        constexpr uint32_t kAges = NeighbourFlag::local | NeighbourFlag::fixed;
        if ((slot.w[0] & kAges) == NeighbourFlag::local) view.ageSeconds = age_of(segment, seen);
        store_mac(view.mac, slot_mac(slot));
        copy(view.ip, &slot.w[3], 16);
        rows.add(view);
      });
}

// A list that has been replaced meanwhile is not what its memory holds.
void listeners(const Segment& segment, Rows& rows) {
  HashRegion& region = segment.header().channels;
  const HashTable<ChannelShape> table(segment, region);
  entries<ChannelShape>(
      segment, region, rows, [](const auto& slot) { return slot.w[1] & 0xffff; },
      [&](const Words<ChannelShape::kWords>& slot, uint32_t vni, uint32_t) {
        const Rows before = rows;
        const Block block = flood_block(segment, slot.w[0]);
        for (uint32_t i = 0; i < block.ports + block.remotes; i++) {
          const uint32_t word = load_acquire(block.words + i);
          ListenerView view = {};
          view.vni = vni;
          copy(view.group, &slot.w[2], 16);
          copy(view.source, &slot.w[6], 16);
          const uint32_t id = word & DestinationWord::idMask;
          if (word == 0) continue;
          if (word >> DestinationWord::kindShift == Destination::port) {
            view.port = id;
          } else if (!address_of(segment, id, view.remote, rows)) {
            continue;
          }
          rows.add(view);
        }
        Words<ChannelShape::kWords> after;
        if (table.find(slot, after) != table.kNowhere && after.w[0] == slot.w[0]) return;
        rows = before;
        rows.spoil();
      });
}

// The members of a group, or the one next hop; 0 = none.
unsigned hops_of(const Segment& segment, uint32_t target, uint16_t hops[kMaxGroupMembers]) {
  hops[0] = static_cast<uint16_t>(target);
  if ((target & kGroupBit) == 0) return 1;
  GroupRow row;
  const uint32_t index = target & ~kGroupBit;
  if (index > segment.config().groups || !read_row(segment.group(index), row, kRowAttempts) ||
      row.count > kMaxGroupMembers)
    return 0;
  copy(hops, row.members, row.count * sizeof hops[0]);
  return row.count;
}

void routes(const Segment& segment, Rows& rows) {
  entries<PrefixShape>(
      segment, segment.header().prefixes, rows, [](const auto& slot) { return slot.w[1] & 0xffff; },
      [&](const Words<PrefixShape::kWords>& slot, uint32_t vni, uint32_t) {
        uint16_t hops[kMaxGroupMembers];
        const unsigned count = hops_of(segment, slot.w[0], hops);
        for (unsigned i = 0; i < count; i++) {
          NextHopRow hop;
          if (hops[i] > segment.config().nextHops ||
              !read_row(segment.next_hop(hops[i]), hop, kRowAttempts))
            continue;
          RouteView view = {};
          view.vrf = vni;
          copy(view.prefix, &slot.w[2], 16);
          view.length = static_cast<uint16_t>(slot.w[1] >> 16);
          view.kind = hop.kind;
          const bool own = hop.kind == RouteKind::own || hop.kind == RouteKind::blackhole;
          view.vni = own ? 0 : hop.vni;
          copy(view.via, hop.via, 16);
          copy(view.mac, hop.mac, 6);
          rows.add(view);
        }
      });
}

struct ViewInfo {
  const char* name;
  uint64_t row;
  uint64_t (*count)(const Segment& segment);
  void (*read)(const Segment& segment, Rows& rows);
};

// By View. Counts are upper bounds; entries of hash tables get room for what is added meanwhile.
const ViewInfo kViews[] = {
    {"port", sizeof(PortView), [](const Segment& s) { return uint64_t{s.config().ports}; }, ports},
    {"network", sizeof(NetworkView), [](const Segment& s) { return uint64_t{s.config().networks}; },
     networks},
    {"remote", sizeof(RemoteView), [](const Segment& s) { return uint64_t{s.config().remotes}; },
     remotes},
    {"underlay", sizeof(UnderlayView),
     [](const Segment&) { return uint64_t{Limits::maxUnderlays}; }, underlays},
    {"flood", sizeof(FloodView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().access.count)}; }, floods},
    {"macGroup", sizeof(MacGroupView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().macGroupCount)}; },
     mac_groups},
    {"mac", sizeof(MacView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().macs.count)}; }, macs},
    {"route", sizeof(RouteView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().paths)}; }, routes},
    {"neighbour", sizeof(NeighbourView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().neighbours.count)}; },
     neighbours},
    {"listener", sizeof(ListenerView),
     [](const Segment& s) { return uint64_t{load_relaxed(&s.header().listeners)}; }, listeners},
};

}  // namespace

bool view_by_name(const char* name, size_t length, View& out) {
  for (unsigned i = 0; i < sizeof(kViews) / sizeof(kViews[0]); i++) {
    const char* known = kViews[i].name;
    if (__builtin_strlen(known) != length || !equal(known, name, length)) continue;
    out = static_cast<View>(i);
    return true;
  }
  return false;
}

uint64_t snapshot_estimate(const Segment& segment, View view) {
  const ViewInfo& info = kViews[static_cast<unsigned>(view)];
  const uint64_t count = info.count(segment);
  return (count + count / 8 + 64) * info.row;
}

SnapshotResult snapshot(const Segment& segment, View view, uint8_t* out, uint64_t capacity) {
  Rows rows(out, capacity);
  kViews[static_cast<unsigned>(view)].read(segment, rows);
  return rows.result();
}

unsigned EventReader::drain(Event* out, unsigned max, bool& lost) {
  const SegmentHeader& header = segment_.header();
  unsigned count = 0;
  while (count < max) {
    const uint64_t newest = last();
    if (next_ > newest) break;
    const uint64_t* slot = reinterpret_cast<const uint64_t*>(
        segment_.at(header.events + next_ % header.config.eventSlots * sizeof(Event)));
    uint64_t words[sizeof(Event) / 8];
    words[0] = load_acquire(slot);
    for (size_t i = 1; i < sizeof(Event) / 8; i++) words[i] = load_acquire(slot + i);
    if (words[0] != next_ || load_relaxed(slot) != next_) {
      lost = true;
      next_ = newest + 1;
      continue;
    }
    copy(out + count, words, sizeof(Event));
    count++;
    next_++;
  }
  return count;
}

}  // namespace vtep
