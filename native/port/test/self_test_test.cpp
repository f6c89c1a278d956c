// The self-test of offloads: silent where the kernel works, and what it says where something is
// broken on purpose.
#include <net/if.h>

#include <thread>

#include "../self_test.hpp"
#include "../tunnel_tap.hpp"
#include "support.hpp"

namespace vtep::test {
namespace {

SelfTestResult tested(const DeviceFeatures& features,
                      const std::function<void(const char*)>& prepare = {}) {
  SelfTestResult result;
  const uint64_t began = now_nanoseconds();
  std::thread([&] { result = self_test(features, prepare); }).join();
  if (!prepare) CHECK(now_nanoseconds() - began < 500'000'000);
  printf("self-test: %.1f ms\n", static_cast<double>(now_nanoseconds() - began) / 1e6);
  return result;
}

DeviceFeatures features_of(const std::string& ifname) {
  DeviceFeatures out;
  CHECK(out.read(ifname));
  return out;
}

}  // namespace

TEST(self_test_is_silent_where_all_works) {
  const Tenant tenant;
  connect_veth("v0", tenant, "10.1.0.1/24");
  const auto well = [&] {
    const SelfTestResult result = tested(features_of("v0"));
    CHECK(result.refusal.empty(), result.refusal);
    CHECK(result.checksum);
    CHECK(result.tcp_segmentation);
    CHECK(result.udp_segmentation);
    CHECK(result.tunnel_segmentation);
  };
  well();
  run("ethtool -K v0 tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off > /dev/null");
  well();
  run("ethtool -K v0 tso off tx-udp-segmentation off > /dev/null");
  well();
  run("ethtool -K v0 tx off > /dev/null");
  CHECK(!features_of("v0").is_on("tx-checksum-ip-generic"));
  well();
  CHECK(!has(output_of("ip -br link"), "vtep-"));
}

// What is long is lost: super-frames, but not the single frame.
TEST(self_test_finds_what_is_lost) {
  const Tenant tenant;
  connect_veth("v0", tenant, "10.1.0.1/24");
  const SelfTestResult result = tested(features_of("v0"), [](const char* far) {
    const std::string device = far;
    run("tc qdisc add dev " + device + " clsact; tc filter add dev " + device +
        " ingress protocol all bpf direct-action bytecode "
        "'4,128 0 0 0,37 0 1 1500,6 0 0 2,6 0 0 4294967295'");
  });
  CHECK(result.checksum);
  CHECK(!result.tcp_segmentation);
  CHECK(!result.udp_segmentation);
  TunnelTap tap;
  std::string error;
  if (tap.open(if_nametoindex("v0"), error)) CHECK(!result.tunnel_segmentation);
}

}  // namespace vtep::test
