#include "script.hpp"

#include <string.h>

#include <algorithm>

#include "../core/bytes.hpp"
#include "../core/checksum.hpp"
#include "../core/layers.hpp"
#include "../core/tables.gen.hpp"

namespace vtep::fuzz {
namespace {

constexpr size_t kHead = 8, kFrameHead = 35;
constexpr size_t kMostFrame = 3000;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint32_t below(uint32_t limit) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return static_cast<uint32_t>((state_ >> 32) * limit >> 32);
  }
  bool once_in(uint32_t times) { return below(times) == 0; }
  uint16_t odd_number() {
    static const uint16_t known[] = {0,  1,  2,  6,  8,   13,  14,   16,   20,    33,    34,
                                     40, 54, 62, 64, 128, 255, 1448, 1500, 32767, 65534, 65535};
    return once_in(4) ? static_cast<uint16_t>(below(65536)) : known[below(std::size(known))];
  }

 private:
  uint64_t state_;
};

void append(Octets& out, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

void prepend(Octets& out, const Octets& front) {
  out.insert(out.begin(), front.begin(), front.end());
}

void big16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8), at[1] = static_cast<uint8_t>(value);
}

// A frame built from the inside out; `meta` follows the transport header that may be partial.
class Growing {
 public:
  explicit Growing(Random& random) : random_(random) {}
  Octets bytes;
  Meta meta;

  void grow(unsigned depth) {
    bytes.resize(random_.once_in(4) ? random_.below(1600) : random_.below(120), 0x5a);
    v4_ = random_.below(2) == 0;
    const uint32_t kind = random_.below(depth < 3 ? 12 : 9);
    if (kind == 0) return arp();
    if (kind == 1) return neighbour_discovery();
    if (kind < 6) {
      transport(6);
    } else if (kind < 8) {
      transport(17);
    } else if (kind == 8) {
      return network(static_cast<uint8_t>(random_.below(256)));
    } else {
      grow(depth + 1);
      v4_ = random_.below(2) == 0;
      if (kind == 9) {
        push({0, 0, 0x65, 0x58});
        return network(47);
      }
      vxlan();
      udp(4789);
      return network(17);
    }
  }

  // What a port would get: with what is left to do, or with a lie about it.
  void tell() {
    if (partial_ && !random_.once_in(3)) {
      meta.flags = kNeedsChecksum;
      if (random_.once_in(2)) {
        meta.gso_type = tcp_ ? (v4_ ? kGsoTcp4 : kGsoTcp6) : kGsoUdp;
        meta.gso_size = random_.once_in(4) ? random_.odd_number()
                                           : static_cast<uint16_t>(1 + random_.below(600));
        meta.header_length = static_cast<uint16_t>(meta.checksum_start + (tcp_ ? 20 : 8));
        if (random_.once_in(8)) meta.gso_type |= kGsoEcn;
      }
    } else {
      meta = {};
    }
  }

  void vxlan() { push({uint8_t{8}, 0, 0, 0, 0, kVni >> 8, kVni & 0xff, 0}); }
  void udp(uint16_t port) {
    Octets header = {0xc0, static_cast<uint8_t>(random_.below(256)), 0, 0, 0, 0, 0, 0};
    big16(header.data() + 2, port);
    big16(header.data() + 4, 8 + bytes.size());
    push(header);
  }

