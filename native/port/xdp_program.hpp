// The XDP program of an interface, which decides what AF_XDP sockets get. Everything else goes on
// to the host's own stack as if nothing were attached.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "address.hpp"
#include "descriptor.hpp"
#include "netlink.hpp"

namespace vtep {

enum class XdpMode : uint8_t {
  native,   // in the driver
  generic,  // in the kernel, for drivers without XDP: slower
};

// UDP to one of our addresses and the VXLAN port, all IPv4 or all IPv6, without a VLAN tag. Of a
// fragmented packet the first fragment, so that its loss is counted: the others carry no port.
// Packets longer than `mtu` are super-frames (in generic mode), which AF_XDP would hand over
// without saying how to cut them: they go on.
struct VxlanFilter {
  std::vector<Address> addresses;
  uint16_t udp_port = 4789;
  uint32_t mtu = 0;
};

class XdpProgram {
 public:
  static constexpr uint32_t kMaxQueues = 128;

  // `filter` null: every frame is taken. Nothing is taken before attach().
  bool load(const VxlanFilter* filter, std::string& error);
  // Frames of this receive queue go to this AF_XDP socket. A queue without one passes all.
  int set_socket(uint32_t queue, int socket_descriptor);  // 0 or an errno
  // Ends with this object, and with the process. Refused when another program is there.
  bool attach(const Link& link, XdpMode mode, std::string& error);

 private:
  Descriptor map_, program_, link_;
};

// "XDP program 12 (xdp_dispatcher) is attached to eth0; ...", empty when there is none.
std::string foreign_xdp_program(const Link& link);

}  // namespace vtep
