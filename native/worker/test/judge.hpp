// What a receiver would make of a frame with its metadata, by plain words that share nothing with
// native/core: super-frames cut, checksums finished, and every checksum in it looked at, through
// VLAN tags, VXLAN and GRE.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "../../port/test/support.hpp"

namespace vtep::test {

using Octets = std::vector<uint8_t>;

struct Finished {
  std::vector<Octets> frames;
  std::string problem;  // empty: all is right
};

// IPv4 identifications of what may not be fragmented mean nothing (RFC 6864) and become zero.
Finished finish(const Bytes& frame);

// TCP segments that continue each other as one frame: where a stream is cut is its carriers'
// business. (A UDP socket does not tell the segment size of a super-frame that it hands over
// whole.) They may have passed each other, as a flow that changes to the fast path in its midst
// does.
std::vector<Octets> joined(std::vector<Octets> frames);
// Octets of TCP's payload, for others 1: what has arrived, however it was cut.
size_t stream_octets(const Octets& frame);

// The Internet checksum (RFC 1071), as a number of host order; `sum` is what comes before.
uint16_t sum16(const uint8_t* data, size_t length, uint32_t sum = 0);
// Of the pseudo header, not complemented. `ip` points to an IPv4 or IPv6 header.
uint16_t pseudo_sum(const uint8_t* ip, uint8_t protocol, size_t length);

inline uint32_t get16(const uint8_t* at) { return uint32_t{at[0]} << 8 | at[1]; }
inline void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

}  // namespace vtep::test
