#include "image.hpp"

#include "hash_writer.hpp"
#include "prefixes.hpp"
#include "rows.hpp"

namespace vtep {
namespace {

constexpr int kRowAttempts = 4096;
constexpr uint32_t kImageBuckets = 64;

// Entries may be added between the plan and the copy.
constexpr uint32_t with_room(uint32_t count) { return count + count / 8 + 64; }

struct Kept {
  const uint64_t* bits;
  bool operator()(uint32_t network) const {
    return network < 65536 && (bits[network / 64] >> network % 64 & 1) != 0;
  }
};

void raise(uint32_t& most, uint32_t value) {
  if (value > most) most = value;
}

// Entries of a table: take(slot, table, position), of a group that is split meanwhile more than
// once. False when it did not stay long enough.
template <typename Shape, typename Take>
bool each_entry(const Segment& from, HashRegion& region, Take take) {
  const HashTable<Shape> table(from, region);
  return table.each([&](uint32_t position, const auto& slot) { take(slot, table, position); },
                    [] { return 0; }, [](int) {});
}

// Words of a list in the arena; 0 when there is none.
uint32_t list_words(const Segment& from, uint32_t offset) {
  const uint32_t end = from.config().floodWords;
  if (offset == 0 || offset > end - 2) return 0;
  const uint32_t counts = load_acquire(from.flood_words() + offset + 1);
  const uint32_t words = 2 + (counts & 0xffff) + (counts >> 16);
  return words <= end - offset ? words : 0;
}

// Lists behind one another in the image's arena.
struct Arena {
  const Segment& from;
  const Segment& to;
  uint32_t top = 2;
  bool full = false;

