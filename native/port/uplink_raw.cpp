// raw: VXLAN frames by AF_PACKET on the underlay's interfaces, whole super-frames and trains
// included. The next hop is the caller's business (NextHops); what has none yet goes out of a UDP
// socket, so the kernel resolves it and nothing is lost.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>

#include "bpf_program.hpp"
#include "device_features.hpp"
#include "interface_names.hpp"
#include "packet_socket.hpp"
#include "port_holder.hpp"
#include "privilege.hpp"
#include "tunnel_tap.hpp"
#include "udp_sockets.hpp"
#include "uplink.hpp"

namespace vtep {
namespace {

constexpr unsigned kMaxInterfaces = 16;

// Only what is ours passes: UDP to one of our addresses and the VXLAN port, in frames addressed to
// this host. A first fragment passes, too, so that the switch counts it (outer_fragment); later
// fragments carry no port and are left out.
class Filter {
 public:
  Filter(const std::vector<Address>& addresses, uint16_t udp_port) {
    load(BPF_W, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE));
    reject_if(kEqual, PACKET_OTHERHOST);
    load(BPF_H, 12);
    if (addresses[0].is_v4()) {
      require(ETH_P_IP);
      load(BPF_B, 23);
      require(IPPROTO_UDP);
      require_one_of(addresses, 30);
      load(BPF_H, 20);
      reject_if(kAnyBit, 0x1fff);
      emit(BPF_LDX | BPF_B | BPF_MSH, 14);  // x = length of the IPv4 header
      emit(BPF_LD | BPF_H | BPF_IND, 16);
      require(udp_port);
    } else {
      require(ETH_P_IPV6);
      require_one_of(addresses, 38);
      load(BPF_B, 20);
      // UDP at once: the next four instructions. Else it may lie behind a fragment header.
      emit(kEqual, IPPROTO_UDP, 0, 4);
      load(BPF_H, 56);
      require(udp_port);
      accept();
      require(IPPROTO_FRAGMENT);
      load(BPF_B, 54);
      require(IPPROTO_UDP);
      load(BPF_H, 56);
      reject_if(kAnyBit, 0xfff8);
      load(BPF_H, 64);
      require(udp_port);
    }
    accept();
    program_.len = static_cast<unsigned short>(code_.size());
    program_.filter = code_.data();
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  const sock_fprog* program() const { return &program_; }

 private:
  static constexpr int kEqual = BPF_JMP | BPF_JEQ | BPF_K;
  static constexpr int kAnyBit = BPF_JMP | BPF_JSET | BPF_K;
  static uint32_t word(const uint8_t* octets) {
    uint32_t value;
    memcpy(&value, octets, sizeof value);
    return ntohl(value);
  }
  void emit(int code, uint32_t value, uint8_t yes = 0, uint8_t no = 0) {
    code_.push_back({static_cast<uint16_t>(code), yes, no, value});
  }
  void load(int size, uint32_t offset) { emit(BPF_LD | size | BPF_ABS, offset); }
  void reject() { emit(BPF_RET | BPF_K, 0); }
  void accept() { emit(BPF_RET | BPF_K, UINT32_MAX); }
  void require(uint32_t value) {
    emit(kEqual, value, 1, 0);
    reject();
  }
  // One of these addresses lies at `offset`.
  void require_one_of(const std::vector<Address>& addresses, uint32_t offset) {
    std::vector<size_t> found;
    for (size_t n = 0; n + 1 < addresses.size(); n++) {
      std::vector<size_t> others;
      for (uint32_t i = 0; i < addresses[n].size(); i += 4) {
        load(BPF_W, offset + i);
        others.push_back(code_.size());
        emit(kEqual, word(addresses[n].octets() + i));
      }
      found.push_back(code_.size());
      emit(BPF_JMP | BPF_JA, 0);
      for (const size_t at : others) code_[at].jf = static_cast<uint8_t>(code_.size() - at - 1);
    }
    for (uint32_t i = 0; i < addresses.back().size(); i += 4) {
      load(BPF_W, offset + i);
      require(word(addresses.back().octets() + i));
    }
    for (const size_t at : found) code_[at].k = static_cast<uint32_t>(code_.size() - at - 1);
  }
  void reject_if(int test, uint32_t value) {
    emit(test, value, 0, 1);
    reject();
  }

