// Tenants with real kernels on netdev and tap ports: TCP with super-frames, isolation from the
// host, moving, errors.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../core/tables.gen.hpp"
#include "../host_isolation.hpp"
#include "bridge.hpp"
#include "support.hpp"

namespace vtep::test {
namespace {

constexpr size_t kTransfer = 64 << 20;

sockaddr_storage address_of(const char* text, socklen_t& size) {
  Address address;
  CHECK(Address::parse(text, address));
  sockaddr_storage out;
  size = address.socket_address(5001, 0, out);
  return out;
}

// Every octet depends on its place, so that lost, doubled or exchanged pieces are seen.
uint8_t octet_at(size_t place) { return static_cast<uint8_t>(place * 7 + place / 65521); }

int serve(const char* address) {
  socklen_t size;
  const sockaddr_storage local = address_of(address, size);
  const int listener = socket(local.ss_family, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&local), size) != 0 ||
      listen(listener, 1) != 0)
    return 1;
  const int stream = accept(listener, nullptr, nullptr);
  std::vector<uint8_t> buffer(1 << 18);
  size_t place = 0;
  for (ssize_t got; (got = read(stream, buffer.data(), buffer.size())) > 0;)
    for (ssize_t i = 0; i < got; i++, place++)
      if (buffer[static_cast<size_t>(i)] != octet_at(place)) return 2;
  return place == kTransfer ? 0 : 3;
}

int transfer(const char* address) {
  socklen_t size;
  const sockaddr_storage remote = address_of(address, size);
  int stream = -1;
  const bool connected = eventually([&] {
    if (stream >= 0) close(stream);
    stream = socket(remote.ss_family, SOCK_STREAM, 0);
    return connect(stream, reinterpret_cast<const sockaddr*>(&remote), size) == 0;
  });
  if (!connected) return 1;
  std::vector<uint8_t> buffer(1 << 18);
  for (size_t place = 0; place < kTransfer;) {
    for (size_t i = 0; i < buffer.size(); i++) buffer[i] = octet_at(place + i);
    const ssize_t put = write(stream, buffer.data(), buffer.size());
    if (put <= 0) return 2;
    place += static_cast<size_t>(put);
  }
  return 0;
}

void check_tcp(const Tenant& from, const Tenant& to, const char* address, const std::string& what,
               Bridge& bridge) {
  const uint64_t before = bridge.counters().super_frames, lost_before = bridge.counters().lost;
  const pid_t server = to.start([&] { return serve(address); });
  const uint64_t start = now_nanoseconds();
  const pid_t client = from.start([&] { return transfer(address); });
  CHECK(finished_well(client), what);
  CHECK(finished_well(server), what);
  const double seconds = static_cast<double>(now_nanoseconds() - start) / 1e9;
  const uint64_t super_frames = bridge.counters().super_frames - before;
  printf("%s: %.1f Gbit/s, %llu super-frames of %.0f octets, %llu lost\n", what.c_str(),
         kTransfer * 8 / seconds / 1e9, static_cast<unsigned long long>(super_frames),
         static_cast<double>(kTransfer) / static_cast<double>(super_frames),
         static_cast<unsigned long long>(bridge.counters().lost - lost_before));
  CHECK(super_frames > kTransfer / 65536 / 2, what);
}

// A tenant on a port of this kind; the tap is put into the tenant's namespace at once.
std::unique_ptr<Port> attach(const std::string& kind, const std::string& name, const Tenant& tenant,
                             const std::string& number) {
  const std::string v4 = "10.0.0." + number + "/24", v6 = "fd00::" + number + "/64";
  tenant.run("echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
  std::unique_ptr<Port> port;
  if (kind == "netdev") {
    connect_veth(name, tenant, v4);
    port = open_or_fail(kind, name);
  } else {
    port = open_or_fail(kind, name,
                        "ifname=eth0\nnetns=/proc/" + std::to_string(tenant.process()) + "/ns/net");
    tenant.run("ip addr add " + v4 + " dev eth0");
  }
  tenant.run("ip addr add " + v6 + " dev eth0 nodad");
  return port;
}

void check_pair(const char* left, const char* right) {
  Tenant a, b;
  const auto port_a = attach(left, "p1", a, "1"), port_b = attach(right, "p2", b, "2");
  Bridge bridge(*port_a, *port_b);
  const std::string what = std::string(left) + " to " + right;
  a.run("ping -c 2 -i 0.2 -W 2 10.0.0.2 > /dev/null");
  check_tcp(a, b, "10.0.0.2", what + ", IPv4", bridge);
  check_tcp(b, a, "10.0.0.1", what + ", back, IPv4", bridge);
  check_tcp(a, b, "fd00::2", what + ", IPv6", bridge);
}

}  // namespace

