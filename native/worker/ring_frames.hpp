// Frames of a ring port as the verbs ring-send and ring-receive carry them: ten bytes of metadata
// (u8 flags, u8 gso type, u16 header length, u16 gso size, u16 checksum start, u16 checksum
// offset), u32 length, the bytes; all little-endian, as in core/run.hpp.
#pragma once
#include <string.h>

#include <string>
#include <string_view>

#include "../core/bytes.hpp"
#include "../core/frame.hpp"

namespace vtep {

inline constexpr size_t kRingFrameHeader = 14;
inline constexpr size_t kRingFrameMost = kRingFrameHeader + 65536 + 256;

// Takes one frame off the front. Its bytes lie in `text`.
inline bool unpack_ring_frame(std::string_view& text, Frame& out) {
  if (text.size() < kRingFrameHeader) return false;
  auto* bytes = reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  out = Frame();
  out.meta.flags = bytes[0];
  out.meta.gso_type = bytes[1];
  out.meta.header_length = load16(bytes + 2);
  out.meta.gso_size = load16(bytes + 4);
  out.meta.checksum_start = load16(bytes + 6);
  out.meta.checksum_offset = load16(bytes + 8);
  out.length = load32(bytes + 10);
  out.data = bytes + kRingFrameHeader;
  if (out.length > text.size() - kRingFrameHeader) return false;
  text.remove_prefix(kRingFrameHeader + out.length);
  return true;
}

inline void pack_ring_frame(const Frame& frame, std::string& out) {
  uint8_t header[kRingFrameHeader];
  header[0] = frame.meta.flags;
  header[1] = frame.meta.gso_type;
  store16(header + 2, frame.meta.header_length);
  store16(header + 4, frame.meta.gso_size);
  store16(header + 6, frame.meta.checksum_start);
  store16(header + 8, frame.meta.checksum_offset);
  store32(header + 10, frame.length);
  out.append(reinterpret_cast<const char*>(header), sizeof header);
  out.append(reinterpret_cast<const char*>(frame.data), frame.length);
}

}  // namespace vtep
