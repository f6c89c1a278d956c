// af_xdp: an interface that exists already, by AF_XDP: a NIC, or a veth end whose tenant sends many
// small packets. Frames come without offload metadata: a veth tenant loses its TSO (native mode),
// and the checksums that it leaves to others are finished here.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "../core/tables.gen.hpp"
#include "host_isolation.hpp"
#include "inner_metadata.hpp"
#include "port.hpp"
#include "privilege.hpp"
#include "tenant_interface.hpp"
#include "xdp_interface.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"ifname", "text", "", "interface; the port's name when not given"},
    VTEP_XDP_OPTIONS,
};

class XdpPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return waits_[queue]; }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    return interface_->send(queue, frames, count);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override {
    return interface_->take_losses(queue, losses, max);
  }
  Abilities abilities() const override { return {}; }

  bool refresh() override;
  bool carrier() const override { return link_.up && link_.carrier; }
  uint32_t ifindex() const override { return link_.ifindex; }
  uint32_t mtu() const override { return link_.mtu; }
  const uint8_t* mac() const override { return link_.mac; }
  // The host's stack never sees what the tenant sends; what it would send is held back, too.
  uint32_t flags() const override {
    return PortFlag::hostIsolated |
           (interface_->mode() == XdpMode::native ? PortFlag::xdpNative : PortFlag::xdpGeneric) |
           (interface_->zero_copy() ? PortFlag::xdpZeroCopy : 0);
  }

 private:
  bool make_waits(unsigned queues, std::string& error);

  Link link_;
  InterfaceClaim claim_;
  HostIsolation isolation_;
  std::unique_ptr<XdpInterface> interface_;
  std::vector<int> waits_;          // by worker
  std::vector<Descriptor> groups_;  // of workers with several receive queues
};

bool XdpPort::make_waits(unsigned queues, std::string& error) {
  for (unsigned queue = 0; queue < queues; queue++) {
    const std::vector<int> own = interface_->descriptors(queue);
    if (own.size() < 2) {
      waits_.push_back(own.empty() ? -1 : own[0]);
      continue;
    }
    Descriptor group(::epoll_create1(EPOLL_CLOEXEC));
    bool all = static_cast<bool>(group);
    for (const int each : own) {
      epoll_event event = {};
      event.events = EPOLLIN;
      all = all && ::epoll_ctl(group.get(), EPOLL_CTL_ADD, each, &event) == 0;
    }
    if (!all) {
      error = std::string("epoll: ") + strerror(errno);
      return false;
    }
    waits_.push_back(group.get());
    groups_.push_back(std::move(group));
  }
  return true;
}

bool XdpPort::open(const OpenContext& context, std::string& error) {
  const std::string name = context.options.string("ifname", context.name);
  Netlink* netlink = Netlink::local(error);
  XdpSetup setup;
  if (netlink == nullptr || !setup.read(context.options, error) ||
      !find_tenant_interface(*netlink, "af_xdp", name, false, claim_, link_, error) ||
      has_host_address(*netlink, "af_xdp", link_, "", error))
    return false;
  setup.dataplane = context.dataplane;
  setup.workers = context.queues;
  // Before the first frame is taken: a veth whose XDP is native needs its queues up.
  if (!link_.up) {
    const int code = netlink->set_up(link_.ifindex, true);
    if (code != 0) {
      error = "af_xdp " + name + ": can not set it up: " + refusal(code, "CAP_NET_ADMIN");
      return false;
    }
    (void)refresh();
  }
  interface_ = XdpInterface::open(link_, setup, error);
  if (interface_ == nullptr) {
    error = "af_xdp " + name + ": " + error;
    return false;
  }
  if (!make_waits(context.queues, error)) return false;
  std::string why_not;
  (void)isolation_.open(link_.ifindex, HostIsolation::Method::tcx, why_not);
  return true;
}

unsigned XdpPort::receive(unsigned queue, Frame* frames, unsigned max) {
  const unsigned count = interface_->receive(queue, frames, max);
  for (unsigned i = 0; i < count; i++) finish_partial_checksum(frames[i].data, frames[i].length);
  return count;
}

bool XdpPort::refresh() {
  std::string error;
  Netlink* netlink = Netlink::local(error);
  Link now;
  if (netlink == nullptr) return true;
  const int code = netlink->link_by_index(link_.ifindex, now);
  if (code == 0) link_ = std::move(now);
  if (interface_ != nullptr) interface_->set_mtu(link_.mtu);
  return code != ENODEV;
}

std::unique_ptr<Port> open_af_xdp(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<XdpPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind af_xdp_port_kind;
const PortKind af_xdp_port_kind = {"af_xdp", "an existing interface by AF_XDP: a NIC, a veth end",
                                   kOptions, std::size(kOptions), open_af_xdp};

}  // namespace vtep
