// Where the underlay leads: for each VTEP the interface, the link addresses and the MTU, followed
// through the kernel's routes and neighbours. Keeper thread only.
//
// A raw uplink's frames do not pass the kernel's neighbour table, so the kernel would neither
// resolve a next hop nor notice that it died. This object asks it to (NTF_USE): at once for what is
// unresolved, and about every 15 s for what has become stale.
#pragma once
#include <stdint.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "address.hpp"
#include "netlink.hpp"

namespace vtep {

struct NextHop {
  enum class State : uint8_t {
    no_route,  // no route, or one that leads back to this host
    no_link,  // a route over an interface that is down, or without Ethernet addresses: the kernel's
              // sockets may reach it
    unresolved,  // the neighbour is not known (yet)
    resolved,
  };
  State state = State::no_route;
  uint32_t ifindex = 0;
  uint32_t mtu = 0;  // of the path as far as known: IP packet, in octets; 0 = unknown
  uint8_t source_mac[6] = {};
  uint8_t mac[6] = {};
  Address address;  // gateway, or the VTEP itself
  // Interfaces that packets of this VTEP may come in by: those of all equal paths.
  std::vector<uint32_t> interfaces;

  bool operator==(const NextHop&) const = default;
};

class NextHops {
 public:
  using Changed = std::function<void(const Address& vtep, const NextHop& hop)>;

  // `local` is our VTEP address: routes are looked up for packets from it. `changed` is called from
  // step(), also for the first result.
  bool open(const Address& local, Changed changed, std::string& error);

  void follow(const Address& vtep);
  void unfollow(const Address& vtep);

  // What NetlinkMonitor::read gave.
  void on_netlink(const std::vector<NetlinkEvent>& events, bool complete);
  // Looks up what is due. Call it after follow() and on_netlink(), and once a second. True: there
  // is more to do, call again soon.
  bool step(uint64_t now_nanoseconds);

 private:
  struct Vtep {
    NextHop hop;
    bool told = false;
    bool due = false;
  };
  // A neighbour of the underlay, with the VTEPs behind it.
  struct Gateway {
    std::set<Address> vteps;
    bool has_mac = false;
    uint16_t state = 0;  // NUD_
    uint8_t mac[6] = {};
    uint64_t next_use = 0;
  };
  using GatewayKey = std::pair<uint32_t, Address>;

  void make_due(const Address& vtep, Vtep& entry);
  template <class Match>
  void make_due_if(Match match);
  void look_up(const Address& vtep, Vtep& entry, uint64_t now);
  const Link* link_of(uint32_t ifindex);
  Gateway& join(const GatewayKey& key, const Address& vtep);
  void leave(const Vtep& entry, const Address& vtep);
  void take(Gateway& gateway, const Neighbour& neighbour);
  static void apply(const Gateway& gateway, NextHop& hop);
  void settle(const Address& vtep, Vtep& entry, NextHop hop);
  void keep_fresh(uint64_t now);

  Netlink netlink_;
  Address local_;
  Changed changed_;
  std::map<Address, Vtep> vteps_;
  std::vector<Address> due_;
  std::map<GatewayKey, Gateway> gateways_;
  std::map<uint32_t, Link> links_;
  uint64_t fresh_at_ = 0;
};

}  // namespace vtep
