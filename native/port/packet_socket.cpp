#include "packet_socket.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>

#include "uplink.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

constexpr uint32_t kTagBytes = 4;
constexpr uint32_t kVlanRoom = 16;  // in front of a fetched frame, for its VLAN tag
constexpr uint32_t kLargeBytes = kMaxFrameBytes + kVlanRoom;
// Frames that wait for recvmsg, and frames on their way out, are charged to these; nothing is
// reserved.
constexpr int kReceiveRoom = 8 << 20;
constexpr int kSendRoom = 4 << 20;

int set(int socket_number, int level, int option, int value) {
  return ::setsockopt(socket_number, level, option, &value, sizeof value);
}

void set_room(int socket_number, int force, int plain, int bytes) {
  if (set(socket_number, SOL_SOCKET, force, bytes) != 0)
    (void)set(socket_number, SOL_SOCKET, plain, bytes);
}

// The kernel takes the outermost tag out of the frame; it goes back where it was, and the checksum
// moves with it.
void restore_vlan(const tpacket2_hdr& header, Frame& frame) {
  if ((header.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame.length < 2 * ETH_ALEN) return;
  const uint16_t protocol =
      (header.tp_status & TP_STATUS_VLAN_TPID_VALID) ? header.tp_vlan_tpid : uint16_t{ETH_P_8021Q};
  const uint16_t tag[2] = {htons(protocol), htons(header.tp_vlan_tci)};
  memmove(frame.data - kTagBytes, frame.data, 2 * ETH_ALEN);
  memcpy(frame.data - kTagBytes + 2 * ETH_ALEN, tag, kTagBytes);
  frame.data -= kTagBytes;
  frame.headroom -= kTagBytes;
  frame.length += kTagBytes;
  if (frame.meta.flags & kNeedsChecksum)
    frame.meta.checksum_start = static_cast<uint16_t>(frame.meta.checksum_start + kTagBytes);
  if (frame.meta.gso_type != kGsoNone)
    frame.meta.header_length = static_cast<uint16_t>(frame.meta.header_length + kTagBytes);
}

}  // namespace

struct PacketSocket::Outgoing {
  mmsghdr messages[kSendMessages];
  VirtioHeader headers[kSendMessages];
  iovec pieces[kSendPieces];
};

PacketSocket::~PacketSocket() {
  if (ring_ != nullptr) ::munmap(ring_, size_t{slots_} * kSlotBytes);
}

