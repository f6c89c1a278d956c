// The Internet checksum (RFC 1071) over memory, and finishing a partial one as virtio_net_hdr
// describes it.
#pragma once
#include "bytes.hpp"
#include "frame.hpp"

namespace vtep {

// Adds the 16-bit words of memory (host order, last odd byte padded with zero) to `sum`. Fold
// before use.
uint64_t checksum_add(const void* data, size_t length, uint64_t sum);

// Folds to 16 bits, still host order, not complemented.
inline uint16_t checksum_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// The same for the sum of two values of 16 bits.
inline uint16_t checksum_fold2(uint32_t sum) {
  return static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
}

// A sum over bytes that start at an odd offset of the whole: its octets change places.
inline uint64_t checksum_odd(uint64_t sum) { return __builtin_bswap16(checksum_fold(sum)); }

// The pseudo header of RFC 9293 section 3.1 / RFC 8200 section 8.1, host order, not folded.
// `address_length` is 4 or 16.
inline uint64_t pseudo_header_sum(const uint8_t* source, const uint8_t* destination,
                                  size_t address_length, uint8_t protocol, uint32_t length) {
  uint64_t sum = checksum_add(source, address_length, 0);
  sum = checksum_add(destination, address_length, sum);
  return sum + __builtin_bswap16(protocol) + __builtin_bswap16(static_cast<uint16_t>(length)) +
         __builtin_bswap16(static_cast<uint16_t>(length >> 16));
}

// The finished checksum (memory order) of a frame with kNeedsChecksum: zero becomes 0xffff, which
// every protocol takes. `meta` must fit the frame (Switch has checked it).
uint16_t completed_checksum(const uint8_t* data, uint32_t length, const Meta& meta);

// Writes it into the frame and clears the flag.
void complete(Frame& frame);

}  // namespace vtep
