// netdev: an interface that exists already, by AF_PACKET: the host end of a container's veth, a
// hypervisor's vnetN, a NIC.
#include <stdlib.h>
#include <sys/utsname.h>

#include "../core/tables.gen.hpp"
#include "bpf_program.hpp"
#include "device_features.hpp"
#include "host_isolation.hpp"
#include "netlink.hpp"
#include "packet_socket.hpp"
#include "port.hpp"
#include "privilege.hpp"
#include "tenant_interface.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"ifname", "text", "", "interface; the port's name when not given"},
    {"isolate", "flag", "yes", "keep the host's own network stack off the interface"},
    {"bridged", "flag", "no", "it may stay in a Linux bridge, which gets nothing of it any more"},
};

// UDP super-frames in virtio_net_hdr came with Linux 6.2; AF_PACKET has no way to ask.
bool kernel_has_udp_segmentation() {
  utsname system = {};
  if (::uname(&system) != 0) return false;
  char* rest = nullptr;
  const long major = ::strtol(system.release, &rest, 10);
  const long minor = *rest == '.' ? ::strtol(rest + 1, nullptr, 10) : 0;
  return major > 6 || (major == 6 && minor >= 2);
}

class NetdevPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return queues_[queue]->descriptor(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    return queues_[queue]->receive(frames, max);
  }
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    return queues_[queue]->send(frames, count);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override {
    return queues_[queue]->take_losses(losses, max);
  }
  void set_busy(unsigned queue, bool busy) override {
    if (steering_ != nullptr) steering_->set_busy(queue, busy);
  }
  Abilities abilities() const override { return {true, true, udp_segmentation_}; }

  bool refresh() override;
  bool carrier() const override { return link_.up && link_.carrier; }
  uint32_t ifindex() const override { return link_.ifindex; }
  uint32_t mtu() const override { return link_.mtu; }
  const uint8_t* mac() const override { return link_.mac; }
  uint32_t flags() const override;
  bool join_fast_path(const FastPrograms& programs, std::string& error) override;
  int steering_program() const override { return steering_ ? steering_->program() : -1; }
  bool sends_by_interface() const override { return true; }
  bool is_far_end(const uint8_t mac_address[6]) const override;
  bool takes_tunnels() const override;

 private:
  bool open_queues(const OpenContext& context, bool isolate, std::string& error);

  Link link_;
  InterfaceClaim claim_;
  bool udp_segmentation_ = kernel_has_udp_segmentation();
  HostIsolation isolation_;
  Descriptor fast_path_;
  std::unique_ptr<Steering> steering_;
  std::vector<std::unique_ptr<PacketSocket>> queues_;
};

bool NetdevPort::open_queues(const OpenContext& context, bool isolate, std::string& error) {
  const unsigned count = context.queues;
  std::string why_not;
  if (count > 1) steering_ = Steering::open(count, context.cpus, why_not);
  PacketSetup setup;
  setup.steering = steering_.get();
  setup.ifindex = link_.ifindex;
  // 2 MiB for a port with one queue, 512 KiB at least for each of many.
  setup.slots = count == 1 ? 1024 : count <= 4 ? 512 : 256;
  setup.promiscuous = true;
  setup.fanout = count > 1;
  setup.mark = isolate ? kIsolationMark : 0;
  int fanout_group = -1;
  for (unsigned i = 0; i < count; i++) {
    setup.queue = i;
    queues_.push_back(std::make_unique<PacketSocket>());
    const char* what = "";
    const int code = queues_.back()->open(setup, fanout_group, what);
    if (code == 0) continue;
    error = "netdev " + link_.name + ": " + what + ": " + refusal(code, "CAP_NET_RAW");
    return false;
  }
  return true;
}

bool NetdevPort::open(const OpenContext& context, std::string& error) {
  const std::string name = context.options.string("ifname", context.name);
  const bool isolate = context.options.flag("isolate", true);
  const bool bridged = context.options.flag("bridged", false);
  if (bridged && !isolate) {
    error = "netdev " + name + ": expected isolate=yes with bridged=yes, got no";
    return false;
  }
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr ||
      !find_tenant_interface(*netlink, "netdev", name, bridged, claim_, link_, error))
    return false;
  if (isolate && has_host_address(*netlink, "netdev", link_, ", or set isolate=no", error))
    return false;
  if (!open_queues(context, isolate, error)) return false;
  if (!link_.up) {
    const int code = netlink->set_up(link_.ifindex, true);
    if (code != 0) {
      error = "netdev " + name + ": can not set it up: " + refusal(code, "CAP_NET_ADMIN");
      return false;
    }
    (void)refresh();
  }
  // Without isolation the port works all the same; flags() says that it is not in force.
  std::string why_not;
  const bool alone = isolate && isolation_.open(link_.ifindex, HostIsolation::Method::tcx, why_not);
  if (alone || link_.master == 0) return true;
  error = "netdev " + name + ": can not be kept off its bridge: " + why_not;
  return false;
}

bool NetdevPort::takes_tunnels() const { return takes_tunnels_at(link_.name); }

bool NetdevPort::refresh() {
  std::string error;
  Netlink* netlink = Netlink::local(error);
  Link now;
  if (netlink == nullptr) return true;
  const int code = netlink->link_by_index(link_.ifindex, now);
  if (code == 0) link_ = std::move(now);
  return code != ENODEV;
}

// What the fast path leaves to the workers goes on to the host's stack unless isolation stops it
// there: without it a frame would be seen by both.
bool NetdevPort::join_fast_path(const FastPrograms& programs, std::string& error) {
  if (isolation_.method() != HostIsolation::Method::tcx) {
    error = "the host's own stack is not kept off it";
    return false;
  }
  Descriptor link = link_program(*programs.forward, link_.ifindex, kAttachTcxIngress, kLinkFirst);
  int code = link ? 0 : errno;
  const bool steered = steering_ != nullptr;
  for (size_t i = 0; code == 0 && i < queues_.size(); i++)
    code = queues_[i]->set_program(steered ? *programs.passed : *programs.filter);
  if (code == 0 && steered) code = queues_[0]->set_fanout_program(*programs.steer);
  if (code != 0) {
    error = refusal(code, "CAP_BPF and CAP_NET_ADMIN");
    return false;
  }
  fast_path_ = std::move(link);
  return true;
}

bool NetdevPort::is_far_end(const uint8_t mac_address[6]) const {
  std::string error;
  Netlink* netlink = Netlink::local(error);
  Link far;
  return netlink != nullptr && link_.kind == "veth" && link_.peer_namespace >= 0 &&
         netlink->link_elsewhere(link_.peer_namespace, link_.peer, far) == 0 &&
         memcmp(far.mac, mac_address, sizeof far.mac) == 0;
}

uint32_t NetdevPort::flags() const {
  uint32_t flags = PortFlag::vnetHeader | PortFlag::tso;
  if (fast_path_) flags |= PortFlag::fastPath;
  if (isolation_.method() != HostIsolation::Method::none) flags |= PortFlag::hostIsolated;
  return flags;
}

std::unique_ptr<Port> open_netdev(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<NetdevPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind netdev_port_kind;
const PortKind netdev_port_kind = {"netdev",
                                   "an existing interface: a veth end, a hypervisor's vnetN, a NIC",
                                   kOptions, std::size(kOptions), open_netdev};

}  // namespace vtep
