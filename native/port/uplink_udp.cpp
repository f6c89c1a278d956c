// udp: VXLAN by the kernel's UDP sockets. Needs no privilege and no interface of its own; the
// kernel routes and resolves.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "inner_metadata.hpp"
#include "steering.hpp"
#include "udp_sockets.hpp"
#include "uplink.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

// Receives bursts of datagrams, or of trains that GRO has merged: any of them may be 64 KiB.
class UdpReceiver {
 public:
  // `flags`: FrameFlag bits of what is received.
  void open(Descriptor bound, Steering* steering, unsigned queue, uint16_t flags = 0);
  int descriptor() const { return socket_.get(); }
  unsigned receive(Frame* frames, unsigned max);
  unsigned take_losses(Loss* losses, unsigned max);

 private:
  static constexpr unsigned kMessages = 32;
  static constexpr size_t kBytes = 65536;
  // Train size, and how often the socket's queue was full so far.
  static constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t));
  struct Scratch {
    mmsghdr messages[kMessages];
    sockaddr_storage sources[kMessages];
    iovec pieces[kMessages];
    alignas(cmsghdr) uint8_t control[kMessages][kControlBytes];
  };

  uint32_t read_control(msghdr& header);

  // Of the smallest datagrams, as the kernel counts memory.
  static constexpr unsigned kQueued = 32768;

  Descriptor socket_;
  Steering* steering_ = nullptr;
  unsigned queue_ = 0;
  uint16_t flags_ = 0;
  std::vector<uint8_t> buffers_;
  std::vector<Scratch> scratch_;
  uint32_t overflows_ = 0;  // the kernel's count
  uint64_t ring_full_ = 0, truncated_ = 0;
};

void UdpReceiver::open(Descriptor bound, Steering* steering, unsigned queue, uint16_t flags) {
  socket_ = std::move(bound);
  steering_ = steering;
  queue_ = queue;
  flags_ = flags;
  const int on = 1;
  (void)::setsockopt(socket_.get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  buffers_.resize(kMessages * kBytes);
  scratch_.resize(1);
}

// The size of a train's datagrams, 0 when it is none.
uint32_t UdpReceiver::read_control(msghdr& header) {
  int segment = 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      memcpy(&segment, CMSG_DATA(control), sizeof segment);
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
      uint32_t overflows = 0;
      memcpy(&overflows, CMSG_DATA(control), sizeof overflows);
      ring_full_ += overflows - overflows_;
      overflows_ = overflows;
    }
  }
  return segment > 0 && segment <= UINT16_MAX ? static_cast<uint32_t>(segment) : 0;
}

unsigned UdpReceiver::receive(Frame* frames, unsigned max) {
  Scratch& scratch = scratch_[0];
  const unsigned wanted = max < kMessages ? max : kMessages;
  for (unsigned i = 0; i < wanted; i++) {
    msghdr& header = scratch.messages[i].msg_hdr;
    header = {};
    scratch.pieces[i] = {buffers_.data() + i * kBytes, kBytes};
    header.msg_iov = &scratch.pieces[i];
    header.msg_iovlen = 1;
    header.msg_name = &scratch.sources[i];
    header.msg_namelen = sizeof scratch.sources[i];
    header.msg_control = scratch.control[i];
    header.msg_controllen = kControlBytes;
  }
  if (steering_ != nullptr) steering_->before(queue_);
  const int received = ::recvmmsg(socket_.get(), scratch.messages, wanted, MSG_DONTWAIT, nullptr);
  if (steering_ != nullptr)
    steering_->after(queue_, received > 0 ? static_cast<unsigned>(received) : 0, kQueued);
  unsigned filled = 0;
  for (int i = 0; i < received; i++) {
    msghdr& header = scratch.messages[i].msg_hdr;
    Frame& frame = frames[filled];
    frame = Frame{};
    frame.data = static_cast<uint8_t*>(scratch.pieces[i].iov_base);
    frame.length = scratch.messages[i].msg_len;
    frame.flags = flags_;
    const uint32_t segment = read_control(header);
    if (header.msg_flags & MSG_TRUNC) {
      truncated_++;
      continue;
    }
    const sockaddr_storage& from = scratch.sources[i];
    const Address source =
        from.ss_family == AF_INET
            ? Address::from_v4(&reinterpret_cast<const sockaddr_in&>(from).sin_addr)
            : Address::from_v6(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr);
    memcpy(frame.source, source.bytes, sizeof frame.source);
    find_inner_metadata(frame, segment);
    filled++;
  }
  return filled;
}

