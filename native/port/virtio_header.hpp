// The offload header that AF_PACKET and tun put in front of a frame (VIRTIO 1.2 section 5.1.6,
// legacy form in host byte order), and what the errors of sending mean.
#pragma once
#include <errno.h>
#include <stdint.h>

#include "../core/drop.hpp"
#include "../core/frame.hpp"

namespace vtep {

// struct virtio_net_hdr; <linux/virtio_net.h> is not C++.
struct VirtioHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
};
static_assert(sizeof(VirtioHeader) == 10);

// The largest frame a kernel makes without BIG TCP: 64 KiB behind the Ethernet header, which may
// carry tags, and a tunnel's headers.
constexpr uint32_t kMaxFrameBytes = 65536 + 256;

inline Meta to_meta(const VirtioHeader& header) {
  Meta meta;
  meta.flags = header.flags & (kNeedsChecksum | kDataValid);
  meta.gso_type = header.gso_type;
  meta.header_length = header.hdr_len;
  meta.gso_size = header.gso_size;
  if (meta.flags & kNeedsChecksum) {
    meta.checksum_start = header.csum_start;
    meta.checksum_offset = header.csum_offset;
  }
  return meta;
}

inline VirtioHeader to_virtio(const Meta& meta) {
  VirtioHeader header = {};
  header.flags = meta.flags & kNeedsChecksum;
  header.gso_type = meta.gso_type;
  if (meta.gso_type != kGsoNone) {
    header.hdr_len = meta.header_length;
    header.gso_size = meta.gso_size;
  }
  if (meta.flags & kNeedsChecksum) {
    header.csum_start = meta.checksum_start;
    header.csum_offset = meta.checksum_offset;
  } else if (meta.flags & kDataValid) {
    header.flags = kDataValid;
  }
  return header;
}

inline Drop send_error_to_drop(int code) {
  switch (code) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return Drop::tx_queue_full;
    case EMSGSIZE:
      return Drop::exceeds_mtu;
    case EINVAL:
      return Drop::bad_metadata;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return Drop::unresolved;
    case ENETDOWN:
    case EIO:  // of a tap
      return Drop::port_down;
    case ENXIO:
    case ENODEV:
    case EBADFD:
    case EBADF:
      return Drop::port_closed;
    default:
      return Drop::tx_error;
  }
}

}  // namespace vtep
