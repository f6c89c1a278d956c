// raw: VXLAN frames by AF_PACKET on the underlay's interfaces, whole super-frames and trains
// included. The next hop is the caller's business (NextHops); what has none yet goes out of a UDP
// socket, so the kernel resolves it and nothing is lost.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>

#include <atomic>

#include "interface_names.hpp"
#include "packet_socket.hpp"
#include "privilege.hpp"
#include "udp_sockets.hpp"
#include "uplink.hpp"

namespace vtep {
namespace {

constexpr unsigned kMaxInterfaces = 16;

// Only what is ours passes: UDP to the VTEP address and VXLAN port, in frames addressed to this
// host. A first fragment passes, too, so that the switch counts it (outer_fragment); later
// fragments carry no port and are left out.
class Filter {
 public:
  Filter(const Address& address, uint16_t udp_port) {
    load(BPF_W, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE));
    reject_if(kEqual, PACKET_OTHERHOST);
    load(BPF_H, 12);
    if (address.is_v4()) {
      require(ETH_P_IP);
      load(BPF_B, 23);
      require(IPPROTO_UDP);
      load(BPF_W, 30);
      require(word(address.octets()));
      load(BPF_H, 20);
      reject_if(kAnyBit, 0x1fff);
      emit(BPF_LDX | BPF_B | BPF_MSH, 14);  // x = length of the IPv4 header
      emit(BPF_LD | BPF_H | BPF_IND, 16);
      require(udp_port);
    } else {
      require(ETH_P_IPV6);
      for (unsigned i = 0; i < 4; i++) {
        load(BPF_W, 38 + 4 * i);
        require(word(address.octets() + 4 * i));
      }
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
  void reject_if(int test, uint32_t value) {
    emit(test, value, 0, 1);
    reject();
  }

  std::vector<sock_filter> code_;
  sock_fprog program_ = {};
};

// An underlay interface with a socket for each queue. The keeper adds and retires them while
// workers run: a worker sees a new one with its next receive or send, and says with `left` that it
// has let go of a retired one.
struct Interface {
  explicit Interface(unsigned queues) : sockets(queues), left(queues) {
    for (auto& socket_ : sockets) socket_ = std::make_unique<PacketSocket>();
  }
  uint32_t ifindex = 0;
  std::vector<std::unique_ptr<PacketSocket>> sockets;
  std::vector<std::atomic<bool>> left;
  std::atomic<bool> retired = false;

  bool all_left() const {
    for (const auto& each : left)
      if (!each.load(std::memory_order_acquire)) return false;
    return true;
  }
};

class RawUplink : public Uplink {
 public:
  ~RawUplink() override {
    for (auto& slot : slots_) delete slot.load();
  }
  bool open(const UplinkContext& context, std::string& error);

  UplinkForm form() const override { return UplinkForm::ethernet; }
  UplinkAbilities abilities() const override { return {true, true, 64, max_train_bytes_}; }
  int wait_descriptor(unsigned queue) const override { return queues_[queue].any.get(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const UplinkGather* items, unsigned count) override;
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override;
  bool ensure_interface(uint32_t ifindex, std::string& error) override;
  void forget_interface(uint32_t ifindex) override;

 private:
  struct Queue {
    Descriptor any;  // epoll over the sockets of all interfaces
    UdpPool pool;
    unsigned next = 0;  // interface whose turn it is
  };

  Interface* live(unsigned slot, unsigned queue);
  Interface* find(uint32_t ifindex);
  void reap();
  bool open_interface(const Link& link, std::string& error);

  std::vector<Queue> queues_;
  std::atomic<Interface*> slots_[kMaxInterfaces] = {};
  std::vector<Descriptor> holders_;  // keep the VXLAN port, and the kernel from answering for it
  std::unique_ptr<Filter> filter_;
  uint32_t max_train_bytes_ = 0;
};

bool RawUplink::open(const UplinkContext& context, std::string& error) {
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr ||
      !open_vxlan_sockets(*netlink, context.address, context.udp_port, 1, holders_, error))
    return false;
  // With UDP_GRO on the socket a NIC's driver merges VXLAN datagrams to trains, which the AF_PACKET
  // sockets then see.
  const int on = 1;
  (void)::setsockopt(holders_[0].get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  if (!drop_everything(holders_[0])) {
    error = std::string("SO_ATTACH_FILTER: ") + strerror(errno);
    return false;
  }
  filter_ = std::make_unique<Filter>(context.address, context.udp_port);
  max_train_bytes_ = context.address.is_v4() ? 65535 - 28 : 65535 - 48;
  queues_ = std::vector<Queue>(context.queues);
  for (Queue& queue : queues_) {
    queue.any.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!queue.any) {
      error = std::string("epoll: ") + strerror(errno);
      return false;
    }
    if (!queue.pool.open(context.address, context.udp_port, error)) return false;
  }

