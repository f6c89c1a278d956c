#include "encap.hpp"

namespace vtep {

void encap_checksums(const Frame& inner, uint32_t length, uint8_t* out, Meta& meta) {
  const bool outer_checksum = length == kOuterHeader6;
  uint8_t* udp = out + length - kVxlanHeader - 8;
  if ((meta.flags & kNeedsChecksum) == 0) {
    if (outer_checksum) {
      meta.flags = kNeedsChecksum;
      meta.checksum_start = static_cast<uint16_t>(udp - out);
      meta.checksum_offset = 6;
    }
    return;
  }
  if (outer_checksum && meta.gso_type == kGsoNone) {
    // The inner sum will come out as the complement of what its field holds now.
    const uint32_t start = meta.checksum_start;
    uint64_t sum = checksum_add(udp, 8 + kVxlanHeader, 0);
    sum = checksum_add(inner.data, start, sum);
    sum += static_cast<uint16_t>(~load16(inner.data + start + meta.checksum_offset));
    const uint16_t checksum = static_cast<uint16_t>(~checksum_fold(sum));
    store16(udp + 6, checksum == 0 ? uint16_t{0xffff} : checksum);
  }
  meta.checksum_start = static_cast<uint16_t>(meta.checksum_start + length);
  if (meta.gso_type != kGsoNone)
    meta.header_length = static_cast<uint16_t>(meta.header_length + length);
}

}  // namespace vtep