  uint32_t copy_list(uint32_t offset) {
    const uint32_t words = list_words(from, offset);
    if (words == 0) return 0;
    if (words > to.config().floodWords - top) {
      full = true;
      return 0;
    }
    const uint32_t at = top;
    top += words;
    uint32_t* out = to.flood_words() + at;
    const uint32_t* in = from.flood_words() + offset;
    out[0] = words - 2;
    // Counted anew: the list may grow while we read it.
    uint32_t ports = 0;
    for (uint32_t i = 2; i < words; i++) {
      out[i] = load_acquire(in + i);
      ports += out[i] >> DestinationWord::kindShift == Destination::port;
    }
    out[1] = ports | (words - 2 - ports) << 16;
    return at;
  }
};

template <typename Row>
bool copy_row(const Row& from, Row& to) {
  Row row;
  if (!read_row(from, row, kRowAttempts)) return false;
  copy(&to, &row, sizeof row);
  return true;
}

// The slot under its key, unless it is there already.
template <typename Shape>
bool insert(const Segment& image, HashRegion& region, const Words<Shape::kWords>& slot,
            const uint32_t* cold) {
  HashWriter<Shape> writer(image, region);
  Words<Shape::kWords> known;
  if (writer.find(slot, known) != writer.kNowhere) return true;
  const uint32_t position = writer.insert(slot);
  if (position == writer.kNowhere) return false;
  for (uint32_t i = 0; i < region.coldBytes / 4; i++)
    writer.cold(position)[i] = load_relaxed(cold + i);
  return true;
}

template <typename Shape, typename Keep>
bool copy_entries(const Segment& from, HashRegion& source, const Segment& image, HashRegion& region,
                  Keep keep) {
  bool fits = true;
  const bool all =
      each_entry<Shape>(from, source, [&](auto slot, const auto& table, uint32_t position) {
        if (!keep(slot)) return;
        fits = insert<Shape>(image, region, slot, table.cold(position)) && fits;
      });
  return all && fits;
}

uint32_t network_of(const Words<MacShape::kWords>& slot) { return slot.w[2] >> 16; }
uint32_t network_of(const Words<NeighbourShape::kWords>& slot) { return slot.w[2] >> 16; }
uint32_t network_of(const Words<PrefixShape::kWords>& slot) { return slot.w[1] & 0xffff; }
uint32_t network_of(const Words<ChannelShape::kWords>& slot) { return slot.w[1] & 0xffff; }
// Of an access entry.
uint32_t network_of(const Words<NumberShape::kWords>& slot) { return slot.w[1] >> 16; }

template <typename Shape>
uint32_t count_kept(const Segment& from, HashRegion& region, Kept kept) {
  uint32_t count = 0;
  (void)each_entry<Shape>(from, region, [&](const auto& slot, const auto&, uint32_t) {
    count += kept(network_of(slot));
  });
  return count;
}

uint32_t vrf_of(const Segment& from, uint32_t network) {
  return load_word(row_words(from.network(network)) + offsetof(NetworkRow, vrf) / 4) & 0xffff;
}

}  // namespace

const char* plan_image(const Segment& from, uint32_t vni, uint64_t seed, ImagePlan& plan) {
  SegmentHeader& header = from.header();
  plan = {};
  const uint32_t wanted = vni == 0 ? 0 : from.find_network(vni);
  if (vni != 0 && wanted == 0) return "no network has this VNI";
  const uint32_t vrf = wanted == 0 ? 0 : vrf_of(from, wanted);
  SegmentConfig& config = plan.config;
  config = {};
  config.seed = seed;
  config.groupBuckets = kImageBuckets;
  config.eventSlots = 1;
  config.ports = config.networks = config.remotes = config.nextHops = config.groups =
      config.macGroups = 1;
  uint32_t count = 0;
  (void)each_entry<NumberShape>(from, header.vnis, [&](const auto& slot, const auto&, uint32_t) {
    const uint32_t index = slot.w[0];
    if (index > from.config().networks) return;
    if (wanted != 0 && index != wanted && (vrf == 0 || vrf_of(from, index) != vrf)) return;
    plan.networks[index / 64] |= uint64_t{1} << index % 64;
    raise(config.networks, index);
    count++;
  });
  const Kept kept = {plan.networks};
  for (uint32_t id = 1; id <= from.config().ports; id++)
    if (load_relaxed(&from.port(id).state) != PortState::free) config.ports = id;
  (void)each_entry<AddressShape>(
      from, header.addresses,
      [&](const auto& slot, const auto&, uint32_t) { raise(config.remotes, slot.w[0]); });
  (void)each_entry<NumberShape>(from, header.interned,
                                [&](const auto& slot, const auto&, uint32_t) {
                                  const uint32_t index = slot.w[0] & ~(kGroupBit | kMacGroupBit);
                                  raise((slot.w[0] & kGroupBit) != 0      ? config.groups
                                        : (slot.w[0] & kMacGroupBit) != 0 ? config.macGroups
                                                                          : config.nextHops,
                                        index);
                                });
  if (config.remotes > from.config().remotes) config.remotes = from.config().remotes;
  const uint32_t macs = count_kept<MacShape>(from, header.macs, kept);
  const uint32_t access = count_kept<NumberShape>(from, header.access, kept);
  config.macs = with_room(macs > access ? macs : access);
  config.neighbours = with_room(count_kept<NeighbourShape>(from, header.neighbours, kept));
  config.routes = with_room(count_kept<PrefixShape>(from, header.prefixes, kept));
  uint32_t channels = 0;
  uint64_t words = 2;
  (void)each_entry<ChannelShape>(from, header.channels,
                                 [&](const auto& slot, const auto&, uint32_t) {
                                   if (!kept(network_of(slot))) return;
                                   channels++;
                                   words += list_words(from, slot.w[0]);
                                 });
  for (uint32_t index = 1; index <= config.networks; index++) {
    if (!kept(index)) continue;
    words += list_words(
        from, load_word(row_words(from.network(index)) + offsetof(NetworkRow, floodOffset) / 4));
  }
  if (words > from.config().floodWords) return "the tables are being written";
  config.channels = with_room(channels);
  config.floodWords = with_room(static_cast<uint32_t>(words));
  plan.bytes = Segment::bytes_needed(config);
  return nullptr;
}

const char* write_image(const Segment& from, const ImagePlan& plan, void* memory) {
  constexpr const char* kChanged = "the tables changed while they were read";
  const Segment image = Segment::format(memory, plan.config);
  SegmentHeader& source = from.header();
  SegmentHeader& header = image.header();
  const Kept kept = {plan.networks};
  copy(header.localAddress, source.localAddress, 16);
  copy(header.replicatorAddress, source.replicatorAddress, 16);
  header.udpPort = load_relaxed(&source.udpPort);
  header.clockSeconds = load_relaxed(&source.clockSeconds);
  for (uint32_t id = 1; id <= plan.config.ports; id++) {
    if (load_relaxed(&from.port(id).state) == PortState::free) continue;
    PortRow& row = image.port(id);
    if (!copy_row(from.port(id), row)) return kChanged;
    if (!kept(row.network)) row.network = 0;
    // What it was opened with may name paths of the host.
    clear(row.spec, sizeof row.spec);
  }
  Arena arena = {from, image};
  for (uint32_t index = 1; index <= plan.config.networks; index++) {
    if (!kept(index)) continue;
    NetworkRow& row = image.network(index);
    if (!copy_row(from.network(index), row)) return kChanged;
    row.floodOffset = arena.copy_list(row.floodOffset);
  }
  const auto copy_rows = [&](uint32_t most, auto row_of) {
    for (uint32_t index = 1; index <= most; index++)
      if (!copy_row(row_of(from, index), row_of(image, index))) return false;
    return true;
  };
  const bool rows =
      copy_rows(plan.config.remotes,
                [](const Segment& s, uint32_t i) -> RemoteRow& { return s.remote(i); }) &&
      copy_rows(plan.config.nextHops,
                [](const Segment& s, uint32_t i) -> NextHopRow& { return s.next_hop(i); }) &&
      copy_rows(plan.config.groups,
                [](const Segment& s, uint32_t i) -> GroupRow& { return s.group(i); }) &&
      copy_rows(plan.config.macGroups,
                [](const Segment& s, uint32_t i) -> MacGroupRow& { return s.mac_group(i); });
  if (!rows) return kChanged;
  const auto in_kept = [&](const auto& slot) { return kept(network_of(slot)); };
  const auto always = [](const auto&) { return true; };
  bool fits =
      copy_entries<MacShape>(from, source.macs, image, header.macs, in_kept) &&
      copy_entries<NeighbourShape>(from, source.neighbours, image, header.neighbours, in_kept) &&
      copy_entries<NumberShape>(from, source.access, image, header.access, in_kept) &&
      copy_entries<PrefixShape>(from, source.prefixes, image, header.prefixes, in_kept) &&
      copy_entries<AddressShape>(from, source.addresses, image, header.addresses, always) &&
      copy_entries<NumberShape>(from, source.vnis, image, header.vnis,
                                [&](const auto& slot) { return kept(slot.w[0]); });
  const auto take_channel = [&](auto slot, const auto& table, uint32_t position) {
    if (!in_kept(slot)) return;
    slot.w[0] = arena.copy_list(slot.w[0]);
    if (slot.w[0] == 0) return;
    fits = insert<ChannelShape>(image, header.channels, slot, table.cold(position)) && fits;
  };
  fits = each_entry<ChannelShape>(from, source.channels, take_channel) && fits;
  return fits && !arena.full ? nullptr : kChanged;
}

}  // namespace vtep
