// What travels through the switch: bytes plus the offload metadata that virtio_net_hdr carries.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace vtep {

// Values of virtio_net_hdr (VIRTIO 1.2 section 5.1.6), host byte order here.
enum MetaFlag : uint8_t { kNeedsChecksum = 1, kDataValid = 2 };
enum GsoType : uint8_t { kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4, kGsoUdp = 5, kGsoEcn = 0x80 };

struct Meta {
  uint8_t flags = 0;
  uint8_t gso_type = kGsoNone;
  uint16_t header_length = 0;
  uint16_t gso_size = 0;
  uint16_t checksum_start = 0;   // from the first byte of the frame
  uint16_t checksum_offset = 0;  // from checksum_start
};

// Whether a device has left something to do, or did more than frames have.
inline bool has_offloads(const Meta& meta) {
  return (meta.flags & kNeedsChecksum) != 0 || meta.gso_type != kGsoNone;
}

enum FrameFlag : uint16_t {
  kToReplicator = 1,  // of the uplink: it was sent to our AR-IP (RFC 9574 section 4)
};

// A view: whoever received the frame owns the bytes until the burst is released. `headroom` bytes
// before `data` may be overwritten. The switch edits bytes in place only where the contract says so
// (checksum completion, segmentation scratch, and the headers of packets that it routes: those go
// to one place only).
struct Frame {
  uint8_t* data = nullptr;
  uint32_t length = 0;
  uint32_t headroom = 0;
  Meta meta;
  uint16_t flags = 0;       // FrameFlag bits
  uint8_t source[16] = {};  // uplink frames: outer source address (IPv4 as ::ffff:a.b.c.d)
};

}  // namespace vtep
