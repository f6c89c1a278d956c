// Encapsulated super-frames that leave the raw uplink whole, by its tap.
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "../../core/checksum.hpp"
#include "../../core/segmentation.hpp"
#include "../packet_socket.hpp"
#include "../tunnel_tap.hpp"
#include "uplink_rig.hpp"

namespace vtep::test {
namespace {

constexpr size_t kPayload = 40000;
constexpr uint16_t kSegment = 1300;

// The kernel has it since Linux 6.17.
bool kernel_has_it(const Underlay& underlay) {
  TunnelTap tap;
  std::string error;
  if (tap.open(underlay.hop.ifindex, error)) return true;
  CHECK(has(error, "needs Linux 6.17"), error);
  printf("skipped: %s\n", error.c_str());
  return false;
}

// What a worker would send: `inner` behind one set of outer headers.
struct Whole : Datagrams {
  Whole(const Uplink& uplink, const Underlay& underlay, const Bytes& inner)
      : Datagrams(uplink, underlay.here, underlay.there, underlay.hop, {inner.bytes}) {
    const auto outer = static_cast<uint16_t>(item.outer_length + 8);
    item.meta = inner.meta;
    item.meta.checksum_start = static_cast<uint16_t>(outer + inner.meta.checksum_start);
    item.meta.header_length = static_cast<uint16_t>(outer + inner.meta.header_length);
    item.inner_network = static_cast<uint16_t>(outer + 14);
  }
};

// Runs `body` while a raw uplink receives at the far end; hands what came to `check`.
void with_receiver(const Underlay& underlay, size_t count, const std::function<void()>& body,
                   const std::function<bool(const std::vector<Bytes>&)>& check) {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = underlay.far.start([&] {
    const auto uplink = open_uplink_or_fail("raw", underlay.there.text());
    if (write(ready[1], "y", 1) != 1) return 9;
    return check(receive_all(*uplink, 0, count, 4000)) ? 0 : 1;
  });
  close(ready[1]);
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  close(ready[0]);
  body();
  CHECK(finished_well(child));
}

// The outer UDP checksum: none over IPv4, right over IPv6.
bool outer_checksum_is_right(const Bytes& packet, bool v4) {
  const uint8_t* udp = packet.bytes.data() + (v4 ? 34 : 54);
  if (v4) return udp[6] == 0 && udp[7] == 0;
  const auto length = static_cast<uint32_t>(packet.bytes.size() - 54);
  const uint64_t pseudo = pseudo_header_sum(packet.bytes.data() + 22, packet.bytes.data() + 38, 16,
                                            IPPROTO_UDP, length);
  return checksum_fold(checksum_add(udp, length, pseudo)) == 0xffff;
}

void finish(Bytes& packet) {
  Frame frame;
  frame.data = packet.bytes.data();
  frame.length = static_cast<uint32_t>(packet.bytes.size());
  frame.meta = packet.meta;
  complete(frame);
}

void check_whole(bool v4) {
  const Underlay underlay(v4);
  if (!kernel_has_it(underlay)) return;
  const auto uplink = open_uplink_or_fail("raw", underlay.here.text());
  CHECK(uplink->abilities().tunnel_segmentation);
  CHECK(uplink->takes_whole(0, underlay.hop.ifindex, v4));
  CHECK(!uplink->takes_whole(0, underlay.hop.ifindex + 100, v4));
  const Bytes inner = tcp_frame(kPayload, kSegment);
  const Whole sent(*uplink, underlay, inner);
  with_receiver(
      underlay, 1, [&] { CHECK_EQUAL(uplink->send(0, &sent.item, 1).sent, 1u); },
      [&](const std::vector<Bytes>& got) {
        CHECK_EQUAL(got.size(), size_t{1});
        CHECK(got[0].bytes == sent.bytes);
        CHECK_EQUAL(unsigned{got[0].meta.gso_type}, unsigned{kGsoTcp4});
        CHECK_EQUAL(got[0].meta.gso_size, kSegment);
        CHECK_EQUAL(unsigned{got[0].meta.flags}, unsigned{kNeedsChecksum});
        CHECK_EQUAL(got[0].meta.checksum_start, sent.item.meta.checksum_start);
        return true;
      });
}

// An interface that can not take it gets trains from the worker if it cuts those; one that comes
// whole all the same is cut by the kernel, and comes out as we would have cut it.
void check_cut(bool v4, bool checksums) {
  const Underlay underlay(v4);
  if (!kernel_has_it(underlay)) return;
  const auto uplink = open_uplink_or_fail("raw", underlay.here.text());
  run("ethtool -K w0 tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off");
  if (!checksums) run("ethtool -K w0 tx off > /dev/null");
  CHECK(uplink->takes_whole(0, underlay.hop.ifindex, v4));
  uplink->interface_changed(underlay.hop.ifindex);
  // Without checksums a veth has no segmentation at all.
  CHECK_EQUAL(uplink->takes_whole(0, underlay.hop.ifindex, v4), !checksums);

  Bytes inner = tcp_frame(kPayload, kSegment);
  const Whole sent(*uplink, underlay, inner);
  Frame frame;
  frame.data = inner.bytes.data();
  frame.length = static_cast<uint32_t>(inner.bytes.size());
  frame.meta = inner.meta;
  Segmenter segmenter;
  CHECK(segmenter.open(frame) == Drop::none);
  const uint32_t pieces = segmenter.pieces();
  with_receiver(
      underlay, pieces, [&] { CHECK_EQUAL(uplink->send(0, &sent.item, 1).sent, 1u); },
      [&](const std::vector<Bytes>& got) {
        CHECK_EQUAL(got.size(), size_t{pieces});
        Piece piece;
        for (const Bytes& each : got) {
          Bytes finished = each;
          // A veth with offloads leaves the inner checksum to the far side, and says so.
          CHECK_EQUAL((each.meta.flags & kNeedsChecksum) != 0, checksums);
          if (checksums) finish(finished);
          CHECK(outer_checksum_is_right(finished, v4));
          const std::vector<Bytes> frames = inner_frames(*uplink, finished);
          CHECK_EQUAL(frames.size(), size_t{1});
          CHECK(segmenter.next(piece));
          std::vector<uint8_t> expected(piece.header, piece.header + piece.header_length);
          expected.insert(expected.end(), piece.payload, piece.payload + piece.payload_length);
          CHECK(frames[0].bytes == expected);
        }
        return true;
      });
  run("ethtool -K w0 tx-udp_tnl-segmentation on tx-udp_tnl-csum-segmentation on");
  uplink->interface_changed(underlay.hop.ifindex);
  CHECK(uplink->takes_whole(0, underlay.hop.ifindex, v4));
}

// What the kernel has cut, one datagram after the other, the far interface's GRO merges again: it
// knows VXLAN by the device that holds the port.
void check_merged(bool v4) {
  const Underlay underlay(v4);
  if (!kernel_has_it(underlay)) return;
  const auto uplink = open_uplink_or_fail("raw", underlay.here.text());
  run("ethtool -K w0 tso off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off");
  underlay.far.run("ethtool -K eth0 gro on");
  const Bytes inner = tcp_frame(kPayload, kSegment);
  const Whole sent(*uplink, underlay, inner);
  const size_t headers = inner.bytes.size() - kPayload;
  // How many end in one is the kernel's to say: it begins anew when it polls the interface again.
  constexpr size_t kMost = 4;
  with_receiver(
      underlay, kMost, [&] { CHECK_EQUAL(uplink->send(0, &sent.item, 1).sent, 1u); },
      [&](const std::vector<Bytes>& got) {
        CHECK(got.size() < kMost, std::to_string(got.size()));
        std::vector<uint8_t> payload;
        for (const Bytes& each : got) {
          const std::vector<Bytes> frames = inner_frames(*uplink, each);
          CHECK_EQUAL(frames.size(), size_t{1});
          payload.insert(payload.end(), frames[0].bytes.begin() + static_cast<ptrdiff_t>(headers),
                         frames[0].bytes.end());
        }
        CHECK(payload == std::vector<uint8_t>(inner.bytes.begin() + static_cast<ptrdiff_t>(headers),
                                              inner.bytes.end()));
        return true;
      });
}

bool tap_is_there() { return has(output_of("ip -br link"), "vtep-out"); }

}  // namespace

TEST(a_super_frame_crosses_a_veth_whole_over_ipv4) { check_whole(true); }
TEST(a_super_frame_crosses_a_veth_whole_over_ipv6) { check_whole(false); }
TEST(the_kernel_cuts_a_super_frame_where_the_interface_can_not) {
  for (const bool v4 : {true, false})
    for (const bool checksums : {true, false}) check_cut(v4, checksums);
}

TEST(what_the_kernel_has_cut_is_merged_again_over_ipv4) { check_merged(true); }
TEST(what_the_kernel_has_cut_is_merged_again_over_ipv6) { check_merged(false); }

// The far kernel's VXLAN device takes off the outer headers of the whole, and its receivers see the
// super-frame as it was.
TEST(the_kernels_vxlan_takes_our_super_frames) {
  for (const bool v4 : {true, false}) {
    const Underlay underlay(v4);
    if (!kernel_has_it(underlay)) return;
    underlay.far.run("ip link add vx type vxlan id " + std::to_string(kVni) + " local " +
                     underlay.there.text() + " dstport 4789; ip link set vx mtu 1450 up");
    const auto uplink = open_uplink_or_fail("raw", underlay.here.text());
    const Bytes inner = tcp_frame(kPayload, kSegment);
    const Whole sent(*uplink, underlay, inner);
    int ready[2];
    CHECK(pipe(ready) == 0);
    const pid_t child = underlay.far.start([&] {
      PacketSocket device;
      PacketSetup setup;
      setup.ifindex = if_nametoindex("vx");
      int group = -1;
      const char* what = "";
      if (device.open(setup, group, what) != 0 || write(ready[1], "y", 1) != 1) return 1;
      Frame frame;
      if (!eventually([&] { return device.receive(&frame, 1) == 1; })) return 2;
      if (frame.length != inner.bytes.size()) return 3;
      if (memcmp(frame.data, inner.bytes.data(), frame.length) != 0) return 4;
      const Meta& meta = frame.meta;
      return meta.gso_type == kGsoTcp4 && meta.gso_size == kSegment &&
                     meta.flags == kNeedsChecksum && meta.checksum_start == 34
                 ? 0
                 : 5;
    });
    close(ready[1]);
    char answer = 0;
    CHECK(read(ready[0], &answer, 1) == 1);
    close(ready[0]);
    CHECK_EQUAL(uplink->send(0, &sent.item, 1).sent, 1u);
    CHECK(finished_well(child), v4 ? "over IPv4" : "over IPv6");
  }
}

// The host's stack has no part in the tap, nobody can use it, and it ends with its owner, however
// that ends.
TEST(the_tap_is_nobodys_and_ends_with_the_uplink) {
  const Underlay underlay(true);
  if (!kernel_has_it(underlay)) return;
  CHECK(!tap_is_there());
  auto uplink = open_uplink_or_fail("raw", "10.1.0.1");
  CHECK(tap_is_there());
  CHECK(output_of("ip -o addr show dev vtep-out0").empty());
  // What is sent into it from this side goes nowhere, and nothing is asked on it.
  run("ip route add 10.77.0.0/24 dev vtep-out0; ip neigh add 10.77.0.1 lladdr 02:00:00:00:00:09 "
      "dev vtep-out0");
  run("ping -c 2 -i 0.1 -W 1 10.77.0.1 > /dev/null 2>&1 && exit 1 || exit 0");
  CHECK(has(output_of("ip -s -j link show dev vtep-out0"), "\"tx\":{\"bytes\":0,\"packets\":0"));
  uplink.reset();
  CHECK(!tap_is_there());

  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const auto mine = open_uplink_or_fail("raw", "10.1.0.1");
    if (write(ready[1], "y", 1) == 1) pause();
    _exit(1);
  }
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  CHECK(tap_is_there());
  CHECK(kill(child, SIGKILL) == 0);
  CHECK(waitpid(child, nullptr, 0) == child);
  CHECK(eventually([] { return !tap_is_there(); }));
}

}  // namespace vtep::test