TEST(tcp_between_netdev_and_netdev) { check_pair("netdev", "netdev"); }
TEST(tcp_between_netdev_and_tap) { check_pair("netdev", "tap"); }
TEST(tcp_between_tap_and_tap) { check_pair("tap", "tap"); }

// A tenant that sends UDP with UDP_SEGMENT: the datagrams arrive one by one and whole.
TEST(udp_super_frames_between_tenants) {
  Tenant a, b;
  const auto port_a = attach("netdev", "p1", a, "1"), port_b = attach("tap", "p2", b, "2");
  Bridge bridge(*port_a, *port_b);
  constexpr int kDatagrams = 40, kSize = 1400;
  const pid_t receiver = b.start([] {
    socklen_t size;
    const sockaddr_storage local = address_of("10.0.0.2", size);
    const int udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(udp, reinterpret_cast<const sockaddr*>(&local), size) != 0) return 1;
    uint8_t datagram[65536];
    for (int i = 0; i < kDatagrams; i++) {
      if (!readable(udp, 5000) || recv(udp, datagram, sizeof datagram, 0) != kSize) return 2;
      for (int at = 0; at < kSize; at++)
        if (datagram[at] != octet_at(static_cast<size_t>(i * kSize + at))) return 3;
    }
    return 0;
  });
  const pid_t sender = a.start([] {
    socklen_t size;
    const sockaddr_storage remote = address_of("10.0.0.2", size);
    const int udp = socket(AF_INET, SOCK_DGRAM, 0), segment = kSize;
    setsockopt(udp, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    std::vector<uint8_t> all(kDatagrams * kSize);
    for (size_t i = 0; i < all.size(); i++) all[i] = octet_at(i);
    poll(nullptr, 0, 200);  // let the receiver bind
    return sendto(udp, all.data(), all.size(), 0, reinterpret_cast<const sockaddr*>(&remote),
                  size) == static_cast<ssize_t>(all.size())
               ? 0
               : 1;
  });
  CHECK(finished_well(sender));
  CHECK(finished_well(receiver));
  CHECK_EQUAL(bridge.counters().udp_super_frames.load(), uint64_t{1});
}

TEST(host_is_isolated_by_tcx) {
  Tenant a, b;
  connect_veth("h0", a, "10.0.0.1/24");
  connect_veth("h1", b, "10.0.0.2/24");
  run("ip addr add 10.0.0.9/32 dev lo; ip route add 10.0.0.1 dev h0");
  // Without isolation the host answers for all of its addresses on any interface.
  CHECK(a.succeeds("ping -c 1 -W 2 10.0.0.9 > /dev/null"));
  a.run("ip neigh flush all");

  const auto port_a = open_or_fail("netdev", "h0"), port_b = open_or_fail("netdev", "h1");
  CHECK(port_a->flags() & PortFlag::hostIsolated);
  Bridge bridge(*port_a, *port_b);
  CHECK(!a.succeeds("ping -c 1 -W 1 10.0.0.9 > /dev/null"));
  CHECK(!a.succeeds("ip neigh show 10.0.0.9 | grep -q lladdr"));
  // The host's own packets do not reach the tenant either.
  CHECK(system("ping -c 1 -W 1 10.0.0.1 > /dev/null 2>&1") != 0);
  CHECK(a.succeeds("ping -c 2 -i 0.2 -W 2 10.0.0.2 > /dev/null"));
}

