// The contract of port.hpp, held by every kind in ports.def. A kind that is added there needs a far
// side here.
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "../packet_socket.hpp"
#include "../ring.hpp"
#include "support.hpp"

namespace vtep::test {
namespace {

// What is at the other end of the wire of a port.
class FarSide {
 public:
  virtual ~FarSide() = default;
  virtual bool inject(const Bytes& frame) = 0;
  virtual std::vector<Bytes> take(size_t count) = 0;
};

// The other end of a veth, or a tap's interface: its kernel side by AF_PACKET.
class InterfaceSide : public FarSide {
 public:
  explicit InterfaceSide(const std::string& name) {
    PacketSetup setup;
    setup.ifindex = if_nametoindex(name.c_str());
    setup.slots = 2048;
    int group = -1;
    const char* what = "";
    const int code = socket_.open(setup, group, what);
    CHECK(code == 0, std::string(what) + ": " + strerror(code));
  }
  bool inject(const Bytes& frame) override {
    const iovec piece = {const_cast<uint8_t*>(frame.bytes.data()), frame.bytes.size()};
    Gather gather;
    gather.pieces = &piece;
    gather.count = 1;
    gather.length = static_cast<uint32_t>(frame.bytes.size());
    gather.meta = frame.meta;
    return socket_.send(&gather, 1).sent == 1;
  }
  std::vector<Bytes> take(size_t count) override {
    std::vector<Bytes> all;
    Frame frames[64];
    eventually([&] {
      const unsigned got = socket_.receive(frames, 64);
      for (unsigned i = 0; i < got; i++) {
        const uint8_t* data = frames[i].data;
        // The kernel's own chatter (neighbour discovery) is not part of the test.
        if (data[0] == 2) all.push_back({{data, data + frames[i].length}, frames[i].meta});
      }
      return all.size() >= count;
    });
    return all;
  }

 private:
  PacketSocket socket_;
};

class RingSide : public FarSide {
 public:
  explicit RingSide(Ring& ring) : ring_(ring) {}
  bool inject(const Bytes& frame) override {
    return ring_.inject(0, frame.bytes.data(), frame.bytes.size(), frame.meta);
  }
  std::vector<Bytes> take(size_t count) override {
    std::vector<Bytes> all;
    Frame frame;
    while (all.size() < count && ring_.take(frame))
      all.push_back({{frame.data, frame.data + frame.length}, frame.meta});
    return all;
  }

 private:
  Ring& ring_;
};

void append(FILE* file, const Bytes& frame) {
  const auto length = static_cast<uint32_t>(frame.bytes.size());
  const uint32_t record[4] = {1, 2, length, length};
  fwrite(record, sizeof record, 1, file);
  fwrite(frame.bytes.data(), length, 1, file);
  fflush(file);
}

class FileSide : public FarSide {
 public:
  FileSide(std::string in, std::string out) : in_(std::move(in)), out_(std::move(out)) {}
  ~FileSide() override { unlink(in_.c_str()), unlink(out_.c_str()); }
  bool inject(const Bytes& frame) override {
    FILE* file = fopen(in_.c_str(), "ae");
    append(file, frame);
    fclose(file);
    return true;
  }
  std::vector<Bytes> take(size_t) override {
    std::vector<Bytes> all;
    FILE* file = fopen(out_.c_str(), "re");
    CHECK(file != nullptr);
    fseek(file, 24, SEEK_SET);
    for (uint32_t record[4]; fread(record, sizeof record, 1, file) == 1;) {
      Bytes frame;
      frame.bytes.resize(record[2]);
      CHECK(fread(frame.bytes.data(), frame.bytes.size(), 1, file) == 1);
      CHECK_EQUAL(record[2], record[3]);
      all.push_back(frame);
    }
    fclose(file);
    return all;
  }

 private:
  std::string in_, out_;
};

struct Rig {
  std::unique_ptr<FarSide> far;
  std::unique_ptr<Port> port;
  bool keeps_order_across_queues = true;
};

std::string scratch_file(const char* name) {
  return "/tmp/vtep-port-test-" + std::to_string(getpid()) + "-" + name;
}

const std::map<std::string, Rig (*)()> kRigs = {
    {"netdev",
     [] {
       run("ip link add a0 type veth peer name a1");
       run("ip link set a0 up; ip link set a1 up");
       Rig rig;
       rig.port = open_or_fail("netdev", "a0");
       rig.far = std::make_unique<InterfaceSide>("a1");
       return rig;
     }},
    {"tap",
     [] {
       Rig rig;
       rig.port = open_or_fail("tap", "t0");
       rig.far = std::make_unique<InterfaceSide>("t0");
       return rig;
     }},
    {"ring",
     [] {
       Rig rig;
       rig.port = open_or_fail("ring", "r0");
       rig.far = std::make_unique<RingSide>(*rig.port->ring());
       return rig;
     }},
    {"pcap",
     [] {
       const std::string in = scratch_file("in"), out = scratch_file("out");
       FILE* file = fopen(in.c_str(), "we");
       const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1};
       fwrite(header, sizeof header, 1, file);
       fclose(file);
       Rig rig;
       // The delay gives time to put frames into the file.
       rig.port = open_or_fail("pcap", "p0", "read=" + in + "\nwrite=" + out + "\ndelay=300");
       rig.far = std::make_unique<FileSide>(in, out);
       return rig;
     }},
};

Rig make_rig(const char* kind) {
  const auto found = kRigs.find(kind);
  CHECK(found != kRigs.end(), std::string("no far side for kind ") + kind);
  return found->second();
}

void for_every_kind(void (*body)(const char* kind, Rig& rig)) {
  for (const PortKind* kind : port_kinds()) {
    Rig rig = make_rig(kind->name);
    body(kind->name, rig);
  }
}

constexpr uint32_t kFrames = 200;

// Sizes from the smallest to the largest of an ordinary interface, and up and down again.
size_t length_of(uint32_t number) { return 60 + number * 977 % 1455; }

}  // namespace

TEST(frames_arrive_whole_and_in_order) {
  for_every_kind([](const char* kind, Rig& rig) {
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
  for_every_kind([](const char* kind, Rig& rig) {
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
  for_every_kind([](const char* kind, Rig& rig) {
    const Bytes segment = tcp_frame(777, 0);
    if (strcmp(kind, "pcap") != 0) {
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
  for_every_kind([](const char* kind, Rig& rig) {
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
  for_every_kind([](const char* kind, Rig& rig) {
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
    if (strcmp(kind, "pcap") != 0) CHECK(got.size() < kFlood, kind);
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
  for (const PortKind* kind : port_kinds()) make_rig(kind->name);  // opens what lives on: netlink
  const unsigned before = open_descriptors();
  for (const PortKind* kind : port_kinds()) {
    if (strcmp(kind->name, "netdev") == 0) run("ip link del a0");
    make_rig(kind->name);
    CHECK_EQUAL(open_descriptors(), before);
  }
  CHECK_EQUAL(if_nametoindex("t0"), 0u);
  CHECK(!has(output_of("ip -d link show a0"), "promiscuity 1"));
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
