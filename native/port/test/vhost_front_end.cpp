#include "vhost_front_end.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "../virtio_header.hpp"

namespace vtep::test {
namespace {

constexpr uint16_t kNext = 1, kWrite = 2, kIndirectTable = 4, kAvailable = 1 << 7, kUsed = 1 << 15;

template <class Value>
Value load(const uint8_t* at) {
  Value value;
  __atomic_load(reinterpret_cast<const Value*>(at), &value, __ATOMIC_ACQUIRE);
  return value;
}
template <class Value>
void store(uint8_t* at, Value value) {
  __atomic_store(reinterpret_cast<Value*>(at), &value, __ATOMIC_RELEASE);
}

}  // namespace

void DriverRing::open(Memory memory, uint16_t size, uint64_t features) {
  memory_ = memory;
  size_ = size;
  packed_ = (features & vhost::kRingPacked) != 0;
  event_index_ = (features & vhost::kEventIndex) != 0;
  next_ = told_ = used_next_ = split_next_ = 0;
  wrap_ = used_wrap_ = true;
  slots_.assign(65536, 0);
  memset(memory.data, 0, kBytes);
}

void DriverRing::put(uint16_t index, const Piece& piece, uint16_t id, uint16_t flags) {
  uint8_t* at = descriptors() + 16 * index;
  memcpy(at, &piece.address, 8);
  memcpy(at + 8, &piece.length, 4);
  if (piece.writable) flags |= kWrite;
  if (packed_) {
    memcpy(at + 12, &id, 2);
    store(at + 14, flags);
  } else {
    memcpy(at + 12, &flags, 2);
    const auto next = static_cast<uint16_t>((index + 1) % size_);
    memcpy(at + 14, &next, 2);
  }
}

void DriverRing::offer(uint16_t id, const Piece* pieces, unsigned count, bool indirect) {
  Piece one = {};
  if (indirect) {
    uint8_t* at = table(id);
    for (unsigned i = 0; i < count; i++, at += 16) {
      const auto flags = static_cast<uint16_t>((pieces[i].writable ? kWrite : 0) |
                                               (i + 1 < count && !packed_ ? kNext : 0));
      const auto next = static_cast<uint16_t>(i + 1);
      memcpy(at, &pieces[i].address, 8);
      memcpy(at + 8, &pieces[i].length, 4);
      memcpy(at + 12, packed_ ? &id : &flags, 2);
      memcpy(at + 14, packed_ ? &flags : &next, 2);
    }
    one = {guest_address(table(id)), 16 * count, false};
    pieces = &one;
    count = 1;
  }
  const uint16_t extra = indirect ? kIndirectTable : 0;
  if (!packed_) {
    const uint16_t head = split_next_;
    for (unsigned i = 0; i < count; i++)
      put(static_cast<uint16_t>((head + i) % size_), pieces[i], 0,
          static_cast<uint16_t>(extra | (i + 1 < count ? kNext : 0)));
    split_next_ = static_cast<uint16_t>((head + count) % size_);
    slots_[head] = id;
    store(available() + 4 + 2 * (next_ % size_), head);
    store(available() + 2, ++next_);
    return;
  }
  // The first one last: it makes the chain available.
  const uint16_t first = next_;
  uint16_t first_flags = 0;
  for (unsigned i = 0; i < count; i++) {
    const auto flags =
        static_cast<uint16_t>(extra | (i + 1 < count ? kNext : 0) | (wrap_ ? kAvailable : kUsed));
    if (i == 0) {
      first_flags = flags | (pieces[0].writable ? kWrite : 0);
      put(next_, pieces[0], id, (wrap_ ? kUsed : kAvailable));
    } else {
      put(next_, pieces[i], id, flags);
    }
    if (++next_ == size_) next_ = 0, wrap_ = !wrap_;
  }
  slots_[id] = static_cast<uint16_t>(count);
  store(descriptors() + 16 * first + 14, first_flags);
}

bool DriverRing::wants_kick() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const uint16_t now = next_, before = std::exchange(told_, now);
  if (!packed_) {
    if (!event_index_) return (load<uint16_t>(used()) & 1) == 0;
    const auto event = load<uint16_t>(used() + 4 + 8 * size_);
    return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
  }
  const auto flags = load<uint16_t>(used() + 2);
  if (flags != 2) return flags == 0;
  const auto wanted = load<uint16_t>(used());
  int event = wanted & 0x7fff, start = before;
  if (((wanted & 0x8000) != 0) != wrap_) event -= size_;
  if (now <= before) start -= size_;
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - start);
}