unsigned UdpReceiver::take_losses(Loss* losses, unsigned max) {
  unsigned rows = 0;
  if (ring_full_ != 0 && rows < max)
    losses[rows++] = {Drop::rx_ring_full, std::exchange(ring_full_, 0)};
  if (truncated_ != 0 && rows < max)
    losses[rows++] = {Drop::rx_truncated, std::exchange(truncated_, 0)};
  return rows;
}

class UdpUplink : public Uplink {
 public:
  bool open(const UplinkContext& context, std::string& error) {
    Netlink* netlink = Netlink::local(error);
    std::vector<Descriptor> sockets;
    if (netlink == nullptr || !open_vxlan_sockets(*netlink, context.address, context.udp_port,
                                                  context.queues, sockets, error))
      return false;
    if (!context.replicator.is_zero() && !open_replicator(*netlink, context, error)) return false;
    // IPv6 headers are 20 octets longer than IPv4's.
    max_train_bytes_ = context.address.is_v4() ? 65535 - 28 : 65535 - 48;
    steer(context, sockets);
    receivers_ = std::vector<UdpReceiver>(context.queues);
    pools_ = std::vector<UdpPool>(context.queues);
    for (unsigned i = 0; i < context.queues; i++) {
      receivers_[i].open(std::move(sockets[i]), steering_.get(), i);
      if (!pools_[i].open(context.address, context.udp_port, error)) return false;
    }
    return replicator_.empty() || wait_for_both(error);
  }

  UplinkForm form() const override { return UplinkForm::vxlan; }
  UplinkAbilities abilities() const override { return {false, true, 64, max_train_bytes_}; }
  int wait_descriptor(unsigned queue) const override {
    return waits_.empty() ? receivers_[queue].descriptor() : waits_[queue].get();
  }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    const unsigned filled = receivers_[queue].receive(frames, max);
    if (replicator_.empty() || filled == max) return filled;
    return filled + replicator_[queue].receive(frames + filled, max - filled);
  }
  SendResult send(unsigned queue, const UplinkGather* items, unsigned count) override {
    return pools_[queue].send(items, count);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override {
    const unsigned rows = receivers_[queue].take_losses(losses, max);
    if (replicator_.empty()) return rows;
    return rows + replicator_[queue].take_losses(losses + rows, max - rows);
  }
  void set_busy(unsigned queue, bool busy) override {
    if (steering_ != nullptr) steering_->set_busy(queue, busy);
  }

 private:
  void steer(const UplinkContext& context, const std::vector<Descriptor>& sockets) {
    if (context.queues < 2) return;
    std::string why_not;
    steering_ = Steering::open(context.queues, context.cpus, why_not);
    if (steering_ == nullptr) return;
    const int program = steering_->program();
    if (::setsockopt(sockets[0].get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program,
                     sizeof program) != 0)
      steering_.reset();
  }

  // Sockets of our AR-IP beside the others. Their flows are spread by the kernel's own hash.
  bool open_replicator(Netlink& netlink, const UplinkContext& context, std::string& error) {
    std::vector<Descriptor> sockets;
    if (!open_vxlan_sockets(netlink, context.replicator, context.udp_port, context.queues, sockets,
                            error))
      return false;
    replicator_ = std::vector<UdpReceiver>(context.queues);
    for (unsigned i = 0; i < context.queues; i++)
      replicator_[i].open(std::move(sockets[i]), nullptr, i, kToReplicator);
    return true;
  }

  // One wait for both sockets of each queue.
  bool wait_for_both(std::string& error) {
    for (size_t i = 0; i < receivers_.size(); i++) {
      waits_.emplace_back(::epoll_create1(EPOLL_CLOEXEC));
      for (const int each : {receivers_[i].descriptor(), replicator_[i].descriptor()}) {
        epoll_event event = {};
        event.events = EPOLLIN;
        if (waits_[i] && ::epoll_ctl(waits_[i].get(), EPOLL_CTL_ADD, each, &event) == 0) continue;
        error = std::string("epoll: ") + strerror(errno);
        return false;
      }
    }
    return true;
  }

  std::unique_ptr<Steering> steering_;
  uint32_t max_train_bytes_ = 0;
  std::vector<UdpReceiver> receivers_;
  std::vector<UdpReceiver> replicator_;  // of our AR-IP; none where we have none
  std::vector<Descriptor> waits_;
  std::vector<UdpPool> pools_;
};

std::unique_ptr<Uplink> open_udp(const UplinkContext& context, std::string& error) {
  auto uplink = std::make_unique<UdpUplink>();
  if (!uplink->open(context, error)) return nullptr;
  return uplink;
}

}  // namespace

extern const UplinkKind udp_uplink_kind;
const UplinkKind udp_uplink_kind = {"udp", "the kernel's UDP sockets; needs no privilege", nullptr,
                                    0, open_udp};

}  // namespace vtep
