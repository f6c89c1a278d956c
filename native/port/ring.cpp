// ring: frames come from and go to memory of the same process, with their metadata. Needs no
// privilege.
#include "ring.hpp"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>

#include "descriptor.hpp"
#include "port.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"capacity", "number", "256", "frames that wait in each direction and queue, 1 to 65536"},
    {"offloads", "flag", "yes", "take partial checksums and super-frames as they are"},
};

// One writer, one reader, no lock. The eventfd is readable while there is something to read: the
// writer rings after each batch, the reader clears it when it finds the lane empty and looks once
// more.
class Lane {
 public:
  bool open(size_t capacity) {
    slots_.resize(capacity);
    bell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return static_cast<bool>(bell_);
  }
  int descriptor() const { return bell_.get(); }

  // Writer. Pieces are copied; the slot keeps its memory for the next frame.
  bool push(const iovec* pieces, unsigned count, uint32_t length, const Meta& meta) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    Slot& slot = slots_[tail % slots_.size()];
    slot.bytes.resize(length);
    slot.meta = meta;
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
      memcpy(slot.bytes.data() + at, pieces[i].iov_base, pieces[i].iov_len);
      at += pieces[i].iov_len;
    }
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  void wake() const { (void)::eventfd_write(bell_.get(), 1); }

  // Reader. Frames stay valid until the next call, which gives them back.
  unsigned pull(Frame* frames, unsigned max) {
    head_.store(read_, std::memory_order_release);
    uint64_t available = tail_.load(std::memory_order_acquire) - read_;
    if (available == 0) {
      eventfd_t rings;
      (void)::eventfd_read(bell_.get(), &rings);
      available = tail_.load(std::memory_order_acquire) - read_;
      if (available != 0) wake();  // it may have rung between the two looks: stay readable
    }
    unsigned filled = 0;
    for (; filled < max && filled < available; filled++) {
      Slot& slot = slots_[read_++ % slots_.size()];
      frames[filled] = Frame{};
      frames[filled].data = slot.bytes.data();
      frames[filled].length = static_cast<uint32_t>(slot.bytes.size());
      frames[filled].meta = slot.meta;
    }
    return filled;
  }

 private:
  struct Slot {
    std::vector<uint8_t> bytes;
    Meta meta;
  };
  std::vector<Slot> slots_;
  Descriptor bell_;
  alignas(64) std::atomic<uint64_t> tail_ = 0;
  alignas(64) std::atomic<uint64_t> head_ = 0;
  uint64_t read_ = 0;  // behind the frames that the reader has been lent
};

class RingPort : public Port, public Ring {
 public:
  bool open(const OpenContext& context, std::string& error) {
    const uint64_t capacity = context.options.number("capacity", 256);
    if (capacity < 1 || capacity > 65536) {
      error = "ring " + context.name + ": option capacity: expected 1 to 65536, got " +
              std::to_string(capacity);
      return false;
    }
    const bool offloads = context.options.flag("offloads", true);
    abilities_ = {offloads, offloads, offloads};
    in_ = std::vector<Lane>(context.queues);
    out_ = std::vector<Lane>(context.queues);
    any_out_.reset(::epoll_create1(EPOLL_CLOEXEC));
    bool opened = static_cast<bool>(any_out_);
    for (unsigned i = 0; i < context.queues && opened; i++) {
      opened = in_[i].open(capacity) && out_[i].open(capacity);
      epoll_event event = {};
      event.events = EPOLLIN;
      opened =
          opened && ::epoll_ctl(any_out_.get(), EPOLL_CTL_ADD, out_[i].descriptor(), &event) == 0;
    }
    if (!opened) error = "ring " + context.name + ": eventfd: " + strerror(errno);
    return opened;
  }

  int wait_descriptor(unsigned queue) const override { return in_[queue].descriptor(); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    return in_[queue].pull(frames, max);
  }
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    SendResult result;
    for (; result.sent < count; result.sent++) {
      const Gather& frame = frames[result.sent];
      if (out_[queue].push(frame.pieces, frame.count, frame.length, frame.meta)) continue;
      result.reason = Drop::tx_queue_full;
      break;
    }
    if (result.sent != 0) out_[queue].wake();
    return result;
  }
  Abilities abilities() const override { return abilities_; }
  Ring* ring() override { return this; }

  bool inject(unsigned queue, const uint8_t* bytes, size_t length, const Meta& meta) override {
    if (length > kMaxFrameBytes || queue >= in_.size()) return false;
    const iovec piece = {const_cast<uint8_t*>(bytes), length};
    if (!in_[queue].push(&piece, 1, static_cast<uint32_t>(length), meta)) return false;
    in_[queue].wake();
    return true;
  }
  bool take(Frame& out) override {
    for (unsigned tried = 0; tried < out_.size(); tried++) {
      if (out_[next_].pull(&out, 1) == 1) return true;
      next_ = (next_ + 1) % static_cast<unsigned>(out_.size());
    }
    return false;
  }
  int take_descriptor() const override { return any_out_.get(); }

 private:
  Abilities abilities_;
  std::vector<Lane> in_, out_;
  Descriptor any_out_;
  unsigned next_ = 0;  // lane that take() reads; it stays with one while that has frames
};

std::unique_ptr<Port> open_ring(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<RingPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind ring_port_kind;
const PortKind ring_port_kind = {"ring", "memory of the same process, for tests and the library",
                                 kOptions, std::size(kOptions), open_ring};

}  // namespace vtep
