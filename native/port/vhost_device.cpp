#include "vhost_device.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "vhost_fault.hpp"

namespace vtep {
namespace {

constexpr uint64_t kTcpOffload = vhost::kGuestTso4 | vhost::kGuestTso6;
constexpr uint64_t kUdpOffload = vhost::kGuestUso4 | vhost::kGuestUso6;
constexpr unsigned kSpins = 4096;  // of a worker, for a lock that another holds for one batch
constexpr unsigned kRounds = 4;    // of looking for frames in one receive()
constexpr uint32_t kHeaderWithBuffers = 12;

bool has_all(uint64_t features, uint64_t wanted) { return (features & wanted) == wanted; }

// For the turns of a waiting loop.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

bool watch(int epoll, int descriptor, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

// Writes to a row of pieces, in order.
class Writer {
 public:
  explicit Writer(const GuestPieces& pieces) : piece_(pieces.at) {}
  void write(const void* from, size_t length) {
    const uint8_t* source = static_cast<const uint8_t*>(from);
    while (length > 0) {
      const size_t room = piece_->length - at_;
      const size_t part = room < length ? room : length;
      memcpy(piece_->data + at_, source, part);
      source += part;
      length -= part;
      at_ += part;
      if (at_ < piece_->length) continue;
      piece_++;
      at_ = 0;
    }
  }

 private:
  const GuestPiece* piece_;
  size_t at_ = 0;
};

}  // namespace

// Takes all virtqueues away from the workers; at the end they have them again, those that are fit.
class VhostDevice::Paused {
 public:
  explicit Paused(VhostDevice& device) : device_(device) {
    for (Line& line : device_.lines_) line.live.store(false, std::memory_order_relaxed);
    for (Line& line : device_.lines_) device_.lock_for_session(line);
  }
  Paused(const Paused&) = delete;
  Paused& operator=(const Paused&) = delete;
  ~Paused() {
    device_.update();
    for (Line& line : device_.lines_) unlock(line);
    // What came while the rings were away was not seen.
    for (const auto& side : device_.sides_) (void)::eventfd_write(side->bell.get(), 1);
  }