bool DriverRing::has_used() const {
  if (!packed_) return load<uint16_t>(used() + 2) != used_next_;
  const auto flags = load<uint16_t>(descriptors() + 16 * used_next_ + 14);
  return ((flags & kAvailable) != 0) == used_wrap_ && ((flags & kUsed) != 0) == used_wrap_;
}

bool DriverRing::take_used(Used& out) {
  if (!has_used()) return false;
  if (!packed_) {
    const uint8_t* at = used() + 4 + 8 * (used_next_ % size_);
    out.id = slots_[load<uint32_t>(at)];
    out.length = load<uint32_t>(at + 4);
    used_next_++;
    return true;
  }
  const uint8_t* at = descriptors() + 16 * used_next_;
  out.length = load<uint32_t>(at + 8);
  out.id = load<uint16_t>(at + 12);
  const unsigned next = used_next_ + unsigned{slots_[out.id]};
  CHECK(slots_[out.id] > 0, "an id that was not offered");
  if (next >= size_) used_wrap_ = !used_wrap_;
  used_next_ = static_cast<uint16_t>(next % size_);
  return true;
}

void DriverRing::ask_for_calls(bool wanted) {
  if (packed_) {
    store(available(), static_cast<uint16_t>(used_next_ | (used_wrap_ ? 0x8000 : 0)));
    store<uint16_t>(available() + 2, !wanted ? 1 : event_index_ ? 2 : 0);
  } else if (event_index_) {
    if (wanted) store(available() + 4 + 2 * size_, used_next_);
  } else {
    store<uint16_t>(available(), wanted ? 0 : 1);
  }
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// --- the front-end

void FrontEnd::connect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  socket_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool connected = eventually([&] {
    return ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  });
  CHECK(connected, path + ": " + strerror(errno));
}

