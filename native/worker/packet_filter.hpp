// A filter in tcpdump's language, as libpcap compiles it: a program of classic BPF. Checked once,
// then run here for each frame. It can only read the frame, go forward, and answer yes or no.
#pragma once
#include <stdint.h>
#include <sys/uio.h>

#include <string>
#include <string_view>
#include <vector>

namespace vtep {

// Octets of a frame that lie in several places, without the first `skip`.
struct FrameView {
  const iovec* pieces = nullptr;
  unsigned count = 0;
  uint32_t length = 0;  // behind `skip`
  uint32_t skip = 0;

  // Big-endian, of 1, 2 or 4 octets. False where the frame ends before.
  bool load(uint64_t offset, unsigned width, uint32_t& out) const;
  // The first octets, at most `most`; answers how many.
  uint32_t copy_to(uint8_t* out, uint32_t most) const;
};

class PacketFilter {
 public:
  // As the kernel's sock_filter and libpcap's bpf_insn.
  struct Instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t k;
  };
  static_assert(sizeof(Instruction) == 8);
  static constexpr size_t kMostInstructions = 4096;

  // Takes instructions as they lie in memory. False with one sentence when they are no program that
  // ends: another operation, a jump behind the end, a division by 0, a word of memory that is not
  // there.
  static bool parse(std::string_view bytes, PacketFilter& out, std::string& error);

  // Without a program every frame is wanted.
  bool matches(const FrameView& frame) const;

 private:
  std::vector<Instruction> program_;
};

}  // namespace vtep