TEST(host_is_isolated_by_clsact) {
  // Our frames pass the egress hook only with our mark: the ports here have none.
  Tenant a;
  connect_veth("h0", a, "10.0.0.1/24");
  run("ip addr add 10.0.0.9/32 dev lo; ip route add 10.0.0.1 dev h0");
  CHECK(a.succeeds("ping -c 1 -W 2 10.0.0.9 > /dev/null"));
  a.run("ip neigh flush all");
  std::string error;
  {
    HostIsolation isolation;
    CHECK(isolation.open(if_nametoindex("h0"), HostIsolation::Method::clsact, error), error);
    CHECK(isolation.method() == HostIsolation::Method::clsact);
    CHECK(!a.succeeds("ping -c 1 -W 1 10.0.0.9 > /dev/null"));
    CHECK(has(output_of("tc qdisc show dev h0"), "clsact"));
  }
  CHECK(!has(output_of("tc qdisc show dev h0"), "clsact"));
  CHECK(a.succeeds("ping -c 1 -W 2 10.0.0.9 > /dev/null"));
}

TEST(isolation_ends_with_the_port) {
  Tenant a;
  connect_veth("h0", a, "10.0.0.1/24");
  run("ip addr add 10.0.0.9/32 dev lo; ip route add 10.0.0.1 dev h0");
  {
    const auto port = open_or_fail("netdev", "h0");
    CHECK(!a.succeeds("ping -c 1 -W 1 10.0.0.9 > /dev/null"));
  }
  CHECK(a.succeeds("ping -c 1 -W 2 10.0.0.9 > /dev/null"));
}

TEST(a_vlan_tag_survives_with_its_checksum) {
  run("ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up");
  const auto port = open_or_fail("netdev", "a0"), far = open_or_fail("netdev", "a1", "isolate=no");
  for (const uint16_t mss : {uint16_t{0}, uint16_t{1400}}) {
    Bytes frame = tcp_frame(mss == 0 ? 500 : 30000, mss);
    const uint8_t tag[4] = {0x81, 0, 0x30, 42};
    frame.bytes.insert(frame.bytes.begin() + 12, tag, tag + 4);
    frame.meta.checksum_start = static_cast<uint16_t>(frame.meta.checksum_start + 4);
    if (mss != 0) frame.meta.header_length = static_cast<uint16_t>(frame.meta.header_length + 4);
    CHECK_EQUAL(send_one(*far, 0, frame).sent, 1u);
    const auto got = receive_all(*port, 0, 1);
    CHECK_EQUAL(got.size(), size_t{1});
    CHECK(got[0].bytes == frame.bytes);
    CHECK_EQUAL(got[0].meta.flags, frame.meta.flags);
    CHECK_EQUAL(got[0].meta.checksum_start, frame.meta.checksum_start);
    CHECK_EQUAL(got[0].meta.gso_type, frame.meta.gso_type);
    CHECK_EQUAL(got[0].meta.gso_size, frame.meta.gso_size);
  }
}

TEST(an_interface_that_goes_down_and_disappears) {
  run("ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up");
  const auto port = open_or_fail("netdev", "a0");
  CHECK(port->carrier());
  run("ip link set a0 down");
  Frame frames[4];
  // The error on the socket must not keep the worker awake for ever.
  CHECK(eventually([&] {
    port->receive(0, frames, 4);
    return !readable(port->wait_descriptor(0), 0);
  }));
  CHECK(port->refresh());
  CHECK(!port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_down);
  run("ip link set a0 up");
  CHECK(eventually([&] { return port->refresh() && port->carrier(); }));
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(1, 60), {}}).sent, 1u);
  run("ip link del a0");
  CHECK(!port->refresh());
  CHECK(eventually([&] {
    CHECK_EQUAL(port->receive(0, frames, 4), 0u);
    return !readable(port->wait_descriptor(0), 0);
  }));
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_closed);
}