int PacketSocket::open(const PacketSetup& setup, int& fanout_group, const char*& what) {
  const auto failed = [&](const char* step) {
    what = step;
    return errno;
  };
  // Protocol 0: nothing arrives before everything is set and the socket is bound.
  socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return failed("socket(AF_PACKET)");
  const int number = socket_.get();
  if (set(number, SOL_PACKET, PACKET_VERSION, TPACKET_V2) != 0) return failed("PACKET_VERSION");
  if (set(number, SOL_PACKET, PACKET_VNET_HDR, 1) != 0) return failed("PACKET_VNET_HDR");
  if (set(number, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) != 0)
    return failed("PACKET_IGNORE_OUTGOING");
  if (set(number, SOL_PACKET, PACKET_COPY_THRESH, 1) != 0) return failed("PACKET_COPY_THRESH");
  set_room(number, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveRoom);
  set_room(number, SO_SNDBUFFORCE, SO_SNDBUF, kSendRoom);
  if (setup.mark != 0 && set(number, SOL_SOCKET, SO_MARK, static_cast<int>(setup.mark)) != 0)
    return failed("SO_MARK");
  if (setup.filter != nullptr &&
      ::setsockopt(number, SOL_SOCKET, SO_ATTACH_FILTER, setup.filter, sizeof *setup.filter) != 0)
    return failed("SO_ATTACH_FILTER");

  tpacket_req request = {};
  request.tp_frame_size = kSlotBytes;
  request.tp_frame_nr = setup.slots;
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = setup.slots / (kBlockBytes / kSlotBytes);
  if (::setsockopt(number, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
    return failed("PACKET_RX_RING");
  void* memory = ::mmap(nullptr, size_t{setup.slots} * kSlotBytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED, number, 0);
  if (memory == MAP_FAILED) return failed("mmap of the receive ring");
  ring_ = static_cast<uint8_t*>(memory);
  slots_ = setup.slots;
  large_.resize(size_t{kLargeFrames} * kLargeBytes);
  outgoing_.resize(sizeof(Outgoing));
  steering_ = setup.steering;
  queue_ = setup.queue;

  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(setup.protocol != 0 ? setup.protocol : ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(setup.ifindex);
  if (::bind(number, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return failed("bind(AF_PACKET)");
  if (setup.promiscuous) {
    packet_mreq membership = {};
    membership.mr_ifindex = address.sll_ifindex;
    membership.mr_type = PACKET_MR_PROMISC;
    if (::setsockopt(number, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) !=
        0)
      return failed("PACKET_MR_PROMISC");
  }
  if (setup.fanout) {
    // The group has a tap of its own, and PACKET_IGNORE_OUTGOING of its members does not count
    // there.
    constexpr int kUnique = 0x2000, kIgnoreOutgoing = 0x4000;  // PACKET_FANOUT_FLAG_...
    const bool first = fanout_group < 0;
    const int kind = setup.steering != nullptr ? PACKET_FANOUT_EBPF : PACKET_FANOUT_HASH;
    const int mode = kind | kIgnoreOutgoing | (first ? kUnique : 0);
    if (set(number, SOL_PACKET, PACKET_FANOUT, (first ? 0 : fanout_group) | mode << 16) != 0)
      return failed("PACKET_FANOUT");
    int group = 0;
    socklen_t size = sizeof group;
    if (first && ::getsockopt(number, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0)
      return failed("PACKET_FANOUT");
    if (first) fanout_group = group & 0xffff;
    if (first && setup.steering != nullptr &&
        set(number, SOL_PACKET, PACKET_FANOUT_DATA, setup.steering->program()) != 0)
      return failed("PACKET_FANOUT_DATA");
  }
  return 0;
}

int PacketSocket::set_program(const Descriptor& program) {
  return set(socket_.get(), SOL_SOCKET, SO_ATTACH_BPF, program.get()) == 0 ? 0 : errno;
}

int PacketSocket::set_fanout_program(const Descriptor& program) {
  return set(socket_.get(), SOL_PACKET, PACKET_FANOUT_DATA, program.get()) == 0 ? 0 : errno;
}

void PacketSocket::release() {
  while (released_ != head_) {
    auto* header = reinterpret_cast<tpacket2_hdr*>(slot(released_));
    __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    released_ = (released_ + 1) & (slots_ - 1);
  }
  large_used_ = 0;
}

// The frame of a slot that says TP_STATUS_COPY is the oldest one in the socket's queue.
bool PacketSocket::fetch_large(Frame& frame) {
  uint8_t* buffer = large_.data() + size_t{large_used_} * kLargeBytes;
  VirtioHeader header;
  iovec pieces[2] = {{&header, sizeof header}, {buffer + kVlanRoom, kMaxFrameBytes}};
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  ssize_t size;
  do size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size <= static_cast<ssize_t>(sizeof header) || (message.msg_flags & MSG_TRUNC)) {
    truncated_++;
    return false;
  }
  large_used_++;
  frame.data = buffer + kVlanRoom;
  frame.headroom = kVlanRoom;
  frame.length = static_cast<uint32_t>(size) - static_cast<uint32_t>(sizeof header);
  frame.meta = to_meta(header);
  return true;
}

// An interface that goes down leaves an error on the socket, which wakes every wait until somebody
// reads it. A wait that wakes for nothing again and again is the sign; a system call for each empty
// receive would cost a polling worker too much.
void PacketSocket::clear_error() {
  if (++empty_handed_ % 16 != 0) return;
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}

unsigned PacketSocket::receive(Frame* frames, unsigned max) {
  if (steering_ == nullptr) return read_ring(frames, max);
  steering_->before(queue_);
  const uint32_t from = head_;
  const unsigned filled = read_ring(frames, max);
  steering_->after(queue_, (head_ - from) & (slots_ - 1), slots_);
  return filled;
}

unsigned PacketSocket::read_ring(Frame* frames, unsigned max) {
  release();
  unsigned filled = 0;
  // At most half of the ring is lent out, so that the kernel always has slots.
  for (unsigned read = 0; filled < max && read < slots_ / 2; read++) {
    uint8_t* at = slot(head_);
    const auto* shared = reinterpret_cast<tpacket2_hdr*>(at);
    const uint32_t status = __atomic_load_n(&shared->tp_status, __ATOMIC_ACQUIRE);
    if ((status & TP_STATUS_USER) == 0) break;
    tpacket2_hdr header = *shared;
    Frame& frame = frames[filled];
    bool have = true;
    if (status & TP_STATUS_COPY) {
      if (large_used_ == kLargeFrames) break;
      have = fetch_large(frame);
    } else if (header.tp_snaplen < header.tp_len) {
      ring_full_++;  // the socket's queue had no room for the whole frame
      have = false;
    } else {
      frame.data = at + header.tp_mac;
      frame.length = header.tp_snaplen;
      frame.headroom = header.tp_mac - static_cast<uint32_t>(sizeof(tpacket2_hdr));
      VirtioHeader offload;
      memcpy(&offload, frame.data - sizeof offload, sizeof offload);
      frame.meta = to_meta(offload);
    }
    head_ = (head_ + 1) & (slots_ - 1);
    if (!have) continue;
    restore_vlan(header, frame);
    filled++;
  }
  if (filled == 0)
    clear_error();
  else
    empty_handed_ = 0;
  return filled;
}

template <class Item>
SendResult PacketSocket::send(const Item* items, unsigned count) {
  auto& out = *reinterpret_cast<Outgoing*>(outgoing_.data());
  SendResult result;
  while (result.sent < count) {
    unsigned messages = 0, pieces = 0;
    for (; messages < kSendMessages && result.sent + messages < count; messages++) {
      const Item& item = items[result.sent + messages];
      if (item.count + 1 > kSendPieces - pieces) break;
      out.headers[messages] = to_virtio(item.meta);
      mmsghdr& message = out.messages[messages];
      memset(&message, 0, sizeof message);
      message.msg_hdr.msg_iov = out.pieces + pieces;
      message.msg_hdr.msg_iovlen = item.count + 1;
      out.pieces[pieces++] = {&out.headers[messages], sizeof(VirtioHeader)};
      std::copy_n(item.pieces, item.count, out.pieces + pieces);
      pieces += item.count;
    }
    if (messages == 0) return {result.sent, Drop::tx_error};  // more pieces than the contract has
    const int sent = ::sendmmsg(socket_.get(), out.messages, messages, MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      result.reason = send_error_to_drop(errno);
      return result;
    }
    result.sent += static_cast<uint32_t>(sent);
  }
  return result;
}

template SendResult PacketSocket::send(const Gather*, unsigned);
template SendResult PacketSocket::send(const UplinkGather*, unsigned);

unsigned PacketSocket::take_losses(Loss* losses, unsigned max) {
  tpacket_stats statistics = {};
  socklen_t size = sizeof statistics;
  // Reading sets the kernel's counters to zero.
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0)
    ring_full_ += statistics.tp_drops;
  unsigned rows = 0;
  if (ring_full_ != 0 && rows < max)
    losses[rows++] = {Drop::rx_ring_full, std::exchange(ring_full_, 0)};
  if (truncated_ != 0 && rows < max)
    losses[rows++] = {Drop::rx_truncated, std::exchange(truncated_, 0)};
  return rows;
}

}  // namespace vtep
