// tap: an interface that we create, for a container or a VM. It may be moved into another network
// namespace, also later by somebody else: frames go on, and the keeper finds it there.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>

#include "../core/tables.gen.hpp"
#include "bpf_program.hpp"
#include "bridge_member.hpp"
#include "device_features.hpp"
#include "namespace_scope.hpp"
#include "netlink.hpp"
#include "port.hpp"
#include "privilege.hpp"
#include "steering.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"ifname", "text", "", "interface to create; the port's name when not given"},
    {"mac", "mac", "", "Ethernet address of the interface; the kernel chooses when not given"},
    {"mtu", "number", "1500", "MTU of the interface"},
    {"netns", "text", "", "network namespace to put it in: a name of `ip netns` or a path"},
    {"bridge", "text", "", "Linux bridge to put it in, made when it is not there"},
};

// Frames that the kernel holds for a queue: the interface's txqueuelen, and some more in case that
// somebody raised it.
constexpr unsigned kQueued = 4096;

// Newer than the headers this builds with.
constexpr unsigned kOffloadUso4 = 0x20, kOffloadUso6 = 0x40;

// One descriptor of the tap. A receive fills the arena with frames one behind the other: 16
// super-frames, or a full burst of small ones.
class TapQueue {
 public:
  Descriptor file;

  unsigned receive(Frame* frames, unsigned max);
  SendResult send(const Gather* frames, unsigned count);
  uint64_t truncated = 0;

 private:
  static constexpr size_t kRoom = kMaxFrameBytes + sizeof(VirtioHeader);
  static constexpr size_t kArenaBytes = 16 * ((kRoom + 63) & ~size_t{63});

  void silence();
  bool gone_ = false;
  std::vector<uint8_t> arena_;
  iovec pieces_[Gather::kMaxPieces + 1];
};

unsigned TapQueue::receive(Frame* frames, unsigned max) {
  if (gone_) return 0;
  if (arena_.empty()) arena_.resize(kArenaBytes);
  unsigned filled = 0;
  for (size_t at = 0; filled < max && at + kRoom <= kArenaBytes;) {
    const ssize_t size = ::read(file.get(), arena_.data() + at, kRoom);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EBADFD) silence();
      break;
    }
    if (size <= static_cast<ssize_t>(sizeof(VirtioHeader))) break;
    if (size == kRoom) {
      truncated++;
      continue;
    }
    VirtioHeader header;
    memcpy(&header, arena_.data() + at, sizeof header);
    Frame& frame = frames[filled++];
    frame.data = arena_.data() + at + sizeof header;
    frame.length = static_cast<uint32_t>(size) - static_cast<uint32_t>(sizeof header);
    frame.headroom = sizeof header;
    frame.meta = to_meta(header);
    at += (static_cast<size_t>(size) + 63) & ~size_t{63};
  }
  return filled;
}

SendResult TapQueue::send(const Gather* frames, unsigned count) {
  SendResult result;
  if (gone_) return {0, Drop::port_closed};
  for (; result.sent < count; result.sent++) {
    const Gather& frame = frames[result.sent];
    if (frame.count > Gather::kMaxPieces) return {result.sent, Drop::tx_error};
    VirtioHeader header = to_virtio(frame.meta);
    pieces_[0] = {&header, sizeof header};
    memcpy(pieces_ + 1, frame.pieces, frame.count * sizeof(iovec));
    ssize_t written;
    do written = ::writev(file.get(), pieces_, static_cast<int>(frame.count + 1));
    while (written < 0 && errno == EINTR);
    if (written < 0) return {result.sent, send_error_to_drop(errno)};
  }
  return result;
}

