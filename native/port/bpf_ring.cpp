#include "bpf_ring.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace vtep {
namespace {

constexpr uint32_t kHeader = 8;  // length and flags, then the kernel's own word
constexpr uint32_t kAlign = 8;

uint32_t place_of(uint32_t length) { return (length + kHeader + kAlign - 1) / kAlign * kAlign; }

}  // namespace

bool BpfRing::open(const Descriptor& map, uint32_t octets) {
  page_ = static_cast<uint32_t>(::sysconf(_SC_PAGESIZE));
  octets_ = octets;
  void* consumed = ::mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
  void* produced =
      ::mmap(nullptr, page_ + size_t{2} * octets, PROT_READ, MAP_SHARED, map.get(), page_);
  if (consumed != MAP_FAILED) consumed_ = static_cast<uint64_t*>(consumed);
  if (produced != MAP_FAILED) produced_ = static_cast<const uint8_t*>(produced);
  return consumed_ != nullptr && produced_ != nullptr;
}

BpfRing::~BpfRing() {
  if (consumed_ != nullptr) ::munmap(const_cast<uint64_t*>(consumed_), page_);
  if (produced_ != nullptr) ::munmap(const_cast<uint8_t*>(produced_), page_ + size_t{2} * octets_);
}

// Null: nothing is there, or its writer has not finished yet. Octets 0: a record that was taken
// back.
const uint8_t* BpfRing::next(uint32_t& octets) {
  const uint64_t at = *consumed_;
  if (at == __atomic_load_n(reinterpret_cast<const uint64_t*>(produced_), __ATOMIC_ACQUIRE))
    return nullptr;
  const uint8_t* record = produced_ + page_ + at % octets_;
  const uint32_t head =
      __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
  if ((head & BPF_RINGBUF_BUSY_BIT) != 0) return nullptr;
  length_ = head & ~static_cast<uint32_t>(BPF_RINGBUF_DISCARD_BIT);
  octets = (head & BPF_RINGBUF_DISCARD_BIT) != 0 ? 0 : length_;
  return record + kHeader;
}

void BpfRing::pass() {
  __atomic_store_n(const_cast<uint64_t*>(consumed_), *consumed_ + place_of(length_),
                   __ATOMIC_RELEASE);
}

}  // namespace vtep
