// Opening uplinks, what is refused and why; interfaces and next hops that come, change and go.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uplink_rig.hpp"

namespace vtep::test {

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

// The raw uplink's port is a device's in a namespace of its own: out of sight, and gone with
// whoever had it, however that ended.
TEST(the_port_of_a_raw_uplink_is_free_after_its_death) {
  Underlay underlay(true, false);
  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto mine = open_uplink_or_fail("raw", "10.1.0.1");
    if (write(ready[1], "y", 1) == 1) pause();
    _exit(1);
  }
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1);
  for (const char* kind : {"udp", "raw"}) {
    const std::string error = uplink_error(kind, "10.1.0.1");
    CHECK(has(error, "UDP port 4789 on 10.1.0.1 is taken by another vtep"), error);
  }
  CHECK(!has(output_of("ip -br link"), "vxlan"));
  // There is room for one with another address.
  run("ip addr add 10.1.0.7/32 dev lo");
  open_uplink_or_fail("raw", "10.1.0.7", 1, "w0");
  kill(child, SIGKILL);
  CHECK(waitpid(child, nullptr, 0) == child);
  open_uplink_or_fail("raw", "10.1.0.1");
  // A busy kernel ends that namespace later; so does whoever else has it open.
  auto ended = open_uplink_or_fail("raw", "10.1.0.1");
  const pid_t late = fork();
  CHECK(late >= 0);
  if (late == 0) {
    usleep(300000);
    _exit(0);
  }
  ended.reset();
  open_uplink_or_fail("udp", "10.1.0.1");
  CHECK(finished_well(late));
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
  const Address far_vtep = parse_address_or_fail("10.7.0.1");
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
