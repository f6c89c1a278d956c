// Frames of every kind that a tenant can send, each with its checksums done and left to do.
#pragma once
#include <string>
#include <vector>

#include "judge.hpp"

namespace vtep::test {

struct Sample {
  std::string name;
  std::vector<Bytes> frames;  // one, or segments that follow each other
  bool has_metadata = false;
};

// The destination MAC of all. Sources are 02:00:00:00:01:NN, NN the index of the sample.
constexpr uint8_t kTaker[6] = {2, 0, 0, 0, 0, 2};

const std::vector<Sample>& samples();
// Which sample a frame belongs to; SIZE_MAX: none.
size_t sample_of(const Octets& frame);

}  // namespace vtep::test
