// Traffic of uplinks against each other and against the kernel's own VXLAN.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../packet_socket.hpp"
#include "uplink_rig.hpp"

namespace vtep::test {
namespace {

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
  for (const char* from : {"udp", "raw", "af_xdp"})
    for (const char* to : {"udp", "raw", "af_xdp"}) check_singles_and_trains(from, to, true, true);
}

TEST(uplinks_carry_singles_and_trains_over_ipv6) {
  for (const char* from : {"udp", "raw", "af_xdp"})
    for (const char* to : {"udp", "raw", "af_xdp"}) check_singles_and_trains(from, to, false, true);
}

// GRO of the underlay's interface merges datagrams that came one by one, because the udp uplink's
// socket asks for it.
TEST(datagrams_are_merged_to_trains_by_gro) {
  const Underlay underlay(true);
  run("ethtool -K w0 gro on");
  underlay.far.run("ethtool -K eth0 tx-udp-segmentation off tso off");
  constexpr uint32_t kTrain = 40;
  const auto uplink = open_uplink_or_fail("udp", "10.1.0.1");
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
      CHECK(inner.bytes == numbered_frame(number++, 1200));
  }
  printf("%u datagrams in %zu\n", number, received);
  CHECK_EQUAL(number, kTrain);
  CHECK(received < kTrain / 4, std::to_string(received));
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

// Datagrams of a VTEP that sends them without a checksum come one by one, and the worker may have
// to wait for its CPU meanwhile.
TEST(the_raw_uplink_keeps_what_comes_while_nobody_reads) {
  const Underlay underlay(true);
  const auto uplink = open_uplink_or_fail("raw", "10.1.0.1", 2);
  constexpr uint32_t kDatagrams = 3000;
  CHECK(finished_well(underlay.far.start([&] {
    const auto from = open_uplink_or_fail("udp", "10.1.0.2");
    for (uint32_t i = 0; i < kDatagrams; i++) {
      const Datagrams one(*from, underlay.there, underlay.here, {}, {numbered_frame(i, 1400)});
      if (from->send(0, &one.item, 1).sent != 1) return 1;
      // The kernel's own queue in between holds 1000.
      if (i % 100 == 99) usleep(1000);
    }
    return 0;
  })));
  size_t got = 0;
  for (unsigned queue = 0; queue < 2; queue++)
    got += receive_all(*uplink, queue, kDatagrams, 300).size();
  CHECK_EQUAL(got, size_t{kDatagrams});
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

}  // namespace vtep::test
