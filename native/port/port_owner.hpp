// Who stands in the way: sentences for a UDP port that is taken and an address that is not ours.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"
#include "netlink.hpp"

namespace vtep {

// "UDP port 4789 on 10.0.0.11 is taken by python3 (process 812)", or by the kernel's VXLAN devices
// with the command that removes them.
std::string udp_port_taken(Netlink& netlink, const Address& address, uint16_t udp_port);

// Whether whoever has it is to be seen from here: a process, or a device of this namespace.
bool has_visible_owner(Netlink& netlink, const Address& address, uint16_t udp_port);

// Whether a VXLAN device of this namespace has it.
bool has_vxlan_device(Netlink& netlink, uint16_t udp_port);

// Empty when the address is on this host and usable, else a sentence that names the addresses that
// are.
std::string address_missing(Netlink& netlink, const Address& address);

}  // namespace vtep
