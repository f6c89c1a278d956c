// What AF_XDP takes and leaves, how it comes and goes, and frames that it moves without a copy.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bpf_program.hpp"
#include "far_side.hpp"
#include "uplink_rig.hpp"

namespace vtep::test {
namespace {

std::string link_text(const char* name) {
  return output_of(std::string("ip -d link show ") + name);
}

void make_veth(const char* options = "") {
  run(std::string("ip link add x0 ") + options + " type veth peer name x1 " + options);
  run("ip link set x0 up; ip link set x1 up");
}

}  // namespace

TEST(af_xdp_keeps_the_vlan_tag) {
  make_veth();
  InterfaceSide far("x1");
  for (const char* mode : {"native", "generic"}) {
    const auto port = open_or_fail("af_xdp", "x0", std::string("mode=") + mode);
    Bytes frame = tcp_frame(500, 0);
    const uint8_t tag[4] = {0x81, 0, 0x30, 42};
    frame.bytes.insert(frame.bytes.begin() + 12, tag, tag + 4);
    frame.meta.checksum_start = static_cast<uint16_t>(frame.meta.checksum_start + 4);
    CHECK(far.inject(frame));
    const auto got = receive_all(*port, 0, 1);
    CHECK_EQUAL(got.size(), size_t{1});
    CHECK_EQUAL(got[0].bytes.size(), frame.bytes.size());
    CHECK(memcmp(got[0].bytes.data(), frame.bytes.data(), 40) == 0, mode);
  }
}

// The host's own traffic on the interface goes on: TCP to it, ping, ARP, another UDP port, another
// address. Only VXLAN to our address is taken.
TEST(af_xdp_takes_only_what_is_ours) {
  for (const bool v4 : {true, false}) {
    const Underlay underlay(v4);
    const char* other = v4 ? "10.1.0.3" : "fd01::3";
    run(std::string("ip addr add ") + other + (v4 ? "/24" : "/64 nodad") + " dev w0");
    const auto uplink = open_uplink_or_fail("af_xdp", underlay.here.text());
    CHECK(has(link_text("w0"), "prog/xdp"), link_text("w0"));

    const auto send = [&](const std::string& to, uint16_t port, size_t length) {
      CHECK(finished_well(underlay.far.start([&] {
        Address address = parse_address_or_fail(to);
        sockaddr_storage target = {};
        const socklen_t size = address.socket_address(port, 0, target);
        const int udp = socket(target.ss_family, SOCK_DGRAM, 0);
        const std::vector<uint8_t> bytes(length, 1);
        return sendto(udp, bytes.data(), length, 0, reinterpret_cast<sockaddr*>(&target), size) > 0
                   ? 0
                   : 1;
      })));
    };
    send(underlay.here.text(), 4788, 100);
    send(other, 4789, 100);
    CHECK_EQUAL(receive_all(*uplink, 0, 1, 100).size(), size_t{0});
    send(underlay.here.text(), 4789, 100);
    CHECK_EQUAL(receive_all(*uplink, 0, 1).size(), size_t{1});

    // Nobody reads the uplink meanwhile: what the host gets does not depend on us.
    run("ip neigh flush dev w0");
    underlay.far.run("ip neigh flush dev eth0");
    underlay.far.run("ping -c 2 -i 0.2 -W 2 " + underlay.here.text() + " > /dev/null");
    sockaddr_storage local = {};
    const socklen_t size = underlay.here.socket_address(179, 0, local);
    const Descriptor server(socket(local.ss_family, SOCK_STREAM, 0));
    CHECK(bind(server.get(), reinterpret_cast<sockaddr*>(&local), size) == 0);
    CHECK(listen(server.get(), 1) == 0);
    constexpr size_t kBytes = 4 << 20;
    const pid_t client = underlay.far.start([&] {
      const int tcp = socket(local.ss_family, SOCK_STREAM, 0);
      if (connect(tcp, reinterpret_cast<sockaddr*>(&local), size) != 0) return 1;
      const std::vector<uint8_t> bytes(kBytes, 5);
      size_t sent = 0;
      while (sent < kBytes) {
        const ssize_t part = write(tcp, bytes.data() + sent, kBytes - sent);
        if (part <= 0) return 2;
        sent += static_cast<size_t>(part);
      }
      return 0;
    });
    CHECK(readable(server.get(), 3000));
    const Descriptor connection(accept(server.get(), nullptr, nullptr));
    size_t received = 0;
    std::vector<uint8_t> buffer(1 << 16);
    while (readable(connection.get(), 3000)) {
      const ssize_t part = read(connection.get(), buffer.data(), buffer.size());
      if (part <= 0) break;
      received += static_cast<size_t>(part);
    }
    CHECK_EQUAL(received, kBytes);
    CHECK(finished_well(client));
  }
}

// Of a fragmented packet the first fragment is shown, to be counted.
TEST(af_xdp_shows_the_first_fragment) {
  for (const bool v4 : {true, false}) {
    const Underlay underlay(v4);
    const auto uplink = open_uplink_or_fail("af_xdp", underlay.here.text());
    underlay.far.run("ethtool -K eth0 tx off > /dev/null");
    CHECK(finished_well(underlay.far.start([&] {
      sockaddr_storage target = {};
      const socklen_t size = underlay.here.socket_address(4789, 0, target);
      const int udp = socket(target.ss_family, SOCK_DGRAM, 0), fragment = IP_PMTUDISC_DONT;
      setsockopt(udp, IPPROTO_IP, IP_MTU_DISCOVER, &fragment, sizeof fragment);
      const std::vector<uint8_t> bytes(4000, 1);
      const auto* to = reinterpret_cast<sockaddr*>(&target);
      return sendto(udp, bytes.data(), bytes.size(), 0, to, size) > 0 ? 0 : 1;
    })));
    CHECK_EQUAL(receive_all(*uplink, 0, 3, 200).size(), size_t{1});
  }
}

TEST(af_xdp_ends_with_its_process) {
  make_veth();  // before there is IPv6, of which it would say something by itself
  const Underlay underlay(true);
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto uplink = open_uplink_or_fail("af_xdp", "10.1.0.1");
    const auto port = open_or_fail("af_xdp", "x0");
    if (write(ready[1], "y", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  CHECK(has(link_text("w0"), "prog/xdp") && has(link_text("x0"), "prog/xdp"), link_text("x0"));
  CHECK(kill(child, SIGKILL) == 0);
  CHECK(waitpid(child, nullptr, 0) == child);
  CHECK(eventually(
            [] { return !has(link_text("w0"), "prog/xdp") && !has(link_text("x0"), "prog/xdp"); }),
        link_text("w0"));
  // The kernel is not done with the queues yet: the next one waits for them.
  open_uplink_or_fail("af_xdp", "10.1.0.1");
  const auto port = open_or_fail("af_xdp", "x0");
  InterfaceSide far("x1");
  CHECK(far.inject({numbered_frame(1, 60), {}}));
  CHECK_EQUAL(receive_all(*port, 0, 1).size(), size_t{1});
}

TEST(af_xdp_leaves_other_programs_alone) {
  const Underlay underlay(true);
  make_veth();
  const bpf_insn pass[] = {answer(XDP_PASS), kExit};
  const Descriptor program = load_program(pass, std::size(pass), "somebodys", BPF_PROG_TYPE_XDP);
  CHECK(static_cast<bool>(program), strerror(errno));
  for (const uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    const Descriptor w0 = link_program(program, if_nametoindex("w0"), BPF_XDP, mode);
    const Descriptor x0 = link_program(program, if_nametoindex("x0"), BPF_XDP, mode);
    CHECK(w0 && x0, strerror(errno));
    std::string error = uplink_error("af_xdp", "10.1.0.1");
    CHECK(has(error, "underlay interface w0: XDP program ") &&
              has(error, "(somebodys) is attached to w0") && has(error, "take it off first"),
          error);
    error = open_error("af_xdp", "x0");
    CHECK(has(error, "af_xdp x0: XDP program ") && has(error, "(somebodys)"), error);
    CHECK(has(link_text("w0"), "somebodys") || has(link_text("w0"), "xdp"), link_text("w0"));
    // Others do not need it.
    open_uplink_or_fail("raw", "10.1.0.1");
  }
  open_uplink_or_fail("af_xdp", "10.1.0.1");
  const auto first = open_or_fail("af_xdp", "x0");
  CHECK(has(open_error("af_xdp", "again", "ifname=x0"), "another port has this interface open"));
  CHECK(has(open_error("netdev", "again", "ifname=x0"), "another port has this interface open"));
}

TEST(af_xdp_falls_back_and_says_so) {
  // The far end has more transmit queues than this one has receive queues: no native XDP.
  run("ip link add w0 numtxqueues 1 numrxqueues 1 type veth peer name w1 numtxqueues 2 "
      "numrxqueues 2");
  run("ip link set w0 up; ip link set w1 up; ip addr add 10.1.0.1/24 dev w0");
  UplinkContext context;
  context.address = parse_address_or_fail("10.1.0.1");
  std::string chosen, reason, error;
  auto uplink = open_uplink("af_xdp", context, chosen, reason, error);
  CHECK(uplink != nullptr, error);
  CHECK(has(reason, "as configured; w0: generic XDP (native XDP on w0: fewer receive queues") &&
            has(reason, "copied, 1 queue"),
        reason);
  uplink.reset();
  context.options.set("mode", "native");
  CHECK(open_uplink("af_xdp", context, chosen, reason, error) == nullptr);
  CHECK(has(error, "fewer receive queues"), error);
  context.options.set("mode", "zerocopy");
  CHECK(open_uplink("af_xdp", context, chosen, reason, error) == nullptr);
  CHECK(has(error, "the driver has no zero copy"), error);
  context.options.set("mode", "fast");
  CHECK(open_uplink("af_xdp", context, chosen, reason, error) == nullptr);
  CHECK(has(error, "expected auto, native, generic or zerocopy, got \"fast\""), error);
  run("ip link del w0");
  CHECK(has(open_error("af_xdp", "lo"), "expected an Ethernet interface"));
}

// Queues of an interface over workers: more, fewer, none of its own.
TEST(af_xdp_covers_every_queue) {
  make_veth("numtxqueues 4 numrxqueues 4");
  for (const unsigned workers : {1u, 2u, 3u, 4u, 6u}) {
    const auto port = open_or_fail("af_xdp", "x0", "", workers);
    InterfaceSide far("x1");
    constexpr size_t kFlows = 64;
    for (uint16_t flow = 0; flow < kFlows; flow++) {
      Bytes frame = tcp_frame(100, 0);
      frame.bytes[35] = static_cast<uint8_t>(flow);
      CHECK(far.inject(frame));
    }
    size_t received = 0;
    for (unsigned worker = 0; worker < workers; worker++) {
      CHECK_EQUAL(port->wait_descriptor(worker) < 0, worker >= 4);
      received += receive_all(*port, worker, kFlows, 100).size();
    }
    CHECK_EQUAL(received, kFlows);
    for (unsigned worker = 0; worker < workers; worker++)
      CHECK_EQUAL(send_one(*port, worker, {numbered_frame(worker, 60), {}}).sent, 1u);
    CHECK_EQUAL(far.take(workers).size(), size_t{workers});
  }
}

// Super-frames on a virtual wire, which only generic mode leaves whole, come by AF_PACKET: with the
// metadata that says how to cut them.
TEST(af_xdp_leaves_super_frames_to_af_packet) {
  for (const bool v4 : {true, false}) {
    const Underlay underlay(v4);
    UplinkContext context;
    context.address = underlay.here;
    context.options.set("mode", "generic");
    std::string chosen, reason, error;
    const auto uplink = open_uplink("af_xdp", context, chosen, reason, error);
    CHECK(uplink != nullptr, error);
    CHECK(has(reason, "w0: generic XDP, copied, 1 queue"), reason);
    constexpr uint32_t kTrain = 20;
    CHECK(finished_well(underlay.far.start([&] {
      const auto from = open_uplink_or_fail("udp", underlay.there.text());
      std::vector<std::vector<uint8_t>> frames;
      for (uint32_t i = 0; i < kTrain; i++) frames.push_back(numbered_frame(i, 1200));
      const Datagrams train(*from, underlay.there, underlay.here, {}, frames);
      return from->send(0, &train.item, 1).sent == 1 ? 0 : 1;
    })));
    const auto got = receive_all(*uplink, 0, 1);
    CHECK_EQUAL(got.size(), size_t{1});
    const auto inner = inner_frames(*uplink, got[0]);
    CHECK_EQUAL(inner.size(), size_t{kTrain});
    for (uint32_t i = 0; i < kTrain; i++) CHECK(inner[i].bytes == numbered_frame(i, 1200));
  }
}

// Longer than a chunk of its memory: cut by the kernel, put together here, and the same back.
TEST(af_xdp_carries_jumbo_frames) {
  make_veth("mtu 9000");
  InterfaceSide far("x1");
  for (const char* mode : {"native", "generic"}) {
    const auto port = open_or_fail("af_xdp", "x0", std::string("mode=") + mode);
    for (uint32_t i = 0; i < 100; i++) CHECK(far.inject({numbered_frame(i, 60 + 89 * i), {}}));
    const auto got = receive_all(*port, 0, 100);
    CHECK_EQUAL(got.size(), size_t{100});
    for (uint32_t i = 0; i < 100; i++)
      CHECK(got[i].bytes == numbered_frame(i, 60 + 89 * i), mode + std::to_string(i));
    for (uint32_t i = 0; i < 100; i++)
      CHECK_EQUAL(send_one(*port, 0, {numbered_frame(i, 60 + 89 * i), {}}).sent, 1u);
    const auto out = far.take(100);
    CHECK_EQUAL(out.size(), size_t{100});
    for (uint32_t i = 0; i < 100; i++)
      CHECK(out[i].bytes == numbered_frame(i, 60 + 89 * i), mode + std::to_string(i));
    CHECK(send_one(*port, 0, {numbered_frame(1, 9019), {}}).reason == Drop::exceeds_mtu);
  }
}

// What one device lends is sent by another of the same worker from where it lies; the frame stays
// as it is for others that it is meant for, and memory comes back.
TEST(af_xdp_moves_frames_between_devices) {
  make_veth();
  run("ip link add y0 type veth peer name y1; ip link set y0 up; ip link set y1 up");
  const int dataplane = 0;  // its address is all that counts
  const auto open = [&](const char* name) {
    OpenContext context;
    context.name = name;
    context.queues = 1;
    context.dataplane = &dataplane;
    std::string error;
    auto port = open_port("af_xdp", context, error);
    CHECK(port != nullptr, error);
    return port;
  };
  const auto in = open("x0");
  auto out = open("y0");
  InterfaceSide left("x1"), right("y1");
  constexpr uint32_t kRounds = 400, kBurst = 32;  // more frames than there is memory
  std::vector<uint8_t> header(50, 2);
  for (uint32_t round = 0; round < kRounds; round++) {
    for (uint32_t i = 0; i < kBurst; i++) CHECK(left.inject({numbered_frame(i, 60 + 40 * i), {}}));
    Frame frames[kBurst];
    unsigned count = 0;
    CHECK(eventually([&] { return (count = in->receive(0, frames, kBurst)) != 0; }));
    CHECK_EQUAL(count, kBurst);
    // Twice with other headers, and once bare: only the first can lie in front of the frame.
    for (const uint8_t mark : {uint8_t{2}, uint8_t{4}, uint8_t{0}}) {
      std::vector<iovec> pieces;
      Gather items[kBurst];
      header[1] = mark;
      for (unsigned i = 0; i < count; i++) {
        if (mark != 0) pieces.push_back({header.data(), header.size()});
        pieces.push_back({frames[i].data, frames[i].length});
      }
      const unsigned each = mark != 0 ? 2 : 1;
      for (unsigned i = 0; i < count; i++) {
        items[i].pieces = &pieces[i * each];
        items[i].count = each;
        items[i].length = frames[i].length + (mark != 0 ? 50 : 0);
      }
      CHECK_EQUAL(out->send(0, items, count).sent, count);
    }
    const auto got = right.take(size_t{3} * kBurst);
    CHECK_EQUAL(got.size(), size_t{3} * kBurst);
    for (uint32_t i = 0; i < 3 * kBurst; i++) {
      const uint32_t front = i < 2 * kBurst ? 50 : 0;
      const auto expected = numbered_frame(i % kBurst, 60 + 40 * (i % kBurst));
      CHECK(std::vector<uint8_t>(got[i].bytes.begin() + front, got[i].bytes.end()) == expected,
            std::to_string(i));
      if (front != 0) CHECK_EQUAL(unsigned{got[i].bytes[1]}, i < kBurst ? 2u : 4u);
    }
  }
  // A device that goes gives back what it had; the other works on.
  out.reset();
  CHECK(left.inject({numbered_frame(7, 60), {}}));
  CHECK_EQUAL(receive_all(*in, 0, 1).size(), size_t{1});
  out = open("y0");
  CHECK_EQUAL(send_one(*out, 0, {numbered_frame(8, 60), {}}).sent, 1u);
}

TEST(af_xdp_survives_an_interface_that_goes_down_and_disappears) {
  make_veth();
  const auto port = open_or_fail("af_xdp", "x0");
  run("ip link set x0 down");
  Frame frames[4];
  CHECK(eventually([&] {
    port->receive(0, frames, 4);
    return !readable(port->wait_descriptor(0), 0);
  }));
  CHECK(port->refresh() && !port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_down);
  run("ip link set x0 up");
  CHECK(eventually([&] { return port->refresh() && port->carrier(); }));
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(1, 60), {}}).sent, 1u);
  run("ip link del x0");
  CHECK(!port->refresh());
  CHECK(eventually([&] {
    CHECK_EQUAL(port->receive(0, frames, 4), 0u);
    return !readable(port->wait_descriptor(0), 0);
  }));
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_closed);
}

}  // namespace vtep::test
