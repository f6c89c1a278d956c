// ICMP echo (RFC 792, RFC 4443) from one of our addresses, with the DF bit set and whatever the
// kernel believes of the path: for whoever wants to know what a path carries and how long it takes.
#pragma once
#include <stdint.h>

#include "address.hpp"
#include "descriptor.hpp"

namespace vtep {

// IP header and ICMP header, and what we need to know an answer of ours again.
constexpr unsigned kEchoLeastBytes = 80;
constexpr unsigned kEchoMostBytes = 65535;

struct EchoReply {
  Address source;
  uint32_t sequence;
  unsigned bytes;  // of the whole IP packet
  uint64_t round_trip_ns;
};

class EchoSocket {
 public:
  // 0, or errno: EACCES or EPERM where neither CAP_NET_RAW nor net.ipv4.ping_group_range lets us.
  int open(const Address& source);
  // An IP packet of so many octets. 0, or errno: EMSGSIZE where the interface takes no packet of
  // that size, ENETUNREACH and EHOSTUNREACH where there is no way.
  int send(const Address& target, uint32_t sequence, unsigned bytes);
  // True for an answer of ours; false when there is nothing more.
  bool receive(EchoReply& out);
  int descriptor() const { return socket_.get(); }
  void close() { socket_.reset(); }

 private:
  Descriptor socket_;
  bool is_v4_ = true;
  bool has_ip_header_ = false;  // raw sockets of IPv4 hand out the whole packet
  uint64_t token_ = 0;
};

}  // namespace vtep