  void network(uint8_t protocol) {
    Octets header;
    if (v4_) {
      header = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 1, 0, 1, 10, 1, 0, host()};
      if (random_.once_in(16)) header[8] = 1;
      if (random_.once_in(8)) header.resize(20 + 4 * random_.below(11), 1);
      header[0] = static_cast<uint8_t>(0x40 | header.size() / 4);
      big16(header.data() + 2, header.size() + bytes.size());
      if (random_.once_in(10)) big16(header.data() + 6, 0x2000 | random_.below(200));
      const auto sum =
          static_cast<uint16_t>(~checksum_fold(checksum_add(header.data(), header.size(), 0)));
      store16(header.data() + 10, sum);
    } else {
      header.resize(40);
      header[0] = 0x60, header[6] = protocol, header[7] = 64;
      header[8] = header[24] = 0xfd, header[23] = 1, header[39] = host();
      if (random_.once_in(16)) header[7] = 1;
      while (random_.once_in(4) && header.size() < 120) {
        static const uint8_t types[] = {0, 43, 44, 51, 60};
        Octets extension(8);
        extension[0] = header[6];
        header[6] = types[random_.below(std::size(types))];
        if (header[6] == 44 && random_.once_in(2)) extension[3] = 1;
        header.insert(header.begin() + 40, extension.begin(), extension.end());
      }
      big16(header.data() + 4, header.size() - 40 + bytes.size());
    }
    if (protocol == 58) header[v4_ ? 8 : 7] = 255;
    sum(protocol, header);
    push(header);
    ethernet(v4_ ? 0x0800 : 0x86dd);
  }

 private:
  // The checksum of what is behind the IP header: finished, or the sum of the pseudo header.
  void sum(uint8_t protocol, const Octets& header) {
    const size_t place = protocol == 6 ? 16 : protocol == 17 ? 6 : protocol == 58 ? 2 : 0;
    if (place == 0 || bytes.size() < place + 2 || random_.once_in(8)) return;
    const size_t size = v4_ ? 4 : 16;
    const uint8_t* addresses = header.data() + (v4_ ? 12 : 8);
    const uint64_t pseudo = pseudo_header_sum(addresses, addresses + size, size, protocol,
                                              static_cast<uint32_t>(bytes.size()));
    store16(bytes.data() + place, checksum_fold(pseudo));
    if (protocol != 58 && meta.checksum_start == 0 && random_.below(2) == 0) return;
    const uint16_t whole = checksum_fold(checksum_add(bytes.data(), bytes.size(), 0));
    store16(bytes.data() + place, static_cast<uint16_t>(~whole));
    if (meta.checksum_start == 0) partial_ = false;
  }

  void push(const Octets& header) {
    prepend(bytes, header);
    if (partial_) meta.checksum_start = static_cast<uint16_t>(meta.checksum_start + header.size());
  }

  void transport(uint8_t protocol) {
    tcp_ = protocol == 6;
    partial_ = true;
    meta.checksum_start = 0;
    meta.checksum_offset = tcp_ ? 16 : 6;
    if (tcp_) {
      Octets header = {0, 80, 0x30, 0x39, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0, 0, 0, 0, 0};
      if (random_.once_in(6)) header.resize(20 + 4 * random_.below(11), 1);
      header[12] = static_cast<uint8_t>(header.size() / 4 << 4);
      header[13] = static_cast<uint8_t>(random_.once_in(4) ? random_.below(256) : 0x10);
      big16(header.data() + 6, random_.below(4) * bytes.size());  // segments may follow each other
      prepend(bytes, header);
    } else {
      partial_ = false;
      udp(static_cast<uint16_t>(random_.once_in(4) ? 4789 : 53));
      partial_ = true;
    }
    network(protocol);
  }

  void ethernet(uint16_t type) {
    static const uint8_t macs[][6] = {{2, 0, 0, 0, 0, 1},
                                      {2, 0, 0, 0, 0, 2},
                                      {2, 0, 0, 0, 0, 9},
                                      {2, 0, 0, 0, 0, 12},
                                      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                      {0x33, 0x33, 0, 0, 0, 1},
                                      {1, 0x80, 0xc2, 0, 0, 2}};
    Octets header;
    static const uint8_t router[6] = {2, 0, 0, 0, 0, 10};
    append(header, random_.once_in(3) ? router : macs[random_.below(std::size(macs))], 6);
    append(header, macs[random_.once_in(20) ? random_.below(6) : random_.below(2)], 6);
    while (random_.once_in(5) && header.size() < 28) {
      const uint8_t tag[4] = {
          uint8_t{random_.once_in(2) ? uint8_t{0x81} : uint8_t{0x88}},
          uint8_t{header[12 % header.size()] == 0x88 ? uint8_t{0xa8} : uint8_t{0}}, 0, 7};
      append(header, tag, sizeof tag);
    }
    header.resize(header.size() + 2);
    big16(header.data() + header.size() - 2, type);
    push(header);
  }

  // Of what network() routes to: a neighbour, a VTEP, ourselves, nobody.
  uint8_t host() { return static_cast<uint8_t>(2 + random_.below(5)); }

  void arp() {
    bytes = {0,  1, 8, 0, 6, 4, 0,  static_cast<uint8_t>(1 + random_.below(3)),
             2,  0, 0, 0, 0, 1, 10, 1,
             0,  1, 0, 0, 0, 0, 0,  0,
             10, 0, 0, 1};
    ethernet(0x0806);
  }

  void neighbour_discovery() {
    v4_ = false;
    bytes.assign(32, 0);
    bytes[0] = static_cast<uint8_t>(133 + random_.below(6));
    bytes[8] = 0xfd, bytes[23] = 1;
    bytes[24] = static_cast<uint8_t>(1 + random_.below(3)),
    bytes[25] = static_cast<uint8_t>(random_.below(3));
    bytes[26] = 2, bytes[31] = 1;
    network(58);
  }

  Random& random_;
  bool v4_ = true, tcp_ = false, partial_ = false;
};

