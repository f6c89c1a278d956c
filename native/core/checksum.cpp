#include "checksum.hpp"

namespace vtep {

// 32-bit words into 64-bit sums: no carries to look after, and compilers make vectors of it.
uint64_t checksum_add(const void* data, size_t length, uint64_t sum) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  uint64_t sums[4] = {};
  for (; length >= 32; p += 32, length -= 32) {
    for (unsigned i = 0; i < 4; i++) {
      sums[i] += uint64_t{load32(p + 8 * i)} + load32(p + 8 * i + 4);
    }
  }
  sum += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (; length >= 4; p += 4, length -= 4) sum += load32(p);
  if (length >= 2) {
    sum += load16(p);
    p += 2;
    length -= 2;
  }
  if (length != 0) sum += *p;
  return sum;
}

uint16_t completed_checksum(const uint8_t* data, uint32_t length, const Meta& meta) {
  const uint32_t start = meta.checksum_start;
  const uint16_t folded = checksum_fold(checksum_add(data + start, length - start, 0));
  const uint16_t checksum = static_cast<uint16_t>(~folded);
  return checksum == 0 ? uint16_t{0xffff} : checksum;
}

void complete(Frame& frame) {
  if ((frame.meta.flags & kNeedsChecksum) == 0) return;
  const uint16_t checksum = completed_checksum(frame.data, frame.length, frame.meta);
  store16(frame.data + frame.meta.checksum_start + frame.meta.checksum_offset, checksum);
  frame.meta = {};
}

}  // namespace vtep
