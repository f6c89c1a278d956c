#include "udp_sockets.hpp"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "../core/checksum.hpp"
#include "port_owner.hpp"
#include "privilege.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

constexpr int kRoom = 8 << 20;          // of a socket's queue, either direction
constexpr uint16_t kFirstPort = 49152;  // the dynamic range that RFC 7348 section 5 asks for
constexpr unsigned kPorts = 65536 - kFirstPort;
constexpr uint32_t kVxlanHeader = 8;
constexpr unsigned kReleaseTries = 100;
constexpr useconds_t kReleasePause = 20000;  // microseconds

int set(const Descriptor& socket_, int level, int option, int value) {
  return ::setsockopt(socket_.get(), level, option, &value, sizeof value);
}

void set_room(const Descriptor& socket_, int force, int plain, int bytes) {
  if (set(socket_, SOL_SOCKET, force, bytes) != 0) (void)set(socket_, SOL_SOCKET, plain, bytes);
}

Descriptor open_socket(const Address& address) {
  return Descriptor(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int bind_socket(const Descriptor& socket_, const Address& address, uint16_t port) {
  sockaddr_storage local;
  const socklen_t size = address.socket_address(port, 0, local);
  return ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&local), size) == 0 ? 0 : errno;
}

// A raw uplink that has ended leaves its port to the kernel (port_holder.hpp), which ends the
// namespace of that device when it comes to it: whoever can not be seen may be gone already.
int bind_when_released(Netlink& netlink, const Descriptor& socket_, const Address& address,
                       uint16_t port) {
  int code = bind_socket(socket_, address, port);
  if (code != EADDRINUSE || has_visible_owner(netlink, address, port)) return code;
  for (unsigned tries = 0; code == EADDRINUSE && tries < kReleaseTries; tries++) {
    ::usleep(kReleasePause);
    code = bind_socket(socket_, address, port);
  }
  return code;
}

}  // namespace

