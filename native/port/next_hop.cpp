#include "next_hop.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include <algorithm>

namespace vtep {
namespace {

constexpr unsigned kLookUps = 256;  // in one step, some 10 us each
constexpr unsigned kUses = 128;     // neighbours asked for in one second
constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kRetry = 1 * kSecond;
constexpr uint64_t kRefresh = 15 * kSecond;
constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
constexpr uint16_t kKeepsItself = NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

bool in_prefix(const Address& address, const Address& prefix, unsigned length) {
  if (address.is_v4() != prefix.is_v4()) return false;
  const uint8_t *a = address.octets(), *b = prefix.octets();
  for (unsigned bit = 0; bit < length; bit += 8) {
    const unsigned left = std::min(8u, length - bit);
    const auto mask = static_cast<uint8_t>(0xff << (8 - left));
    if ((a[bit / 8] ^ b[bit / 8]) & mask) return false;
  }
  return true;
}

}  // namespace

bool NextHops::open(const Address& local, Changed changed, std::string& error) {
  local_ = local;
  changed_ = std::move(changed);
  return netlink_.open(error);
}

void NextHops::follow(const Address& vtep) { make_due(vtep, vteps_[vtep]); }

void NextHops::unfollow(const Address& vtep) {
  const auto found = vteps_.find(vtep);
  if (found == vteps_.end()) return;
  leave(found->second, vtep);
  if (found->second.due) std::erase(due_, vtep);
  vteps_.erase(found);
}

void NextHops::make_due(const Address& vtep, Vtep& entry) {
  if (entry.due) return;
  entry.due = true;
  due_.push_back(vtep);
}

template <class Match>
void NextHops::make_due_if(Match match) {
  for (auto& [address, entry] : vteps_)
    if (match(address, entry)) make_due(address, entry);
}

void NextHops::on_netlink(const std::vector<NetlinkEvent>& events, bool complete) {
  if (!complete) {
    links_.clear();
    make_due_if([](const Address&, const Vtep&) { return true; });
  }
  for (const NetlinkEvent& event : events) {
    switch (event.kind) {
      case NetlinkEvent::Kind::link: {
        const uint32_t ifindex = event.link.ifindex;
        links_.erase(ifindex);
        make_due_if(
            [&](const Address&, const Vtep& entry) { return entry.hop.ifindex == ifindex; });
        break;
      }
      case NetlinkEvent::Kind::route:
        make_due_if([&](const Address& vtep, const Vtep&) {
          return in_prefix(vtep, event.prefix, event.prefix_length);
        });
        break;
      case NetlinkEvent::Kind::neighbour: {
        const auto found = gateways_.find({event.neighbour.ifindex, event.neighbour.address});
        if (found == gateways_.end()) break;
        Neighbour now = event.neighbour;
        if (event.removed) now = Neighbour{};
        take(found->second, now);
        for (const Address& vtep : found->second.vteps) make_due(vtep, vteps_[vtep]);
        break;
      }
      case NetlinkEvent::Kind::address:
        break;  // its route tells
    }
  }
}

bool NextHops::step(uint64_t now) {
  for (unsigned i = 0; i < kLookUps && !due_.empty(); i++) {
    const Address vtep = due_.back();
    due_.pop_back();
    Vtep& entry = vteps_[vtep];
    entry.due = false;
    look_up(vtep, entry, now);
  }
  keep_fresh(now);
  return !due_.empty();
}

const Link* NextHops::link_of(uint32_t ifindex) {
  const auto found = links_.find(ifindex);
  if (found != links_.end()) return &found->second;
  Link link;
  if (netlink_.link_by_index(ifindex, link) != 0) return nullptr;
  return &links_.emplace(ifindex, std::move(link)).first->second;
}

void NextHops::look_up(const Address& vtep, Vtep& entry, uint64_t now) {
  NextHop hop;
  Route route;
  // A lookup from an address that has just gone fails; without it the answer is the same but for
  // source routing.
  int code = netlink_.route(vtep, local_, route);
  if (code != 0) code = netlink_.route(vtep, Address{}, route);
  if (code != 0 || route.type != RTN_UNICAST) return leave(entry, vtep), settle(vtep, entry, hop);
  const Link* link = link_of(route.ifindex);
  hop.ifindex = route.ifindex;
  hop.address = route.next_hop;
  hop.mtu = route.mtu != 0 ? route.mtu : link != nullptr ? link->mtu : 0;
  (void)netlink_.route_interfaces(vtep, hop.interfaces);
  if (std::find(hop.interfaces.begin(), hop.interfaces.end(), hop.ifindex) == hop.interfaces.end())
    hop.interfaces.push_back(hop.ifindex);
  if (link == nullptr || !link->up || !link->carrier || link->hardware_type != ARPHRD_ETHER) {
    hop.state = NextHop::State::no_link;
    return leave(entry, vtep), settle(vtep, entry, std::move(hop));
  }
  memcpy(hop.source_mac, link->mac, sizeof hop.source_mac);
  const GatewayKey key = {hop.ifindex, hop.address};
  if (entry.hop.ifindex != hop.ifindex || entry.hop.address != hop.address) leave(entry, vtep);
  Gateway& gateway = join(key, vtep);
  if ((gateway.state & kUsable) == 0) {
    Neighbour neighbour;
    if (netlink_.neighbour(key.first, key.second, neighbour) == 0) take(gateway, neighbour);
  }
  if ((gateway.state & kUsable) == 0 && now >= gateway.next_use) {
    gateway.next_use = now + kRetry;
    (void)netlink_.use_neighbour(key.first, key.second);
  }
  apply(gateway, hop);
  settle(vtep, entry, std::move(hop));
}

void NextHops::take(Gateway& gateway, const Neighbour& neighbour) {
  gateway.state = neighbour.state;
  gateway.has_mac = neighbour.has_mac;
  memcpy(gateway.mac, neighbour.mac, sizeof gateway.mac);
}

void NextHops::apply(const Gateway& gateway, NextHop& hop) {
  const bool usable = gateway.has_mac && (gateway.state & kUsable) != 0;
  hop.state = usable ? NextHop::State::resolved : NextHop::State::unresolved;
  if (usable) memcpy(hop.mac, gateway.mac, sizeof hop.mac);
}

NextHops::Gateway& NextHops::join(const GatewayKey& key, const Address& vtep) {
  Gateway& gateway = gateways_[key];
  gateway.vteps.insert(vtep);
  return gateway;
}

void NextHops::leave(const Vtep& entry, const Address& vtep) {
  const auto found = gateways_.find({entry.hop.ifindex, entry.hop.address});
  if (found == gateways_.end()) return;
  found->second.vteps.erase(vtep);
  if (found->second.vteps.empty()) gateways_.erase(found);
}

void NextHops::settle(const Address& vtep, Vtep& entry, NextHop hop) {
  if (entry.told && entry.hop == hop) return;
  entry.told = true;
  entry.hop = std::move(hop);
  changed_(vtep, entry.hop);
}

// Once a second: neighbours that the kernel would let go or never look for, because it sees no
// packets to them.
void NextHops::keep_fresh(uint64_t now) {
  if (now < fresh_at_) return;
  fresh_at_ = now + kSecond;
  unsigned uses = 0;
  for (auto& [key, gateway] : gateways_) {
    if (uses == kUses) break;
    if ((gateway.state & kKeepsItself) || now < gateway.next_use) continue;
    gateway.next_use = now + ((gateway.state & kUsable) ? kRefresh : kRetry);
    (void)netlink_.use_neighbour(key.first, key.second);
    uses++;
  }
}

}  // namespace vtep
