#include "memory.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace vtep {

Memory::~Memory() {
  if (data_ != nullptr) munmap(data_, size_);
}

bool Memory::create(size_t size, std::string& error) {
  const auto failed = [&](const char* what) {
    error = std::string("shared segment of ") + std::to_string(size) + " bytes: " + what + ": " +
            strerror(errno);
    return false;
  };
  Descriptor file(memfd_create("vtep-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return failed("memfd_create");
  if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) return failed("ftruncate");
  void* map =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (map == MAP_FAILED) return failed("mmap");
  data_ = static_cast<uint8_t*>(map);
  size_ = size;
  // FUTURE_WRITE keeps our mapping and refuses every later writable one: a client of the same user
  // could re-open the file. It refuses holes, too (MADV_REMOVE, EPERM): what was touched stays.
  if (fcntl(file.get(), F_ADD_SEALS,
            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0)
    return failed("F_ADD_SEALS");
  // Address space for millions of MACs does not belong into a core file.
  madvise(data_, size_, MADV_DONTDUMP);
  file_ = std::move(file);
  return true;
}

bool Memory::attach(Descriptor file, size_t size, std::string& error) {
  struct stat status;
  const int seals = fcntl(file.get(), F_GET_SEALS);
  if (fstat(file.get(), &status) != 0 || seals < 0) {
    error = std::string("shared segment: the descriptor from the dataplane is no memfd: ") +
            strerror(errno);
    return false;
  }
  if (static_cast<uint64_t>(status.st_size) != size || (seals & F_SEAL_SHRINK) == 0) {
    error = "shared segment: expected " + std::to_string(size) +
            " bytes sealed against shrinking, got " + std::to_string(status.st_size) +
            " bytes, seals " + std::to_string(seals);
    return false;
  }
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (map == MAP_FAILED) {
    error = std::string("shared segment: mmap of ") + std::to_string(size) +
            " bytes: " + strerror(errno);
    return false;
  }
  data_ = static_cast<uint8_t*>(map);
  size_ = size;
  madvise(data_, size_, MADV_DONTDUMP);
  file_ = std::move(file);
  return true;
}

void Memory::populate(uint64_t offset, size_t size) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t from = offset / page * page;
  madvise(data_ + from, offset + size - from, MADV_POPULATE_WRITE);
}

Descriptor Memory::reader(std::string& error) const {
  Descriptor out(
      open(("/proc/self/fd/" + std::to_string(file_.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!out) error = std::string("shared segment: re-open for reading: ") + strerror(errno);
  return out;
}

}  // namespace vtep