// The interface was deleted. Its descriptor would report an error to every wait from now on, so an
// eventfd that is never readable takes its number, and with it its place in no wait set at all.
void TapQueue::silence() {
  gone_ = true;
  const Descriptor idle(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (idle) (void)::dup3(idle.get(), file.get(), O_CLOEXEC);
}

class TapPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return queues_[queue].file.get(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    if (steering_ == nullptr) return queues_[queue].receive(frames, max);
    steering_->before(queue);
    const unsigned found = queues_[queue].receive(frames, max);
    steering_->after(queue, found, kQueued);
    return found;
  }
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    return queues_[queue].send(frames, count);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override;
  void set_busy(unsigned queue, bool busy) override {
    if (steering_ != nullptr) steering_->set_busy(queue, busy);
  }
  Abilities abilities() const override { return {true, true, udp_segmentation_}; }

  bool refresh() override;
  bool carrier() const override { return link_.up && link_.carrier; }
  uint32_t ifindex() const override { return here_ ? link_.ifindex : 0; }
  uint32_t mtu() const override { return link_.mtu; }
  const uint8_t* mac() const override { return link_.mac; }
  uint32_t flags() const override {
    // The host's stack has no part in a tap that lives in another namespace.
    return PortFlag::vnetHeader | (tcp_segmentation_ ? PortFlag::tso : 0) |
           (here_ ? 0 : PortFlag::hostIsolated) |
           (fast_path_ || crossing_.is_open() ? PortFlag::fastPath : 0);
  }
  bool join_fast_path(const FastPrograms& programs, std::string& error) override;
  bool fast_path_place(const FastPrograms& programs, ProgramPlace& out) const override;
  void keep_fast_path(Descriptor link) override { fast_path_ = std::move(link); }
  uint32_t moves() const override { return moves_; }
  const CrossingEnds* crossing() const override {
    return crossing_.is_open() ? &crossing_.ends() : nullptr;
  }
  bool faces_host() const override { return true; }
  bool takes_tunnels() const override;
  bool depends_on(const Link& link) const override {
    return Port::depends_on(link) ||
           (link_.master != 0 && (link.master == link_.master || link.ifindex == link_.master));
  }

 private:
  bool create(const std::string& name, unsigned queues, std::string& error);
  bool choose_offloads(std::string& error);
  bool set_up(Netlink& netlink, const OpenContext& context, std::string& error);
  bool read_link(Netlink& netlink, const std::string& name);
  void note_place(const Descriptor& where);

  void steer(const OpenContext& context);

  std::vector<TapQueue> queues_;
  std::unique_ptr<Steering> steering_;
  Descriptor fast_path_;
  Crossing crossing_;
  Link link_;
  bool here_ = true;
  // Where it was found, and whether it was in a bridge there; its namespace's inode, 0 = here.
  ino_t place_ = 0;
  bool bridged_ = false;
  uint32_t moves_ = 0;
  bool tcp_segmentation_ = false;
  bool udp_segmentation_ = false;
  std::atomic<uint64_t> ring_full_ = 0;  // total, written by the keeper
  uint64_t ring_full_told_ = 0;          // by the worker of queue 0
  BridgeMember bridge_;                  // goes first, with the interface
};

bool TapPort::create(const std::string& name, unsigned queues, std::string& error) {
  ifreq request = {};
  strncpy(request.ifr_name, name.c_str(), sizeof request.ifr_name - 1);
  request.ifr_flags =
      static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0));
  queues_ = std::vector<TapQueue>(queues);
  for (TapQueue& queue : queues_) {
    queue.file.reset(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!queue.file) {
      error = "tap " + name + ": /dev/net/tun: " +
              (errno == ENOENT ? "does not exist; load the module: modprobe tun"
                               : refusal(errno, "CAP_NET_ADMIN"));
      return false;
    }
    int header_bytes = sizeof(VirtioHeader);
    if (::ioctl(queue.file.get(), TUNSETIFF, &request) != 0 ||
        ::ioctl(queue.file.get(), TUNSETVNETHDRSZ, &header_bytes) != 0) {
      error = "tap " + name + ": can not create the interface: " + refusal(errno, "CAP_NET_ADMIN");
      return false;
    }
  }
  return true;
}

