#include "bridge_member.hpp"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "privilege.hpp"

namespace vtep {
namespace {

// There is no such word in netlink. ENOENT: a kernel without IPv6.
int silence_ipv6(const std::string& ifname) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + ifname + "/disable_ipv6";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno == ENOENT ? 0 : errno;
  return ::write(file.get(), "1", 1) == 1 ? 0 : errno;
}

}  // namespace

bool BridgeMember::join(Netlink& netlink, const std::string& bridge, const Link& member,
                        std::string& error) {
  const std::string where = "bridge " + bridge + ": ";
  if (bridge.size() >= IFNAMSIZ || bridge.find_first_of("/ %") != std::string::npos) {
    error = where + "expected an interface name of 1 to 15 characters without '/', '%' or space";
    return false;
  }
  Link link;
  const int made = netlink.add_bridge(bridge.c_str());
  int code = made == EEXIST ? 0 : made;
  if (code == 0) code = netlink.link_by_name(bridge, link);
  if (code == 0 && link.kind != "bridge") {
    error = where + "expected a bridge, got an interface" +
            (link.kind.empty() ? "" : " of kind " + link.kind) + " with that name";
    return false;
  }
  if (code == 0 && made == 0) {
    made_ = link.ifindex;
    code = silence_ipv6(bridge);
  }
  if (code == 0) code = silence_ipv6(member.name);
  if (code == EROFS) {
    error = where + "IPv6 can not be switched off, as /proc/sys is read-only " +
            "(systemd: ProtectKernelTunables=no)";
    return false;
  }
  if (code == 0) code = netlink.set_master(member.ifindex, link.ifindex);
  if (code == 0 && !link.up) code = netlink.set_up(link.ifindex, true);
  if (code != 0) error = where + refusal(code, "CAP_NET_ADMIN");
  member_ = member.ifindex;
  return code == 0;
}

// The kernel waits for every CPU when an interface goes, and for several at once no longer than for
// one: so both go as a group, which nobody else is in.
BridgeMember::~BridgeMember() {
  std::string error;
  std::vector<Link> members;
  Netlink* netlink = made_ == 0 ? nullptr : Netlink::local(error);
  if (netlink == nullptr || netlink->links(members, made_) != 0) return;
  if (!std::ranges::all_of(members, [this](const Link& each) { return each.ifindex == member_; }))
    return;
  const uint32_t group = 0x76740000 + made_;
  const bool together = !members.empty() && netlink->set_group(member_, group) == 0 &&
                        netlink->set_group(made_, group) == 0;
  if (!together || netlink->remove_group(group) != 0) (void)netlink->remove_link(made_);
}

}  // namespace vtep
