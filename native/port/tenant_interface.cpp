#include "tenant_interface.hpp"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "interface_names.hpp"

namespace vtep {
namespace {

struct Claims {
  std::mutex lock;
  std::vector<uint32_t> taken;
};

Claims& claims() {
  static Claims all;
  return all;
}

}  // namespace

bool InterfaceClaim::take(uint32_t ifindex) {
  Claims& all = claims();
  const std::lock_guard lock(all.lock);
  if (std::find(all.taken.begin(), all.taken.end(), ifindex) != all.taken.end()) return false;
  all.taken.push_back(ifindex);
  ifindex_ = ifindex;
  return true;
}

InterfaceClaim::~InterfaceClaim() {
  if (ifindex_ == 0) return;
  Claims& all = claims();
  const std::lock_guard lock(all.lock);
  std::erase(all.taken, ifindex_);
}

static bool is_bridge(Netlink& netlink, uint32_t ifindex) {
  Link link;
  return netlink.link_by_index(ifindex, link) == 0 && link.kind == "bridge";
}

bool find_tenant_interface(Netlink& netlink, const char* kind, const std::string& name,
                           bool may_be_bridged, InterfaceClaim& claim, Link& link,
                           std::string& error) {
  const std::string where = std::string(kind) + " " + name + ": ";
  const int code = netlink.link_by_name(name, link);
  if (code == ENODEV) {
    error = where + no_such_interface(netlink, name);
  } else if (code != 0) {
    error = where + strerror(code);
  } else if (link.hardware_type != ARPHRD_ETHER) {
    error = where + "expected an Ethernet interface, got one without Ethernet addresses" +
            (link.kind.empty() ? "" : " (" + link.kind + ")");
  } else if (link.master != 0 && !(may_be_bridged && is_bridge(netlink, link.master))) {
    const std::string master = master_in_words(netlink, link);
    // Open vSwitch keeps its ports in a database, and would take it back.
    const bool of_ovs = master.rfind("openvswitch ", 0) == 0;
    error = where + "it is a port of " + master +
            ", which would switch the same frames; take it out first: " +
            (of_ovs ? "ovs-vsctl del-port " + name : "ip link set " + name + " nomaster");
  } else if (!claim.take(link.ifindex)) {
    error = where + "another port has this interface open";
  } else {
    return true;
  }
  return false;
}

bool has_host_address(Netlink& netlink, const char* kind, const Link& link, const char* otherwise,
                      std::string& error) {
  std::vector<HostAddress> addresses;
  (void)netlink.addresses(addresses);
  for (const HostAddress& each : addresses) {
    if (each.ifindex != link.ifindex || each.scope != RT_SCOPE_UNIVERSE) continue;
    if ((each.flags & IFA_F_PERMANENT) == 0) continue;  // from somebody's router advertisement
    error = std::string(kind) + " " + link.name + ": the host has address " + each.address.text() +
            "/" + std::to_string(each.prefix_length) +
            " on it, and isolation would cut the host off; remove the address (ip addr del)" +
            otherwise;
    return true;
  }
  return false;
}

}  // namespace vtep
