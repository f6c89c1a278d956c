// The UDP sockets of an uplink: those that hold the VXLAN port, and a pool of source ports to send
// from.
#pragma once
#include <stdint.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "address.hpp"
#include "descriptor.hpp"
#include "netlink.hpp"
#include "uplink.hpp"

namespace vtep {

// Opens sockets bound to the VTEP address and the VXLAN port, one for each queue. Nobody else can
// have the port meanwhile.
bool open_vxlan_sockets(Netlink& netlink, const Address& address, uint16_t udp_port, unsigned count,
                        std::vector<Descriptor>& out, std::string& error);

// Makes a socket drop all that arrives, without an ICMP port unreachable for the sender.
bool drop_everything(const Descriptor& socket_);

// Sends VXLAN from a set of source ports, so that the underlay spreads flows over its paths. Not
// thread-safe: one per queue.
//
// Datagrams are never fragmented on the way (RFC 7348 section 4.3): the kernel sets DF and refuses
// what exceeds the interface's MTU.
class UdpPool {
 public:
  bool open(const Address& address, uint16_t udp_port, std::string& error);
  // Form vxlan, or form ethernet: then the outer headers are left out, as the kernel writes its
  // own.
  SendResult send(const UplinkGather* items, unsigned count);

 private:
  static constexpr unsigned kSockets = 16;
  static constexpr unsigned kMessages = 64;  // in one system call
  static constexpr unsigned kPieces = 1024;

  const Descriptor& socket_of(const UplinkGather& item) const {
    return sockets_[item.source_port % kSockets];
  }
  bool add(const UplinkGather& item);
  bool copy_pieces(const UplinkGather& item, msghdr& message);
  void insert_checksum(const UplinkGather& item, msghdr& message);
  Drop send_one_by_one(const UplinkGather& item);

  std::vector<Descriptor> sockets_;
  uint16_t udp_port_ = 0;
  struct Scratch {
    mmsghdr messages[kMessages];
    sockaddr_storage destinations[kMessages];
    iovec pieces[kPieces];
    uint16_t checksums[kMessages];
    alignas(cmsghdr) uint8_t control[kMessages][CMSG_SPACE(sizeof(uint16_t))];
  };
  std::vector<Scratch> scratch_;  // one, on the heap
  unsigned messages_ = 0, pieces_ = 0;
};

}  // namespace vtep
