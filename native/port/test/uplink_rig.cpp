#include "uplink_rig.hpp"

#include <string.h>

#include <algorithm>

#include "../../core/checksum.hpp"

namespace vtep::test {

Address parse_address_or_fail(const std::string& text) {
  Address address;
  CHECK(Address::parse(text, address), text);
  return address;
}

std::unique_ptr<Uplink> open_uplink_or_fail(const char* kind, const std::string& address,
                                            unsigned queues, const std::string& interface) {
  UplinkContext context;
  context.address = parse_address_or_fail(address);
  context.queues = queues;
  if (!interface.empty()) context.interfaces.push_back(interface);
  std::string chosen, reason, error;
  auto uplink = open_uplink(kind, context, chosen, reason, error);
  CHECK(uplink != nullptr, error);
  // A worker's first receive takes over the interfaces, and then there is nothing to wake up for.
  Frame none[1];
  for (unsigned queue = 0; queue < queues; queue++) {
    uplink->receive(queue, none, 1);
    CHECK(eventually([&] {
      uplink->receive(queue, none, 1);
      return !readable(uplink->wait_descriptor(queue), 0);
    }));
  }
  return uplink;
}

std::string uplink_error(const char* kind, const std::string& address,
                         const std::string& interface) {
  UplinkContext context;
  context.address = parse_address_or_fail(address);
  if (!interface.empty()) context.interfaces.push_back(interface);
  std::string chosen, reason, error;
  const auto uplink = open_uplink(kind, context, chosen, reason, error);
  CHECK(uplink == nullptr);
  CHECK(!error.empty());
  return error;
}

static void put16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

Datagrams::Datagrams(const Uplink& uplink, const Address& local, const Address& remote,
                     const NextHop& hop, const std::vector<std::vector<uint8_t>>& inner,
                     const Meta& inner_meta) {
  std::vector<uint8_t> payload;
  for (const auto& frame : inner) {
    const uint8_t vxlan[8] = {8, 0, 0, 0, 0, kVni >> 8, kVni & 0xff, 0};
    payload.insert(payload.end(), vxlan, vxlan + 8);
    payload.insert(payload.end(), frame.begin(), frame.end());
  }
  const bool train = inner.size() > 1;
  item.destination = remote;
  item.source_port = 50000;
  if (train) {
    item.meta.gso_type = kGsoUdp;
    item.meta.gso_size = static_cast<uint16_t>(8 + inner[0].size());
  }
  if (uplink.form() == UplinkForm::ethernet) {
    write_outer(local, remote, hop, payload.size(), train);
    if (!train && remote.is_v4()) {
      item.meta = inner_meta;
      if (inner_meta.flags & kNeedsChecksum)
        item.meta.checksum_start =
            static_cast<uint16_t>(inner_meta.checksum_start + item.outer_length + 8);
    }
    item.ifindex = hop.state == NextHop::State::resolved ? hop.ifindex : 0;
  }
  // Outer headers stay in one piece with the first VXLAN header; the rest is cut at odd places.
  const size_t head = bytes.size() + 8;
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  pieces.push_back({bytes.data(), head});
  for (size_t at = head; at < bytes.size(); at += 30011)
    pieces.push_back({bytes.data() + at, std::min<size_t>(30011, bytes.size() - at)});
  item.pieces = pieces.data();
  item.count = static_cast<unsigned>(pieces.size());
  item.length = static_cast<uint32_t>(bytes.size());
}

void Datagrams::write_outer(const Address& local, const Address& remote, const NextHop& hop,
                            size_t payload, bool train) {
  const bool v4 = remote.is_v4();
  const size_t network = v4 ? 20 : 40;
  bytes.resize(14 + network + 8);
  item.outer_length = static_cast<uint16_t>(bytes.size());
  uint8_t *b = bytes.data(), *ip = b + 14, *udp = ip + network;
  memcpy(b, hop.mac, 6);
  memcpy(b + 6, hop.source_mac, 6);
  put16(b + 12, v4 ? 0x0800 : 0x86dd);
  if (v4) {
    const uint8_t header[20] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17};
    memcpy(ip, header, sizeof header);
    put16(ip + 2, 28 + payload);
    memcpy(ip + 12, local.octets(), 4);
    memcpy(ip + 16, remote.octets(), 4);
    const uint16_t sum = static_cast<uint16_t>(~checksum_fold(checksum_add(ip, 20, 0)));
    memcpy(ip + 10, &sum, 2);
  } else {
    const uint8_t header[8] = {0x60, 0, 0, 0, 0, 0, 17, 64};
    memcpy(ip, header, sizeof header);
    put16(ip + 4, 8 + payload);
    memcpy(ip + 8, local.octets(), 16);
    memcpy(ip + 24, remote.octets(), 16);
  }
  put16(udp, item.source_port);
  put16(udp + 2, 4789);
  put16(udp + 4, 8 + payload);
  if (!train && v4) return;  // without a checksum
  const uint16_t pseudo = checksum_fold(pseudo_header_sum(
      local.octets(), remote.octets(), local.size(), 17, static_cast<uint32_t>(8 + payload)));
  memcpy(udp + 6, &pseudo, 2);
  item.meta.flags = kNeedsChecksum;
  item.meta.header_length = item.outer_length;
  item.meta.checksum_start = static_cast<uint16_t>(item.outer_length - 8);
  item.meta.checksum_offset = 6;
}