void FrontEnd::accept(int listener) {
  socket_.reset(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  CHECK(socket_.get() >= 0);
}

void FrontEnd::disconnect() {
  socket_.reset();
  queues_.clear();
  if (memory_ != nullptr) munmap(memory_, bytes_);
  memory_ = nullptr;
}

void FrontEnd::tell(uint32_t request, const void* body, uint32_t size,
                    const std::vector<int>& descriptors, uint32_t flags) {
  vhost::Header header = {request, vhost::kVersion | flags, size};
  iovec pieces[2] = {{&header, sizeof header}, {const_cast<void*>(body), size}};
  alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = size != 0 ? 2 : 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  // Whoever means harm may have been thrown out by now.
  (void)sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
}

uint64_t FrontEnd::ask(uint32_t request, const void* body, uint32_t size) {
  tell(request, body, size);
  struct {
    vhost::Header header;
    uint64_t value;
  } __attribute__((packed)) answer = {};
  CHECK(readable(socket_.get(), 3000), "no answer to " + std::to_string(request));
  CHECK_EQUAL(recv(socket_.get(), &answer, sizeof answer, MSG_WAITALL), ssize_t{20});
  CHECK_EQUAL(answer.header.request, request);
  CHECK_EQUAL(answer.header.flags, vhost::kVersion | vhost::kReply);
  return answer.value;
}

uint64_t FrontEnd::acknowledged(uint32_t request, const void* body, uint32_t size,
                                const std::vector<int>& descriptors) {
  tell(request, body, size, descriptors, vhost::kNeedReply);
  uint64_t answer[3] = {};
  CHECK(readable(socket_.get(), 3000), "no acknowledgement of " + std::to_string(request));
  CHECK_EQUAL(recv(socket_.get(), reinterpret_cast<uint8_t*>(answer) + 4, 20, MSG_WAITALL),
              ssize_t{20});
  return answer[2];
}

bool FrontEnd::thrown_out(unsigned milliseconds) {
  return eventually(
      [&] {
        char byte;
        const ssize_t got = recv(socket_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return got == 0 || (got < 0 && errno == ECONNRESET);
      },
      milliseconds);
}

void FrontEnd::make_memory() {
  const uint64_t pair =
      2 * DriverRing::kBytes + kSendSlots * kSendRoom + kReceiveSlots * setup_.receive_bytes;
  bytes_ = setup_.pairs * ((pair + 4095) & ~uint64_t{4095});
  file_.reset(memfd_create("guest", MFD_CLOEXEC));
  CHECK(file_ && ftruncate(file_.get(), static_cast<off_t>(bytes_)) == 0);
  memory_ = static_cast<uint8_t*>(
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0));
  CHECK(memory_ != MAP_FAILED);
}

void FrontEnd::negotiate() {
  const uint64_t offered = ask(vhost::kGetFeatures);
  uint64_t features = setup_.features;
  CHECK_EQUAL(offered & features, features);
  if (setup_.protocol_features) {
    features |= vhost::kProtocolFeatures;
    const uint64_t protocol = ask(vhost::kGetProtocolFeatures);
    CHECK((protocol & vhost::kProtocolReplyAck) != 0);
    tell(vhost::kSetProtocolFeatures, &protocol, 8);
    CHECK(ask(vhost::kGetQueueNum) >= setup_.pairs);
  }
  tell(vhost::kSetOwner, nullptr, 0);
  tell(vhost::kSetFeatures, &features, 8);
  make_memory();
  // Two regions that meet inside a buffer, as memory slots of a machine do.
  const uint64_t middle = bytes_ / 2 & ~uint64_t{4095};
  const uint64_t cuts[3] = {0, middle, bytes_};
  vhost::Body body = {};
  body.table.count = 2;
  for (unsigned i = 0; i < 2; i++) {
    const vhost::RegionBody region = {kGuestBase + cuts[i], cuts[i + 1] - cuts[i],
                                      reinterpret_cast<uint64_t>(memory_) + cuts[i], cuts[i]};
    body.table.regions[i] = region;
    if (!setup_.slots) continue;
    vhost::Body slot = {};
    slot.slot.region = region;
    // QEMU adds each once for every pair of queues.
    for (unsigned times = 0; times < 2; times++)
      CHECK_EQUAL(acknowledged(vhost::kAddMemReg, &slot, 40, {file_.get()}), uint64_t{0});
    CHECK_EQUAL(acknowledged(vhost::kRemMemReg, &slot, 40), uint64_t{0});
  }
  if (!setup_.slots) tell(vhost::kSetMemTable, &body, 72, {file_.get(), file_.get()});
}

void FrontEnd::start() {
  queues_.resize(2 * setup_.pairs);
  uint8_t* at = memory_;
  for (unsigned i = 0; i < queues_.size(); i++) {
    Queue& queue = queues_[i];
    const bool sends = i % 2 == 1;
    const uint16_t slots = sends ? kSendSlots : kReceiveSlots;
    queue.ring.open({at, guest_address(at)}, 1024, setup_.features);
    at += DriverRing::kBytes;
    queue.buffers = at;
    at += sends ? kSendSlots * kSendRoom : uint64_t{kReceiveSlots} * setup_.receive_bytes;
    queue.free.clear();
    if (sends)
      for (uint16_t slot = 0; slot < slots; slot++) queue.free.push_back(slot);
    queue.kick.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    queue.call.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

    const vhost::VringState size = {i, 1024}, enable = {i, 1};
    const vhost::VringState base = {i,
                                    (setup_.features & vhost::kRingPacked) != 0 ? 0x80008000u : 0u};
    vhost::VringAddress address = {};
    address.index = i;
    address.descriptors = reinterpret_cast<uint64_t>(queue.ring.descriptors());
    address.available = reinterpret_cast<uint64_t>(queue.ring.available());
    address.used = reinterpret_cast<uint64_t>(queue.ring.used());
    const uint64_t index = i;
    tell(vhost::kSetVringCall, &index, 8, {queue.call.get()});
    tell(vhost::kSetVringNum, &size, 8);
    tell(vhost::kSetVringBase, &base, 8);
    tell(vhost::kSetVringAddr, &address, 40);
    tell(vhost::kSetVringKick, &index, 8, {queue.kick.get()});
    if (setup_.protocol_features) tell(vhost::kSetVringEnable, &enable, 8);
  }
  for (unsigned pair = 0; pair < setup_.pairs; pair++)
    for (uint16_t slot = 0; slot < kReceiveSlots; slot++) offer_receive(pair, slot);
  // All of it has been done when this is answered.
  (void)ask(vhost::kGetFeatures);
}

void FrontEnd::offer_receive(unsigned pair, uint16_t slot) {
  Queue& queue = queues_[2 * pair];
  const uint8_t* at = queue.buffers + uint64_t{slot} * setup_.receive_bytes;
  const DriverRing::Piece piece = {guest_address(at), setup_.receive_bytes, true};
  queue.ring.offer(slot, &piece, 1, false);
}

void FrontEnd::kick(unsigned ring) {
  kicks++;
  CHECK(eventfd_write(queues_[ring].kick.get(), 1) == 0);
}

bool FrontEnd::inject(const Bytes& frame, unsigned pair) {
  Queue& queue = queues_[2 * pair + 1];
  for (DriverRing::Used used; queue.ring.take_used(used);) queue.free.push_back(used.id);
  if (queue.free.empty()) return false;
  const uint16_t slot = queue.free.front();
  queue.free.pop_front();
  uint8_t* at = queue.buffers + slot * kSendRoom;
  const VirtioHeader header = to_virtio(frame.meta);
  memset(at, 0, 12);
  memcpy(at, &header, sizeof header);
  memcpy(at + header_bytes(), frame.bytes.data(), frame.bytes.size());
  // Cut at odd places, the first inside of the header.
  std::vector<DriverRing::Piece> pieces;
  const auto whole = static_cast<uint32_t>(header_bytes() + frame.bytes.size());
  for (uint32_t done = 0; done < whole;) {
    const bool last = pieces.size() + 1 == setup_.pieces;
    const uint32_t length = last ? whole - done : std::min<uint32_t>(whole - done, 7);
    pieces.push_back({guest_address(at + done), length, false});
    done += length;
  }
  queue.ring.offer(slot, pieces.data(), static_cast<unsigned>(pieces.size()), setup_.indirect);
  if (queue.ring.wants_kick()) kick(2 * pair + 1);
  return true;
}

std::vector<Bytes> FrontEnd::take(unsigned pair) {
  Queue& queue = queues_[2 * pair];
  std::vector<Bytes> all;
  for (DriverRing::Used used; queue.ring.take_used(used);) {
    const uint8_t* at = queue.buffers + uint64_t{used.id} * setup_.receive_bytes;
    VirtioHeader header;
    memcpy(&header, at, sizeof header);
    uint16_t buffers = 1;
    if (header_bytes() == 12) memcpy(&buffers, at + 10, 2);
    CHECK(buffers > 0);
    Bytes frame;
    frame.meta = to_meta(header);
    frame.bytes.assign(at + header_bytes(), at + used.length);
    offer_receive(pair, used.id);
    for (unsigned i = 1; i < buffers; i++) {
      CHECK(queue.ring.take_used(used), "a frame came in parts");
      at = queue.buffers + uint64_t{used.id} * setup_.receive_bytes;
      frame.bytes.insert(frame.bytes.end(), at, at + used.length);
      offer_receive(pair, used.id);
    }
    all.push_back(std::move(frame));
  }
  return all;
}

std::string vhost_socket() { return "/tmp/vtep-vhost-test-" + std::to_string(getpid()); }

std::unique_ptr<Port> open_vhost_server(unsigned queues) {
  return open_or_fail("vhost-user", "v", "socket=" + vhost_socket(), queues);
}

void exchange(Port& port, FrontEnd& guest, unsigned rounds) {
  for (unsigned round = 0; round < rounds; round++) {
    std::vector<Bytes> sent;
    for (uint32_t i = 0; i < 60; i++) sent.push_back({numbered_frame(i, 60 + i * 977 % 1455), {}});
    if (port.abilities().partial_checksum) sent.push_back(tcp_frame(777, 0));
    if (port.abilities().tcp_segmentation) sent.push_back(tcp_frame(65535 - 54, 1460));
    for (const Bytes& frame : sent) CHECK(guest.inject(frame));
    const auto received = receive_all(port, 0, sent.size());
    CHECK_EQUAL(received.size(), sent.size());
    for (const Bytes& frame : sent) CHECK_EQUAL(send_one(port, 0, frame).sent, 1u);
    const auto taken = guest.take();
    CHECK_EQUAL(taken.size(), sent.size());
    for (size_t i = 0; i < sent.size(); i++) {
      CHECK(received[i].bytes == sent[i].bytes, "received " + std::to_string(i));
      CHECK(taken[i].bytes == sent[i].bytes, "taken " + std::to_string(i));
      for (const Bytes& got : {received[i], taken[i]}) {
        CHECK_EQUAL(got.meta.gso_type, sent[i].meta.gso_type);
        CHECK_EQUAL(got.meta.gso_size, sent[i].meta.gso_size);
        CHECK_EQUAL(got.meta.flags, sent[i].meta.flags);
        CHECK_EQUAL(got.meta.checksum_start, sent[i].meta.checksum_start);
      }
    }
  }
}

}  // namespace vtep::test