  std::vector<sock_filter> code_;
  sock_fprog program_ = {};
};

// An underlay interface with a socket for each queue, and a way out for super-frames.
struct Interface {
  explicit Interface(unsigned queues) : sockets(queues) {
    for (auto& socket_ : sockets) socket_ = std::make_unique<PacketSocket>();
  }
  // Keeper thread. Whole super-frames are cut as late as can be: by the NIC if it knows tunnels,
  // else as trains by a NIC that knows datagrams; where the kernel cuts, it cuts either.
  void choose_whole(const std::string& ifname) {
    DeviceFeatures nic;
    (void)nic.read(ifname);
    const bool trains = nic.is_on("tx-udp-segmentation");
    whole4.store(tunnel && (nic.is_on("tx-udp_tnl-segmentation") || !trains),
                 std::memory_order_relaxed);
    // RFC 8200 section 8.1: over IPv6 with an outer checksum.
    whole6.store(tunnel && (nic.is_on("tx-udp_tnl-csum-segmentation") || !trains),
                 std::memory_order_relaxed);
  }

  uint32_t ifindex = 0;
  std::unique_ptr<Steering> steering;
  std::vector<std::unique_ptr<PacketSocket>> sockets;
  TunnelTap tunnel;
  std::atomic<bool> whole4 = false, whole6 = false;
  Descriptor fast_path;
};

class RawUplink : public Uplink {
 public:
  bool open(const UplinkContext& context, std::string& error);

  UplinkForm form() const override { return UplinkForm::ethernet; }
  UplinkAbilities abilities() const override {
    return {true, true, 64, max_train_bytes_, whole_super_frames_};
  }
  int wait_descriptor(unsigned queue) const override { return queues_[queue].any.get(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const UplinkGather* items, unsigned count) override;
  bool takes_whole(unsigned queue, uint32_t ifindex, bool v4) const override;
  bool offers_whole(uint32_t ifindex) const override;
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override;
  void interface_changed(uint32_t ifindex) override;
  void set_busy(unsigned queue, bool busy) override;
  bool ensure_interface(uint32_t ifindex, std::string& error) override;
  void forget_interface(uint32_t ifindex) override;
  bool join_fast_path(const FastPrograms& programs, std::string& error) override;

 private:
  // The keeper adds and retires interfaces while workers run: it writes `slots_`, and each worker
  // says in `used` which of them it works with (as hazard pointers). What a worker uses stays; it
  // looks at `slots_` with every receive.
  struct Queue {
    Descriptor any;   // epoll over the sockets of all interfaces in use, and the bell
    Descriptor bell;  // rung by the keeper after a change, so that a sleeping worker sees it
    std::atomic<bool> rung = false;  // set behind the bell: then there is something to silence
    std::atomic<Interface*> used[kMaxInterfaces] = {};
    UdpPool pool;
    unsigned next = 0;  // slot whose turn it is
  };

  void adopt(unsigned queue, unsigned slot);
  Interface* used(unsigned queue, uint32_t ifindex) const;
  bool is_used(const Interface* interface) const;
  void ring();
  void reap();
  bool open_interface(const Link& link, std::string& error);
  int attach(Interface& interface) const;

  std::vector<Queue> queues_;
  std::vector<int> cpus_;  // of the workers
  std::atomic<Interface*> slots_[kMaxInterfaces] = {};
  std::vector<std::unique_ptr<Interface>> interfaces_;  // all that live: in a slot, or used still
  std::vector<PortHolder> holders_;                     // of each of our addresses
  std::unique_ptr<Filter> filter_;
  FastPrograms programs_;
  uint32_t max_train_bytes_ = 0;
  bool whole_super_frames_ = true;
  bool is_v4_ = true;
};

bool RawUplink::open(const UplinkContext& context, std::string& error) {
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr) return false;
  for (const Address& address : context.addresses())
    if (!holders_.emplace_back().open(*netlink, address, context.udp_port, error)) return false;
  is_v4_ = context.address.is_v4();
  filter_ = std::make_unique<Filter>(context.addresses(), context.udp_port);
  max_train_bytes_ = context.address.is_v4() ? 65535 - 28 : 65535 - 48;
  queues_ = std::vector<Queue>(context.queues);
  cpus_ = context.cpus;
  for (Queue& queue : queues_) {
    queue.any.reset(::epoll_create1(EPOLL_CLOEXEC));
    queue.bell.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    epoll_event event = {};
    event.events = EPOLLIN;
    if (!queue.any || !queue.bell ||
        ::epoll_ctl(queue.any.get(), EPOLL_CTL_ADD, queue.bell.get(), &event) != 0) {
      error = std::string("epoll: ") + strerror(errno);
      return false;
    }
    if (!queue.pool.open(context.address, context.udp_port, error)) return false;
  }