// What the tenant's kernel may leave undone, most first: an older kernel refuses what it does not
// know.
bool TapPort::choose_offloads(std::string& error) {
  constexpr unsigned kTcp = TUN_F_TSO4 | TUN_F_TSO6;
  const unsigned steps[] = {TUN_F_CSUM | kTcp | TUN_F_TSO_ECN | kOffloadUso4 | kOffloadUso6,
                            TUN_F_CSUM | kTcp | TUN_F_TSO_ECN, TUN_F_CSUM | kTcp, TUN_F_CSUM, 0};
  for (const unsigned step : steps) {
    if (::ioctl(queues_[0].file.get(), TUNSETOFFLOAD, static_cast<unsigned long>(step)) != 0)
      continue;
    tcp_segmentation_ = (step & kTcp) != 0;
    udp_segmentation_ = (step & kOffloadUso4) != 0;
    return true;
  }
  error = std::string("TUNSETOFFLOAD: ") + strerror(errno);
  return false;
}

// Without it the kernel's own choice holds: each flow to the queue that the other direction came
// from.
void TapPort::steer(const OpenContext& context) {
  if (context.queues < 2) return;
  std::string why_not;
  steering_ = Steering::open(context.queues, context.cpus, why_not);
  if (steering_ == nullptr) return;
  int program = steering_->program();
  if (::ioctl(queues_[0].file.get(), TUNSETSTEERINGEBPF, &program) != 0) steering_.reset();
}

bool TapPort::set_up(Netlink& netlink, const OpenContext& context, std::string& error) {
  const std::string name = context.options.string("ifname", context.name);
  const std::string where = "tap " + name + ": ";
  const auto mtu = static_cast<uint32_t>(context.options.number("mtu", 1500));
  uint8_t mac[6];
  if (name.empty() || name.size() >= IFNAMSIZ || name.find_first_of("/ %") != std::string::npos) {
    error = where + "expected an interface name of 1 to 15 characters without '/', '%' or space";
    return false;
  }
  if (mtu < 68 || mtu > 65521) {
    error = where + "option mtu: expected 68 to 65521, got " + context.options.string("mtu", "");
    return false;
  }
  if (netlink.link_by_name(name, link_) == 0) {
    error = where + "an interface of this name exists already" +
            (link_.kind.empty() ? "" : " (" + link_.kind + ")") +
            "; choose another ifname, or use kind netdev to attach it";
    return false;
  }
  if (!create(name, context.queues, error)) return false;
  if (!choose_offloads(error)) {
    error = where + error;
    return false;
  }
  steer(context);
  int code = netlink.link_by_name(name, link_);
  if (code == 0 && context.options.mac("mac", mac)) code = netlink.set_mac(link_.ifindex, mac);
  if (code == 0 && mtu != link_.mtu) code = netlink.set_mtu(link_.ifindex, mtu);
  const std::string* bridge = context.options.find("bridge");
  if (code == 0 && bridge != nullptr && !bridge_.join(netlink, *bridge, link_, error)) {
    error = where + error;
    return false;
  }
  if (code == 0) code = netlink.set_up(link_.ifindex, true);
  if (code == 0) code = netlink.link_by_name(name, link_);
  if (code != 0) error = where + "can not set it up: " + refusal(code, "CAP_NET_ADMIN");
  return code == 0;
}

bool TapPort::open(const OpenContext& context, std::string& error) {
  const std::string* name = context.options.find("netns");
  if (name == nullptr) {
    Netlink* netlink = Netlink::local(error);
    return netlink != nullptr && set_up(*netlink, context, error);
  }
  if (context.options.find("bridge") != nullptr) {
    error = "tap " + context.name + ": expected one of netns or bridge, got both";
    return false;
  }
  // Created in its namespace at once, so its name needs to be free only there.
  const Descriptor target = open_namespace(*name, error);
  if (!target) {
    error = "tap " + context.name + ": " + error;
    return false;
  }
  here_ = is_current_namespace(target);
  NamespaceScope scope;
  const int code = scope.enter(target);
  if (code != 0) {
    error = "tap " + context.name + ": network namespace " + *name + ": " +
            refusal(code, "CAP_SYS_ADMIN");
    return false;
  }
  Netlink netlink;
  if (!netlink.open(error) || !set_up(netlink, context, error)) return false;
  note_place(target);
  return true;
}

bool TapPort::read_link(Netlink& netlink, const std::string& name) {
  Link now;
  if (netlink.link_by_name(name, now) != 0) return false;
  link_ = std::move(now);
  ring_full_.store(link_.tx_dropped, std::memory_order_relaxed);
  return true;
}