bool drop_everything(const Descriptor& socket_) {
  sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program = {1, code};
  return ::setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool open_vxlan_sockets(Netlink& netlink, const Address& address, uint16_t udp_port, unsigned count,
                        std::vector<Descriptor>& out, std::string& error) {
  error = address_missing(netlink, address);
  if (!error.empty()) return false;
  for (unsigned i = 0; i < count; i++) {
    Descriptor opened = open_socket(address);
    // The address is there; an IPv6 one may still be under duplicate address detection.
    if (opened && address.is_v4())
      (void)set(opened, IPPROTO_IP, IP_FREEBIND, 1);
    else if (opened)
      (void)set(opened, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    // The first one insists on the port for itself and only then lets its siblings in: a second
    // vtep that also shared would silently take half of the flows.
    if (opened && i > 0) (void)set(opened, SOL_SOCKET, SO_REUSEPORT, 1);
    const int code = opened ? bind_when_released(netlink, opened, address, udp_port) : errno;
    if (code != 0) {
      error = code == EADDRINUSE
                  ? udp_port_taken(netlink, address, udp_port)
                  : "UDP port " + std::to_string(udp_port) + " on " + address.text() + ": " +
                        refusal(code, "CAP_NET_BIND_SERVICE");
      return false;
    }
    if (count > 1 && i == 0) (void)set(opened, SOL_SOCKET, SO_REUSEPORT, 1);
    set_room(opened, SO_RCVBUFFORCE, SO_RCVBUF, kRoom);
    if (!address.is_v4()) (void)set(opened, SOL_UDP, UDP_NO_CHECK6_RX, 1);
    out.push_back(std::move(opened));
  }
  return true;
}

bool UdpPool::open(const Address& address, uint16_t udp_port, std::string& error) {
  std::minstd_rand random(std::random_device{}());
  udp_port_ = udp_port;
  scratch_.resize(1);
  // Every socket has a port in its own sixteenth of the range, so that a hash always meets the same
  // one.
  for (unsigned tries = 0; sockets_.size() < kSockets && tries < 64 * kSockets; tries++) {
    const unsigned share = kPorts / kSockets;
    const unsigned port = kFirstPort + static_cast<unsigned>(sockets_.size()) * share +
                          static_cast<unsigned>(random() % share);
    Descriptor opened = open_socket(address);
    if (!opened) break;
    (void)(address.is_v4() ? set(opened, IPPROTO_IP, IP_FREEBIND, 1)
                           : set(opened, IPPROTO_IPV6, IPV6_FREEBIND, 1));
    const int code = bind_socket(opened, address, static_cast<uint16_t>(port));
    if (code == EADDRINUSE) continue;
    const int dont_fragment =
        address.is_v4() ? set(opened, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
                        : set(opened, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    if (code != 0 || dont_fragment != 0 || !drop_everything(opened)) break;
    set_room(opened, SO_SNDBUFFORCE, SO_SNDBUF, kRoom);
    sockets_.push_back(std::move(opened));
  }
  if (sockets_.size() == kSockets) return true;
  error = "no UDP source port on " + address.text() + " in " + std::to_string(kFirstPort) +
          "-65535: " + strerror(errno);
  sockets_.clear();
  return false;
}

// The pieces of one item without its outer headers.
bool UdpPool::copy_pieces(const UplinkGather& item, msghdr& message) {
  Scratch& scratch = scratch_[0];
  if (item.count + 2u > kPieces - pieces_) return false;
  message.msg_iov = scratch.pieces + pieces_;
  size_t skip = item.outer_length;
  for (unsigned i = 0; i < item.count; i++) {
    iovec piece = item.pieces[i];
    const size_t cut = std::min(skip, piece.iov_len);
    skip -= cut;
    piece.iov_base = static_cast<uint8_t*>(piece.iov_base) + cut;
    piece.iov_len -= cut;
    if (piece.iov_len != 0) message.msg_iov[message.msg_iovlen++] = piece;
  }
  return true;
}

// The kernel has no way to finish a checksum inside a datagram: it is done here, in two bytes
// between two pieces, because the frame may be on its way to others, too. `message` has room for
// two more pieces.
void UdpPool::insert_checksum(const UplinkGather& item, msghdr& message) {
  size_t at = item.meta.checksum_start - item.outer_length;
  const size_t place = at + item.meta.checksum_offset;
  uint64_t sum = 0;
  size_t start = 0;
  bool odd = false;  // octets summed so far
  for (size_t i = 0; i < message.msg_iovlen; i++) {
    const iovec& piece = message.msg_iov[i];
    const size_t skip = std::min(at > start ? at - start : 0, piece.iov_len);
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base) + skip;
    const size_t length = piece.iov_len - skip;
    const uint64_t part = checksum_add(bytes, length, 0);
    sum += odd ? checksum_odd(part) : part;
    odd ^= (length & 1) != 0;
    start += piece.iov_len;
  }
  uint16_t& checksum = scratch_[0].checksums[messages_];
  checksum = static_cast<uint16_t>(~checksum_fold(sum));
  if (checksum == 0) checksum = 0xffff;

  // The field lies in one piece: headers are not torn apart.
  start = 0;
  for (size_t i = 0; i < message.msg_iovlen; i++) {
    iovec& piece = message.msg_iov[i];
    if (place + 2 > start + piece.iov_len) {
      start += piece.iov_len;
      continue;
    }
    const size_t before = place - start;
    std::copy_backward(&piece, message.msg_iov + message.msg_iovlen,
                       message.msg_iov + message.msg_iovlen + 2);
    iovec* parts = &piece;
    parts[1] = {&checksum, sizeof checksum};
    parts[2] = {static_cast<uint8_t*>(parts[0].iov_base) + before + 2,
                parts[0].iov_len - before - 2};
    parts[0].iov_len = before;
    message.msg_iovlen += 2;
    return;
  }
}

// Appends one item to the scratch memory; false when there is no room left.
bool UdpPool::add(const UplinkGather& item) {
  Scratch& scratch = scratch_[0];
  if (messages_ == kMessages) return false;
  mmsghdr& message = scratch.messages[messages_];
  memset(&message, 0, sizeof message);
  msghdr& header = message.msg_hdr;
  if (!copy_pieces(item, header)) return false;
  header.msg_name = &scratch.destinations[messages_];
  header.msg_namelen =
      item.destination.socket_address(udp_port_, item.ifindex, scratch.destinations[messages_]);
  if (item.meta.gso_type == kGsoUdp) {
    header.msg_control = scratch.control[messages_];
    header.msg_controllen = sizeof scratch.control[messages_];
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    memcpy(CMSG_DATA(control), &item.meta.gso_size, sizeof(uint16_t));
  } else if ((item.meta.flags & kNeedsChecksum) &&
             item.meta.checksum_start >= item.outer_length + kVxlanHeader) {
    insert_checksum(item, header);
  }
  pieces_ += static_cast<unsigned>(header.msg_iovlen);
  messages_++;
  return true;
}

SendResult UdpPool::send(const UplinkGather* items, unsigned count) {
  SendResult result;
  while (result.sent < count) {
    // One system call for what goes out of the same socket.
    const UplinkGather* first = items + result.sent;
    const Descriptor& socket_ = socket_of(*first);
    messages_ = pieces_ = 0;
    while (result.sent + messages_ < count && &socket_of(first[messages_]) == &socket_ &&
           add(first[messages_])) {
    }
    if (messages_ == 0) return {result.sent, Drop::tx_error};  // more pieces than the contract has
    const int sent = ::sendmmsg(socket_.get(), scratch_[0].messages, messages_, MSG_DONTWAIT);
    if (sent >= 0) {
      result.sent += static_cast<uint32_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    // A route whose device, or whose transformation, can not cut a train.
    result.reason = first->meta.gso_type == kGsoUdp && (errno == EIO || errno == EINVAL)
                        ? send_one_by_one(*first)
                        : send_error_to_drop(errno);
    if (result.reason != Drop::none) return result;
    result.sent++;
  }
  return result;
}

// The datagrams of a train, each for itself.
Drop UdpPool::send_one_by_one(const UplinkGather& item) {
  messages_ = pieces_ = 0;
  if (!add(item)) return Drop::tx_error;
  Scratch& scratch = scratch_[0];
  msghdr& whole = scratch.messages[0].msg_hdr;
  msghdr one = {};
  one.msg_name = whole.msg_name;
  one.msg_namelen = whole.msg_namelen;
  iovec* next = whole.msg_iov;
  iovec* const end = next + whole.msg_iovlen;
  while (next != end) {
    iovec pieces[Gather::kMaxPieces + 1];
    one.msg_iov = pieces;
    one.msg_iovlen = 0;
    for (size_t left = item.meta.gso_size; left != 0 && next != end;) {
      iovec& piece = pieces[one.msg_iovlen++];
      piece = {next->iov_base, std::min(left, next->iov_len)};
      left -= piece.iov_len;
      next->iov_base = static_cast<uint8_t*>(next->iov_base) + piece.iov_len;
      next->iov_len -= piece.iov_len;
      if (next->iov_len == 0) next++;
    }
    if (::sendmsg(socket_of(item).get(), &one, MSG_DONTWAIT) < 0) return send_error_to_drop(errno);
  }
  return Drop::none;
}

}  // namespace vtep
