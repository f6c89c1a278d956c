#include "metadata.hpp"

namespace vtep {
namespace {

// Header length of a super-frame, 0 when metadata and frame do not fit together.
uint32_t super_frame_header(const uint8_t* data, uint32_t length, const Layers& layers,
                            const Meta& meta) {
  const uint8_t type = meta.gso_type & static_cast<uint8_t>(~kGsoEcn);
  const uint32_t l4 = layers.l4;
  if (l4 == 0 || layers.fragment || meta.checksum_start != l4) return 0;
  if (type == kGsoUdp) {
    const bool fits = layers.protocol == kProtocolUdp && meta.checksum_offset == 6 &&
                      (meta.gso_type & kGsoEcn) == 0 && length - l4 >= 8;
    return fits ? l4 + 8 : 0;
  }
  if (layers.version != (type == kGsoTcp4 ? 4 : 6) || layers.protocol != kProtocolTcp) return 0;
  if (meta.checksum_offset != 16 || length - l4 < 20) return 0;
  const uint32_t header = (data[l4 + 12] >> 4) * 4u;
  return header >= 20 && header <= length - l4 ? l4 + header : 0;
}

}  // namespace

Drop check_offloads(const uint8_t* data, uint32_t length, const Layers& layers, Meta& meta) {
  const Meta said = meta;
  meta = {};
  const bool needs = (said.flags & kNeedsChecksum) != 0;
  if (needs) {
    // Every checksum of the Internet lies at an even place behind an even header; so does the sum
    // we would make.
    const uint32_t field = uint32_t{said.checksum_start} + said.checksum_offset;
    if (said.checksum_start < kEthernetHeader || field + 2 > length ||
        (said.checksum_start & 1) != 0 || (said.checksum_offset & 1) != 0) {
      return Drop::bad_metadata;
    }
    meta.flags = kNeedsChecksum;
    meta.checksum_start = said.checksum_start;
    meta.checksum_offset = said.checksum_offset;
  }
  if (said.gso_type == kGsoNone) return Drop::none;
  const uint8_t type = said.gso_type & static_cast<uint8_t>(~kGsoEcn);
  if (type != kGsoTcp4 && type != kGsoTcp6 && type != kGsoUdp) {
    return type == kGsoNone ? Drop::bad_metadata : Drop::gso_unsupported;
  }
  if (!needs || said.gso_size == 0 || said.header_length > length) return Drop::bad_metadata;
  const uint32_t header = super_frame_header(data, length, layers, said);
  if (header == 0) return Drop::bad_metadata;
  if (header > kMaxSegmentHeader) return Drop::gso_unsupported;
  if ((length - header) / said.gso_size >= kMaxSegments) return Drop::bad_metadata;
  meta.gso_type = said.gso_type;
  meta.gso_size = said.gso_size;
  meta.header_length = static_cast<uint16_t>(header);
  return Drop::none;
}

}  // namespace vtep