// Puts a tenant's frame into an outer packet from the far VTEP, for either form of uplink.
void encapsulate(Record& record, Random& random) {
  const Octets vxlan = {8, 0, 0, 0, 0, kVni >> 8, kVni & 0xff, 0};
  Octets packet = vxlan;
  append(packet, record.bytes.data(), record.bytes.size());
  record.meta.checksum_start = static_cast<uint16_t>(record.meta.checksum_start + 8);
  if (random.once_in(4)) {  // a train
    const auto size = static_cast<uint16_t>(packet.size());
    const Octets one = packet;
    for (uint32_t more = 1 + random.below(5); more > 0 && packet.size() < kMostFrame; more--)
      append(packet, one.data(), more == 1 ? 1 + random.below(size) : size);
    record.meta = {};
    record.meta.gso_type = kGsoUdp;
    record.meta.gso_size = size;
  }
  memcpy(record.source, kFar, sizeof kFar);
  const bool replicated = random.once_in(3);
  record.form = 2;
  record.port = replicated ? kToReplicator : 0;
  record.bytes = packet;
  if (random.once_in(2)) return;
  Octets header = {2, 0,  0,  0, 1, 1,  2, 0, 0, 0,  1, 2, 8, 0,    0x45, 0,    0,    0, 0, 0, 0x40,
                   0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0xc0, 0,    0x12, 0xb5, 0, 0, 0, 0};
  if (replicated) header[33] = kReplicator[15];
  big16(header.data() + 16, 28 + packet.size());
  big16(header.data() + 38, 8 + packet.size());
  const auto sum = static_cast<uint16_t>(~checksum_fold(checksum_add(header.data() + 14, 20, 0)));
  store16(header.data() + 24, sum);
  prepend(record.bytes, header);
  record.form = 1;
  record.port = 0;
  record.meta.checksum_start =
      static_cast<uint16_t>(record.meta.gso_type == kGsoUdp ? 34 : record.meta.checksum_start + 42);
  if (record.meta.gso_type == kGsoUdp) record.meta.checksum_offset = 6;
}

Record tenant_frame(Random& random) {
  Growing growing(random);
  growing.grow(0);
  growing.tell();
  Record record;
  record.port = 1 + random.below(kPorts);
  record.meta = growing.meta;
  record.bytes = std::move(growing.bytes);
  return record;
}

Record make(Random& random) {
  Record record = tenant_frame(random);
  if (random.once_in(3))
    encapsulate(record, random);
  else if (random.once_in(6))
    record.form = static_cast<uint8_t>(3 + random.below(2));
  return record;
}

void lie(Record& record, Random& random) {
  Meta& meta = record.meta;
  switch (random.below(7)) {
    case 0:
      meta.flags = static_cast<uint8_t>(random.below(8));
      break;
    case 1:
      meta.gso_type = static_cast<uint8_t>(random.once_in(2) ? random.below(8) : random.below(256));
      break;
    case 2:
      meta.header_length = random.odd_number();
      break;
    case 3:
      meta.gso_size = random.odd_number();
      break;
    case 4:
      meta.checksum_start = random.odd_number();
      break;
    case 5:
      meta.checksum_offset = random.odd_number();
      break;
    default:
      meta.checksum_start = static_cast<uint16_t>(record.bytes.size() - random.below(4));
  }
}

void damage(Octets& bytes, Random& random) {
  if (bytes.empty()) return;
  const auto near = [&] {
    return random.below(static_cast<uint32_t>(std::min<size_t>(bytes.size(), 128)));
  };
  switch (random.below(4)) {
    case 0:
      bytes.resize(random.below(static_cast<uint32_t>(bytes.size())));
      break;
    case 1:
      bytes[near()] = static_cast<uint8_t>(random.below(256));
      break;
    case 2:
      bytes[near()] ^= static_cast<uint8_t>(1 << random.below(8));
      break;
    default: {
      const uint32_t at = near();
      if (at + 2 <= bytes.size()) big16(bytes.data() + at, random.odd_number());
    }
  }
}

