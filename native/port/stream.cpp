// stream: the network card of a virtual machine by a stream of frames over a unix socket, as
// QEMU's -netdev stream has it. Needs no privilege on either side. Frames are whole and finished:
// the stream has no room for offload metadata.
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "../core/tables.gen.hpp"
#include "descriptor.hpp"
#include "port.hpp"
#include "stream_frames.hpp"
#include "unix_socket.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

constexpr size_t kReadBytes = size_t{128} << 10;
// Asked for; the kernel gives as much of it as net.core.wmem_max allows, twice.
constexpr int kSendBytes = 1 << 20;
constexpr unsigned kBatch = 64;
constexpr unsigned kMaxPieces = 1024;  // of one system call
static_assert(kMaxPieces > Gather::kMaxPieces);

// One connection at a time. Queue 0 receives, and is the only one that opens and ends it; all
// queues send.
class StreamPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return queue == 0 ? waits_.get() : -1; }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override;
  Abilities abilities() const override { return {}; }
  bool carrier() const override { return connected_.load(std::memory_order_relaxed); }
  // No stack but the guest's has a part in it.
  uint32_t flags() const override { return PortFlag::hostIsolated; }

 private:
  bool watch(int descriptor, uint32_t events, int operation = EPOLL_CTL_ADD) const;
  bool await();
  bool connect();
  void disconnect(const std::string& why);
  bool read_some();
  bool send_rest();
  unsigned gather(const Gather* frames, unsigned count, unsigned& pieces);
  unsigned keep_rest(const Gather* frames, unsigned batch, unsigned pieces, size_t sent);

  UnixSocketPlace place_;
  PeerLog log_;
  UnixListener listener_;
  Descriptor retry_;  // of a client: when to try again
  // The connection, or where the next one comes from. Readable while receive() has work.
  Descriptor waits_;
  StreamFrames incoming_;
  std::atomic<bool> connected_ = false;

  // What senders share, and the connection's beginning and end.
  std::mutex sending_;
  Descriptor connection_;
  iovec pieces_[kMaxPieces];
  uint32_t lengths_[kBatch];
  // Of a frame whose first part is gone: the stream needs it before anything else.
  std::vector<uint8_t> rest_;
  std::atomic<bool> has_rest_ = false;
};

bool StreamPort::open(const OpenContext& context, std::string& error) {
  log_.open("stream", context.name);
  if (!place_.read(context.options, error) ||
      (place_.is_server && !listener_.open(place_, error))) {
    error = "stream " + context.name + ": " + error;
    return false;
  }
  waits_.reset(::epoll_create1(EPOLL_CLOEXEC));
  bool opened = static_cast<bool>(waits_);
  if (!place_.is_server) {
    retry_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    // The first time at once.
    const itimerspec when = {{1, 0}, {0, 1}};
    opened = opened && retry_ && ::timerfd_settime(retry_.get(), 0, &when, nullptr) == 0;
  }
  if (opened && await()) return true;
  error = "stream " + context.name + ": " + strerror(errno);
  return false;
}

bool StreamPort::watch(int descriptor, uint32_t events, int operation) const {
  epoll_event event = {};
  event.events = events;
  return ::epoll_ctl(waits_.get(), operation, descriptor, &event) == 0;
}

// For the next connection.
bool StreamPort::await() {
  return watch(place_.is_server ? listener_.descriptor() : retry_.get(), EPOLLIN);
}

bool StreamPort::connect() {
  Descriptor connection;
  if (place_.is_server) {
    connection = listener_.accept();
  } else {
    uint64_t times;
    if (::read(retry_.get(), &times, sizeof times) != sizeof times) return false;
    connection = unix_connect(place_.path);
  }
  if (!connection) return false;
  (void)::setsockopt(connection.get(), SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof kSendBytes);
  if (!watch(connection.get(), EPOLLIN)) return false;
  (void)watch(place_.is_server ? listener_.descriptor() : retry_.get(), 0, EPOLL_CTL_DEL);
  incoming_ = StreamFrames(kMaxFrameBytes, kReadBytes);
  {
    const std::lock_guard<std::mutex> guard(sending_);
    connection_ = std::move(connection);
  }
  connected_.store(true, std::memory_order_relaxed);
  log_.say("connected");
  return true;
}

void StreamPort::disconnect(const std::string& why) {
  connected_.store(false, std::memory_order_relaxed);
  incoming_ = StreamFrames();
  {
    const std::lock_guard<std::mutex> guard(sending_);
    connection_.reset();
    rest_.clear();
    has_rest_.store(false, std::memory_order_relaxed);
  }
  (void)await();
  log_.say(why);
}

