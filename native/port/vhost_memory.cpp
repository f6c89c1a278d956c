#include "vhost_memory.hpp"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "vhost_fault.hpp"

namespace vtep {
namespace {

constexpr uint64_t kPage = 4096;

// Whether [a, a + a_size) and [b, b + b_size) have something in common; neither wraps.
bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

bool is(const GuestRegion& region, uint64_t guest_address, uint64_t user_address, uint64_t size) {
  return region.guest_address() == guest_address && region.user_address() == user_address &&
         region.size() == size;
}

}  // namespace

std::shared_ptr<const GuestRegion> GuestRegion::map(const vhost::RegionBody& body, int file,
                                                    int bell, std::string& error) {
  uint64_t end, unused;
  if (body.size == 0 || body.size > GuestMemory::kMaxBytes ||
      __builtin_add_overflow(body.file_offset, body.size, &end) ||
      __builtin_add_overflow(body.guest_address, body.size, &unused) ||
      __builtin_add_overflow(body.user_address, body.size, &unused)) {
    error = "memory region: expected a size of 1 byte to 1 TiB that ends below 2^64, got " +
            std::to_string(body.size);
    return nullptr;
  }
  struct stat status;
  struct statfs system;
  if (::fstat(file, &status) != 0 || ::fstatfs(file, &system) != 0) {
    error = std::string("memory region: ") + strerror(errno);
    return nullptr;
  }
  const bool huge = system.f_type == HUGETLBFS_MAGIC;
  if (!S_ISREG(status.st_mode) || (system.f_type != TMPFS_MAGIC && !huge)) {
    error =
        "memory region: expected a memfd, or a file of tmpfs or hugetlbfs, got something else; "
        "QEMU: memory-backend-memfd";
    return nullptr;
  }
  if (end > static_cast<uint64_t>(status.st_size)) {
    error = "memory region: expected a file of at least " + std::to_string(end) +
            " bytes, got one of " + std::to_string(status.st_size);
    return nullptr;
  }
  const uint64_t page = huge ? static_cast<uint64_t>(system.f_bsize) : kPage;
  const uint64_t start = body.file_offset / page * page;
  const uint64_t stop = (end + page - 1) / page * page;
  auto region = std::make_shared<GuestRegion>();
  void* mapping = ::mmap(nullptr, stop - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                         file, static_cast<off_t>(start));
  if (mapping == MAP_FAILED) {
    error = std::string("memory region: mmap: ") + strerror(errno);
    return nullptr;
  }
  // A guest's memory is not for our core dumps.
  (void)::madvise(mapping, stop - start, MADV_DONTDUMP);
  region->body_ = body;
  region->mapping_ = mapping;
  region->mapping_bytes_ = stop - start;
  region->data_ = static_cast<uint8_t*>(mapping) + (body.file_offset - start);
  region->guard_ = guard_range(mapping, stop - start, bell);
  if (region->guard_ >= 0) return region;
  error = "memory region: too many regions of all guests together";
  return nullptr;
}

GuestRegion::~GuestRegion() {
  if (guard_ >= 0) unguard_range(guard_);
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
}

bool GuestMemory::add(std::shared_ptr<const GuestRegion> region, std::string& error) {
  uint64_t bytes = region->size();
  for (const auto& other : regions_) bytes += other->size();
  if (regions_.size() == kMaxRegions || bytes > kMaxBytes) {
    error = "memory: expected at most " + std::to_string(kMaxRegions) + " regions and 1 TiB";
    return false;
  }
  for (const auto& other : regions_) {
    // QEMU adds its regions once for each pair of queues, and removes them as often.
    if (is(*other, region->guest_address(), region->user_address(), region->size())) continue;
    if (!overlap(region->guest_address(), region->size(), other->guest_address(), other->size()) &&
        !overlap(region->user_address(), region->size(), other->user_address(), other->size()))
      continue;
    error = "memory: two regions overlap";
    return false;
  }
  regions_.push_back(std::move(region));
  return true;
}

bool GuestMemory::remove(const vhost::RegionBody& body) {
  last_ = nullptr;
  const auto found = std::find_if(regions_.begin(), regions_.end(), [&](const auto& region) {
    return is(*region, body.guest_address, body.user_address, body.size);
  });
  if (found == regions_.end()) return false;
  regions_.erase(found);
  return true;
}

const GuestRegion* GuestMemory::search(uint64_t guest_address) const {
  for (const auto& region : regions_)
    if (guest_address - region->guest_address() < region->size()) return region.get();
  return nullptr;
}

uint8_t* GuestMemory::find_user(uint64_t user_address, uint64_t length) const {
  for (const auto& region : regions_) {
    const uint64_t offset = user_address - region->user_address();
    if (offset < region->size() && length <= region->size() - offset)
      return region->data() + offset;
  }
  return nullptr;
}

}  // namespace vtep
