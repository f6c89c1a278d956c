#include "crossing.hpp"

#include <errno.h>

#include "bpf_program.hpp"
#include "namespace_scope.hpp"
#include "netlink.hpp"
#include "privilege.hpp"

namespace vtep {
namespace {

// A veth hands on no frame that is larger, but for super-frames: a tap's MTU is at most this.
constexpr uint32_t kMtu = 65535;

}  // namespace

bool Crossing::make(CrossingSource& source, const Descriptor& tenant, std::string& error) {
  const auto done = [&error](const char* what, int code) {
    if (code != 0) error = std::string(what) + ": " + refusal(code, "CAP_NET_ADMIN");
    return code == 0;
  };
  annex_ = source.annex(error);
  if (annex_ == nullptr) return false;
  CrossingPrograms programs;
  {
    NamespaceScope scope;
    Netlink there;
    Link end;
    // In the annex nobody sees it.
    static unsigned count = 0;
    const std::string name = "port" + std::to_string(count++);
    if (!done("setns", scope.enter(annex_->inside())) || !there.open(error) ||
        !done("veth", there.add_veth(name.c_str(), "vtep-tap%d", tenant.get())) ||
        !done("veth", there.link_by_name(name, end)))
      return false;
    ends_.annex_end = end.ifindex;
    ends_.tenant_end = end.peer;
    if (!source.load_crossing(ends_, programs, error)) return false;
    out_ = link_program(source.out_of_tenant(), ends_.annex_end, kAttachTcxIngress);
    if (!done("tcx", out_ ? 0 : errno) || !done("veth", there.set_mtu(ends_.annex_end, kMtu)) ||
        !done("veth", there.set_up(ends_.annex_end, true)))
      return false;
  }
  NamespaceScope scope;
  Netlink there;
  if (!done("setns", scope.enter(tenant)) || !there.open(error) ||
      !done("vtep-tap", there.set_silent(ends_.tenant_end)) ||
      !done("vtep-tap", there.set_mtu(ends_.tenant_end, kMtu)))
    return false;
  links_.arrive = link_program(programs.arrive, ends_.tenant_end, kAttachTcxIngress);
  if (!done("tcx", links_.arrive ? 0 : errno) ||
      !done("vtep-tap", there.set_up(ends_.tenant_end, true)))
    return false;
  // Behind the programs of others, who may have a say in what leaves the tenant's stack.
  links_.leave = link_program(programs.leave, ends_.interface, kAttachTcxEgress, kLinkLast);
  return done("tcx", links_.leave ? 0 : errno);
}

bool Crossing::open(CrossingSource& source, const Descriptor& tenant, uint32_t interface,
                    std::string& error) {
  close();
  ends_.interface = interface;
  if (make(source, tenant, error)) return true;
  close();
  return false;
}

void Crossing::close() {
  links_ = {};
  out_.reset();
  std::string ignored;
  NamespaceScope scope;
  Netlink there;
  if (ends_.annex_end != 0 && scope.enter(annex_->inside()) == 0 && there.open(ignored))
    (void)there.remove_link(ends_.annex_end);
  ends_ = {};
  annex_.reset();
}

bool Crossing::stands(Netlink& there) const {
  Link end;
  return there.link_by_index(ends_.tenant_end, end) == 0 && end.up;
}

}  // namespace vtep
