// The shared segment's memory: a sparse memfd that the dataplane maps writable and everybody else
// read-only.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "../port/descriptor.hpp"

namespace vtep {

class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  // Creates and maps `size` bytes of zeros. Afterwards the file can neither shrink nor grow, and
  // nobody can map it writable any more.
  bool create(size_t size, std::string& error);
  // Maps somebody's segment for reading; takes the descriptor. Refuses a file that could shrink
  // under us.
  bool attach(Descriptor file, size_t size, std::string& error);
  // Has these bytes in memory at once. What can not be had now comes when it is touched, as else.
  void populate(uint64_t offset, size_t size);
  // A descriptor that only reads, to hand to a client.
  Descriptor reader(std::string& error) const;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  Descriptor file_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vtep
