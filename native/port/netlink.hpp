// The kernel's links, addresses, routes and neighbours by rtnetlink. Not thread-safe: one object
// per thread. Functions answer 0 or an errno; nothing blocks longer than two seconds.
#pragma once
#include <stdint.h>

#include <functional>
#include <string>
#include <vector>

#include "address.hpp"
#include "descriptor.hpp"
#include "netlink_message.hpp"

namespace vtep {

struct Link {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  uint32_t master = 0;  // bridge, bond or team that it belongs to, 0 = none
  uint32_t peer = 0;  // of a veth in the same namespace: the other end; of a VLAN: the device below
  int32_t peer_namespace = -1;  // the kernel's number for the namespace of `peer`, if another one
  uint16_t hardware_type = 0;   // ARPHRD_
  bool up = false;              // administratively
  bool carrier = false;
  uint8_t mac[6] = {};
  std::string name;
  std::string kind;  // "veth", "bridge", "vxlan", "tun", ...; empty for hardware
  std::string qdisc;
  uint16_t vxlan_port = 0;  // of a vxlan device: UDP port, host order
  uint32_t vxlan_vni = 0;
  uint64_t tx_dropped = 0;
  uint32_t xdp_program = 0;  // number of the XDP program that is attached, 0 = none
};

struct Route {
  uint8_t type = 0;  // RTN_UNICAST, RTN_LOCAL, ...
  uint32_t ifindex = 0;
  uint32_t mtu = 0;  // of the route or of its cached exception; 0 = that of the interface
  Address next_hop;  // gateway, or the destination itself when it is on the link
  Address source;    // preferred source address
};

struct Neighbour {
  uint32_t ifindex = 0;
  uint16_t state = 0;  // NUD_ bits
  bool has_mac = false;
  uint8_t mac[6] = {};
  Address address;
};

struct HostAddress {
  uint32_t ifindex = 0;
  uint8_t prefix_length = 0;
  uint8_t scope = 0;   // RT_SCOPE_
  uint32_t flags = 0;  // IFA_F_
  Address address;
};

class Netlink {
 public:
  Netlink() = default;
  bool open(std::string& error);  // in the calling thread's network namespace
  // One for the calling thread, opened at its first use in the namespace the thread is in then.
  // Null with `error` when it can not be.
  static Netlink* local(std::string& error);

  int link_by_name(const std::string& name, Link& out);
  int link_by_index(uint32_t ifindex, Link& out);
  // Of the namespace with this number (Link::peer_namespace).
  int link_elsewhere(int32_t namespace_number, uint32_t ifindex, Link& out);
  // All, or those that belong to a master.
  int links(std::vector<Link>& out, uint32_t master = 0);
  int set_up(uint32_t ifindex, bool up);
  int set_mtu(uint32_t ifindex, uint32_t mtu);
  int set_mac(uint32_t ifindex, const uint8_t mac[6]);
  // No ARP and no address of its own in IPv6, and so nothing that it says by itself.
  int set_silent(uint32_t ifindex);
  int set_namespace(uint32_t ifindex, int namespace_descriptor);
  int set_master(uint32_t ifindex, uint32_t master);  // 0: none
  int set_group(uint32_t ifindex, uint32_t group);
  int remove_link(uint32_t ifindex);
  int remove_group(uint32_t group);  // every interface in it
  int add_bridge(const char* name);  // down
  // Where %d stands in a name the kernel puts a number. The peer goes into another namespace, if
  // there is a descriptor of one.
  int add_veth(const char* name, const char* peer, int peer_namespace = -1);

  int addresses(std::vector<HostAddress>& out);
  // The route to `destination` for packets from `source` (zero: any).
  int route(const Address& destination, const Address& source, Route& out);
  // The interfaces of all equal paths of that route.
  int route_interfaces(const Address& destination, std::vector<uint32_t>& out);
  int neighbour(uint32_t ifindex, const Address& address, Neighbour& out);
  // Makes the kernel resolve a neighbour, or probe one that is stale, as if it had a packet for it.
  int use_neighbour(uint32_t ifindex, const Address& address);

  // Sends and waits for the acknowledgement.
  int request(NetlinkMessage& message);
  // Sends and hands every message of the reply to `visit`; a dump when the message has NLM_F_DUMP.
  int request(NetlinkMessage& message, const std::function<void(const nlmsghdr*)>& visit);

 private:
  int exchange(NetlinkMessage& message, const std::function<void(const nlmsghdr*)>* visit);
  Descriptor socket_;
  uint32_t sequence_ = 0;
  std::vector<uint8_t> buffer_;
};

struct NetlinkEvent {
  enum class Kind { link, address, neighbour, route };
  Kind kind = Kind::link;
  bool removed = false;
  Link link;            // of kind link; a removed one has its ifindex and name
  HostAddress address;  // of kind address
  Neighbour neighbour;  // of kind neighbour
  Address prefix;       // of kind route
  uint8_t prefix_length = 0;
};

// Follows what the kernel changes.
class NetlinkMonitor {
 public:
  bool open(std::string& error);
  int descriptor() const { return socket_.get(); }
  // Appends what has arrived; never blocks. False: the kernel had more than the socket could hold,
  // so read everything anew.
  bool read(std::vector<NetlinkEvent>& out);

 private:
  Descriptor socket_;
  std::vector<uint8_t> buffer_;
};

// Parsers of one message; false when it is not of that kind or not whole.
bool parse_link(const nlmsghdr* message, Link& out);
bool parse_address(const nlmsghdr* message, HostAddress& out);
bool parse_route(const nlmsghdr* message, const Address& destination, Route& out);
bool parse_route_interfaces(const nlmsghdr* message, std::vector<uint32_t>& out);
bool parse_prefix(const nlmsghdr* message, Address& prefix, uint8_t& length);
bool parse_neighbour(const nlmsghdr* message, Neighbour& out);

}  // namespace vtep
