#include "port_owner.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace vtep {
namespace {

using File = std::unique_ptr<FILE, int (*)(FILE*)>;
using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// The address of a line in /proc/net/udp{,6}: 32-bit words in hexadecimal, each in host order.
bool parse_words(const char* text, Address& out) {
  const size_t digits = strspn(text, "0123456789ABCDEF");
  uint32_t words[4];
  const unsigned count = static_cast<unsigned>(digits / 8);
  if (digits % 8 != 0 || (count != 1 && count != 4)) return false;
  for (unsigned i = 0; i < count; i++) {
    const std::string word(text + size_t{i} * 8, 8);
    words[i] = static_cast<uint32_t>(strtoul(word.c_str(), nullptr, 16));
  }
  out = count == 1 ? Address::from_v4(words) : Address::from_v6(words);
  return true;
}

// Inodes of the sockets that hold the port on this address or on all.
void collect_holders(const char* path, const Address& address, uint16_t udp_port,
                     std::vector<unsigned long>& inodes) {
  const File table(fopen(path, "re"), fclose);
  if (table == nullptr) return;
  char line[512], local[64];
  unsigned port;
  unsigned long inode;
  while (fgets(line, sizeof line, table.get()) != nullptr) {
    if (sscanf(line, " %*u: %40[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %*s %lu", local, &port,
               &inode) != 3)
      continue;
    Address bound;
    if (port == udp_port && parse_words(local, bound) && (bound.is_zero() || bound == address))
      inodes.push_back(inode);
  }
}

bool has_socket(const std::string& process, const std::vector<unsigned long>& inodes) {
  const std::string path = "/proc/" + process + "/fd";
  const Directory files(opendir(path.c_str()), closedir);
  if (files == nullptr) return false;
  for (dirent* entry; (entry = readdir(files.get())) != nullptr;) {
    char target[64];
    const ssize_t size = readlink((path + "/" + entry->d_name).c_str(), target, sizeof target - 1);
    if (size <= 0) continue;
    target[size] = 0;
    unsigned long inode;
    if (sscanf(target, "socket:[%lu]", &inode) == 1 &&
        std::find(inodes.begin(), inodes.end(), inode) != inodes.end())
      return true;
  }
  return false;
}

std::string command_of(const std::string& process) {
  const File file(fopen(("/proc/" + process + "/comm").c_str(), "re"), fclose);
  char name[64] = "?";
  if (file != nullptr && fgets(name, sizeof name, file.get()) != nullptr)
    name[strcspn(name, "\n")] = 0;
  return name;
}

// "python3 (process 812); end it: kill 812" for every process that has one of the sockets.
std::string holding_processes(const std::vector<unsigned long>& inodes) {
  const Directory all(opendir("/proc"), closedir);
  std::string names;
  if (all == nullptr) return names;
  for (dirent* entry; (entry = readdir(all.get())) != nullptr;) {
    const std::string process = entry->d_name;
    if (process.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!has_socket(process, inodes)) continue;
    const std::string command = command_of(process);
    names += (names.empty() ? "" : " and ") + command + " (process " + process + "); end it: " +
             (command.rfind("ovs-vswitchd", 0) == 0 ? "systemctl disable --now openvswitch-switch"
                                                    : "kill " + process);
  }
  return names;
}

// What Open vSwitch has made it makes again, until its own ports of that kind are gone.
std::string removal_of(const std::string& device) {
  if (device.rfind("vxlan_sys_", 0) != 0) return "ip link del " + device;
  return "for port in $(ovs-vsctl --bare --columns=name find interface type=vxlan); do "
         "ovs-vsctl del-port $port; done";
}

std::string holding_devices(Netlink& netlink, uint16_t udp_port) {
  std::vector<Link> links;
  (void)netlink.links(links);
  std::string names, commands;
  for (const Link& link : links) {
    if (link.kind != "vxlan" || link.vxlan_port != udp_port || !link.up) continue;
    names += (names.empty() ? "" : ", ") + link.name;
    commands += (commands.empty() ? "" : "; ") + removal_of(link.name);
  }
  return names.empty() ? "" : "the kernel's VXLAN device " + names + "; remove it: " + commands;
}

// What has the port, as far as it can be seen from here.
std::string visible_holders(Netlink& netlink, const Address& address, uint16_t udp_port) {
  std::vector<unsigned long> inodes;
  collect_holders("/proc/thread-self/net/udp", address, udp_port, inodes);
  collect_holders("/proc/thread-self/net/udp6", address, udp_port, inodes);
  const std::string processes = holding_processes(inodes);
  return processes.empty() ? holding_devices(netlink, udp_port) : processes;
}

}  // namespace

bool has_visible_owner(Netlink& netlink, const Address& address, uint16_t udp_port) {
  return !visible_holders(netlink, address, udp_port).empty();
}

bool has_vxlan_device(Netlink& netlink, uint16_t udp_port) {
  return !holding_devices(netlink, udp_port).empty();
}

std::string udp_port_taken(Netlink& netlink, const Address& address, uint16_t udp_port) {
  const std::string visible = visible_holders(netlink, address, udp_port);
  return "UDP port " + std::to_string(udp_port) + " on " + address.text() + " is taken by " +
         (visible.empty() ? "another vtep, a tunnel device that is not VXLAN, or a process that we "
                            "may not look at"
                          : visible);
}

std::string address_missing(Netlink& netlink, const Address& address) {
  std::vector<HostAddress> all;
  (void)netlink.addresses(all);
  std::string others;
  for (const HostAddress& each : all) {
    if (each.address == address) {
      if ((each.flags & IFA_F_DADFAILED) == 0) return "";
      return "VTEP address " + address.text() +
             " failed duplicate address detection: another host uses it";
    }
    if (each.address.family() == address.family() && each.scope == RT_SCOPE_UNIVERSE)
      others += (others.empty() ? "" : ", ") + each.address.text();
  }
  return "VTEP address " + address.text() + " is not on this host (" +
         (address.is_v4() ? "IPv4" : "IPv6") +
         " addresses here: " + (others.empty() ? "none" : others) + ")";
}

}  // namespace vtep
