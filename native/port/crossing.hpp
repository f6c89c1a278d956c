// A way for the fast path into another network namespace, where an interface of ours has been
// moved. No program can take a frame from one namespace to another but over a veth, so there is
// one: between the tenant's namespace, where it is seen as vtep-tapN, and the annex, from where
// frames come and go without a queue. The tenant can put frames into it, which are worth no more
// than those that it sends by its interface: they are decided about once more where they come out.
#pragma once
#include <stdint.h>

#include <memory>
#include <string>

#include "annex.hpp"
#include "descriptor.hpp"

namespace vtep {

// Interface numbers: of the veth, in the annex and in the tenant's namespace, and of the interface.
struct CrossingEnds {
  uint32_t annex_end = 0, tenant_end = 0, interface = 0;
};

// Links, or before that programs: on the interface's egress, on the ingress of the tenant's end.
struct CrossingPrograms {
  Descriptor leave, arrive;
};

// The fast path, as far as a crossing needs it.
class CrossingSource {
 public:
  virtual ~CrossingSource() = default;
  // Opened at the first call. Null with one sentence.
  virtual std::shared_ptr<const Annex> annex(std::string& error) = 0;
  // For the ingress of the annex's end, the same for all.
  virtual const Descriptor& out_of_tenant() const = 0;
  virtual bool load_crossing(const CrossingEnds& ends, CrossingPrograms& out,
                             std::string& error) = 0;
};

class Crossing {
 public:
  Crossing() = default;
  ~Crossing() { close(); }
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  // To the interface of this number in the namespace `tenant`. False with one sentence; then
  // nothing is left behind.
  bool open(CrossingSource& source, const Descriptor& tenant, uint32_t interface,
            std::string& error);
  void close();
  bool is_open() const { return static_cast<bool>(links_.leave); }
  // In the tenant's namespace: whether the veth is there and up. Nobody but the tenant's
  // administrator takes it away.
  bool stands(class Netlink& there) const;
  const CrossingEnds& ends() const { return ends_; }

 private:
  bool make(CrossingSource& source, const Descriptor& tenant, std::string& error);

  std::shared_ptr<const Annex> annex_;
  CrossingEnds ends_;
  CrossingPrograms links_;
  Descriptor out_;
};

}  // namespace vtep
