// An existing interface that becomes a port: what is asked of it, and who has it.
#pragma once
#include <stdint.h>

#include <string>

#include "netlink.hpp"

namespace vtep {

// Held by the port that has the interface open: two ports on one would hand each frame to two
// networks. Of this process; ends with the object.
class InterfaceClaim {
 public:
  InterfaceClaim() = default;
  ~InterfaceClaim();
  InterfaceClaim(const InterfaceClaim&) = delete;
  InterfaceClaim& operator=(const InterfaceClaim&) = delete;
  bool take(uint32_t ifindex);

 private:
  uint32_t ifindex_ = 0;
};

// Finds the interface and claims it: Ethernet, and a port of nothing else, unless it may be one of
// a Linux bridge. `kind` is for the sentence in `error`.
bool find_tenant_interface(Netlink& netlink, const char* kind, const std::string& name,
                           bool may_be_bridged, InterfaceClaim& claim, Link& link,
                           std::string& error);

// Isolating an interface that the host itself talks on would cut the host off: true with `error`,
// which ends with `otherwise`.
bool has_host_address(Netlink& netlink, const char* kind, const Link& link, const char* otherwise,
                      std::string& error);

}  // namespace vtep
