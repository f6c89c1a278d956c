// Holds the VXLAN port beside packet sockets: nobody else can have it, and the kernel answers
// nothing for it.
//
// Where the kernel can, a vxlan device of its own holds it. Then the kernel's GRO knows what
// arrives there and merges TCP segments inside of it to super-frames, whatever the outer checksum
// (a UDP socket's UDP_GRO merges no datagram with checksum 0, RFC 768, which is what kernels send
// over IPv4). The device has a VNI that nobody uses, so it drops all, and lives in a network
// namespace that nothing refers to but this object: it goes with the process, however that ends.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"
#include "descriptor.hpp"
#include "netlink.hpp"

namespace vtep {

class PortHolder {
 public:
  // False with a sentence when the port is taken or may not be had.
  bool open(Netlink& netlink, const Address& address, uint16_t udp_port, std::string& error);
  // Without such a device datagrams with a checksum are merged to trains (UDP_GRO); no more then.
  void merge_no_trains();

 private:
  bool add_device(Netlink& netlink, const Address& address, uint16_t udp_port);

  Descriptor claim_;
  Descriptor namespace_;  // of the vxlan device
  Descriptor socket_;     // instead of it
};

}  // namespace vtep
