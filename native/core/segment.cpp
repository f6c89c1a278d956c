#include "segment.hpp"

#include "hash_table.hpp"
#include "writer_state.hpp"

namespace vtep {
namespace {

constexpr uint64_t kMagic = 0x356e656d67657376;  // "vsegmen5"; grows with the header
constexpr uint64_t kPage = 4096;
constexpr int kRowAttempts = 4096;

constexpr uint64_t align(uint64_t offset) { return (offset + kPage - 1) & ~(kPage - 1); }

// Hands out page-aligned places one behind the other.
struct Planner {
  uint64_t end = 0;
  uint64_t place(uint64_t bytes) {
    const uint64_t offset = align(end);
    end = offset + bytes;
    return offset;
  }
};

// Slots are at most two fifths full on average, a quarter in a small table.
template <typename Shape>
void plan_hash(Planner& planner, HashRegion& region, uint32_t limit, uint32_t coldBytes,
               const SegmentConfig& config) {
  region = {};
  region.limit = limit;
  region.group = region.buckets = config.groupBuckets;
  const uint64_t groups = uint64_t{4} * limit / Shape::kSlots / region.group + 1;
  region.most = static_cast<uint32_t>(groups) * region.group;
  region.coldBytes = coldBytes;
  region.seed = config.seed;
  region.offset = planner.place(uint64_t{region.most} * Shape::kBucketBytes);
  region.cold = planner.place(uint64_t{region.most} * Shape::kSlots * coldBytes);
}

SegmentHeader plan(const SegmentConfig& config) {
  SegmentHeader header = {};
  Planner planner;
  planner.place(sizeof(SegmentHeader));
  header.magic = kMagic;
  header.layoutHash = kLayoutHash;
  header.config = config;
  header.writer = planner.place(writer_bytes(config));
  header.ports = planner.place(uint64_t{config.ports + 1} * sizeof(PortRow));
  header.networks = planner.place(uint64_t{config.networks + 1} * sizeof(NetworkRow));
  header.remotes = planner.place(uint64_t{config.remotes + 1} * sizeof(RemoteRow));
  header.underlays = planner.place((Limits::maxUnderlays + 1) * sizeof(UnderlayRow));
  header.nextHops = planner.place(uint64_t{config.nextHops + 1} * sizeof(NextHopRow));
  header.groups = planner.place(uint64_t{config.groups + 1} * sizeof(GroupRow));
  header.macGroups = planner.place(uint64_t{config.macGroups + 1} * sizeof(MacGroupRow));
  header.events = planner.place(uint64_t{config.eventSlots} * sizeof(Event));
  header.countersStride =
      align((kDropCount + 7) / 8 * 64 + uint64_t{config.ports + 1} * sizeof(PortCounters));
  header.counters = planner.place(header.countersStride * config.workers);
  header.flood = planner.place(uint64_t{config.floodWords} * 4);
  plan_hash<MacShape>(planner, header.macs, config.macs, sizeof(MacCold), config);
  plan_hash<NeighbourShape>(planner, header.neighbours, config.neighbours, sizeof(NeighbourCold),
                            config);
  plan_hash<NumberShape>(planner, header.vnis, config.networks, 0, config);
  plan_hash<AddressShape>(planner, header.addresses, config.remotes, 0, config);
  plan_hash<NumberShape>(planner, header.access, config.macs, 0, config);
  plan_hash<PrefixShape>(planner, header.prefixes, config.routes, 0, config);
  plan_hash<NumberShape>(planner, header.interned,
                         config.nextHops + config.groups + config.macGroups, 0, config);
  plan_hash<ChannelShape>(planner, header.channels, config.channels, 0, config);
  header.size = align(planner.end);
  return header;
}

template <typename Shape>
uint32_t find_value(const Segment& segment, HashRegion& region, const Words<Shape::kWords>& key) {
  const HashTable<Shape> table(segment, region);
  Words<Shape::kWords> slot;
  return table.find(key, slot) == HashTable<Shape>::kNowhere ? 0 : slot.w[0];
}

}  // namespace

SegmentConfig SegmentConfig::full(uint32_t workers, uint64_t seed) {
  SegmentConfig config;
  config.workers = workers;
  config.ports = Limits::maxPorts;
  config.networks = Limits::maxNetworks;
  config.remotes = Limits::maxRemotes;
  config.macs = Limits::maxMacs;
  config.neighbours = Limits::maxNeighbours;
  config.routes = Limits::maxRoutes;
  config.nextHops = Limits::maxNextHops;
  config.groups = Limits::maxGroups;
  config.macGroups = Limits::maxMacGroups;
  config.channels = Limits::maxChannels;
  config.eventSlots = Limits::eventRingSlots;
  config.floodWords = 1u << 28;
  config.groupBuckets = 256;
  config.seed = seed;
  return config;
}

uint64_t Segment::bytes_needed(const SegmentConfig& config) { return plan(config).size; }

Segment Segment::format(void* base, const SegmentConfig& config) {
  Segment segment;
  segment.base_ = static_cast<uint8_t*>(base);
  const SegmentHeader header = plan(config);
  copy(base, &header, sizeof header);
  format_writer(segment);
  return segment;
}

const char* Segment::open(void* base, uint64_t size, Segment& out) {
  if (size < sizeof(SegmentHeader)) return "shorter than a segment header";
  Segment segment;
  segment.base_ = static_cast<uint8_t*>(base);
  const SegmentHeader& header = segment.header();
  if (header.magic != kMagic) return "no segment of vtep";
  if (header.layoutHash != kLayoutHash) return "another layout";
  if (header.size > size) return "shorter than its header says";
  out = segment;
  return nullptr;
}

bool Segment::copy_remote(uint32_t index, RemoteSnapshot& out) const {
  out.index = 0;
  out.state = RemoteState::free;
  RemoteRow row;
  if (index > config().remotes || !read_row(remote(index), row, kRowAttempts)) return false;
  out.index = index;
  out.generation = row.generation;
  out.state = row.state;
  out.headerLength = row.headerLength;
  out.nextHopIndex = row.nextHopIndex;
  out.ifindex = row.ifindex;
  out.mtu = row.mtu;
  out.pseudoSum = row.pseudoSum;
  out.references = row.references;
  copy(out.address, row.address, sizeof out.address);
  copy(out.nextHop, row.nextHop, sizeof out.nextHop);
  copy(out.header, row.header, sizeof out.header);
  return true;
}

uint32_t Segment::find_remote(const uint8_t ip[16]) const {
  return find_value<AddressShape>(*this, header().addresses, address_key(ip));
}

uint32_t Segment::find_network(uint32_t vni) const {
  return find_value<NumberShape>(*this, header().vnis, {{0, vni}});
}

uint32_t Segment::port_network(uint32_t id) const {
  if (id == 0 || id > config().ports) return 0;
  return load_word(row_words(port(id)) + 1) >> 16;
}

uint64_t* Segment::drop_counters(uint32_t worker) const {
  return reinterpret_cast<uint64_t*>(at(header().counters + worker * header().countersStride));
}

PortCounters& Segment::port_counters(uint32_t worker, uint32_t port) const {
  uint8_t* block =
      at(header().counters + worker * header().countersStride + (kDropCount + 7) / 8 * 64);
  return reinterpret_cast<PortCounters*>(block)[port];
}

}  // namespace vtep
