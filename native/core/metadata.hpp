// Checks what a tenant (or the kernel) says about offloads against the frame it comes with.
#pragma once
#include "drop.hpp"
#include "frame.hpp"
#include "layers.hpp"

namespace vtep {

inline constexpr uint32_t kMaxSegmentHeader = 256;  // headers of a super-frame that can be cut
inline constexpr uint32_t kMaxSegments = 2048;      // 64 KB at the smallest MSS a kernel sends

Drop check_offloads(const uint8_t* data, uint32_t length, const Layers& layers, Meta& meta);

// Makes `meta` canonical: only what holds and is needed is left (a tenant's "checksum is valid" is
// not), and header_length of a super-frame is the true length of its headers.
inline Drop check_metadata(const uint8_t* data, uint32_t length, const Layers& layers, Meta& meta) {
  if (has_offloads(meta)) return check_offloads(data, length, layers, meta);
  meta = {};
  return Drop::none;
}

// Bytes of the largest frame that this one is on the wire: itself, or one segment.
inline uint32_t wire_length(uint32_t length, const Meta& meta) {
  if (meta.gso_type == kGsoNone) return length;
  const uint32_t segment = uint32_t{meta.header_length} + meta.gso_size;
  return segment < length ? segment : length;
}

}  // namespace vtep
