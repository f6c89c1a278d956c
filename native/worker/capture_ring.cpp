#include "capture_ring.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace vtep {

namespace {

constexpr uint64_t kSize = CaptureMemory::kRingBytes;
constexpr uint32_t kUnit = 8;
constexpr uint32_t kFillerHead = 8;  // length and point
static_assert(offsetof(CaptureRecord, length) == 0 && offsetof(CaptureRecord, point) == 4);

}  // namespace

CaptureMemory::~CaptureMemory() {
  if (data_ != nullptr) munmap(data_, bytes_needed(workers_));
}

bool CaptureMemory::create(unsigned workers, std::string& error) {
  workers_ = workers;
  file_.reset(memfd_create("vtep-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file_ || ftruncate(file_.get(), static_cast<off_t>(bytes_needed(workers))) != 0 ||
      fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    error = std::string("memory of a capture: ") + strerror(errno);
    return false;
  }
  return map(error);
}

bool CaptureMemory::attach(Descriptor file, unsigned workers, std::string& error) {
  workers_ = workers;
  file_ = std::move(file);
  struct stat status;
  const int seals = fcntl(file_.get(), F_GET_SEALS);
  if (workers == 0 || workers > Limits::maxWorkers || fstat(file_.get(), &status) != 0 ||
      static_cast<uint64_t>(status.st_size) != bytes_needed(workers) || seals < 0 ||
      (seals & F_SEAL_SHRINK) == 0) {
    error = "memory of a capture: expected " + std::to_string(bytes_needed(workers)) +
            " octets sealed against shrinking, got something else";
    return false;
  }
  return map(error);
}

bool CaptureMemory::map(std::string& error) {
  void* map = mmap(nullptr, bytes_needed(workers_), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
  if (map == MAP_FAILED) {
    error = std::string("memory of a capture: mmap: ") + strerror(errno);
    return false;
  }
  data_ = static_cast<uint8_t*>(map);
  madvise(data_, bytes_needed(workers_), MADV_DONTDUMP);
  return true;
}

CaptureRecord* CaptureWriter::begin(uint32_t octets) {
  const uint64_t length = (sizeof(CaptureRecord) + octets + kUnit - 1) / kUnit * kUnit;
  const uint64_t left = kSize - written_ % kSize;
  const uint64_t filler = length <= left ? 0 : left;
  const uint64_t tail = load_acquire(&head_.tail);
  // A tail that can not be is the reader's mistake, and no room for its frames.
  if (tail > published_ || written_ - tail > kSize || written_ - tail + filler + length > kSize)
    return nullptr;
  if (filler != 0) {
    uint8_t* rest = ring_ + written_ % kSize;
    clear(rest, kFillerHead);
    store32(rest, static_cast<uint32_t>(filler));
    written_ += filler;
  }
  auto* record = reinterpret_cast<CaptureRecord*>(ring_ + written_ % kSize);
  clear(record, sizeof *record);
  record->length = static_cast<uint32_t>(length);
  written_ += length;
  return record;
}

void CaptureWriter::publish(uint64_t taken) {
  if (published_ == written_) return;
  store_relaxed(&head_.taken, load_relaxed(&head_.taken) + taken);
  published_ = written_;
  store_release(&head_.head, written_);
}

bool CaptureReader::read(std::string& out, size_t most) {
  for (unsigned i = 0; i < memory_.workers() && out.size() < most; i++) {
    const unsigned worker = next_;
    next_ = (next_ + 1) % memory_.workers();
    CaptureRingHead& ring = memory_.head(worker);
    const uint8_t* bytes = memory_.ring(worker);
    const uint64_t head = load_acquire(&ring.head);
    uint64_t tail = load_relaxed(&ring.tail);
    if (tail > head || head - tail > kSize) return false;
    while (tail < head && out.size() < most) {
      const uint8_t* at = bytes + tail % kSize;
      const uint32_t length = load32(at);
      const uint64_t left = kSize - tail % kSize;
      if (length < kFillerHead || length % kUnit != 0 || length > left || length > head - tail)
        return false;
      if (at[4] != CapturePoint::none) out.append(reinterpret_cast<const char*>(at), length);
      tail += length;
    }
    store_release(&ring.tail, tail);
  }
  return true;
}

CaptureReader::Missed CaptureReader::missed() const {
  Missed sum;
  for (unsigned i = 0; i < memory_.workers(); i++) {
    sum.room += load_relaxed(&memory_.head(i).missed_room);
    sum.rate += load_relaxed(&memory_.head(i).missed_rate);
  }
  return sum;
}

}  // namespace vtep
