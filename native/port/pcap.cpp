// pcap: frames come from one capture file and go to another
// (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html). What is written is complete:
// checksums filled in, super-frames cut, so that any tool reads it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#include "descriptor.hpp"
#include "port.hpp"
#include "virtio_header.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"read", "text", "", "capture file that frames come from, as fast as they are taken"},
    {"write", "text", "", "capture file to create for the frames that are sent"},
    {"delay", "number", "100", "milliseconds before the first frame is read"},
};

struct FileHeader {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t zone, accuracy, snap_length, link_type;
};
static_assert(sizeof(FileHeader) == 24);

struct RecordHeader {
  uint32_t seconds, fraction, captured, original;
};
static_assert(sizeof(RecordHeader) == 16);

constexpr uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;
constexpr uint32_t kSnapLength = 262144;

class PcapPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return queue == 0 ? bell_.get() : -1; }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override;
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override;
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override;
  Abilities abilities() const override { return {}; }

 private:
  static constexpr size_t kArenaBytes = 16 * kMaxFrameBytes;

  bool open_reader(const std::string& path, uint64_t delay_milliseconds, std::string& error);
  bool open_writer(const std::string& path, std::string& error);
  bool read_whole(void* out, size_t size);
  bool skip(uint32_t size);
  void finish();
  uint32_t host(uint32_t value) const { return swapped_ ? __builtin_bswap32(value) : value; }

  Descriptor input_, output_;
  Descriptor
      bell_;  // a timer for the delay; once it has expired it stays readable until the file ends
  bool swapped_ = false;
  std::vector<uint8_t> arena_;
  uint64_t truncated_ = 0, malformed_ = 0;
};

bool PcapPort::open(const OpenContext& context, std::string& error) {
  const std::string *read = context.options.find("read"), *write = context.options.find("write");
  if (read == nullptr && write == nullptr) {
    error = "pcap " + context.name + ": expected option read or write, got neither";
    return false;
  }
  if (read != nullptr && !open_reader(*read, context.options.number("delay", 100), error))
    return false;
  return write == nullptr || open_writer(*write, error);
}

bool PcapPort::open_reader(const std::string& path, uint64_t delay_milliseconds,
                           std::string& error) {
  const std::string where = "pcap: " + path + ": ";
  input_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  FileHeader header;
  if (!input_) {
    error = where + strerror(errno);
    return false;
  }
  if (!read_whole(&header, sizeof header)) {
    error = where + "expected a pcap file, got one shorter than its header";
    return false;
  }
  const uint32_t magic = header.magic, other = __builtin_bswap32(magic);
  swapped_ = other == kMicroseconds || other == kNanoseconds;
  if (!swapped_ && magic != kMicroseconds && magic != kNanoseconds) {
    error = where + "expected a pcap file" +
            (magic == 0x0a0d0d0a ? ", got pcapng; convert it: editcap -F pcap" : "");
    return false;
  }
  if ((host(header.link_type) & 0xffff) != kEthernet) {
    error = where + "expected Ethernet frames (link type 1), got link type " +
            std::to_string(host(header.link_type) & 0xffff);
    return false;
  }
  bell_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec when = {};
  when.it_value.tv_sec = static_cast<time_t>(delay_milliseconds / 1000);
  when.it_value.tv_nsec = static_cast<long>(delay_milliseconds % 1000 * 1000000 + 1);  // 0 disarms
  if (!bell_ || ::timerfd_settime(bell_.get(), 0, &when, nullptr) != 0) {
    error = where + "timerfd: " + strerror(errno);
    return false;
  }
  arena_.resize(kArenaBytes);
  return true;
}

bool PcapPort::open_writer(const std::string& path, std::string& error) {
  output_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
  const FileHeader header = {kNanoseconds, 2, 4, 0, 0, kSnapLength, kEthernet};
  if (output_ && ::write(output_.get(), &header, sizeof header) == sizeof header) return true;
  error = "pcap: " + path + ": can not write: " + strerror(errno);
  return false;
}

bool PcapPort::read_whole(void* out, size_t size) {
  for (size_t have = 0; have < size;) {
    const ssize_t got = ::read(input_.get(), static_cast<uint8_t*>(out) + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    have += static_cast<size_t>(got);
  }
  return true;
}

bool PcapPort::skip(uint32_t size) { return ::lseek(input_.get(), size, SEEK_CUR) >= 0; }

void PcapPort::finish() {
  const itimerspec never = {};
  (void)::timerfd_settime(bell_.get(), 0, &never, nullptr);
  input_.reset();
}

unsigned PcapPort::receive(unsigned queue, Frame* frames, unsigned max) {
  if (queue != 0 || !input_) return 0;
  itimerspec left = {};
  if (::timerfd_gettime(bell_.get(), &left) != 0 || left.it_value.tv_sec != 0 ||
      left.it_value.tv_nsec != 0)
    return 0;
  unsigned filled = 0;
  for (size_t at = 0; filled < max && at + kMaxFrameBytes <= arena_.size();) {
    RecordHeader record;
    if (!read_whole(&record, sizeof record)) {
      finish();
      break;
    }
    const uint32_t size = host(record.captured);
    if (size > kMaxFrameBytes || size < host(record.original)) {
      truncated_++;
      if (!skip(size)) finish();
      continue;
    }
    if (!read_whole(arena_.data() + at, size)) {
      malformed_++;
      finish();
      break;
    }
    frames[filled] = Frame{};
    frames[filled].data = arena_.data() + at;
    frames[filled++].length = size;
    at += (size + 63) & ~uint32_t{63};
  }
  return filled;
}

// One write for each frame, so that workers' frames never mix and the file is whole after every
// one.
SendResult PcapPort::send(unsigned, const Gather* frames, unsigned count) {
  SendResult result;
  if (!output_) return {count, Drop::none};
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  iovec pieces[Gather::kMaxPieces + 1];
  for (; result.sent < count; result.sent++) {
    const Gather& frame = frames[result.sent];
    if (frame.count > Gather::kMaxPieces) return {result.sent, Drop::tx_error};
    RecordHeader record = {static_cast<uint32_t>(now.tv_sec), static_cast<uint32_t>(now.tv_nsec),
                           frame.length, frame.length};
    pieces[0] = {&record, sizeof record};
    memcpy(pieces + 1, frame.pieces, frame.count * sizeof(iovec));
    const ssize_t expected = static_cast<ssize_t>(sizeof record + frame.length);
    const ssize_t written = ::writev(output_.get(), pieces, static_cast<int>(frame.count + 1));
    if (written == expected) continue;
    // A record cut short (disk full) would make the rest of the file unreadable.
    if (written > 0)
      (void)!::ftruncate(output_.get(), ::lseek(output_.get(), 0, SEEK_END) - written);
    return {result.sent, written < 0 && errno == EAGAIN ? Drop::tx_queue_full : Drop::tx_error};
  }
  return result;
}

unsigned PcapPort::take_losses(unsigned queue, Loss* losses, unsigned max) {
  unsigned rows = 0;
  if (queue != 0) return 0;
  if (truncated_ != 0 && rows < max)
    losses[rows++] = {Drop::rx_truncated, std::exchange(truncated_, 0)};
  if (malformed_ != 0 && rows < max)
    losses[rows++] = {Drop::malformed, std::exchange(malformed_, 0)};
  return rows;
}

std::unique_ptr<Port> open_pcap(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<PcapPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind pcap_port_kind;
const PortKind pcap_port_kind = {"pcap", "frames from a capture file, and to another", kOptions,
                                 std::size(kOptions), open_pcap};

}  // namespace vtep
