// The pair of interfaces of a container: the far end in its network namespace, with addresses and
// routes; the near end at the host, for the daemon. A veth of the kernel outlives the daemon, so a
// container keeps its interface through every restart.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "../port/address.hpp"
#include "failure.hpp"

namespace vtep::client {

struct Subnet {
  Address address;
  uint8_t length = 0;

  static bool parse(const std::string& text, Subnet& out);
};

struct SandboxRoute {
  Subnet destination;
  Address gateway;  // zero: on the link
  uint32_t priority = 0, table = 0, mtu = 0, advmss = 0;
  int scope = -1;  // RT_SCOPE_; -1: by the gateway
};

struct Sandbox {
  std::string netns;   // path
  std::string ifname;  // in there
  std::string near;
  uint8_t mac[6] = {};
  uint32_t mtu = 0;
  std::vector<Subnet> addresses;
  std::vector<SandboxRoute> routes;
};

// Both ends, up. Nothing is left when it fails.
Failure make_sandbox(const Sandbox& sandbox);
// Whether the far end is there as it was made.
Failure check_sandbox(const Sandbox& sandbox);
// Both ends, by the near one. One that is not there is no error.
Failure remove_sandbox(const std::string& near);

}  // namespace vtep::client