 private:
  VhostDevice& device_;
};

bool VhostDevice::open(unsigned queues, std::string& error) {
  bool opened = install_fault_handler();
  alarm_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  opened = opened && alarm_;
  for (unsigned i = 0; i < queues && opened; i++) {
    auto side = std::make_unique<Side>();
    side->wait.reset(::epoll_create1(EPOLL_CLOEXEC));
    side->bell.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    opened = side->wait && side->bell && watch(side->wait.get(), side->bell.get(), EPOLLIN);
    sides_.push_back(std::move(side));
  }
  if (!opened) error = std::string("eventfd: ") + strerror(errno);
  return opened;
}

// --- workers

bool VhostDevice::lock(Line& line, unsigned attempts) {
  for (unsigned i = 0; i < attempts; i++) {
    if (line.lock.load(std::memory_order_relaxed) == 0 &&
        line.lock.exchange(1, std::memory_order_acquire) == 0)
      return true;
    relax();
  }
  return false;
}

unsigned VhostDevice::receive(unsigned queue, Frame* frames, unsigned max) {
  Side& side = *sides_[queue];
  const auto step = static_cast<unsigned>(sides_.size());
  Filling filling = {frames, max};
  for (unsigned round = 0; round < kRounds; round++) {
    const unsigned pairs = pairs_.load(std::memory_order_acquire);
    const unsigned mine = pairs <= queue ? 0 : (pairs - queue + step - 1) / step;
    for (unsigned i = 0; i < mine && filling.count < max; i++) {
      Line& line = lines_[2 * (queue + (side.first_pair + i) % mine * step) + 1];
      // Who else holds the lock is the session, and it rings the bell behind itself.
      if (!line.live.load(std::memory_order_acquire) || !lock(line, 1)) continue;
      if (line.live.load(std::memory_order_relaxed)) drain(line, side, filling);
      unlock(line);
    }
    side.first_pair++;
    if (filling.count != 0 || !rearm(queue, side)) return filling.count;
  }
  // Buffers without end that hold no frame: the others have their turn first.
  (void)::eventfd_write(side.bell.get(), 1);
  return 0;
}

// Copies frames out: the switch reads headers several times, and the guest may write at any time.
void VhostDevice::drain(Line& line, Side& side, Filling& filling) {
  if (side.arena.empty()) side.arena.resize(kArenaBytes);
  VirtQueue& ring = line.ring;
  bool gave = false;
  for (unsigned taken_count = 0; taken_count < filling.max && filling.count < filling.max &&
                                 filling.at + kRoom <= kArenaBytes;
       taken_count++) {
    Chain chain;
    side.pieces.count = 0;
    const VirtQueue::Taken taken = ring.take(chain, side.pieces, false);
    if (taken == VirtQueue::Taken::broken) report(ring.broken());
    if (taken != VirtQueue::Taken::chain) break;
    if (line.asked_for_kicks) {
      line.asked_for_kicks = false;
      ring.ask_for_kicks(false);
    }
    gave = true;
    if (chain.length <= header_bytes_ || chain.length > kRoom) {
      (chain.length > kRoom ? side.truncated : side.malformed)++;
      ring.give(chain, 0);
      continue;
    }
    uint8_t* start = side.arena.data() + filling.at;
    uint8_t* at = start;
    for (unsigned i = 0; i < side.pieces.count; i++) {
      memcpy(at, side.pieces.at[i].data, side.pieces.at[i].length);
      at += side.pieces.at[i].length;
    }
    asm volatile("" ::: "memory");
    ring.give(chain, 0);
    VirtioHeader header;
    memcpy(&header, start, sizeof header);
    Frame& frame = filling.frames[filling.count++];
    frame = Frame{};
    frame.data = start + header_bytes_;
    frame.length = static_cast<uint32_t>(chain.length) - header_bytes_;
    frame.headroom = header_bytes_;
    frame.meta = to_meta(header);
    filling.at += (chain.length + 63) & ~size_t{63};
  }
  if (gave) finish(line);
}

// Before sleeping: asks the drivers to kick, and looks once more. True when there is work. Kick
// descriptors are watched for edges and never read: the front-end could make a read wait.
bool VhostDevice::rearm(unsigned queue, Side& side) {
  epoll_event events[16];
  while (::epoll_wait(side.wait.get(), events, 16, 0) == 16) continue;
  eventfd_t rings;
  (void)::eventfd_read(side.bell.get(), &rings);
  bool work = false;
  const unsigned pairs = pairs_.load(std::memory_order_acquire);
  for (unsigned pair = queue; pair < pairs; pair += static_cast<unsigned>(sides_.size())) {
    Line& line = lines_[2 * pair + 1];
    if (!line.live.load(std::memory_order_acquire) || !lock(line, 1)) continue;
    if (line.live.load(std::memory_order_relaxed)) {
      if (!line.asked_for_kicks) line.ring.ask_for_kicks(true);
      line.asked_for_kicks = true;
      Chain chain;
      side.pieces.count = 0;
      const VirtQueue::Mark mark = line.ring.mark();
      const VirtQueue::Taken taken = line.ring.take(chain, side.pieces, false);
      work |= taken == VirtQueue::Taken::chain;
      if (taken == VirtQueue::Taken::broken) report(line.ring.broken());
      line.ring.rewind(mark);
    }
    unlock(line);
  }
  return work;
}

// A live send side: one of the worker's own pairs, else any.
VhostDevice::Line* VhostDevice::choose(unsigned queue) {
  const unsigned pairs = pairs_.load(std::memory_order_acquire);
  const auto step = static_cast<unsigned>(sides_.size());
  for (unsigned pair = queue; pair < pairs; pair += step)
    if (lines_[2 * pair].live.load(std::memory_order_acquire)) return &lines_[2 * pair];
  for (unsigned i = 0; i < pairs; i++) {
    Line& line = lines_[2 * ((queue + i) % pairs)];
    if (line.live.load(std::memory_order_acquire)) return &line;
  }
  return nullptr;
}

SendResult VhostDevice::send(unsigned queue, const Gather* frames, unsigned count) {
  Line* line = choose(queue);
  if (line == nullptr) return {0, Drop::port_down};
  if (!lock(*line, kSpins)) return {0, Drop::tx_queue_full};
  SendResult result;
  if (!line->live.load(std::memory_order_relaxed)) {
    result.reason = Drop::port_down;
  } else {
    Side& side = *sides_[queue];
    for (; result.sent < count; result.sent++) {
      result.reason = put(*line, side, frames[result.sent]);
      if (result.reason != Drop::none) break;
    }
    if (result.sent != 0) finish(*line);
  }
  unlock(*line);
  return result;
}

// Takes as many buffers as the frame needs; all or none.
Drop VhostDevice::place(Line& line, Side& side, const Gather& frame, unsigned& chains) {
  const VirtQueue::Mark mark = line.ring.mark();
  const bool mergeable = (features_ & vhost::kMergeableBuffers) != 0;
  side.pieces.count = 0;
  chains = 0;
  for (uint64_t capacity = 0; capacity < header_bytes_ + frame.length;) {
    Drop reason = Drop::exceeds_mtu;
    if (chains == 0 || (mergeable && chains < GuestPieces::kMax)) {
      switch (line.ring.take(side.chains[chains], side.pieces, true)) {
        case VirtQueue::Taken::chain:
          capacity += side.chains[chains++].length;
          continue;
        case VirtQueue::Taken::none:
          reason = Drop::tx_queue_full;
          break;
        case VirtQueue::Taken::broken:
          report(line.ring.broken());
          reason = Drop::port_down;
          break;
      }
    }
    line.ring.rewind(mark);
    return reason;
  }
  return Drop::none;
}

Drop VhostDevice::put(Line& line, Side& side, const Gather& frame) {
  Meta meta = frame.meta;
  // The keeper learns a second late what a new front-end does not take.
  const bool is_udp = (meta.gso_type & ~kGsoEcn) == kGsoUdp;
  if (meta.gso_type != kGsoNone && !has_all(features_, is_udp ? kUdpOffload : kTcpOffload))
    return Drop::gso_unsupported;
  if ((features_ & vhost::kGuestChecksum) == 0) {
    if ((meta.flags & kNeedsChecksum) != 0) return Drop::bad_metadata;
    meta.flags = 0;
  }
  if ((features_ & vhost::kGuestEcn) == 0) meta.gso_type &= static_cast<uint8_t>(~kGsoEcn);

  unsigned chains;
  const Drop reason = place(line, side, frame, chains);
  if (reason != Drop::none) return reason;
  uint8_t header[kHeaderWithBuffers] = {};
  const VirtioHeader said = to_virtio(meta);
  const auto buffers = static_cast<uint16_t>(chains);
  memcpy(header, &said, sizeof said);
  memcpy(header + sizeof said, &buffers, sizeof buffers);
  Writer writer(side.pieces);
  writer.write(header, header_bytes_);
  for (unsigned i = 0; i < frame.count; i++)
    writer.write(frame.pieces[i].iov_base, frame.pieces[i].iov_len);
  uint64_t left = header_bytes_ + frame.length;
  for (unsigned i = 0; i < chains; i++) {
    const uint64_t written = side.chains[i].length < left ? side.chains[i].length : left;
    line.ring.give(side.chains[i], static_cast<uint32_t>(written));
    left -= written;
  }
  return Drop::none;
}

// Shows the driver what was given, and calls it once if it wants that.
void VhostDevice::finish(Line& line) {
  line.ring.publish();
  if (!line.ring.wants_call() || !line.call) return;
  line.calls.fetch_add(1, std::memory_order_relaxed);
  (void)::eventfd_write(line.call.get(), 1);
  line.calls.fetch_add(1, std::memory_order_relaxed);
}

void VhostDevice::report(const char* fault) {
  const char* none = nullptr;
  if (fault_.compare_exchange_strong(none, fault)) (void)::eventfd_write(alarm_.get(), 1);
}

unsigned VhostDevice::take_losses(unsigned queue, Loss* losses, unsigned max) {
  Side& side = *sides_[queue];
  unsigned rows = 0;
  if (side.truncated != 0 && rows < max)
    losses[rows++] = {Drop::rx_truncated, std::exchange(side.truncated, 0)};
  if (side.malformed != 0 && rows < max)
    losses[rows++] = {Drop::malformed, std::exchange(side.malformed, 0)};
  return rows;
}

Abilities VhostDevice::abilities() const {
  const uint64_t features = told_features_.load(std::memory_order_relaxed);
  Abilities abilities;
  abilities.partial_checksum = (features & vhost::kGuestChecksum) != 0;
  abilities.tcp_segmentation = abilities.partial_checksum && has_all(features, kTcpOffload);
  abilities.udp_segmentation = abilities.partial_checksum && has_all(features, kUdpOffload);
  return abilities;
}

// --- session

void VhostDevice::lock_for_session(Line& line) {
  for (unsigned rounds = 1; !lock(line, kSpins); rounds++) {
    sched_yield();
    // A worker needs microseconds; whoever holds it longer waits for a call descriptor.
    if (rounds % 1024 == 0) (void)release_blocked_calls();
  }
}

const char* VhostDevice::take_fault() {
  eventfd_t rings;
  if (::eventfd_read(alarm_.get(), &rings) != 0) return nullptr;
  const char* fault = fault_.exchange(nullptr);
  return fault != nullptr ? fault : "a memory file became shorter than it was";
}

bool VhostDevice::release_blocked_calls() {
  bool blocked = false;
  for (Line& line : lines_) {
    const uint64_t now = line.calls.load(std::memory_order_relaxed);
    // Odd and the same as before: the same write has been going on all the time.
    if ((now & 1) != 0 && now == std::exchange(line.calls_seen, now)) {
      eventfd_t value;
      (void)::eventfd_read(line.call.get(), &value);
      blocked = true;
    }
    line.calls_seen = now;
  }
  return blocked;
}

void VhostDevice::set_features(uint64_t features) {
  Paused paused(*this);
  features_ = features;
  header_bytes_ = (features & (vhost::kVersion1 | vhost::kMergeableBuffers)) != 0
                      ? kHeaderWithBuffers
                      : sizeof(VirtioHeader);
  told_features_.store(features, std::memory_order_relaxed);
  for (Line& line : lines_) line.setup.features = features;
}

bool VhostDevice::set_memory(GuestMemory memory, std::string& error) {
  Paused paused(*this);
  std::swap(memory_, memory);
  for (unsigned i = 0; i < kRings; i++) {
    Line& line = lines_[i];
    if (!line.started) continue;
    // Its addresses may mean other memory now.
    line.setup.base = line.ring.stop();
    line.started = false;
    if (!start(i, error)) return false;
  }
  return true;
}

bool VhostDevice::set_size(unsigned ring, uint32_t size, std::string& error) {
  lines_[ring].setup.size = size;
  return change(ring, error);
}

bool VhostDevice::set_addresses(unsigned ring, const vhost::VringAddress& address,
                                std::string& error) {
  Line& line = lines_[ring];
  line.setup.descriptors = address.descriptors;
  line.setup.available = address.available;
  line.setup.used = address.used;
  line.has_addresses = true;
  return change(ring, error);
}

bool VhostDevice::set_base(unsigned ring, uint32_t base, std::string& error) {
  if (lines_[ring].started) {
    error = "ring " + std::to_string(ring) + ": SET_VRING_BASE while it runs";
    return false;
  }
  lines_[ring].setup.base = base;
  return true;
}

// A running ring gets new addresses: it goes on from where it is.
bool VhostDevice::change(unsigned ring, std::string& error) {
  Line& line = lines_[ring];
  if (!line.started) return true;
  Paused paused(*this);
  line.setup.base = line.ring.stop();
  line.started = false;
  return start(ring, error);
}

// Called while paused.
bool VhostDevice::start(unsigned ring, std::string& error) {
  Line& line = lines_[ring];
  std::string why;
  if (!line.has_addresses) {
    why = "ring: it has no addresses yet";
  } else if (line.ring.start(line.setup, memory_, why)) {
    line.started = true;
    line.asked_for_kicks = false;
    line.ring.ask_for_kicks(false);
    return true;
  }
  error = "queue " + std::to_string(ring) + ": " + why;
  return false;
}

uint32_t VhostDevice::stop(unsigned ring) {
  Line& line = lines_[ring];
  if (!line.started) return line.setup.base;
  Paused paused(*this);
  line.started = false;
  line.setup.base = line.ring.stop();
  drop_kick(ring);
  return line.setup.base;
}

// Closing it is not enough: the front-end has it open too, so it would stay in the wait set.
void VhostDevice::drop_kick(unsigned ring) {
  Descriptor& kick = lines_[ring].kick;
  if (kick && ring % 2 == 1)
    (void)::epoll_ctl(sides_[side_of(ring)]->wait.get(), EPOLL_CTL_DEL, kick.get(), nullptr);
  kick.reset();
}

bool VhostDevice::set_kick(unsigned ring, Descriptor kick, std::string& error) {
  Line& line = lines_[ring];
  Paused paused(*this);
  drop_kick(ring);
  if (ring % 2 == 1 && !watch(sides_[side_of(ring)]->wait.get(), kick.get(), EPOLLIN | EPOLLET)) {
    error = "queue " + std::to_string(ring) +
            ": expected an eventfd for kicks, got something that can not be waited for";
    return false;
  }
  line.kick = std::move(kick);
  return line.started || start(ring, error);
}

bool VhostDevice::set_call(unsigned ring, Descriptor call, std::string& error) {
  if (call) {
    char link[64] = {};
    const std::string path = "/proc/self/fd/" + std::to_string(call.get());
    (void)::readlink(path.c_str(), link, sizeof link - 1);
    if (strcmp(link, "anon_inode:[eventfd]") != 0) {
      error = "queue " + std::to_string(ring) + ": expected an eventfd for calls, got " + link;
      return false;
    }
    // A call must not make a worker wait. The front-end could undo it: release_blocked_calls().
    (void)::fcntl(call.get(), F_SETFL, O_NONBLOCK);
  }
  Paused paused(*this);
  lines_[ring].call = std::move(call);
  return true;
}

void VhostDevice::set_enabled(unsigned ring, bool enabled) {
  Paused paused(*this);
  lines_[ring].enabled = enabled;
}

void VhostDevice::reset() {
  {
    Paused paused(*this);
    for (unsigned i = 0; i < kRings; i++) {
      Line& line = lines_[i];
      if (line.started) (void)line.ring.stop();
      line.started = line.has_addresses = line.enabled = false;
      line.setup = {};
      line.call.reset();
      drop_kick(i);
    }
    memory_ = GuestMemory();
  }
  set_features(0);
  (void)take_fault();
}

// Called while paused: which rings are fit for work.
void VhostDevice::update() {
  unsigned pairs = 0, live_pairs = 0;
  const bool all_enabled = (features_ & vhost::kProtocolFeatures) == 0;
  for (unsigned i = 0; i < kRings; i++) {
    Line& line = lines_[i];
    const bool live = line.started && (line.enabled || all_enabled);
    line.live.store(live, std::memory_order_release);
    if (live) pairs = i / 2 + 1;
    if (i % 2 == 1 && live && lines_[i - 1].live.load(std::memory_order_relaxed)) live_pairs++;
  }
  pairs_.store(pairs, std::memory_order_release);
  live_pairs_.store(live_pairs, std::memory_order_relaxed);
}

}  // namespace vtep
