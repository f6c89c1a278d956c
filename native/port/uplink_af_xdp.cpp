// af_xdp: a raw uplink with AF_XDP beside it on the same interfaces. A program takes what is ours
// off the driver before the host's stack sees it, and single datagrams leave by AF_XDP. Trains
// leave by AF_PACKET, whose offload cuts them late; and what the program lets through (a queue
// that came up later, an interface that has no XDP) is received by AF_PACKET, so nothing is lost.
#include <errno.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/epoll.h>

#include <algorithm>
#include <atomic>

#include "inner_metadata.hpp"
#include "interface_names.hpp"
#include "uplink.hpp"
#include "xdp_interface.hpp"

namespace vtep {

extern const UplinkKind raw_uplink_kind;

namespace {

constexpr unsigned kMaxInterfaces = 16;

const OptionInfo kOptions[] = {VTEP_XDP_OPTIONS};

class XdpUplink : public Uplink {
 public:
  bool open(const UplinkContext& context, std::string& error);

  UplinkForm form() const override { return UplinkForm::ethernet; }
  UplinkAbilities abilities() const override { return raw_->abilities(); }
  int wait_descriptor(unsigned queue) const override { return queues_[queue].any.get(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const UplinkGather* items, unsigned count) override;
  bool takes_whole(unsigned queue, uint32_t ifindex, bool v4) const override {
    return raw_->takes_whole(queue, ifindex, v4);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override;
  void set_busy(unsigned queue, bool busy) override { raw_->set_busy(queue, busy); }
  std::string text() const override;
  bool ensure_interface(uint32_t ifindex, std::string& error) override;
  void interface_changed(uint32_t ifindex) override;
  void forget_interface(uint32_t ifindex) override;

 private:
  // As in the raw uplink: the keeper writes `slots_`, a worker says in `used` what it works with,
  // and what is used stays.
  struct Queue {
    Descriptor any;  // epoll over the raw uplink's, whose bell it is too, and all AF_XDP sockets
    std::atomic<XdpInterface*> used[kMaxInterfaces] = {};
    unsigned next = 0;  // slot whose turn it is
  };

  void adopt(unsigned queue, unsigned slot);
  bool is_used(const XdpInterface* interface) const;
  void reap();
  bool add(const Link& link, std::string& error);
  XdpInterface* at(uint32_t ifindex) const;
  XdpInterface* find(unsigned queue, uint32_t ifindex) const;

  // Destroyed in this order, last first: sockets, then the waits they are in.
  std::unique_ptr<Uplink> raw_;
  VxlanFilter filter_;
  XdpSetup setup_;
  std::vector<Queue> queues_;
  std::atomic<XdpInterface*> slots_[kMaxInterfaces] = {};
  std::vector<std::unique_ptr<XdpInterface>> interfaces_;  // all that live
  std::vector<uint32_t> without_;  // interfaces where XDP was refused: not asked for again
};

bool XdpUplink::open(const UplinkContext& context, std::string& error) {
  if (!setup_.read(context.options, error)) return false;
  filter_ = {context.addresses(), context.udp_port};
  setup_.filter = &filter_;
  setup_.dataplane = context.dataplane;
  setup_.workers = context.queues;
  UplinkContext plain = context;
  plain.options = {};
  raw_ = raw_uplink_kind.open(plain, error);
  Netlink* netlink = raw_ != nullptr ? Netlink::local(error) : nullptr;
  if (netlink == nullptr) return false;

  queues_ = std::vector<Queue>(context.queues);
  for (unsigned i = 0; i < context.queues; i++) {
    Queue& queue = queues_[i];
    queue.any.reset(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event = {};
    event.events = EPOLLIN;
    if (!queue.any ||
        ::epoll_ctl(queue.any.get(), EPOLL_CTL_ADD, raw_->wait_descriptor(i), &event) != 0) {
      error = std::string("epoll: ") + strerror(errno);
      return false;
    }
  }
  std::vector<std::string> names = context.interfaces;
  // Where the address is; on the loopback it is nowhere, and routes say later.
  if (names.empty()) names = interfaces_with(*netlink, context.addresses());
  for (const std::string& name : names) {
    Link link;
    if (netlink->link_by_name(name, link) != 0) {
      error = "underlay: " + no_such_interface(*netlink, name);
      return false;
    }
    if (add(link, error)) continue;
    error = "underlay interface " + name + ": " + error;
    return false;
  }
  return true;
}

bool XdpUplink::add(const Link& link, std::string& error) {
  unsigned free_slot = 0;
  while (free_slot < kMaxInterfaces && slots_[free_slot].load() != nullptr) free_slot++;
  if (free_slot == kMaxInterfaces) {
    error = "expected at most " + std::to_string(kMaxInterfaces) + " underlay interfaces";
    return false;
  }
  auto interface = XdpInterface::open(link, setup_, error);
  if (interface == nullptr) return false;
  slots_[free_slot].store(interface.get());
  interfaces_.push_back(std::move(interface));
  return true;
}

std::string XdpUplink::text() const {
  std::string all;
  std::string error;
  Netlink* netlink = Netlink::local(error);
  for (const auto& slot : slots_) {
    const XdpInterface* interface = slot.load();
    Link link;
    if (interface == nullptr || netlink == nullptr ||
        netlink->link_by_index(interface->ifindex(), link) != 0)
      continue;
    all += (all.empty() ? "" : "; ") + link.name + ": " + interface->text();
  }
  return all;
}

bool XdpUplink::ensure_interface(uint32_t ifindex, std::string& error) {
  reap();
  // A route may lead out of an interface that has another program: it goes on without XDP there.
  const bool refused = std::find(without_.begin(), without_.end(), ifindex) != without_.end();
  Netlink* netlink = Netlink::local(error);
  Link link;
  if (!refused && at(ifindex) == nullptr && netlink != nullptr &&
      netlink->link_by_index(ifindex, link) == 0 && link.hardware_type == ARPHRD_ETHER) {
    std::string why_not;
    if (!add(link, why_not)) without_.push_back(ifindex);
  }
  // Its bell, if it is new to it, makes the workers look at both.
  return raw_->ensure_interface(ifindex, error);
}

XdpInterface* XdpUplink::at(uint32_t ifindex) const {
  for (const auto& slot : slots_)
    if (XdpInterface* interface = slot.load();
        interface != nullptr && interface->ifindex() == ifindex)
      return interface;
  return nullptr;
}

void XdpUplink::interface_changed(uint32_t ifindex) {
  std::string error;
  Netlink* netlink = Netlink::local(error);
  Link link;
  XdpInterface* interface = at(ifindex);
  if (interface != nullptr && netlink != nullptr && netlink->link_by_index(ifindex, link) == 0)
    interface->set_mtu(link.mtu);
  raw_->interface_changed(ifindex);
}

void XdpUplink::forget_interface(uint32_t ifindex) {
  std::erase(without_, ifindex);
  for (auto& slot : slots_) {
    const XdpInterface* interface = slot.load();
    if (interface != nullptr && interface->ifindex() == ifindex) slot.store(nullptr);
  }
  raw_->forget_interface(ifindex);
  reap();
}

bool XdpUplink::is_used(const XdpInterface* interface) const {
  for (const auto& slot : slots_)
    if (slot.load() == interface) return true;
  for (const Queue& queue : queues_)
    for (const auto& used : queue.used)
      if (used.load() == interface) return true;
  return false;
}

// Keeper thread.
void XdpUplink::reap() {
  std::erase_if(interfaces_, [this](const auto& each) { return !is_used(each.get()); });
}

// Worker thread of the queue, with no frame lent out.
void XdpUplink::adopt(unsigned queue, unsigned slot) {
  Queue& own = queues_[queue];
  XdpInterface* before = own.used[slot].load(std::memory_order_relaxed);
  XdpInterface* now = slots_[slot].load(std::memory_order_acquire);
  if (now == before) return;
  if (before != nullptr)
    for (const int each : before->descriptors(queue))
      (void)::epoll_ctl(own.any.get(), EPOLL_CTL_DEL, each, nullptr);
  // It is ours only if it is still there after we have said that we use it.
  do {
    now = slots_[slot].load();
    own.used[slot].store(now);
  } while (slots_[slot].load() != now);
  if (now == nullptr) return;
  for (const int each : now->descriptors(queue)) {
    epoll_event event = {};
    event.events = EPOLLIN;
    (void)::epoll_ctl(own.any.get(), EPOLL_CTL_ADD, each, &event);
  }
}

unsigned XdpUplink::receive(unsigned queue, Frame* frames, unsigned max) {
  Queue& own = queues_[queue];
  unsigned filled = 0;
  const unsigned first = own.next;
  for (unsigned i = 0; i < kMaxInterfaces; i++) {
    const unsigned slot = (first + i) % kMaxInterfaces;
    adopt(queue, slot);
    XdpInterface* interface = own.used[slot].load(std::memory_order_relaxed);
    // Also with no room left: that gives its last frames back.
    if (interface == nullptr) continue;
    const unsigned got = interface->receive(queue, frames + filled, max - filled);
    if (got != 0) own.next = (slot + 1) % kMaxInterfaces;
    filled += got;
  }
  for (unsigned i = 0; i < filled; i++) settle_outer_checksums(frames[i]);
  return filled + raw_->receive(queue, frames + filled, max - filled);
}

XdpInterface* XdpUplink::find(unsigned queue, uint32_t ifindex) const {
  if (ifindex == 0) return nullptr;
  for (const auto& used : queues_[queue].used) {
    XdpInterface* candidate = used.load(std::memory_order_relaxed);
    if (candidate != nullptr && candidate->ifindex() == ifindex) return candidate;
  }
  return nullptr;
}

SendResult XdpUplink::send(unsigned queue, const UplinkGather* items, unsigned count) {
  SendResult result;
  while (result.sent < count) {
    const UplinkGather* first = items + result.sent;
    const auto single = [](const UplinkGather& item) { return item.meta.gso_type == kGsoNone; };
    unsigned run = 1;
    while (result.sent + run < count && first[run].ifindex == first->ifindex &&
           single(first[run]) == single(*first))
      run++;
    XdpInterface* interface = single(*first) ? find(queue, first->ifindex) : nullptr;
    const SendResult part =
        interface != nullptr ? interface->send(queue, first, run) : raw_->send(queue, first, run);
    result.sent += part.sent;
    if (part.sent < run) {
      result.reason = part.reason;
      break;
    }
  }
  return result;
}

unsigned XdpUplink::take_losses(unsigned queue, Loss* losses, unsigned max) {
  unsigned rows = raw_->take_losses(queue, losses, max);
  for (unsigned slot = 0; slot < kMaxInterfaces && rows < max; slot++)
    if (XdpInterface* interface = queues_[queue].used[slot].load(std::memory_order_relaxed))
      rows += interface->take_losses(queue, losses + rows, max - rows);
  return rows;
}

std::unique_ptr<Uplink> open_af_xdp(const UplinkContext& context, std::string& error) {
  auto uplink = std::make_unique<XdpUplink>();
  if (!uplink->open(context, error)) return nullptr;
  return uplink;
}

}  // namespace

extern const UplinkKind af_xdp_uplink_kind;
const UplinkKind af_xdp_uplink_kind = {"af_xdp",
                                       "VXLAN taken off the driver by AF_XDP, trains by AF_PACKET",
                                       kOptions, std::size(kOptions), open_af_xdp};

}  // namespace vtep
