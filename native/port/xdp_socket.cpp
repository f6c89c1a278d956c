#include "xdp_socket.hpp"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>

#include "../core/bytes.hpp"
#include "../core/checksum.hpp"
#include "../core/layers.hpp"
#include "uplink.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

// Newer than the headers this builds with.
constexpr uint16_t kUseMultiBuffer = 1 << 4;               // XDP_USE_SG, Linux 6.6
constexpr uint32_t kContinued = 1 << 0;                    // XDP_PKT_CONTD
constexpr int kTransmitBudget = 9;                         // XDP_MAX_TX_SKB_BUDGET, Linux 6.17
constexpr int kPreferBusyPoll = 69, kBusyPollBudget = 70;  // SO_..., Linux 5.11

constexpr unsigned kKicks = 64;  // one sends 32 frames or more
constexpr unsigned kBindTries = 100;
constexpr long kBindPauseNanoseconds = 20000000;
constexpr uint32_t kMaxChunksOfFrame = 17;  // MAX_SKB_FRAGS
constexpr uint32_t kRefillBatch = 64;

int set(const Descriptor& socket_, int level, int option, int value) {
  return ::setsockopt(socket_.get(), level, option, &value, sizeof value);
}

}  // namespace

XdpSocket::Ring::~Ring() {
  if (memory != nullptr) ::munmap(memory, bytes);
}

XdpSocket::~XdpSocket() {
  const int number = socket_.get();
  // First closed, then unmapped and given back: the kernel writes no more.
  socket_.reset();
  if (memory_ != nullptr && number_ != 0) memory_->leave(number_, number, chunks_);
}

int XdpSocket::open(const XdpSocketSetup& setup, std::string& what) {
  chunks_ = setup.chunks;
  lent_.reserve(chunks_);
  // Memory for zero copy is bound to the driver and its flags: never shared with others.
  memory_ =
      XdpMemory::find(setup.zero_copy ? nullptr : setup.dataplane, setup.worker, chunks_, what);
  if (memory_ == nullptr) return ENOMEM;
  socket_.reset(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket_) {
    what = "socket(AF_XDP)";
    return errno;
  }
  int code = memory_->bound_socket() >= 0 ? 0 : register_memory(what);
  if (code == 0) code = map_rings(what);
  if (code == 0) code = bind_socket(setup, what);
  if ((code == EBADF || code == EINVAL) && memory_->bound_socket() >= 0) {
    // The socket that it would be shared with has lost its interface, or the kernel (before 5.10)
    // shares none between interfaces.
    memory_ = XdpMemory::find(nullptr, setup.worker, chunks_, what);
    if (memory_ == nullptr) return ENOMEM;
    code = register_memory(what);
    if (code == 0) code = bind_socket(setup, what);
  }
  if (code != 0) return code;
  number_ = memory_->join(socket_.get(), chunks_);
  // More frames in one system call, where the kernel can.
  (void)set(socket_, SOL_XDP, kTransmitBudget, static_cast<int>(kTransmit));
  if (setup.busy_poll) set_busy_poll();
  const std::lock_guard lock(memory_->lock());
  refill();
  return 0;
}

// The kernel pins the memory and counts it against RLIMIT_MEMLOCK, unless we have CAP_IPC_LOCK.
int XdpSocket::register_memory(std::string& what) {
  xdp_umem_reg request = {};
  request.addr = reinterpret_cast<uintptr_t>(memory_->base());
  request.len = XdpMemory::bytes();
  request.chunk_size = XdpMemory::kChunkBytes;
  const auto try_once = [&] {
    return ::setsockopt(socket_.get(), SOL_XDP, XDP_UMEM_REG, &request, sizeof request) == 0
               ? 0
               : errno;
  };
  int code = try_once();
  if (code == ENOBUFS) {
    const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
    code = try_once();
  }
  if (code != 0) what = "XDP_UMEM_REG";
  if (code == ENOBUFS) what += " (ulimit -l: raise it)";
  return code;
}