std::vector<Bytes> inner_frames(const Uplink& uplink, const Bytes& received) {
  size_t at = 0;
  if (uplink.form() == UplinkForm::ethernet) {
    const bool v4 = received.bytes[12] == 8;
    at = v4 ? 42 : 62;
    CHECK_EQUAL(unsigned{received.bytes[at - 6]} << 8 | received.bytes[at - 5], 4789u);
  }
  const bool train = received.meta.gso_type == kGsoUdp;
  std::vector<Bytes> all;
  const size_t step = train ? received.meta.gso_size : received.bytes.size() - at;
  for (; at < received.bytes.size(); at += step) {
    const size_t end = std::min(at + step, received.bytes.size());
    CHECK_EQUAL(unsigned{received.bytes[at]}, 8u);
    CHECK_EQUAL(unsigned{received.bytes[at + 5]} << 8 | received.bytes[at + 6], kVni);
    Bytes inner;
    inner.bytes.assign(received.bytes.begin() + static_cast<ptrdiff_t>(at) + 8,
                       received.bytes.begin() + static_cast<ptrdiff_t>(end));
    all.push_back(std::move(inner));
  }
  return all;
}

Underlay::~Underlay() { run("ip link del w0"); }
Underlay::Underlay(bool v4, bool resolve) {
  here = parse_address_or_fail(v4 ? "10.1.0.1" : "fd01::1");
  there = parse_address_or_fail(v4 ? "10.1.0.2" : "fd01::2");
  const char* with_ipv6 =
      "cd /proc/sys/net/ipv6/conf/default; echo 0 > disable_ipv6; echo 0 > accept_dad";
  run(with_ipv6);
  far.run(with_ipv6);
  connect_veth("w0", far, "");
  run("ip addr add " + here.text() + (v4 ? "/24" : "/64 nodad") + std::string(" dev w0"));
  far.run("ip addr add " + there.text() + (v4 ? "/24" : "/64 nodad") + std::string(" dev eth0"));
  if (!resolve) return;
  std::string error;
  NextHops hops;
  CHECK(hops.open(
            here, [&](const Address&, const NextHop& now) { hop = now; }, error),
        error);
  hops.follow(there);
  CHECK(eventually([&] {
    hops.follow(there);
    hops.step(now_nanoseconds());
    return hop.state == NextHop::State::resolved;
  }));
}

}  // namespace vtep::test