bool TapPort::refresh() {
  const int file = queues_[0].file.get();
  ifreq request = {};
  if (::ioctl(file, TUNGETIFF, &request) != 0) return false;  // deleted, with its namespace perhaps
  std::string error;
  const Descriptor where(::ioctl(file, TUNGETDEVNETNS));
  here_ = !where || is_current_namespace(where);
  if (here_) {
    Netlink* netlink = Netlink::local(error);
    if (netlink != nullptr) (void)read_link(*netlink, request.ifr_name);
    note_place(where);
    return true;
  }
  NamespaceScope scope;
  Netlink netlink;
  if (scope.enter(where) != 0 || !netlink.open(error)) return true;
  (void)read_link(netlink, request.ifr_name);
  note_place(where);
  if (crossing_.is_open() && !crossing_.stands(netlink)) crossing_.close();
  return true;
}

// Elsewhere a bridge is another place: see join_fast_path().
void TapPort::note_place(const Descriptor& where) {
  struct stat status = {};
  const ino_t place = here_ || ::fstat(where.get(), &status) != 0 ? 0 : status.st_ino;
  const bool bridged = !here_ && link_.master != 0;
  if (place == place_ && bridged == bridged_) return;
  place_ = place;
  bridged_ = bridged;
  moves_++;
  fast_path_.reset();
  crossing_.close();
}

// What else is in our bridge says: a virtual machine's tap takes them when the guest's driver does.
// What is behind the host's routes nobody knows. In a tenant's namespace it is the tenant's stack.
bool TapPort::takes_tunnels() const {
  if (crossing_.is_open()) return true;
  std::string error;
  Netlink* netlink = Netlink::local(error);
  std::vector<Link> members;
  if (!here_ || link_.master == 0 || netlink == nullptr ||
      netlink->links(members, link_.master) != 0)
    return false;
  return std::ranges::all_of(members, [this](const Link& member) {
    return member.ifindex == link_.ifindex || takes_tunnels_at(member.name);
  });
}

// Behind the programs of others, who may have a say in what leaves the host's stack.
bool TapPort::fast_path_place(const FastPrograms& programs, ProgramPlace& out) const {
  out = {programs.egress, link_.ifindex, kAttachTcxEgress, kLinkLast};
  return here_;
}

bool TapPort::join_fast_path(const FastPrograms& programs, std::string& error) {
  fast_path_.reset();
  crossing_.close();
  if (!here_) {
    // What it took out of a tunnel the kernel may have to cut in front of a bridge's other ports.
    if (link_.master != 0) {
      error = "it is in a bridge of another network namespace";
      return false;
    }
    const Descriptor where(::ioctl(queues_[0].file.get(), TUNGETDEVNETNS));
    return programs.crossings != nullptr &&
           crossing_.open(*programs.crossings, where, link_.ifindex, error);
  }
  ProgramPlace place;
  (void)fast_path_place(programs, place);
  fast_path_ = link_program(*place.program, place.ifindex, place.attach_type, place.flags);
  if (!fast_path_) error = refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
  return static_cast<bool>(fast_path_);
}

unsigned TapPort::take_losses(unsigned queue, Loss* losses, unsigned max) {
  unsigned rows = 0;
  const uint64_t truncated = std::exchange(queues_[queue].truncated, 0);
  if (truncated != 0 && rows < max) losses[rows++] = {Drop::rx_truncated, truncated};
  if (queue != 0) return rows;
  // The kernel counts for the interface, not for its queues. The count starts anew when the
  // interface changes its namespace.
  const uint64_t total = ring_full_.load(std::memory_order_relaxed);
  if (total > ring_full_told_ && rows < max)
    losses[rows++] = {Drop::rx_ring_full, total - ring_full_told_};
  ring_full_told_ = total;
  return rows;
}

std::unique_ptr<Port> open_tap(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<TapPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind tap_port_kind;
const PortKind tap_port_kind = {
    "tap", "an interface that vtep creates; it may be moved into a container's namespace", kOptions,
    std::size(kOptions), open_tap};

}  // namespace vtep
