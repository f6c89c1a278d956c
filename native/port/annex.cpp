#include "annex.hpp"

#include <errno.h>

#include "bpf_program.hpp"
#include "namespace_scope.hpp"
#include "netlink.hpp"
#include "privilege.hpp"

namespace vtep {

bool Annex::make(const Descriptor& back, const Descriptor* in, std::string& error) {
  constexpr const char* kFarEnd = "vtep-in";
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr) return false;
  const auto done = [&error](const char* what, int code) {
    if (code != 0) error = std::string(what) + ": " + refusal(code, "CAP_NET_ADMIN");
    return code == 0;
  };
  namespace_ = make_namespace(error);
  if (!namespace_ || !done("veth", netlink->add_veth("vtep-in%d", kFarEnd, namespace_.get())))
    return false;
  {
    NamespaceScope scope;
    Netlink there;
    Link far;
    if (!done("setns", scope.enter(namespace_)) || !there.open(error) ||
        !done(kFarEnd, there.link_by_name(kFarEnd, far)))
      return false;
    if (in != nullptr) in_ = link_program(*in, far.ifindex, kAttachTcxIngress);
    if (!done("tcx", in == nullptr || in_ ? 0 : errno) ||
        !done(kFarEnd, there.set_up(far.ifindex, true)))
      return false;
    far_end_ = far.ifindex;
    near_end_ = far.peer;
  }
  back_ = link_program(back, near_end_, kAttachTcxIngress);
  return done("tcx", back_ ? 0 : errno) && done("vtep-in", netlink->set_silent(near_end_)) &&
         done("vtep-in", netlink->set_up(near_end_, true));
}

bool Annex::open(const Descriptor& back, const Descriptor* in, std::string& error) {
  if (make(back, in, error)) return true;
  close();
  return false;
}

}  // namespace vtep
