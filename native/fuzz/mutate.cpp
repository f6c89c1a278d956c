// libFuzzer's custom mutator for the targets whose input is a script.
#include <string.h>

#include "script.hpp"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  using namespace vtep::fuzz;
  // Blind changes now and then: the parts' borders are worth a look as well.
  if (seed % 8 == 0) return LLVMFuzzerMutate(data, size, most);
  Script script = read(data, size);
  for (unsigned i = 0; i <= seed / 8 % 3; i++) change(script, uint64_t{seed} * 4 + i);
  if (seed / 64 % 16 == 0 && !script.operations.empty())
    script.operations.resize(LLVMFuzzerMutate(script.operations.data(), script.operations.size(),
                                              script.operations.size()));
  const Octets out = write(script);
  if (out.size() > most) return LLVMFuzzerMutate(data, size, most);
  memcpy(data, out.data(), out.size());
  return out.size();
}
