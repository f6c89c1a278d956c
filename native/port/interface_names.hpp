// What error messages say about interfaces.
#pragma once
#include <string>
#include <vector>

#include "netlink.hpp"

namespace vtep {

// "there is no interface eht0 (similar: eth0, eth1)", or the names there are when none is similar.
std::string no_such_interface(Netlink& netlink, const std::string& name);
// Ethernet interfaces that have one of these addresses of the host. One on the loopback is on none
// of them.
std::vector<std::string> interfaces_with(Netlink& netlink, const std::vector<Address>& wanted);
// "bridge br0" for a link's master; empty when it has none.
std::string master_in_words(Netlink& netlink, const Link& link);

}  // namespace vtep
