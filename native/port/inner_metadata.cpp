#include "inner_metadata.hpp"

#include "../core/bytes.hpp"
#include "../core/checksum.hpp"
#include "../core/layers.hpp"

namespace vtep {
namespace {

constexpr uint32_t kVxlanHeader = 8;
// A super-frame does not say how long its segments were. Tenants of an overlay have an MTU of 1450
// or more.
constexpr uint32_t kSegmentPacket = 1450;
constexpr uint8_t kCongestionWindowReduced = 0x80;

struct Transport {
  uint32_t l3, l4, end;  // from the first byte of the inner frame
  uint16_t checksum;     // offset of the field behind l4
  uint8_t version, protocol;
};

// The TCP or UDP header of an inner frame that is not a fragment; `end` is where its IP packet says
// that it ends.
bool find_transport(const uint8_t* inner, uint32_t length, Transport& out) {
  Layers layers;
  if (length < kEthernetHeader || !find_layers(inner, length, layers)) return false;
  if (layers.version == 0 || layers.l4 == 0 || layers.fragment) return false;
  const bool tcp = layers.protocol == kProtocolTcp;
  if (!tcp && layers.protocol != kProtocolUdp) return false;
  const uint8_t* ip = inner + layers.l3;
  const uint32_t packet = layers.version == 4 ? net16(ip + 2) : 40u + net16(ip + 4);
  out = {layers.l3,      layers.l4,      layers.l3 + packet, static_cast<uint16_t>(tcp ? 16 : 6),
         layers.version, layers.protocol};
  return out.end >= out.l4 + (tcp ? 20u : 8u) && length >= out.l4 + (tcp ? 20u : 8u);
}

// An unfinished checksum field holds the sum of the pseudo header. A finished one has that value
// once in 65536 times, and then finishing it again gives the same value: taking it for unfinished
// does no harm.
bool is_partial(const uint8_t* inner, const Transport& at) {
  const uint8_t* ip = inner + at.l3;
  const size_t size = at.version == 4 ? 4 : 16;
  const uint8_t* addresses = ip + (at.version == 4 ? 12 : 8);
  const uint16_t pseudo = checksum_fold(
      pseudo_header_sum(addresses, addresses + size, size, at.protocol, at.end - at.l4));
  return load16(inner + at.l4 + at.checksum) == pseudo;
}

}  // namespace

void find_inner_metadata(Frame& frame, uint32_t segment) {
  frame.meta = {};
  const uint8_t* inner = frame.data + kVxlanHeader;
  const uint32_t length = frame.length > kVxlanHeader ? frame.length - kVxlanHeader : 0;
  Transport at = {};
  const bool known = find_transport(inner, length, at);
  const bool train = segment != 0 && segment < frame.length;
  // The first datagram of a train has an inner frame that ends in it.
  if (train && (!known || at.end + kVxlanHeader <= segment)) {
    frame.meta.gso_type = kGsoUdp;
    frame.meta.gso_size = static_cast<uint16_t>(segment);
    return;
  }
  if (!known || at.end > length || !is_partial(inner, at)) return;
  frame.meta.flags = kNeedsChecksum;
  frame.meta.checksum_start = static_cast<uint16_t>(kVxlanHeader + at.l4);
  frame.meta.checksum_offset = at.checksum;
  const bool tcp = at.protocol == kProtocolTcp;
  const uint32_t header = tcp ? (inner[at.l4 + 12] >> 4) * 4u : 8u;
  const uint32_t packet = at.end - at.l3, headers = at.l4 - at.l3 + header;
  if (tcp && packet > kSegmentPacket && headers < kSegmentPacket) {
    frame.meta.gso_type = at.version == 4 ? kGsoTcp4 : kGsoTcp6;
    if (inner[at.l4 + 13] & kCongestionWindowReduced) frame.meta.gso_type |= kGsoEcn;
    frame.meta.gso_size = static_cast<uint16_t>(kSegmentPacket - headers);
  } else if (!tcp && train) {
    frame.meta.gso_type = kGsoUdp;
    frame.meta.gso_size = static_cast<uint16_t>(segment);
  }
  if (frame.meta.gso_type != kGsoNone)
    frame.meta.header_length = static_cast<uint16_t>(kVxlanHeader + at.l4 + header);
}

}  // namespace vtep
