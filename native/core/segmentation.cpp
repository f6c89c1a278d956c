#include "segmentation.hpp"

#include "checksum.hpp"
#include "metadata.hpp"

namespace vtep {
namespace {

constexpr uint8_t kTcpFin = 0x01, kTcpPush = 0x08, kTcpCwr = 0x80;

}  // namespace

Drop Segmenter::open(const Frame& frame, Checksums checksums) {
  pieces_ = index_ = 0;
  Layers layers;
  Meta meta = frame.meta;
  if (frame.length < kEthernetHeader || !find_layers(frame.data, frame.length, layers)) {
    return Drop::malformed;
  }
  if (meta.gso_type == kGsoNone) return Drop::bad_metadata;
  if (const Drop drop = check_metadata(frame.data, frame.length, layers, meta);
      drop != Drop::none) {
    return drop;
  }
  data_ = frame.data;
  header_length_ = meta.header_length;
  payload_length_ = frame.length - header_length_;
  gso_size_ = meta.gso_size;
  pieces_ = payload_length_ == 0 ? 1 : (payload_length_ + gso_size_ - 1) / gso_size_;
  l3_ = layers.l3;
  l4_ = layers.l4;
  ipv6_ = layers.version == 6;
  tcp_ = layers.protocol == kProtocolTcp;
  checksums_ = checksums;
  return Drop::none;
}

bool Segmenter::next(Piece& piece) {
  if (index_ == pieces_) return false;
  const uint32_t offset = index_ * gso_size_;
  const uint32_t left = payload_length_ - offset;
  piece.header_length = header_length_;
  piece.payload = data_ + header_length_ + offset;
  piece.payload_length = left < gso_size_ ? left : gso_size_;
  piece.meta = {};
  copy(piece.header, data_, header_length_);
  patch_ip(piece.header, header_length_ - l4_ + piece.payload_length);
  patch_l4(piece.header, piece.payload_length);
  checksum_l4(piece);
  index_++;
  return true;
}

void Segmenter::patch_ip(uint8_t* header, uint32_t l4_length) const {
  uint8_t* ip = header + l3_;
  if (ipv6_) {
    put_net16(ip + 4, static_cast<uint16_t>(l4_ - l3_ - 40u + l4_length));
    return;
  }
  put_net16(ip + 2, static_cast<uint16_t>(l4_ - l3_ + l4_length));
  put_net16(ip + 4, static_cast<uint16_t>(net16(ip + 4) + index_));
  store16(ip + 10, 0);
  const uint64_t sum = checksum_add(ip, l4_ - l3_, 0);
  store16(ip + 10, static_cast<uint16_t>(~checksum_fold(sum)));
}

// FIN and PSH belong to the last octet, CWR (RFC 3168 section 6.1.2) to the first segment alone.
void Segmenter::patch_l4(uint8_t* header, uint32_t payload_length) const {
  uint8_t* l4 = header + l4_;
  if (!tcp_) {
    put_net16(l4 + 4, static_cast<uint16_t>(8 + payload_length));
    return;
  }
  put_net32(l4 + 4, net32(l4 + 4) + index_ * gso_size_);
  uint8_t cleared = index_ == 0 ? uint8_t{0} : kTcpCwr;
  if (index_ + 1 < pieces_) cleared = cleared | kTcpFin | kTcpPush;
  l4[13] = static_cast<uint8_t>(l4[13] & ~cleared);
}

void Segmenter::checksum_l4(Piece& piece) const {
  const uint8_t* ip = piece.header + l3_;
  uint8_t* l4 = piece.header + l4_;
  uint8_t* field = l4 + (tcp_ ? 16 : 6);
  const uint32_t header = header_length_ - l4_;
  const uint32_t length = header + piece.payload_length;
  const uint8_t protocol = tcp_ ? kProtocolTcp : kProtocolUdp;
  const uint64_t pseudo = ipv6_ ? pseudo_header_sum(ip + 8, ip + 24, 16, protocol, length)
                                : pseudo_header_sum(ip + 12, ip + 16, 4, protocol, length);
  if (checksums_ == Checksums::partial) {
    store16(field, checksum_fold(pseudo));
    piece.meta.flags = kNeedsChecksum;
    piece.meta.checksum_start = l4_;
    piece.meta.checksum_offset = tcp_ ? 16 : 6;
    return;
  }
  store16(field, 0);
  const uint64_t sum =
      checksum_add(piece.payload, piece.payload_length, checksum_add(l4, header, pseudo));
  const uint16_t checksum = static_cast<uint16_t>(~checksum_fold(sum));
  store16(field, checksum == 0 ? uint16_t{0xffff} : checksum);
}

}  // namespace vtep
