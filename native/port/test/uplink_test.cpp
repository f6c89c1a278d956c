// Uplinks against each other and against the kernel's own VXLAN: singles, trains, super-frames,
// fallbacks, errors.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/checksum.hpp"
#include "../next_hop.hpp"
#include "../packet_socket.hpp"
#include "../uplink.hpp"
#include "support.hpp"

namespace vtep::test {
namespace {

constexpr uint32_t kVni = 4711;

Address parse(const std::string& text) {
  Address address;
  CHECK(Address::parse(text, address), text);
  return address;
}

std::unique_ptr<Uplink> open_uplink_or_fail(const char* kind, const std::string& address,
                                            unsigned queues = 1,
                                            const std::string& interface = "") {
  UplinkContext context;
  context.address = parse(address);
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
                         const std::string& interface = "") {
  UplinkContext context;
  context.address = parse(address);
  if (!interface.empty()) context.interfaces.push_back(interface);
  std::string chosen, reason, error;
  const auto uplink = open_uplink(kind, context, chosen, reason, error);
  CHECK(uplink == nullptr);
  CHECK(!error.empty());
  return error;
}

void put16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

// What a worker would send: datagrams of VXLAN header and inner frame, with outer headers for a raw
// uplink.
struct Datagrams {
  std::vector<uint8_t> bytes;
  std::vector<iovec> pieces;
  UplinkGather item;