// False when nothing came.
bool StreamPort::read_some() {
  size_t room;
  uint8_t* space = incoming_.space(room);
  ssize_t size;
  do size = ::recv(connection_.get(), space, room, 0);
  while (size < 0 && errno == EINTR);
  if (size > 0) {
    incoming_.arrived(static_cast<size_t>(size));
    return true;
  }
  if (size == 0) {
    disconnect("disconnected");
  } else if (errno != EAGAIN) {
    disconnect(std::string("disconnected: ") + strerror(errno));
  }
  return false;
}

unsigned StreamPort::receive(unsigned queue, Frame* frames, unsigned max) {
  if (queue != 0) return 0;
  if (!connected_.load(std::memory_order_relaxed) && !connect()) return 0;
  if (has_rest_.load(std::memory_order_relaxed)) {
    const std::lock_guard<std::mutex> guard(sending_);
    (void)send_rest();
  }
  unsigned filled = 0;
  do {
    while (filled < max && incoming_.next(frames[filled])) filled++;
    if (filled == 0 && incoming_.bad_length != 0) {
      disconnect("thrown out: expected frames of at most " + std::to_string(kMaxFrameBytes) +
                 " octets, got one of " + std::to_string(incoming_.bad_length));
      return 0;
    }
  } while (filled == 0 && read_some());
  return filled;
}

// What is left of a frame must not wait for the next one: queue 0 wakes when there is room again.
// False while something is left.
bool StreamPort::send_rest() {
  if (rest_.empty()) return true;
  const ssize_t sent =
      ::send(connection_.get(), rest_.data(), rest_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) rest_.erase(rest_.begin(), rest_.begin() + sent);
  if (!rest_.empty()) return false;
  has_rest_.store(false, std::memory_order_relaxed);
  (void)watch(connection_.get(), EPOLLIN, EPOLL_CTL_MOD);
  return true;
}

// Fills pieces_ with frames, lengths in front. Answers how many frames; at least the first.
unsigned StreamPort::gather(const Gather* frames, unsigned count, unsigned& pieces) {
  unsigned batch = 0;
  for (pieces = 0; batch < count && batch < kBatch; batch++) {
    const Gather& frame = frames[batch];
    if (pieces + 1 + frame.count > kMaxPieces || frame.count > Gather::kMaxPieces) break;
    lengths_[batch] = htonl(frame.length);
    pieces_[pieces++] = {&lengths_[batch], sizeof lengths_[batch]};
    memcpy(pieces_ + pieces, frame.pieces, frame.count * sizeof(iovec));
    pieces += frame.count;
  }
  return batch;
}

// After a call that took a part: the frames that are gone, with the one whose end is kept.
unsigned StreamPort::keep_rest(const Gather* frames, unsigned batch, unsigned pieces, size_t sent) {
  unsigned whole = 0;
  for (size_t size; whole < batch; whole++, sent -= size) {
    size = sizeof lengths_[0] + frames[whole].length;
    if (sent < size) break;
  }
  if (sent == 0) return whole;
  unsigned piece = 0;
  for (unsigned i = 0; i < whole; i++) piece += 1 + frames[i].count;
  for (const unsigned end = std::min(pieces, piece + 1 + frames[whole].count); piece < end;
       piece++) {
    const auto* bytes = static_cast<const uint8_t*>(pieces_[piece].iov_base);
    const size_t gone = std::min(sent, pieces_[piece].iov_len);
    rest_.insert(rest_.end(), bytes + gone, bytes + pieces_[piece].iov_len);
    sent -= gone;
  }
  has_rest_.store(true, std::memory_order_relaxed);
  (void)watch(connection_.get(), EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  return whole + 1;
}

SendResult StreamPort::send(unsigned, const Gather* frames, unsigned count) {
  const std::lock_guard<std::mutex> guard(sending_);
  SendResult result;
  if (!connection_) return {0, Drop::port_down};
  while (result.sent < count) {
    if (!send_rest()) return {result.sent, Drop::tx_queue_full};
    unsigned pieces;
    const unsigned batch = gather(frames + result.sent, count - result.sent, pieces);
    if (batch == 0) return {result.sent, Drop::tx_error};
    msghdr message = {};
    message.msg_iov = pieces_;
    message.msg_iovlen = pieces;
    ssize_t sent;
    do sent = ::sendmsg(connection_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
      const bool over = errno == EPIPE || errno == ECONNRESET;
      return {result.sent, over ? Drop::port_down : send_error_to_drop(errno)};
    }
    result.sent += keep_rest(frames + result.sent, batch, pieces, static_cast<size_t>(sent));
  }
  return result;
}

std::unique_ptr<Port> open_stream(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<StreamPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind stream_port_kind;
const PortKind stream_port_kind = {
    "stream", "the network card of a virtual machine by QEMU's -netdev stream; needs no privilege",
    kUnixSocketOptions, std::size(kUnixSocketOptions), open_stream};

}  // namespace vtep
