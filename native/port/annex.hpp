// A network namespace of our own, for what no program can do by itself, and a veth into it. Frames
// pass the veth from far end to far end without a queue (bpf_redirect_peer). What is in there ends
// with this object, also when the process is killed. Our end of the veth is seen as vtep-inN; the
// host's stack has no part in it.
#pragma once
#include <stdint.h>

#include <string>

#include "descriptor.hpp"

namespace vtep {

class Annex {
 public:
  // `back` runs where frames come up again at our end, and drops what is not its own; `in`, if
  // there is one, at the other. False with one sentence; then nothing is left behind.
  bool open(const Descriptor& back, const Descriptor* in, std::string& error);
  void close() { *this = Annex(); }
  const Descriptor& inside() const { return namespace_; }
  // Interface numbers: of our end, in our namespace, and of the other one, in the other.
  uint32_t near_end() const { return near_end_; }
  uint32_t far_end() const { return far_end_; }

 private:
  bool make(const Descriptor& back, const Descriptor* in, std::string& error);

  Descriptor namespace_;
  Descriptor back_, in_;
  uint32_t near_end_ = 0, far_end_ = 0;
};

}  // namespace vtep
