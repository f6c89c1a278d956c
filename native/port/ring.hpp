// The far side of a `ring` port: memory instead of a wire. For tests and for the library.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../core/frame.hpp"

namespace vtep {

class Ring {
 public:
  virtual ~Ring() = default;
  // One thread at a time, any. False when the queue is full (counted as rx_ring_full by nobody: the
  // caller knows).
  virtual bool inject(unsigned queue, const uint8_t* bytes, size_t length, const Meta& meta) = 0;
  // One thread at a time, any. The next frame that was sent to the port, from all queues in turn;
  // its bytes are valid until the next take(). False when there is none.
  virtual bool take(Frame& out) = 0;
  // Readable while take() has a frame.
  virtual int take_descriptor() const = 0;
};

}  // namespace vtep