// Makes the next segment of its TCP flow of it, so that there is something to merge.
void follow(Record& record) {
  Layers layers;
  uint8_t* b = record.bytes.data();
  const auto length = static_cast<uint32_t>(record.bytes.size());
  if (length < kEthernetHeader || !find_layers(b, length, layers)) return;
  if (layers.protocol != kProtocolTcp || layers.l4 == 0 || length < layers.l4 + 20u) return;
  const uint32_t header = (b[layers.l4 + 12] >> 4) * 4u;
  if (layers.l4 + header > length) return;
  const auto change_words = [&](uint32_t at, uint32_t by) {
    // A finished checksum takes the difference.
    const bool finished = (record.meta.flags & kNeedsChecksum) == 0;
    const uint64_t before = checksum_add(b + at, 4, 0);
    put_net32(b + at, net32(b + at) + by);
    if (!finished) return;
    uint8_t* field = b + layers.l4 + 16;
    const uint64_t sum = uint64_t{static_cast<uint16_t>(~load16(field))} +
                         static_cast<uint16_t>(~checksum_fold(before)) + checksum_add(b + at, 4, 0);
    store16(field, static_cast<uint16_t>(~checksum_fold(sum)));
  };
  change_words(layers.l4 + 4u, length - layers.l4 - header);
}

template <class Operation>
void add(Octets& out, uint16_t code, const Operation& operation) {
  const uint16_t head[2] = {code, sizeof operation};
  append(out, head, sizeof head);
  append(out, &operation, sizeof operation);
}

}  // namespace

Script read(const uint8_t* data, size_t size) {
  Script script;
  if (size < 2) return script;
  const size_t operations = std::min<size_t>(load16(data), size - 2);
  script.operations.assign(data + 2, data + 2 + operations);
  size_t at = 2 + operations;
  if (size - at < kHead) return script;
  script.now = load32(data + at);
  for (at += kHead; size - at >= kFrameHead;) {
    Record record;
    record.form = data[at];
    record.port = load32(data + at + 1);
    memcpy(record.source, data + at + 5, sizeof record.source);
    memcpy(&record.meta, data + at + 21, sizeof record.meta);
    const size_t length = std::min<size_t>(load32(data + at + 31), size - at - kFrameHead);
    at += kFrameHead;
    record.bytes.assign(data + at, data + at + length);
    at += length;
    script.records.push_back(std::move(record));
  }
  return script;
}

Octets write(const Script& script) {
  Octets out;
  const auto operations = static_cast<uint16_t>(script.operations.size());
  append(out, &operations, sizeof operations);
  append(out, script.operations.data(), operations);
  const uint32_t head[2] = {script.now, static_cast<uint32_t>(script.records.size())};
  append(out, head, sizeof head);
  for (const Record& record : script.records) {
    const auto length = static_cast<uint32_t>(record.bytes.size());
    append(out, &record.form, 1);
    append(out, &record.port, 4);
    append(out, record.source, sizeof record.source);
    append(out, &record.meta, sizeof record.meta);
    append(out, &length, 4);
    append(out, record.bytes.data(), length);
  }
  return out;
}

void change(Script& script, uint64_t seed) {
  Random random(seed);
  auto& records = script.records;
  if (random.once_in(6)) script.now = random.below(20);
  const uint32_t what = records.empty() ? 0 : random.below(10);
  if (what < 3) {
    const auto place =
        static_cast<ptrdiff_t>(random.below(static_cast<uint32_t>(records.size() + 1)));
    records.insert(records.begin() + place, make(random));
    return;
  }
  const uint32_t index = random.below(static_cast<uint32_t>(records.size()));
  Record& record = records[index];
  switch (what) {
    case 3:
    case 4:
      return lie(record, random);
    case 5:
    case 6:
      return damage(record.bytes, random);
    case 7:
      if (record.form == 0 && record.bytes.size() < kMostFrame) encapsulate(record, random);
      return;
    case 8: {
      Record again = record;
      if (random.once_in(4)) {
        again.meta = Meta{};
      } else {
        follow(again);
      }
      records.insert(records.begin() + index + 1, again);
      return;
    }
    default:
      records.erase(records.begin() + index);
  }
}

Record tenant_frame(uint64_t seed) {
  Random random(seed);
  return tenant_frame(random);
}

