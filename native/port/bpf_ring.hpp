// The reader's end of a ring that programs in the kernel write records to (Linux
// Documentation/bpf/ringbuf.rst).
#pragma once
#include <stdint.h>

#include "bpf_program.hpp"

namespace vtep {

class BpfRing {
 public:
  BpfRing() = default;
  BpfRing(const BpfRing&) = delete;
  BpfRing& operator=(const BpfRing&) = delete;
  ~BpfRing();

  // `map` is of type BPF_MAP_TYPE_RINGBUF with so many octets, a power of two, whole pages.
  bool open(const Descriptor& map, uint32_t octets);
  // Calls visit(record, octets) for all that is there. The map's descriptor is readable when there
  // is something.
  template <class Visit>
  void drain(Visit visit);

 private:
  const uint8_t* next(uint32_t& octets);
  void pass();

  volatile uint64_t* consumed_ = nullptr;  // a page that we write
  const uint8_t* produced_ = nullptr;      // a page with the writer's place, then the data twice
  uint32_t octets_ = 0, page_ = 0, length_ = 0;
};

template <class Visit>
void BpfRing::drain(Visit visit) {
  uint32_t octets = 0;
  while (const uint8_t* record = next(octets)) {
    if (octets != 0) visit(record, octets);
    pass();
  }
}

}  // namespace vtep
