// Cuts a super-frame into frames of at most gso_size payload, as a NIC would: TCP over IPv4 or IPv6
// and UDP (USO), with VLAN tags, IP options, extension headers and TCP options. New headers go to
// scratch memory, payload stays where it is.
#pragma once
#include "drop.hpp"
#include "frame.hpp"

namespace vtep {

// One frame of a cut super-frame: headers in scratch memory, payload inside the original.
struct Piece {
  static constexpr uint32_t kMaxHeader = 256;
  uint8_t header[kMaxHeader];
  uint32_t header_length;
  const uint8_t* payload;
  uint32_t payload_length;
  Meta meta;  // kNeedsChecksum only when asked for partial checksums
};

class Segmenter {
 public:
  enum class Checksums : uint8_t {
    complete,  // sum the payload here
    partial,   // leave the pseudo-header sum and kNeedsChecksum: the device sums
  };
  // Drop::none, else why it can not be cut. The frame must outlive the pieces.
  Drop open(const Frame& frame, Checksums checksums = Checksums::complete);
  uint32_t pieces() const { return pieces_; }
  // Fills the next piece; false after the last.
  bool next(Piece& piece);

 private:
  void patch_ip(uint8_t* header, uint32_t l4_length) const;
  void patch_l4(uint8_t* header, uint32_t payload_length) const;
  void checksum_l4(Piece& piece) const;

  const uint8_t* data_ = nullptr;
  uint32_t header_length_ = 0;
  uint32_t payload_length_ = 0;
  uint32_t gso_size_ = 0;
  uint32_t pieces_ = 0;
  uint32_t index_ = 0;
  uint16_t l3_ = 0;
  uint16_t l4_ = 0;
  bool ipv6_ = false;
  bool tcp_ = false;
  Checksums checksums_ = Checksums::complete;
};

}  // namespace vtep