  std::vector<std::string> names = context.interfaces;
  // Where the address is, frames may arrive before any route says so. An address on the loopback is
  // reached by interfaces that routes name.
  if (names.empty()) names = interfaces_with(*netlink, context.addresses());
  for (const std::string& name : names) {
    Link link;
    if (netlink->link_by_name(name, link) != 0) {
      error = "underlay: " + no_such_interface(*netlink, name);
      return false;
    }
    if (!open_interface(link, error)) return false;
  }
  if (!names.empty()) return true;
  // Learn now rather than with the first route whether we may.
  const Descriptor probe(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!probe) error = "underlay: " + refusal(errno, "CAP_NET_RAW");
  return static_cast<bool>(probe);
}

bool RawUplink::open_interface(const Link& link, std::string& error) {
  const std::string where = "underlay interface " + link.name + ": ";
  if (link.hardware_type != ARPHRD_ETHER) {
    error =
        where + "expected Ethernet, got " + (link.kind.empty() ? "another link type" : link.kind);
    return false;
  }
  unsigned free_slot = 0;
  while (free_slot < kMaxInterfaces && slots_[free_slot].load() != nullptr) free_slot++;
  if (free_slot == kMaxInterfaces) {
    error = where + "expected at most " + std::to_string(kMaxInterfaces) + " underlay interfaces";
    return false;
  }
  const unsigned count = static_cast<unsigned>(queues_.size());
  auto interface = std::make_unique<Interface>(count);
  interface->ifindex = link.ifindex;
  std::string why_not;
  if (count > 1) interface->steering = Steering::open(count, cpus_, why_not);
  PacketSetup setup;
  setup.steering = interface->steering.get();
  setup.ifindex = link.ifindex;
  // What comes while a worker waits for its CPU: 4096 are 8 ms of 6 Gbit/s in frames of 1500
  // octets.
  setup.slots = count <= 2 ? 4096 : count <= 4 ? 2048 : 1024;
  setup.protocol = is_v4_ ? ETH_P_IP : ETH_P_IPV6;
  setup.filter = filter_->program();
  setup.fanout = count > 1;
  int fanout_group = -1;
  for (auto& socket_ : interface->sockets) {
    const char* what = "";
    const int code = socket_->open(setup, fanout_group, what);
    setup.queue++;
    if (code == 0) continue;
    error = where + what + ": " + refusal(code, "CAP_NET_RAW");
    return false;
  }
  // Without it super-frames go out as trains.
  if (whole_super_frames_ && interface->tunnel.open(link.ifindex, why_not))
    interface->choose_whole(link.name);
  // Where it can not be had, the workers do it.
  if (programs_.forward != nullptr) (void)attach(*interface);
  slots_[free_slot].store(interface.get());
  interfaces_.push_back(std::move(interface));
  ring();
  return true;
}

int RawUplink::attach(Interface& interface) const {
  interface.fast_path =
      link_program(*programs_.forward, interface.ifindex, kAttachTcxIngress, kLinkFirst);
  return interface.fast_path ? 0 : errno;
}

bool RawUplink::join_fast_path(const FastPrograms& programs, std::string& error) {
  if (!is_v4_) {
    error = "the underlay is IPv6";
    return false;
  }
  programs_ = programs;
  for (const auto& interface : interfaces_) {
    const int code = attach(*interface);
    if (code == 0) continue;
    error = refusal(code, "CAP_BPF and CAP_NET_ADMIN");
    return false;
  }
  // Trains would be the workers', single packets of the same flow the fast path's: their order
  // would be lost.
  for (PortHolder& holder : holders_) holder.merge_no_trains();
  return true;
}

bool RawUplink::ensure_interface(uint32_t ifindex, std::string& error) {
  reap();
  for (const auto& slot : slots_) {
    const Interface* interface = slot.load();
    if (interface != nullptr && interface->ifindex == ifindex) return true;
  }
  Link link;
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr) return false;
  const int code = netlink->link_by_index(ifindex, link);
  if (code != 0) {
    error = "underlay interface number " + std::to_string(ifindex) + ": " + strerror(code);
    return false;
  }
  return open_interface(link, error);
}

void RawUplink::interface_changed(uint32_t ifindex) {
  std::string error;
  Link link;
  Netlink* netlink = Netlink::local(error);
  for (const auto& slot : slots_) {
    Interface* interface = slot.load();
    if (interface == nullptr || interface->ifindex != ifindex || netlink == nullptr) continue;
    if (netlink->link_by_index(ifindex, link) == 0) interface->choose_whole(link.name);
  }
}

bool RawUplink::offers_whole(uint32_t ifindex) const {
  for (const auto& slot : slots_)
    if (const Interface* interface = slot.load(); interface && interface->ifindex == ifindex)
      return interface->whole4.load() || interface->whole6.load();
  return false;
}

void RawUplink::forget_interface(uint32_t ifindex) {
  for (auto& slot : slots_) {
    const Interface* interface = slot.load();
    if (interface != nullptr && interface->ifindex == ifindex) slot.store(nullptr);
  }
  ring();
  reap();
}

bool RawUplink::is_used(const Interface* interface) const {
  for (const auto& slot : slots_)
    if (slot.load() == interface) return true;
  for (const Queue& queue : queues_)
    for (const auto& used : queue.used)
      if (used.load() == interface) return true;
  return false;
}

// Keeper thread.
void RawUplink::reap() {
  std::erase_if(interfaces_, [this](const auto& each) { return !is_used(each.get()); });
}

void RawUplink::ring() {
  for (Queue& queue : queues_) {
    (void)::eventfd_write(queue.bell.get(), 1);
    queue.rung.store(true, std::memory_order_release);
  }
}

// Worker thread of the queue, with no frame lent out: takes over what the keeper has put into the
// slot.
void RawUplink::adopt(unsigned queue, unsigned slot) {
  Queue& own = queues_[queue];
  Interface* before = own.used[slot].load(std::memory_order_relaxed);
  Interface* now = slots_[slot].load(std::memory_order_acquire);
  if (now == before) return;
  if (before != nullptr)
    (void)::epoll_ctl(own.any.get(), EPOLL_CTL_DEL, before->sockets[queue]->descriptor(), nullptr);
  // It is ours only if it is still there after we have said that we use it.
  do {
    now = slots_[slot].load();
    own.used[slot].store(now);
  } while (slots_[slot].load() != now);
  if (now == nullptr) return;
  epoll_event event = {};
  event.events = EPOLLIN;
  (void)::epoll_ctl(own.any.get(), EPOLL_CTL_ADD, now->sockets[queue]->descriptor(), &event);
}

unsigned RawUplink::receive(unsigned queue, Frame* frames, unsigned max) {
  Queue& own = queues_[queue];
  if (own.rung.load(std::memory_order_relaxed) && own.rung.exchange(false)) {
    eventfd_t rings;
    (void)::eventfd_read(own.bell.get(), &rings);
  }
  unsigned filled = 0;
  const unsigned first = own.next;
  for (unsigned i = 0; i < kMaxInterfaces; i++) {
    const unsigned slot = (first + i) % kMaxInterfaces;
    adopt(queue, slot);
    Interface* interface = own.used[slot].load(std::memory_order_relaxed);
    if (interface == nullptr || filled == max) continue;
    const unsigned got = interface->sockets[queue]->receive(frames + filled, max - filled);
    if (got != 0) own.next = (slot + 1) % kMaxInterfaces;
    filled += got;
  }
  return filled;
}

Interface* RawUplink::used(unsigned queue, uint32_t ifindex) const {
  for (unsigned slot = 0; slot < kMaxInterfaces && ifindex != 0; slot++) {
    Interface* candidate = queues_[queue].used[slot].load(std::memory_order_relaxed);
    if (candidate != nullptr && candidate->ifindex == ifindex) return candidate;
  }
  return nullptr;
}

bool RawUplink::takes_whole(unsigned queue, uint32_t ifindex, bool v4) const {
  const Interface* interface = used(queue, ifindex);
  if (interface == nullptr) return false;
  return (v4 ? interface->whole4 : interface->whole6).load(std::memory_order_relaxed);
}

SendResult RawUplink::send(unsigned queue, const UplinkGather* items, unsigned count) {
  SendResult result;
  while (result.sent < count) {
    const UplinkGather* first = items + result.sent;
    const bool whole = first->inner_network != 0;
    unsigned run = 1;
    while (result.sent + run < count && first[run].ifindex == first->ifindex &&
           (first[run].inner_network != 0) == whole)
      run++;
    Interface* interface = used(queue, first->ifindex);
    // The interface was there when the super-frame was made; the next one finds another way.
    if (whole && interface == nullptr) return {result.sent, Drop::port_down};
    const SendResult part = interface == nullptr ? queues_[queue].pool.send(first, run)
                            : whole              ? interface->tunnel.send(first, run)
                                                 : interface->sockets[queue]->send(first, run);
    result.sent += part.sent;
    if (part.sent < run) {
      result.reason = part.reason;
      break;
    }
  }
  return result;
}

unsigned RawUplink::take_losses(unsigned queue, Loss* losses, unsigned max) {
  unsigned rows = 0;
  for (unsigned slot = 0; slot < kMaxInterfaces && rows < max; slot++)
    if (Interface* interface = queues_[queue].used[slot].load(std::memory_order_relaxed))
      rows += interface->sockets[queue]->take_losses(losses + rows, max - rows);
  return rows;
}

void RawUplink::set_busy(unsigned queue, bool busy) {
  for (const auto& used : queues_[queue].used)
    if (Interface* interface = used.load(std::memory_order_relaxed))
      if (interface->steering != nullptr) interface->steering->set_busy(queue, busy);
}

std::unique_ptr<Uplink> open_raw(const UplinkContext& context, std::string& error) {
  auto uplink = std::make_unique<RawUplink>();
  if (!uplink->open(context, error)) return nullptr;
  return uplink;
}

}  // namespace

extern const UplinkKind raw_uplink_kind;
const UplinkKind raw_uplink_kind = {
    "raw", "Ethernet frames on the underlay's interfaces by AF_PACKET", nullptr, 0, open_raw};

}  // namespace vtep