  Datagrams(const Uplink& uplink, const Address& local, const Address& remote, const NextHop& hop,
            const std::vector<std::vector<uint8_t>>& inner, const Meta& inner_meta = {}) {
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

 private:
  void write_outer(const Address& local, const Address& remote, const NextHop& hop, size_t payload,
                   bool train) {
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
};

// Inner frames of what an uplink received, whatever its form; trains taken apart.
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

// Two VTEPs on one veth pair: 10.1.0.1 here, the other one in a namespace of its own, reached by a
// thread that has moved there.
struct Underlay {
  Tenant far;
  Address here, there;
  NextHop hop;

  ~Underlay() { run("ip link del w0"); }
  explicit Underlay(bool v4, bool resolve = true) {
    here = parse(v4 ? "10.1.0.1" : "fd01::1");
    there = parse(v4 ? "10.1.0.2" : "fd01::2");
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
};

// Opens the far uplink in its namespace and hands the inner frames that arrive to `check`, in a
// child process.
pid_t start_receiver(const Underlay& underlay, const char* kind, size_t count,
                     const std::function<bool(const std::vector<Bytes>&)>& check) {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = underlay.far.start([&] {
    const auto uplink = open_uplink_or_fail(kind, underlay.there.text());
    if (write(ready[1], "y", 1) != 1) return 9;
    std::vector<Bytes> all;
    const uint64_t end = now_nanoseconds() + 4000000000ull;
    while (all.size() < count && now_nanoseconds() < end)
      for (const Bytes& received : receive_all(*uplink, 0, 1, 200))
        for (Bytes& inner : inner_frames(*uplink, received)) all.push_back(std::move(inner));
    return check(all) ? 0 : 1;
  });
  close(ready[1]);
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  close(ready[0]);
  return child;
}

void check_singles_and_trains(const char* from, const char* to, bool v4, bool resolve) {
  const std::string what = std::string(from) + " to " + to + (v4 ? " over IPv4" : " over IPv6");
  const Underlay underlay(v4, resolve);
  constexpr uint32_t kSingles = 20, kTrain = 40;
  const pid_t receiver =
      start_receiver(underlay, to, kSingles + kTrain + 1, [&](const std::vector<Bytes>& all) {
        if (all.size() != kSingles + kTrain + 1) {
          fprintf(stderr, "%s: %zu frames\n", what.c_str(), all.size());
          return false;
        }
        for (uint32_t i = 0; i < kSingles; i++)
          if (all[i].bytes != numbered_frame(i, 60 + 60 * i)) return false;
        for (uint32_t i = 0; i < kTrain; i++)
          if (all[kSingles + i].bytes != numbered_frame(i, i + 1 < kTrain ? 1200 : 77))
            return false;
        return true;
      });
  {
    const auto uplink = open_uplink_or_fail(from, underlay.here.text());
    for (uint32_t i = 0; i < kSingles; i++) {
      const Datagrams one(*uplink, underlay.here, underlay.there, underlay.hop,
                          {numbered_frame(i, 60 + 60 * i)});
      CHECK_EQUAL(uplink->send(0, &one.item, 1).sent, 1u);
    }
    std::vector<std::vector<uint8_t>> frames;
    for (uint32_t i = 0; i < kTrain; i++)
      frames.push_back(numbered_frame(i, i + 1 < kTrain ? 1200 : 77));
    const Datagrams train(*uplink, underlay.here, underlay.there, underlay.hop, frames);
    const SendResult result = uplink->send(0, &train.item, 1);
    CHECK(result.sent == 1, what + ": " + drop_name(result.reason));
    // The inner checksum is left to the device where the outer one is zero.
    Bytes segment = tcp_frame(100, 0);
    if (!v4) segment = {numbered_frame(1, 154), {}};
    const Datagrams last(*uplink, underlay.here, underlay.there, underlay.hop, {segment.bytes},
                         segment.meta);
    CHECK_EQUAL(uplink->send(0, &last.item, 1).sent, 1u);
  }
  CHECK(finished_well(receiver), what);
}

}  // namespace

TEST(uplinks_carry_singles_and_trains_over_ipv4) {
  for (const char* from : {"udp", "raw"})
    for (const char* to : {"udp", "raw"}) check_singles_and_trains(from, to, true, true);
}

TEST(uplinks_carry_singles_and_trains_over_ipv6) {
  for (const char* from : {"udp", "raw"})
    for (const char* to : {"udp", "raw"}) check_singles_and_trains(from, to, false, true);
}

// GRO of the underlay's interface merges datagrams that came one by one, because the socket that
// holds the port asks for it.
TEST(datagrams_are_merged_to_trains_by_gro) {
  const Underlay underlay(true);
  run("ethtool -K w0 gro on");
  underlay.far.run("ethtool -K eth0 tx-udp-segmentation off tso off");
  constexpr uint32_t kTrain = 40;
  for (const char* kind : {"udp", "raw"}) {
    const auto uplink = open_uplink_or_fail(kind, "10.1.0.1");
    const pid_t sender = underlay.far.start([&] {
      const auto from = open_uplink_or_fail("udp", "10.1.0.2");
      std::vector<std::vector<uint8_t>> frames;
      for (uint32_t i = 0; i < kTrain; i++) frames.push_back(numbered_frame(i, 1200));
      const Datagrams train(*from, underlay.there, underlay.here, {}, frames);
      return from->send(0, &train.item, 1).sent == 1 ? 0 : 1;
    });
    CHECK(finished_well(sender));
    uint32_t number = 0;
    size_t received = 0;
    for (const Bytes& each : receive_all(*uplink, 0, kTrain, 500)) {
      received++;
      for (const Bytes& inner : inner_frames(*uplink, each))
        CHECK(inner.bytes == numbered_frame(number++, 1200), kind);
    }
    printf("%s: %u datagrams in %zu\n", kind, number, received);
    CHECK_EQUAL(number, kTrain);
    CHECK(received < kTrain / 4, std::string(kind) + ": " + std::to_string(received));
  }
}

TEST(two_queues_share_the_uplink) {
  const Underlay underlay(true);
  for (const char* kind : {"udp", "raw"}) {
    const auto uplink = open_uplink_or_fail(kind, "10.1.0.1", 2);
    constexpr uint32_t kFlows = 64;
    CHECK(finished_well(underlay.far.start([&] {
      const auto from = open_uplink_or_fail("udp", "10.1.0.2");
      for (uint32_t i = 0; i < kFlows; i++) {
        Datagrams one(*from, underlay.there, underlay.here, {}, {numbered_frame(i, 100)});
        one.item.source_port = static_cast<uint16_t>(49152 + i);
        if (from->send(0, &one.item, 1).sent != 1) return 1;
      }
      return 0;
    })));
    const size_t first = receive_all(*uplink, 0, kFlows, 200).size();
    const size_t second = receive_all(*uplink, 1, kFlows, 200).size();
    CHECK_EQUAL(first + second, size_t{kFlows});
    CHECK(first > 0 && second > 0, std::string(kind) + ": " + std::to_string(first));
  }
}

// What the raw uplink's filter lets in and what it leaves to others.
TEST(the_raw_uplink_takes_only_what_is_ours) {
  const Underlay underlay(true);
  run("ip addr add 10.1.0.3/24 dev w0");
  const auto uplink = open_uplink_or_fail("raw", "10.1.0.1");
  underlay.far.run("ethtool -K eth0 tx off > /dev/null");
  const auto send = [&](const char* to, uint16_t port, size_t length) {
    CHECK(finished_well(underlay.far.start([&] {
      const int udp = socket(AF_INET, SOCK_DGRAM, 0), fragment = IP_PMTUDISC_DONT;
      setsockopt(udp, IPPROTO_IP, IP_MTU_DISCOVER, &fragment, sizeof fragment);
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      inet_pton(AF_INET, to, &address.sin_addr);
      const std::vector<uint8_t> bytes(length, 1);
      return sendto(udp, bytes.data(), length, 0, reinterpret_cast<sockaddr*>(&address),
                    sizeof address) > 0
                 ? 0
                 : 1;
    })));
  };
  send("10.1.0.1", 4788, 100);  // another port
  send("10.1.0.3", 4789, 100);  // another address of this host
  underlay.far.succeeds("ping -c 1 -W 1 10.1.0.1 > /dev/null");
  CHECK_EQUAL(receive_all(*uplink, 0, 1, 100).size(), size_t{0});
  const auto unreachable = [] { return output_of("nstat -asz IcmpOutDestUnreachs | tail -1"); };
  const std::string before = unreachable();
  send("10.1.0.1", 4789, 100);
  auto got = receive_all(*uplink, 0, 1);
  CHECK_EQUAL(got.size(), size_t{1});
  CHECK_EQUAL(got[0].bytes.size(), size_t{142});
  // Of a fragmented one the first fragment is shown, to be counted.
  send("10.1.0.1", 4789, 4000);
  got = receive_all(*uplink, 0, 3, 200);
  CHECK_EQUAL(got.size(), size_t{1});
  CHECK_EQUAL(unsigned{got[0].bytes[20]} & 0x20u, 0x20u);
  CHECK(unreachable() == before, before + unreachable());  // nobody answers in our place
}

// Without a next hop the kernel's sockets carry everything, so no first frame is lost.
TEST(an_unresolved_next_hop_loses_nothing) { check_singles_and_trains("raw", "raw", true, false); }

// Against the kernel's VXLAN: what it sends over a veth are whole super-frames and unfinished
// checksums.
TEST(the_kernels_super_frames_are_seen_whole) {
  Underlay underlay(true);
  underlay.far.run("ip link add vx type vxlan id " + std::to_string(kVni) +
                   " local 10.1.0.2 remote 10.1.0.1 dstport 4789");
  underlay.far.run(
      "ip link set vx address 02:00:00:00:00:02 mtu 1450 up; ip addr add 10.0.0.2/24 dev vx");
  underlay.far.run("ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev vx");
  for (const char* kind : {"raw", "udp"}) {
    const auto uplink = open_uplink_or_fail(kind, "10.1.0.1");
    const uint16_t inner = uplink->form() == UplinkForm::ethernet ? 50 : 8;
    const auto sends = [&](const std::function<int()>& body) {
      CHECK(finished_well(underlay.far.start(body)));
      // The device talks for itself, too (multicast listener reports): not to our address.
      Bytes found;
      CHECK(eventually([&] {
        for (Bytes& each : receive_all(*uplink, 0, 1, 100))
          if (each.bytes[inner] == 2) found = std::move(each);
        return !found.bytes.empty();
      }));
      return found;
    };
    // 40 datagrams in one super-frame, once VXLAN.
    const Bytes datagrams = sends([] {
      const int udp = socket(AF_INET, SOCK_DGRAM, 0), size = 1400;
      setsockopt(udp, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
      sockaddr_in to = {};
      to.sin_family = AF_INET;
      to.sin_port = htons(9);
      to.sin_addr.s_addr = htonl(0x0a000001);
      const std::vector<uint8_t> bytes(40 * 1400, 7);
      const auto* address = reinterpret_cast<sockaddr*>(&to);
      return sendto(udp, bytes.data(), bytes.size(), 0, address, sizeof to) > 0 ? 0 : 1;
    });
    CHECK_EQUAL(datagrams.bytes.size(), size_t{inner} + 42 + 40 * 1400);
    CHECK_EQUAL(datagrams.meta.gso_type, kGsoUdp);
    CHECK_EQUAL(datagrams.meta.gso_size, uint16_t{1400});
    CHECK_EQUAL(unsigned{datagrams.meta.flags}, unsigned{kNeedsChecksum});
    CHECK_EQUAL(unsigned{datagrams.meta.checksum_start}, inner + 34u);
    // A TCP connection request: its checksum is left to whoever takes it off the virtual wire.
    const Bytes request = sends([] {
      const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      sockaddr_in to = {};
      to.sin_family = AF_INET;
      to.sin_port = htons(9);
      to.sin_addr.s_addr = htonl(0x0a000001);
      connect(tcp, reinterpret_cast<sockaddr*>(&to), sizeof to);
      return errno == EINPROGRESS ? 0 : 1;
    });
    const uint8_t* frame = request.bytes.data() + inner;
    Meta meta = request.meta;
    meta.checksum_start = static_cast<uint16_t>(meta.checksum_start - inner);
    CHECK_EQUAL(unsigned{meta.gso_type}, unsigned{kGsoNone});
    CHECK(checksum_is_right(frame, request.bytes.size() - inner, meta), kind);
    // A TCP super-frame, as one of our own would come out of the kernel's VXLAN device.
    const Bytes stream = sends([] {
      PacketSocket device;
      PacketSetup setup;
      setup.ifindex = if_nametoindex("vx");
      int group = -1;
      const char* what = "";
      if (device.open(setup, group, what) != 0) return 1;
      Bytes frame = tcp_frame(40000, 1398);
      const uint8_t to[6] = {2, 0, 0, 0, 0, 1};
      memcpy(frame.bytes.data(), to, sizeof to);
      const iovec piece = {frame.bytes.data(), frame.bytes.size()};
      Gather gather;
      gather.pieces = &piece;
      gather.count = 1;
      gather.length = static_cast<uint32_t>(frame.bytes.size());
      gather.meta = frame.meta;
      return device.send(&gather, 1).sent == 1 ? 0 : 2;
    });
    CHECK_EQUAL(stream.bytes.size(), size_t{inner} + 54 + 40000);
    CHECK_EQUAL(unsigned{stream.meta.gso_type}, unsigned{kGsoTcp4});
    CHECK(stream.meta.gso_size >= 1390 && stream.meta.gso_size <= 1450,
          std::to_string(stream.meta.gso_size));
    CHECK_EQUAL(unsigned{stream.meta.flags}, unsigned{kNeedsChecksum});
    CHECK_EQUAL(unsigned{stream.meta.checksum_start}, inner + 34u);
  }
}

TEST(a_taken_port_is_refused_with_its_owner) {
  Underlay underlay(true, false);
  const Descriptor holder(socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in any = {};
  any.sin_family = AF_INET;
  any.sin_port = htons(4789);
  CHECK(bind(holder.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
  for (const char* kind : {"udp", "raw", "auto"}) {
    const std::string error = uplink_error(kind, "10.1.0.1");
    CHECK(has(error, "UDP port 4789 on 10.1.0.1 is taken by port-test (process "), error);
    CHECK(has(error, std::to_string(getpid()).c_str()), error);
  }
}

TEST(a_port_taken_by_the_kernel_is_refused_with_the_device) {
  Underlay underlay(true, false);
  run("ip link add vxlan7 type vxlan id 7 dstport 4789 dev w0; ip link set vxlan7 up");
  const std::string error = uplink_error("udp", "10.1.0.1");
  CHECK(has(error, "the kernel's VXLAN device vxlan7") && has(error, "ip link del vxlan7"), error);
  run("ip link del vxlan7");
  open_uplink_or_fail("udp", "10.1.0.1");
}

TEST(two_uplinks_never_share_the_port) {
  Underlay underlay(true, false);
  const auto first = open_uplink_or_fail("udp", "10.1.0.1", 2);
  const std::string error = uplink_error("udp", "10.1.0.1");
  CHECK(has(error, "is taken by port-test"), error);
}

TEST(a_foreign_address_is_refused) {
  Underlay underlay(true, false);
  std::string error = uplink_error("raw", "10.9.9.9");
  CHECK(has(error, "10.9.9.9 is not on this host") && has(error, "10.1.0.1"), error);
  error = uplink_error("raw", "10.1.0.1", "w9");
  CHECK(has(error, "no interface w9") && has(error, "w0"), error);
  error = uplink_error("raw", "10.1.0.1", "lo");
  CHECK(has(error, "lo: expected Ethernet"), error);
}

TEST(what_exceeds_the_mtu_is_named) {
  const Underlay underlay(true);
  for (const char* kind : {"udp", "raw"}) {
    const auto uplink = open_uplink_or_fail(kind, "10.1.0.1");
    const Datagrams fits(*uplink, underlay.here, underlay.there, underlay.hop,
                         {numbered_frame(1, 1500 - 36)});
    CHECK_EQUAL(uplink->send(0, &fits.item, 1).sent, 1u);
    const Datagrams large(*uplink, underlay.here, underlay.there, underlay.hop,
                          {numbered_frame(1, 1500)});
    CHECK(uplink->send(0, &large.item, 1).reason == Drop::exceeds_mtu, kind);
    // What is behind it goes out all the same.
    UplinkGather items[3] = {fits.item, large.item, fits.item};
    unsigned lost = 0;
    CHECK_EQUAL(send_all(*uplink, 0, items, 3,
                         [&](uint32_t index, Drop reason) {
                           CHECK(index == 1 && reason == Drop::exceeds_mtu, kind);
                           lost++;
                         }),
                2u);
    CHECK_EQUAL(lost, 1u);
  }
}

TEST(auto_says_why) {
  Underlay underlay(true, false);
  UplinkContext context;
  context.address = underlay.here;
  std::string chosen, reason, error;
  CHECK(open_uplink("auto", context, chosen, reason, error) != nullptr, error);
  CHECK(chosen == "raw", chosen);
  const pid_t unprivileged = fork();
  if (unprivileged == 0) {
    std::string why;
    const bool dropped = setuid(65534) == 0;
    const bool opened = open_uplink("auto", context, chosen, why, error) != nullptr;
    _exit(dropped && opened && chosen == "udp" && has(why, "CAP_NET_RAW") ? 0 : 1);
  }
  CHECK(finished_well(unprivileged));
}

TEST(interfaces_come_and_go) {
  Underlay underlay(true);
  const auto uplink = open_uplink_or_fail("raw", "10.1.0.1");
  const uint32_t index = if_nametoindex("w0");
  std::string error;
  CHECK(uplink->ensure_interface(index, error), error);
  CHECK(!uplink->ensure_interface(if_nametoindex("lo"), error));
  CHECK(has(error, "expected Ethernet"), error);
  const unsigned before = open_descriptors();
  for (int i = 0; i < 40; i++) {  // more often than there is room for at one time
    run("ip link add u0 type veth peer name u1; ip link set u0 up");
    const uint32_t other = if_nametoindex("u0");
    CHECK(uplink->ensure_interface(other, error), error);
    CHECK(readable(uplink->wait_descriptor(0), 0));  // so that a sleeping worker takes it over
    Frame frames[4];
    if (i % 2) CHECK_EQUAL(uplink->receive(0, frames, 4), 0u);
    run("ip link del u0");
    uplink->forget_interface(other);
    CHECK(readable(uplink->wait_descriptor(0), 0));
    CHECK_EQUAL(uplink->receive(0, frames, 4), 0u);
    CHECK(!readable(uplink->wait_descriptor(0), 0), std::to_string(i));
  }
  uplink->forget_interface(0);  // gives back what the worker has left
  CHECK_EQUAL(open_descriptors(), before);
  const Datagrams one(*uplink, underlay.here, underlay.there, underlay.hop,
                      {numbered_frame(1, 60)});
  CHECK_EQUAL(uplink->send(0, &one.item, 1).sent, 1u);
}

TEST(next_hops_follow_the_kernel) {
  Underlay underlay(true, false);
  const Address far_vtep = parse("10.7.0.1");
  NextHop direct, routed;
  NetlinkMonitor monitor;
  NextHops hops;
  std::string error;
  CHECK(monitor.open(error), error);
  CHECK(hops.open(
            underlay.here,
            [&](const Address& vtep, const NextHop& hop) {
              (vtep == far_vtep ? routed : direct) = hop;
            },
            error),
        error);
  const auto until = [&](const std::function<bool()>& holds) {
    return eventually([&] {
      std::vector<NetlinkEvent> events;
      const bool complete = monitor.read(events);
      hops.on_netlink(events, complete);
      hops.step(now_nanoseconds());
      return holds();
    });
  };
  hops.follow(underlay.there);
  hops.follow(far_vtep);
  CHECK(until([&] { return direct.state == NextHop::State::resolved; }));
  CHECK(routed.state == NextHop::State::no_route);
  CHECK_EQUAL(direct.mtu, 1500u);
  CHECK_EQUAL(direct.ifindex, if_nametoindex("w0"));
  CHECK(direct.address == underlay.there);

  run("ip route add 10.7.0.0/24 via 10.1.0.2 mtu 1400");
  CHECK(until([&] { return routed.state == NextHop::State::resolved; }));
  CHECK(routed.address == underlay.there && memcmp(routed.mac, direct.mac, 6) == 0);
  CHECK_EQUAL(routed.mtu, 1400u);

  underlay.far.run(
      "ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:99; ip link set eth0 up");
  run("ip neigh flush dev w0");
  CHECK(until([&] { return direct.state == NextHop::State::resolved && direct.mac[5] == 0x99; }));
  CHECK(until([&] { return routed.state == NextHop::State::resolved && routed.mac[5] == 0x99; }));

  run("ip link set w0 mtu 1600");
  CHECK(until([&] { return direct.mtu == 1600; }));
  run("ip link set w0 down");
  CHECK(until([&] { return direct.state != NextHop::State::resolved; }));
  run("ip link set w0 up");
  CHECK(until([&] { return direct.state == NextHop::State::resolved; }));
  run("ip route replace unreachable 10.7.0.0/24");
  CHECK(until([&] { return routed.state == NextHop::State::no_route; }));

  // Two equal paths: both interfaces may bring frames in.
  run("ip link add x0 type veth peer name x1; ip link set x0 up; ip link set x1 up; ip addr add "
      "10.2.0.1/24 dev x0");
  run("ip route replace 10.7.0.0/24 nexthop via 10.1.0.2 nexthop via 10.2.0.2");
  CHECK(until([&] { return routed.interfaces.size() == 2; }));
  hops.unfollow(far_vtep);
  hops.unfollow(underlay.there);
  CHECK(!hops.step(now_nanoseconds()));
}

}  // namespace vtep::test