// In both families: host 2 is known, 3 is behind a VTEP, 4 is ours, 5 is nobody that is known, 6
// has no route.
void routes(Octets& out) {
  for (const bool v4 : {true, false}) {
    uint8_t prefix[16] = {0xfd};
    if (v4) memcpy(prefix, kGateway, sizeof prefix);
    const auto add_route = [&](uint8_t host, uint8_t kind, uint16_t length) {
      RouteAddOperation route = {};
      route.vrf = kVrf;
      memcpy(route.prefix, prefix, sizeof prefix);
      route.prefix[15] = host;
      route.length = length;
      route.kind = kind;
      route.vni = kind == RouteKind::remote ? kVrf : kVni;
      if (kind == RouteKind::remote) {
        memcpy(route.via, kFar, sizeof kFar);
        route.mac[0] = 2, route.mac[5] = 11;
      }
      add(out, OperationCode::routeAdd, route);
    };
    add_route(2, RouteKind::connected, 128);
    add_route(3, RouteKind::remote, 128);
    add_route(4, RouteKind::own, 128);
    add_route(5, RouteKind::connected, 128);
    NeighbourSetOperation known = {
        kVni, NeighbourFlag::local | NeighbourFlag::fixed, {2, 0, 0, 0, 0, 2}, 0, {}};
    memcpy(known.ip, prefix, sizeof prefix);
    known.ip[15] = 2;
    add(out, OperationCode::neighbourSet, known);
  }
}

// 02:..:0c is behind a segment that host 9's VTEP leads to; two ports lead to one, too.
void segments(Octets& out) {
  MacGroupSetOperation group = {};
  group.vni = kVni;
  group.esi[0] = 3, group.esi[9] = 1;
  memcpy(group.remotes, kFar, sizeof kFar);
  add(out, OperationCode::macGroupSet, group);
  MacSetGroupOperation mac = {};
  mac.vni = kVni;
  mac.mac[0] = 2, mac.mac[5] = 12;
  memcpy(mac.esi, group.esi, sizeof mac.esi);
  add(out, OperationCode::macSetGroup, mac);
  PortSegmentSetOperation port = {};
  port.port = kPorts;
  port.flags = SegmentFlag::designated;
  memcpy(port.peers, kFar, sizeof kFar);
  add(out, OperationCode::portSegmentSet, port);
  port.port = kPorts - 1;
  port.flags = 0;
  memset(port.peers, 0, sizeof port.peers);
  add(out, OperationCode::portSegmentSet, port);
}

LocalUnderlay underlay() {
  LocalUnderlay us(kLocal, kUdpPort);
  memcpy(us.replicator, kReplicator, sizeof kReplicator);
  return us;
}

Octets network() {
  Octets out;
  NetworkSetOperation settings = {};
  settings.vni = settings.vrf = kVrf;
  settings.mac[0] = 2, settings.mac[5] = 10;
  memcpy(settings.address4, kGateway, sizeof kGateway);
  settings.address6[0] = 0xfd, settings.address6[15] = 4;
  add(out, OperationCode::networkSet, settings);
  settings.vni = kVni;
  settings.flags = NetworkFlag::suppress | NetworkFlag::replicate;
  settings.agingSeconds = 10;
  settings.stormFramesPerSecond = 1000, settings.stormBurst = 200;
  add(out, OperationCode::networkSet, settings);
  for (uint32_t port = 1; port <= kPorts; port++)
    add(out, OperationCode::portAttach, PortAttachOperation{port, kVni});
  for (const uint8_t* remote : {kFar, kOther}) {
    FloodAddOperation flood = {kVni, 0, {}};
    memcpy(flood.remote, remote, sizeof flood.remote);
    add(out, OperationCode::floodAdd, flood);
    NextHopSetOperation hop = {};
    memcpy(hop.remote, remote, sizeof hop.remote);
    memcpy(hop.source, kLocal, sizeof kLocal);
    hop.ifindex = 1;
    hop.mtu = 9000;
    add(out, OperationCode::nextHopSet, hop);
  }
  MacSetRemoteOperation mac = {};
  mac.vni = kVni;
  const uint8_t address[6] = {2, 0, 0, 0, 0, 9};
  memcpy(mac.mac, address, sizeof address);
  memcpy(mac.remote, kFar, sizeof kFar);
  add(out, OperationCode::macSetRemote, mac);
  NeighbourSetOperation binding = {kVni, NeighbourFlag::remote, {2, 0, 0, 0, 0, 9}, 0, {}};
  memcpy(binding.ip, kLocal, sizeof kLocal);
  add(out, OperationCode::neighbourSet, binding);
  const uint8_t asked[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  memcpy(binding.ip, asked, sizeof asked);
  add(out, OperationCode::neighbourSet, binding);
  routes(out);
  segments(out);
  return out;
}

}  // namespace vtep::fuzz
