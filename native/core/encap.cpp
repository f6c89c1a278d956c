#include "encap.hpp"

#include "checksum.hpp"

namespace vtep {

uint32_t encap_outer(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash,
                     uint32_t inner_length, uint8_t* out, OuterChecksum checksum) {
  const bool v4 = remote.headerLength == kOuterHeader4;
  // A fixed size is a few wide moves; the tail beyond an IPv4 header is scratch.
  copy(out, remote.header, kMaxOuterHeader);
  uint8_t* ip = out + 14;
  uint8_t* udp = ip + (v4 ? 20 : 40);
  const uint16_t udp_length = static_cast<uint16_t>(inner_length + kVxlanHeader + 8);
  if (v4) {
    const uint16_t total = static_cast<uint16_t>(udp_length + 20);
    put_net16(ip + 2, total);
    const uint64_t sum =
        uint64_t{static_cast<uint16_t>(~load16(ip + 10))} + __builtin_bswap16(total);
    store16(ip + 10, static_cast<uint16_t>(~checksum_fold(sum)));
  } else {
    put_net16(ip + 4, udp_length);
  }
  put_net16(udp, source_port(hash));
  put_net16(udp + 4, udp_length);
  if (!v4 || checksum == OuterChecksum::partial) {
    store16(udp + 6, checksum_fold(uint64_t{remote.pseudoSum} + __builtin_bswap16(udp_length)));
  }
  put_net32(udp + 12, vni << 8);
  return remote.headerLength;
}

uint32_t encap_frame(const RemoteSnapshot& remote, uint32_t vni, uint32_t hash, const Frame& inner,
                     uint8_t* out, Meta& meta) {
  const uint32_t length = encap_outer(remote, vni, hash, inner.length, out);
  meta = inner.meta;
  const bool outer_checksum = length == kOuterHeader6;
  uint8_t* udp = out + length - kVxlanHeader - 8;
  if ((meta.flags & kNeedsChecksum) == 0) {
    if (outer_checksum) {
      meta.flags = kNeedsChecksum;
      meta.checksum_start = static_cast<uint16_t>(udp - out);
      meta.checksum_offset = 6;
    }
    return length;
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
  return length;
}

}  // namespace vtep
