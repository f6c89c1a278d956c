// Receive packet steering of an interface.
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "../receive_steering.hpp"
#include "uplink_rig.hpp"

namespace vtep::test {
namespace {

// rps_cpus of w0 as the kernel shows it, by a mount of this namespace's sysfs.
std::string mask() {
  return output_of(
      "unshare -m sh -c 'mount -t sysfs sysfs /sys && cat /sys/class/net/w0/queues/rx-0/rps_cpus'");
}

// How often a CPU was woken for frames from others (scaling.rst): the tenth of hexadecimal columns,
// the thirteenth is the CPU's number. A CPU that is busy takes several at once.
uint64_t steered_to(unsigned cpu) {
  std::ifstream file("/proc/net/softnet_stat");
  for (std::string line; std::getline(file, line);) {
    unsigned long columns[13] = {};
    std::istringstream words(line);
    for (unsigned long& column : columns) words >> std::hex >> column;
    if (columns[12] == cpu) return columns[9];
  }
  return 0;
}

}  // namespace

TEST(frames_go_on_at_another_cpu) {
  const Underlay underlay(true);
  SysfsMount sysfs;
  std::string error;
  CHECK(sysfs.open(error), error);
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
    printf("skipped: one CPU\n");
    return;
  }
  {
    ReceiveSteering steering;
    CHECK(steering.open(sysfs, "w0"));
    CHECK(!has(mask(), "1"), mask());
    CHECK(steering.set({1}));
    CHECK(has(mask(), "2"), mask());
    const uint64_t before = steered_to(1);
    underlay.far.run("taskset -c 0 ping -q -i 0.002 -c 200 10.1.0.1 > /dev/null");
    CHECK(steered_to(1) >= before + 50, std::to_string(steered_to(1) - before));
    CHECK(steering.set({}));
    CHECK(!has(mask(), "2"), mask());
    CHECK(steering.set({0, 1}));
    CHECK(has(mask(), "3"), mask());
  }
  CHECK(!has(mask(), "3"), mask());
}

TEST(steering_by_somebody_else_is_left_alone) {
  const Underlay underlay(true, false);
  run("unshare -m sh -c 'mount -t sysfs sysfs /sys && echo 1 > "
      "/sys/class/net/w0/queues/rx-0/rps_cpus'");
  SysfsMount sysfs;
  std::string error;
  CHECK(sysfs.open(error), error);
  {
    ReceiveSteering steering;
    CHECK(!steering.open(sysfs, "w0"));
    CHECK(!steering.set({1}));
    CHECK(!steering.open(sysfs, "w9"));
  }
  CHECK(has(mask(), "1"), mask());
}

}  // namespace vtep::test
