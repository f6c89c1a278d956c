// Receive packet steering (RPS, Linux Documentation/networking/scaling.rst): frames that come in at
// an interface go on at other CPUs, by flow. For interfaces of the namespace in which SysfsMount
// was opened.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "descriptor.hpp"

namespace vtep {

// What the kernel shows as /sys, of the calling thread's network namespace, wherever that one is
// mounted or not.
class SysfsMount {
 public:
  bool open(std::string& error);  // needs CAP_SYS_ADMIN
  int descriptor() const { return mount_.get(); }

 private:
  Descriptor mount_;
};

class ReceiveSteering {
 public:
  ReceiveSteering() = default;
  ReceiveSteering(const ReceiveSteering&) = delete;
  ReceiveSteering& operator=(const ReceiveSteering&) = delete;
  ~ReceiveSteering();  // as it was: off

  // False when there is no such interface, we may not, or somebody else steers it already.
  bool open(const SysfsMount& sysfs, const std::string& interface);
  // On these CPUs; none: where a frame comes up. False: as before.
  bool set(const std::vector<unsigned>& cpus);

 private:
  std::vector<Descriptor> masks_;  // rps_cpus of each receive queue
  std::vector<unsigned> cpus_;     // as set
};

}  // namespace vtep
