// The memory of a guest: files that the front-end passed, mapped. Every address that comes from the
// guest is looked up here, with its length.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

#include "descriptor.hpp"
#include "vhost_message.hpp"

namespace vtep {

// One mapped region. Only tmpfs (memfd too) and hugetlbfs files: a page fault on any other may wait
// for ever (FUSE) or for a disk. The file may shrink all the same, with or without seals, so the
// mapping is guarded (vhost_fault.hpp): DPDK's files have no seals, so we can not ask for them.
class GuestRegion {
 public:
  // Null and a sentence. `bell` is rung when the file shrank under us.
  static std::shared_ptr<const GuestRegion> map(const vhost::RegionBody& body, int file, int bell,
                                                std::string& error);
  GuestRegion() = default;
  GuestRegion(const GuestRegion&) = delete;
  GuestRegion& operator=(const GuestRegion&) = delete;
  ~GuestRegion();

  uint64_t guest_address() const { return body_.guest_address; }
  uint64_t user_address() const { return body_.user_address; }
  uint64_t size() const { return body_.size; }
  uint8_t* data() const { return data_; }

 private:
  vhost::RegionBody body_ = {};
  void* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
  int guard_ = -1;
  uint8_t* data_ = nullptr;
};

class GuestMemory {
 public:
  static constexpr unsigned kMaxRegions = 64;
  // Sparse files can be of any size, and our address space (128 TiB) is that of all guests.
  static constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

  // False and a sentence when it overlaps another, or there are too many. The very same one again
  // is none too many: it has to be removed as often.
  bool add(std::shared_ptr<const GuestRegion> region, std::string& error);
  bool remove(const vhost::RegionBody& body);

  // Memory at a guest address, null if there is none; `available` is how much of `length` is there
  // in one piece.
  uint8_t* find(uint64_t guest_address, uint64_t length, uint64_t& available) const {
    const GuestRegion* region = last_;
    if (region == nullptr || guest_address - region->guest_address() >= region->size()) {
      region = search(guest_address);
      if (region == nullptr) return nullptr;
      last_ = region;
    }
    const uint64_t offset = guest_address - region->guest_address();
    available = region->size() - offset < length ? region->size() - offset : length;
    return region->data() + offset;
  }
  // Memory at an address of the front-end, all of it in one region; else null.
  uint8_t* find_user(uint64_t user_address, uint64_t length) const;

 private:
  const GuestRegion* search(uint64_t guest_address) const;

  std::vector<std::shared_ptr<const GuestRegion>> regions_;
  mutable const GuestRegion* last_ = nullptr;  // of the one ring that has this copy
};

}  // namespace vtep