TEST(a_tap_that_is_moved_and_deleted) {
  const auto port = open_or_fail("tap", "t0", "mac=02:00:00:00:00:07\nmtu=1400");
  CHECK_EQUAL(port->mtu(), 1400u);
  CHECK_EQUAL(unsigned{port->mac()[5]}, 7u);
  CHECK_EQUAL(port->ifindex(), if_nametoindex("t0"));
  CHECK(!(port->flags() & PortFlag::hostIsolated));
  Tenant tenant;
  run("ip link set t0 netns " + std::to_string(tenant.process()));
  CHECK(port->refresh());
  CHECK_EQUAL(port->ifindex(), 0u);
  CHECK(!port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_down);
  tenant.run("ip addr add 10.0.0.1/24 dev t0; ip link set t0 name eth7 mtu 1300 up");
  CHECK(port->refresh());
  CHECK(port->carrier());
  CHECK_EQUAL(port->mtu(), 1300u);
  CHECK(port->flags() & PortFlag::hostIsolated);
  tenant.succeeds("ping -c 1 -W 1 10.0.0.2 > /dev/null");
  const auto arp = receive_all(*port, 0, 1);
  CHECK(!arp.empty());
  CHECK_EQUAL(unsigned{arp[0].bytes[11]}, 7u);  // still its own address
  tenant.run("ip link del eth7");
  CHECK(!port->refresh());
  Frame frames[4];
  CHECK(eventually([&] {
    CHECK_EQUAL(port->receive(0, frames, 4), 0u);
    return !readable(port->wait_descriptor(0), 0);
  }));
  CHECK(send_one(*port, 0, {numbered_frame(1, 60), {}}).reason == Drop::port_closed);
}

TEST(what_can_not_be_opened_is_refused_in_words) {
  run("ip link add vm1 type veth peer name vm2; ip link add br0 type bridge");
  std::string error = open_error("netdev", "wm1");
  CHECK(has(error, "no interface wm1") && has(error, "vm1"), error);
  error = open_error("netdev", "lo");
  CHECK(has(error, "expected an Ethernet interface"), error);
  run("ip link set vm1 master br0");
  error = open_error("netdev", "vm1");
  CHECK(has(error, "bridge br0") && has(error, "nomaster"), error);
  run("ip link set vm1 nomaster; ip addr add 10.0.0.1/24 dev vm1");
  error = open_error("netdev", "vm1");
  CHECK(has(error, "10.0.0.1/24") && has(error, "isolate=no"), error);
  run("ip addr flush dev vm1");
  const auto port = open_or_fail("netdev", "vm1");
  error = open_error("netdev", "second", "ifname=vm1");
  CHECK(has(error, "another port"), error);
  error = open_error("tap", "vm2");
  CHECK(has(error, "exists already (veth)"), error);
  error = open_error("tap", "t0", "netns=nowhere");
  CHECK(has(error, "/run/netns/nowhere: does not exist"), error);
  error = open_error("tap", "t0", "mtu=20");
  CHECK(has(error, "expected 68 to 65521, got 20"), error);
  error = open_error("tap", "a-name-that-is-too-long");
  CHECK(has(error, "1 to 15 characters"), error);
  error = open_error("pcap", "p");
  CHECK(has(error, "read or write"), error);
  error = open_error("pcap", "p", "read=/proc/self/comm");
  CHECK(has(error, "expected a pcap file"), error);
  error = open_error("fast", "p");
  CHECK(has(error, "netdev, tap, ring, pcap"), error);
  error = open_error("tap", "t0", "maq=02:00:00:00:00:01");
  CHECK(has(error, "unknown option \"maq\"") && has(error, "mac"), error);
  CHECK_EQUAL(if_nametoindex("t0"), 0u);
}

TEST(without_privilege_the_missing_capability_is_named) {
  run("ip link add vm1 type veth peer name vm2; ip link set vm1 up");
  CHECK(setuid(65534) == 0);
  std::string error = open_error("netdev", "vm1");
  CHECK(has(error, "needs root or CAP_NET_RAW"), error);
  error = open_error("tap", "t0");
  CHECK(has(error, "needs root or CAP_NET_ADMIN"), error);
}

}  // namespace vtep::test
