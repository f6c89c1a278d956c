// The way of encapsulated super-frames to the wire: a tap of our own beside an underlay interface.
// What is written to it is one frame, outer Ethernet header to the last octet of a tenant's 64 KiB
// super-frame, with one VXLAN header and the metadata of both (Linux 6.17, TUN_F_UDP_TUNNEL_GSO);
// AF_PACKET has no words for that. A program on the tap sends it on, out of the underlay interface,
// where the kernel treats it as one of its own VXLAN device: a NIC that can cuts it and finishes
// its checksums, a veth carries it whole, and for others the kernel does the work.
//
// The tap ends with its descriptor, also when the process is killed. Nothing is read from it, and
// the host's stack has no part in it: it has no carrier, so the kernel gives it no addresses and
// asks nobody anything, and nothing passes the programs.
#pragma once
#include <stdint.h>

#include <string>

#include "descriptor.hpp"
#include "uplink.hpp"

namespace vtep {

class TunnelTap {
 public:
  // Keeper thread. False with one sentence; then nothing is left behind.
  bool open(uint32_t underlay_ifindex, std::string& error);
  explicit operator bool() const { return static_cast<bool>(file_); }
  // The tap's own number, in tests.
  uint32_t ifindex() const { return ifindex_; }

  // Any thread. Takes items whose inner_network is set; contract of Uplink::send.
  SendResult send(const UplinkGather* items, unsigned count) const;

 private:
  bool create(std::string& name, std::string& error);
  bool redirect(uint32_t underlay_ifindex, std::string& error);

  Descriptor file_;
  Descriptor ingress_, egress_;
  uint32_t ifindex_ = 0;
};

}  // namespace vtep