  std::vector<std::string> names = context.interfaces;
  if (names.empty()) {
    // Where the address is, frames may arrive before any route says so. An address on the loopback
    // is reached by interfaces that routes name.
    std::vector<HostAddress> addresses;
    (void)netlink->addresses(addresses);
    Link link;
    for (const HostAddress& each : addresses)
      if (each.address == context.address && netlink->link_by_index(each.ifindex, link) == 0 &&
          link.hardware_type == ARPHRD_ETHER)
        names.push_back(link.name);
  }
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
  PacketSetup setup;
  setup.ifindex = link.ifindex;
  setup.slots = count == 1 ? 2048 : 1024;
  setup.filter = filter_->program();
  setup.fanout = count > 1;
  int fanout_group = -1;
  for (unsigned i = 0; i < count; i++) {
    const char* what = "";
    int code = interface->sockets[i]->open(setup, fanout_group, what);
    epoll_event event = {};
    event.events = EPOLLIN;
    if (code == 0 && ::epoll_ctl(queues_[i].any.get(), EPOLL_CTL_ADD,
                                 interface->sockets[i]->descriptor(), &event) != 0)
      code = errno;
    if (code != 0) {
      error = where + what + ": " + refusal(code, "CAP_NET_RAW");
      return false;
    }
  }
  slots_[free_slot].store(interface.release(), std::memory_order_release);
  return true;
}

bool RawUplink::ensure_interface(uint32_t ifindex, std::string& error) {
  reap();
  if (find(ifindex) != nullptr) return true;
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

void RawUplink::forget_interface(uint32_t ifindex) {
  if (Interface* interface = find(ifindex)) interface->retired.store(true);
  reap();
}

// Keeper thread.
Interface* RawUplink::find(uint32_t ifindex) {
  for (auto& slot : slots_) {
    Interface* interface = slot.load();
    if (interface != nullptr && interface->ifindex == ifindex && !interface->retired.load())
      return interface;
  }
  return nullptr;
}

void RawUplink::reap() {
  for (auto& slot : slots_) {
    Interface* interface = slot.load();
    if (interface == nullptr || !interface->retired.load() || !interface->all_left()) continue;
    slot.store(nullptr);
    delete interface;
  }
}

// Worker thread of the queue. An interface that it has left it never looks at again: the keeper may
// free it from then on.
Interface* RawUplink::live(unsigned slot, unsigned queue) {
  Interface* interface = slots_[slot].load(std::memory_order_acquire);
  return interface == nullptr || interface->left[queue].load(std::memory_order_relaxed) ? nullptr
                                                                                        : interface;
}

unsigned RawUplink::receive(unsigned queue, Frame* frames, unsigned max) {
  Queue& own = queues_[queue];
  unsigned filled = 0;
  const unsigned first = own.next;
  for (unsigned i = 0; i < kMaxInterfaces && filled < max; i++) {
    const unsigned slot = (first + i) % kMaxInterfaces;
    Interface* interface = live(slot, queue);
    if (interface == nullptr) continue;
    PacketSocket& socket_ = *interface->sockets[queue];
    if (interface->retired.load(std::memory_order_acquire)) {
      // No frame of it is lent out any more: the caller has come for the next ones.
      (void)::epoll_ctl(own.any.get(), EPOLL_CTL_DEL, socket_.descriptor(), nullptr);
      interface->left[queue].store(true, std::memory_order_release);
      continue;
    }
    const unsigned got = socket_.receive(frames + filled, max - filled);
    if (got != 0) own.next = (slot + 1) % kMaxInterfaces;
    filled += got;
  }
  return filled;
}

SendResult RawUplink::send(unsigned queue, const UplinkGather* items, unsigned count) {
  SendResult result;
  while (result.sent < count) {
    const UplinkGather* first = items + result.sent;
    unsigned run = 1;
    while (result.sent + run < count && first[run].ifindex == first->ifindex) run++;
    Interface* interface = nullptr;
    for (unsigned slot = 0; slot < kMaxInterfaces && first->ifindex != 0 && interface == nullptr;
         slot++) {
      Interface* candidate = live(slot, queue);
      if (candidate != nullptr && candidate->ifindex == first->ifindex &&
          !candidate->retired.load(std::memory_order_relaxed))
        interface = candidate;
    }
    const SendResult part = interface != nullptr ? interface->sockets[queue]->send(first, run)
                                                 : queues_[queue].pool.send(first, run);
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
    if (Interface* interface = live(slot, queue))
      rows += interface->sockets[queue]->take_losses(losses + rows, max - rows);
  return rows;
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
