// The contract of port.hpp, held by every kind in ports.def. A kind that is added there needs a far
// side in far_side.cpp.
#include <net/if.h>
#include <string.h>

#include <algorithm>
#include <memory>

#include "far_side.hpp"

namespace vtep::test {
namespace {

// The port is closed first.
struct Rig {
  std::unique_ptr<FarSide> far;
  std::unique_ptr<Port> port;
};

Rig make_rig(const FarKind& kind) {
  Rig rig;
  const PortWish wish = kind.prepare("0");
  rig.port = open_or_fail(kind.kind, wish.name, wish.options);
  rig.far = kind.attach("0", rig.port->ring());
  // As a worker does; a stream takes who has called.
  Frame none[1];
  (void)rig.port->receive(0, none, 1);
  return rig;
}

// The plain variant of each kind.
template <class Body>
void for_every_kind(Body body) {
  const char* last = "";
  for (const FarKind& kind : far_kinds()) {
    if (strcmp(kind.kind, last) == 0) continue;
    last = kind.kind;
    Rig rig = make_rig(kind);
    body(kind, rig);
  }
}

constexpr uint32_t kFrames = 200;

// Sizes from the smallest to the largest of an ordinary interface, and up and down again.
size_t length_of(uint32_t number) { return 60 + number * 977 % 1455; }

}  // namespace

TEST(frames_arrive_whole_and_in_order) {
  for_every_kind([](const FarKind& far_kind, Rig& rig) {
    const char* kind = far_kind.kind;
    for (uint32_t i = 0; i < kFrames; i++)
      CHECK(rig.far->inject({numbered_frame(i, length_of(i)), {}}), kind);
    CHECK(readable(rig.port->wait_descriptor(0), 2000), kind);
    const auto got = receive_all(*rig.port, 0, kFrames);
    CHECK_EQUAL(got.size(), size_t{kFrames});
    for (uint32_t i = 0; i < kFrames; i++)
      CHECK(got[i].bytes == numbered_frame(i, length_of(i)),
            std::string(kind) + " receives frame " + std::to_string(i));
    Frame none[1];
    CHECK_EQUAL(rig.port->receive(0, none, 1), 0u);
    // Nothing is left, so the next wait sleeps.
    CHECK(!readable(rig.port->wait_descriptor(0), 0), kind);
  });
}

TEST(frames_leave_whole_and_in_order) {
  for_every_kind([](const FarKind& far_kind, Rig& rig) {
    const char* kind = far_kind.kind;
    std::vector<std::vector<uint8_t>> frames;
    std::vector<iovec> pieces;
    std::vector<Gather> items(kFrames);
    for (uint32_t i = 0; i < kFrames; i++) frames.push_back(numbered_frame(i, length_of(i)));
    for (uint32_t i = 0; i < kFrames; i++) {
      const size_t cut = 14 + i % 40;
      pieces.push_back({frames[i].data(), cut});
      pieces.push_back({frames[i].data() + cut, frames[i].size() - cut});
    }
    for (uint32_t i = 0; i < kFrames; i++) {
      items[i].pieces = &pieces[2 * i];
      items[i].count = 2;
      items[i].length = static_cast<uint32_t>(frames[i].size());
    }
    const uint32_t sent =
        send_all(*rig.port, 0, items.data(), kFrames, [&](uint32_t index, Drop reason) {
          CHECK(false, std::string(kind) + " lost frame " + std::to_string(index) + ": " +
                           drop_name(reason));
        });
    CHECK_EQUAL(sent, kFrames);
    const auto got = rig.far->take(kFrames);
    CHECK_EQUAL(got.size(), size_t{kFrames});
    for (uint32_t i = 0; i < kFrames; i++)
      CHECK(got[i].bytes == frames[i], std::string(kind) + " sends frame " + std::to_string(i));
  });
}

TEST(metadata_is_kept_or_completed) {
  for_every_kind([](const FarKind& far_kind, Rig& rig) {
    const char* kind = far_kind.kind;
    const Bytes segment = tcp_frame(777, 0);
    if (far_kind.carries_metadata) {
      CHECK(rig.far->inject(segment), kind);
      const auto got = receive_all(*rig.port, 0, 1);
      CHECK_EQUAL(got.size(), size_t{1});
      CHECK(checksum_is_right(got[0].bytes.data(), got[0].bytes.size(), got[0].meta), kind);
    }
    if (!rig.port->abilities().partial_checksum) return;
    CHECK_EQUAL(send_one(*rig.port, 0, segment).sent, 1u);
    const auto out = rig.far->take(1);
    CHECK_EQUAL(out.size(), size_t{1});
    CHECK(checksum_is_right(out[0].bytes.data(), out[0].bytes.size(), out[0].meta), kind);
  });
}

TEST(super_frames_pass_whole_between_others) {
  for_every_kind([](const FarKind& far_kind, Rig& rig) {
    const char* kind = far_kind.kind;
    if (!rig.port->abilities().tcp_segmentation) return;
    // Ordinary frames around each super-frame show that order is kept between slots and the queue
    // of large frames.
    // The kernel itself cuts what is not shorter than gso_max_size (65536), Ethernet header
    // included.
    const Bytes super = tcp_frame(65535 - 54, 1460);
    const unsigned rounds = 20;
    for (uint32_t i = 0; i < rounds; i++) {
      CHECK(rig.far->inject({numbered_frame(i, 60), {}}), kind);
      CHECK(rig.far->inject(super), kind);
    }
    const auto got = receive_all(*rig.port, 0, 2 * rounds);
    CHECK(got.size() == 2 * rounds, std::string(kind) + " " + std::to_string(got.size()) + " " +
                                        std::to_string(got.back().bytes.size()));
    for (uint32_t i = 0; i < rounds; i++) {
      CHECK(got[2 * i].bytes == numbered_frame(i, 60), kind);
      CHECK(got[2 * i + 1].bytes == super.bytes, kind);
      CHECK_EQUAL(got[2 * i + 1].meta.gso_type, kGsoTcp4);
      CHECK_EQUAL(got[2 * i + 1].meta.gso_size, uint16_t{1460});
      CHECK_EQUAL(got[2 * i + 1].meta.checksum_start, uint16_t{34});
    }
    for (uint32_t i = 0; i < rounds; i++) {
      CHECK_EQUAL(send_one(*rig.port, 0, {numbered_frame(i, 60), {}}).sent, 1u);
      CHECK_EQUAL(send_one(*rig.port, 0, super).sent, 1u);
    }
    const auto out = rig.far->take(2 * rounds);
    CHECK_EQUAL(out.size(), size_t{2 * rounds});
    for (uint32_t i = 0; i < rounds; i++) {
      CHECK(out[2 * i].bytes == numbered_frame(i, 60), kind);
      CHECK(out[2 * i + 1].bytes == super.bytes, kind);
      CHECK_EQUAL(out[2 * i + 1].meta.gso_type, kGsoTcp4);
    }
  });
}

// What did not fit is told: nothing vanishes without a name.
TEST(a_full_queue_is_reported) {
  for_every_kind([](const FarKind& far_kind, Rig& rig) {
    const char* kind = far_kind.kind;
    constexpr uint32_t kFlood = 3000;
    uint64_t accepted = 0;
    for (uint32_t i = 0; i < kFlood; i++) accepted += rig.far->inject({numbered_frame(i, 60), {}});
    const auto got = receive_all(*rig.port, 0, kFlood, 500);
    CHECK(rig.port->refresh(), kind);
    uint64_t lost = 0;
    Loss losses[8];
    const unsigned rows = rig.port->take_losses(0, losses, 8);
    for (unsigned i = 0; i < rows; i++) lost += losses[i].frames;
    CHECK_EQUAL(got.size() + lost + (kFlood - accepted), uint64_t{kFlood});
    if (far_kind.carries_metadata) CHECK(got.size() < kFlood, kind);
    for (size_t i = 0; i < got.size(); i++)
      CHECK_EQUAL(number_of(got[i].bytes.data()), static_cast<uint32_t>(i));
    CHECK_EQUAL(rig.port->take_losses(0, losses, 8), 0u);  // told once
  });
  const auto ring = open_or_fail("ring", "small", "capacity=2");
  CHECK_EQUAL(send_one(*ring, 0, {numbered_frame(0, 60), {}}).sent, 1u);
  CHECK_EQUAL(send_one(*ring, 0, {numbered_frame(1, 60), {}}).sent, 1u);
  CHECK(send_one(*ring, 0, {numbered_frame(2, 60), {}}).reason == Drop::tx_queue_full);
}

TEST(closing_leaves_nothing_behind) {
  for_every_kind([](const FarKind&, Rig&) {});  // opens what lives on: netlink
  const unsigned before = open_descriptors();
  for (const FarKind& kind : far_kinds()) {
    make_rig(kind);
    CHECK_EQUAL(open_descriptors(), before);
  }
  CHECK_EQUAL(if_nametoindex("t0"), 0u);
  run("ip link add a1 type veth peer name b1");
  open_or_fail("netdev", "a1");
  CHECK(!has(output_of("ip -d link show a1"), "promiscuity 1"));
  const std::string sockets = output_of("cat /proc/net/packet");
  CHECK(std::count(sockets.begin(), sockets.end(), '\n') == 1, sockets);
}

TEST(two_queues_share_an_interface) {
  run("ip link add a0 type veth peer name a1");
  run("ip link set a0 up; ip link set a1 up");
  for (const char* kind : {"netdev", "tap"}) {
    const bool tap = strcmp(kind, "tap") == 0;
    const auto port = open_or_fail(kind, tap ? "t0" : "a0", "", 2);
    InterfaceSide far(tap ? "t0" : "a1");
    for (uint16_t flow = 0; flow < 64; flow++) {
      Bytes frame = tcp_frame(100, 0);
      frame.bytes[35] = static_cast<uint8_t>(flow);  // source port
      frame.bytes[15] = 0;
      CHECK(far.inject(frame), kind);
    }
    size_t first = receive_all(*port, 0, 64, 300).size();
    size_t second = receive_all(*port, 1, 64, 300).size();
    CHECK_EQUAL(first + second, size_t{64});
    CHECK(first > 0 && second > 0, std::string(kind) + ": " + std::to_string(first));
    for (unsigned queue = 0; queue < 2; queue++)
      CHECK_EQUAL(send_one(*port, queue, {numbered_frame(queue, 60), {}}).sent, 1u);
    CHECK_EQUAL(far.take(2).size(), size_t{2});
  }
}

// What the host itself sends on the interface, or the other queue, does not come in as if a tenant
// had sent it.
TEST(what_leaves_does_not_come_back) {
  run("ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up");
  run("ip addr add 10.5.0.1/24 dev a0");
  for (const unsigned queues : {1u, 2u}) {
    const auto port = open_or_fail("netdev", "a0", "isolate=no", queues);
    (void)!system("ping -c 1 -W 1 10.5.0.2 > /dev/null");
    CHECK_EQUAL(send_one(*port, queues - 1, {numbered_frame(1, 60), {}}).sent, 1u);
    for (unsigned queue = 0; queue < queues; queue++)
      CHECK_EQUAL(receive_all(*port, queue, 1, 50).size(), size_t{0});
  }
}

}  // namespace vtep::test
