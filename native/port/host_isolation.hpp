// Keeps the host's own network stack off an interface that belongs to a tenant. Without it the host
// end of a veth answers the tenant's ARP for any of the host's addresses, and routes what the
// tenant sends it.
//
// A two-instruction program drops everything behind the AF_PACKET taps on ingress; on egress only
// what carries our mark passes. By tcx where the kernel has it (6.6): the links end with the
// process. Else by a clsact filter, which is removed on close.
#pragma once
#include <stdint.h>

#include <string>

#include "descriptor.hpp"

namespace vtep {

constexpr uint32_t kIsolationMark = 0x76746570;  // SO_MARK of frames that may leave

class HostIsolation {
 public:
  enum class Method { none, tcx, clsact };

  HostIsolation() = default;
  ~HostIsolation();
  HostIsolation(const HostIsolation&) = delete;
  HostIsolation& operator=(const HostIsolation&) = delete;

  // `first` is where to begin: tests pass clsact. False with `error`: nothing is in force then.
  bool open(uint32_t ifindex, Method first, std::string& error);
  Method method() const { return method_; }

 private:
  bool attach_tcx(uint32_t ifindex, std::string& error);
  bool attach_clsact(uint32_t ifindex, std::string& error);

  Method method_ = Method::none;
  uint32_t ifindex_ = 0;
  bool created_qdisc_ = false;
  Descriptor ingress_, egress_;
};

}  // namespace vtep