int XdpSocket::map_rings(std::string& what) {
  const struct {
    Ring& ring;
    int option;
    uint32_t size;
    size_t entry;
    uint64_t place;
    const char* name;
  } rings[] = {
      {fill_, XDP_UMEM_FILL_RING, chunks_, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING, "fill"},
      {completion_, XDP_UMEM_COMPLETION_RING, kTransmit, sizeof(uint64_t),
       XDP_UMEM_PGOFF_COMPLETION_RING, "completion"},
      {receive_, XDP_RX_RING, chunks_, sizeof(xdp_desc), XDP_PGOFF_RX_RING, "receive"},
      {transmit_, XDP_TX_RING, kTransmit, sizeof(xdp_desc), XDP_PGOFF_TX_RING, "transmit"},
  };
  for (const auto& each : rings)
    if (set(socket_, SOL_XDP, each.option, static_cast<int>(each.size)) != 0) {
      what = std::string(each.name) + " ring";
      return errno;
    }
  xdp_mmap_offsets offsets = {};
  socklen_t size = sizeof offsets;
  if (::getsockopt(socket_.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) {
    what = "XDP_MMAP_OFFSETS";
    return errno;
  }
  const xdp_ring_offset* const places[] = {&offsets.fr, &offsets.cr, &offsets.rx, &offsets.tx};
  for (unsigned i = 0; i < 4; i++) {
    Ring& ring = rings[i].ring;
    const xdp_ring_offset& place = *places[i];
    ring.size = rings[i].size;
    ring.bytes = place.desc + ring.size * rings[i].entry;
    void* memory = ::mmap(nullptr, ring.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                          socket_.get(), static_cast<off_t>(rings[i].place));
    if (memory == MAP_FAILED) {
      what = std::string("mmap of the ") + rings[i].name + " ring";
      return errno;
    }
    ring.memory = memory;
    auto* bytes = static_cast<uint8_t*>(memory);
    ring.producer = reinterpret_cast<uint32_t*>(bytes + place.producer);
    ring.consumer = reinterpret_cast<uint32_t*>(bytes + place.consumer);
    ring.flags = reinterpret_cast<uint32_t*>(bytes + place.flags);
    ring.entries = bytes + place.desc;
  }
  return 0;
}

int XdpSocket::bind_socket(const XdpSocketSetup& setup, std::string& what) {
  sockaddr_xdp address = {};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = setup.ifindex;
  address.sxdp_queue_id = setup.queue;
  const int shared = memory_->bound_socket();
  if (shared >= 0) {
    // Flags are those of the first socket.
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<uint32_t>(shared);
  } else {
    // The wake-up flag saves system calls to a driver. Where the kernel copies, sending is that
    // system call, and the flag only makes every poll look whether there is something to send.
    const int flags = setup.zero_copy ? XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP : XDP_COPY;
    address.sxdp_flags = static_cast<uint16_t>(flags | kUseMultiBuffer);
  }
  for (unsigned tries = 1;; tries++) {
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
    if ((errno == EINVAL || errno == EOPNOTSUPP) && (address.sxdp_flags & kUseMultiBuffer)) {
      address.sxdp_flags = static_cast<uint16_t>(address.sxdp_flags & ~kUseMultiBuffer);
      continue;
    }
    // The kernel frees the queue of a socket that was closed a while after.
    if (errno != EBUSY || tries == kBindTries) {
      what = "bind(AF_XDP) to queue " + std::to_string(setup.queue);
      return errno;
    }
    const timespec pause = {0, kBindPauseNanoseconds};
    ::nanosleep(&pause, nullptr);
  }
  xdp_options options = {};
  socklen_t size = sizeof options;
  if (::getsockopt(socket_.get(), SOL_XDP, XDP_OPTIONS, &options, &size) == 0)
    zero_copy_ = (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  return 0;
}

// Without it the driver's interrupts do the work; a kernel that has not all of it does that.
void XdpSocket::set_busy_poll() {
  constexpr int kMicroseconds = 20, kBudget = 64;
  busy_poll_ = set(socket_, SOL_SOCKET, kPreferBusyPoll, 1) == 0 &&
               set(socket_, SOL_SOCKET, SO_BUSY_POLL, kMicroseconds) == 0 &&
               set(socket_, SOL_SOCKET, kBusyPollBudget, kBudget) == 0;
}

// Frames that were lent are over.
void XdpSocket::give_back() {
  for (const uint32_t chunk : lent_) memory_->end_receive(chunk);
  lent_.clear();
  large_used_ = 0;
}

void XdpSocket::refill() {
  const uint32_t room = fill_.size - (filled_ - fill_.consumed());
  if (room < kRefillBatch) return;
  auto* entries = static_cast<uint64_t*>(fill_.entries);
  for (uint32_t i = 0; i < room; i++) {
    const uint32_t chunk = memory_->take();
    if (chunk == XdpMemory::kNone) break;
    memory_->set_receiver(chunk, number_);
    entries[filled_++ & (fill_.size - 1)] = uint64_t{chunk} * XdpMemory::kChunkBytes;
  }
  __atomic_store_n(fill_.producer, filled_, __ATOMIC_RELEASE);
}

// What has been sent is free again.
void XdpSocket::reclaim() {
  uint32_t at = *completion_.consumer;
  const uint32_t end = completion_.produced();
  if (at == end) return;
  const auto* entries = static_cast<const uint64_t*>(completion_.entries);
  for (; at != end; at++)
    memory_->end_send(
        static_cast<uint32_t>(entries[at & (completion_.size - 1)] / XdpMemory::kChunkBytes));
  __atomic_store_n(completion_.consumer, at, __ATOMIC_RELEASE);
}

// A frame that the kernel cut over several chunks.
bool XdpSocket::collect(Frame& frame, uint32_t& at, uint32_t end) {
  if (large_.empty()) large_.resize(size_t{kLargeFrames} * kMaxFrameBytes);
  const auto* entries = static_cast<const xdp_desc*>(receive_.entries);
  uint8_t* out = large_.data() + size_t{large_used_} * kMaxFrameBytes;
  uint32_t length = 0;
  bool fits = true;
  for (bool more = true; more && at != end; at++) {
    const xdp_desc& part = entries[at & (receive_.size - 1)];
    more = (part.options & kContinued) != 0;
    fits = fits && length + part.len <= kMaxFrameBytes;
    if (fits) memcpy(out + length, memory_->base() + part.addr, part.len);
    length += part.len;
    memory_->end_receive(static_cast<uint32_t>(part.addr / XdpMemory::kChunkBytes));
  }
  if (!fits) {
    truncated_++;
    return false;
  }
  large_used_++;
  frame.data = out;
  frame.length = length;
  frame.headroom = 0;
  return true;
}

unsigned XdpSocket::receive(Frame* frames, unsigned max) {
  uint32_t at = *receive_.consumer;
  uint32_t end = receive_.produced();
  if (at == end && busy_poll_) {
    (void)::recvfrom(socket_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
    end = receive_.produced();
  }
  const std::lock_guard lock(memory_->lock());
  give_back();
  const auto* entries = static_cast<const xdp_desc*>(receive_.entries);
  unsigned filled = 0;
  while (filled < max && at != end) {
    const xdp_desc& entry = entries[at & (receive_.size - 1)];
    Frame& frame = frames[filled];
    frame.meta = {};
    if (entry.options & kContinued) {
      if (large_used_ == kLargeFrames) break;
      filled += collect(frame, at, end);
      continue;
    }
    frame.data = memory_->base() + entry.addr;
    frame.length = entry.len;
    frame.headroom = static_cast<uint32_t>(entry.addr % XdpMemory::kChunkBytes);
    lent_.push_back(static_cast<uint32_t>(entry.addr / XdpMemory::kChunkBytes));
    __builtin_prefetch(frame.data);
    at++;
    filled++;
  }
  __atomic_store_n(receive_.consumer, at, __ATOMIC_RELEASE);
  reclaim();
  refill();
  if (filled == 0)
    clear_error();
  else
    empty_handed_ = 0;
  return filled;
}

// An interface that goes away leaves an error on the socket, which wakes every wait until somebody
// reads it.
void XdpSocket::clear_error() {
  if (++empty_handed_ % 16 != 0) return;
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}

bool XdpSocket::is_too_long(const Gather& item) const {
  const uint32_t most = mtu_.load(std::memory_order_relaxed) + ETH_HLEN;
  if (item.length <= most) return false;
  const auto* first = static_cast<const uint8_t*>(item.pieces[0].iov_base);
  const bool tagged =
      item.pieces[0].iov_len >= ETH_HLEN && (load16(first + 12) == __builtin_bswap16(ETH_P_8021Q) ||
                                             load16(first + 12) == __builtin_bswap16(ETH_P_8021AD));
  return item.length > most + (tagged ? kVlanTag : 0);
}

void XdpSocket::put_transmit(uint64_t address, uint32_t length, bool more) {
  auto* entries = static_cast<xdp_desc*>(transmit_.entries);
  entries[submitted_++ & (transmit_.size - 1)] = {address, length, more ? kContinued : 0};
}

// Only what we lend is in our memory, and it stays as it is: a checksum in it may not be finished,
// as the frame may be on its way to others, too. The room in front of it is free to use, once.
template <class Item>
bool XdpSocket::send_in_place(const Item& item) {
  if (item.count > 2) return false;
  const iovec& frame = item.pieces[item.count - 1];
  if (!memory_->contains(frame.iov_base)) return false;
  const uint32_t front = item.count == 2 ? static_cast<uint32_t>(item.pieces[0].iov_len) : 0;
  const uint32_t chunk = memory_->chunk_of(frame.iov_base);
  uint8_t* data = static_cast<uint8_t*>(frame.iov_base) - front;
  uint8_t* const start = memory_->base() + uint64_t{chunk} * XdpMemory::kChunkBytes;
  if (data < start || data + item.length > start + XdpMemory::kChunkBytes) return false;
  if (memory_->is_sent(chunk)) return false;
  const uint32_t field = uint32_t{item.meta.checksum_start} + item.meta.checksum_offset;
  const bool unfinished = (item.meta.flags & kNeedsChecksum) != 0;
  if (unfinished && field + 2 > front) return false;
  if (front != 0) memcpy(data, item.pieces[0].iov_base, front);
  if (unfinished) store16(data + field, completed_checksum(data, item.length, item.meta));
  memory_->set_sender(chunk, number_);
  put_transmit(static_cast<uint64_t>(data - memory_->base()), item.length, false);
  return true;
}

template <class Item>
Drop XdpSocket::send_copy(const Item& item) {
  constexpr uint32_t kBytes = XdpMemory::kChunkBytes;
  const uint32_t needed = (item.length + kBytes - 1) / kBytes;
  if (needed > kMaxChunksOfFrame || needed == 0) return Drop::tx_error;
  if (transmit_.size - (submitted_ - transmit_.consumed()) < needed) return Drop::tx_queue_full;
  uint32_t chunks[kMaxChunksOfFrame];
  for (uint32_t i = 0; i < needed; i++) {
    chunks[i] = memory_->take();
    if (chunks[i] != XdpMemory::kNone) {
      memory_->set_sender(chunks[i], number_);
      continue;
    }
    while (i > 0) memory_->end_send(chunks[--i]);
    return Drop::tx_queue_full;
  }
  const auto place = [&](uint32_t offset) {
    return memory_->base() + uint64_t{chunks[offset / kBytes]} * kBytes + offset % kBytes;
  };
  uint32_t at = 0;
  for (unsigned i = 0; i < item.count; i++) {
    const auto* from = static_cast<const uint8_t*>(item.pieces[i].iov_base);
    for (size_t left = item.pieces[i].iov_len; left > 0;) {
      const auto part = static_cast<uint32_t>(std::min<size_t>(left, kBytes - at % kBytes));
      memcpy(place(at), from, part);
      from += part, at += part, left -= part;
    }
  }
  if (item.meta.flags & kNeedsChecksum) {
    // Chunks are of even length, and so is the place of a checksum: none is torn.
    uint64_t sum = 0;
    for (uint32_t from = item.meta.checksum_start; from < item.length;) {
      const uint32_t part = std::min(item.length - from, kBytes - from % kBytes);
      sum = checksum_add(place(from), part, sum);
      from += part;
    }
    const auto checksum = static_cast<uint16_t>(~checksum_fold(sum));
    store16(place(uint32_t{item.meta.checksum_start} + item.meta.checksum_offset),
            checksum == 0 ? uint16_t{0xffff} : checksum);
  }
  for (uint32_t i = 0; i < needed; i++)
    put_transmit(uint64_t{chunks[i]} * kBytes, std::min(kBytes, item.length - i * kBytes),
                 i + 1 < needed);
  return Drop::none;
}

template <class Item>
SendResult XdpSocket::send(const Item* items, unsigned count) {
  SendResult result;
  std::unique_lock lock(memory_->lock());
  reclaim();
  while (result.sent < count) {
    const Item& item = items[result.sent];
    if (is_too_long(item)) {
      result.reason = Drop::exceeds_mtu;
      break;
    }
    const bool room = submitted_ - transmit_.consumed() < transmit_.size;
    if (!room || !send_in_place(item)) result.reason = send_copy(item);
    if (result.reason != Drop::none) break;
    result.sent++;
  }
  __atomic_store_n(transmit_.producer, submitted_, __ATOMIC_RELEASE);
  lock.unlock();
  const int code = kick();
  if (code == 0 || zero_copy_) return result;
  // The interface is down or gone, and the kernel has not looked at the frames.
  lock.lock();
  result.sent -= take_back(result.sent);
  result.reason = send_error_to_drop(code);
  return result;
}

template SendResult XdpSocket::send(const Gather*, unsigned);
template SendResult XdpSocket::send(const UplinkGather*, unsigned);

// Takes frames out of the transmit ring again, at most `limit`; answers how many.
uint32_t XdpSocket::take_back(uint32_t limit) {
  const auto* entries = static_cast<const xdp_desc*>(transmit_.entries);
  uint32_t frames = 0;
  while (submitted_ != transmit_.consumed()) {
    // The last descriptor of a frame is the one that is not continued.
    const xdp_desc& entry = entries[(submitted_ - 1) & (transmit_.size - 1)];
    if ((entry.options & kContinued) == 0 && frames++ == limit) return limit;
    memory_->end_send(static_cast<uint32_t>(entry.addr / XdpMemory::kChunkBytes));
    submitted_--;
    __atomic_store_n(transmit_.producer, submitted_, __ATOMIC_RELEASE);
  }
  return frames;
}

// Makes the kernel send what is in the ring. Where it copies it sends a few frames in one call, and
// it never goes on by itself. 0, or why it can not at all.
int XdpSocket::kick() {
  if (zero_copy_ &&
      (__atomic_load_n(transmit_.flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) == 0)
    return 0;
  unsigned idle = 0;
  for (unsigned i = 0; i < kKicks && idle < 8; i++) {
    const uint32_t before = transmit_.consumed();
    if (before == __atomic_load_n(transmit_.producer, __ATOMIC_RELAXED)) return 0;
    const auto sent = ::sendto(socket_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0);
    if (zero_copy_) return 0;
    const int code = sent < 0 ? errno : 0;
    if (code == EBUSY) refused_.fetch_add(1, std::memory_order_relaxed);  // one frame is lost
    if (code == ENETDOWN || code == ENXIO || code == ENODEV) return code;
    idle = transmit_.consumed() == before ? idle + 1 : 0;
  }
  return 0;
}

unsigned XdpSocket::take_losses(Loss* losses, unsigned max) {
  (void)kick();  // what a full driver left in the ring
  xdp_statistics now = {};
  socklen_t size = sizeof now;
  uint64_t ring_full = 0, invalid = 0;
  if (::getsockopt(socket_.get(), SOL_XDP, XDP_STATISTICS, &now, &size) == 0) {
    // Without a chunk to put it in, a frame counts as dropped and as "fill ring empty".
    const uint64_t dropped = now.rx_dropped - told_.dropped;
    const uint64_t homeless =
        std::min<uint64_t>(dropped, now.rx_fill_ring_empty_descs - told_.fill_empty);
    ring_full = homeless + now.rx_ring_full - told_.ring_full;
    truncated_ += dropped - homeless;
    invalid = now.tx_invalid_descs - told_.invalid;
    told_ = {now.rx_dropped, now.rx_ring_full, now.rx_fill_ring_empty_descs, now.tx_invalid_descs};
  }
  const struct {
    Drop reason;
    uint64_t frames;
  } all[] = {
      {Drop::rx_ring_full, ring_full},
      {Drop::rx_truncated, std::exchange(truncated_, 0)},
      {Drop::tx_error, invalid},
      {Drop::tx_queue_full, refused_.exchange(0)},
  };
  unsigned rows = 0;
  for (const auto& each : all)
    if (each.frames != 0 && rows < max) losses[rows++] = {each.reason, each.frames};
  return rows;
}

}  // namespace vtep
