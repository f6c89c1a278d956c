#include "prefixes.hpp"

namespace vtep {
namespace {

constexpr int kRowAttempts = 64;
constexpr uint64_t kRouteSeed = 0x7674657072746573;  // "vteprtes"

uint32_t member_of(const RowWord* words, uint32_t flow_hash) {
  const auto byte = [&](size_t at) { return load_word(words + at / 4) >> at % 4 * 8 & 0xff; };
  const uint32_t member = byte(offsetof(GroupRow, buckets) + (flow_hash >> kGroupShift));
  const size_t at = offsetof(GroupRow, members) + 2 * member;
  return member < kMaxGroupMembers ? byte(at) | byte(at + 1) << 8 : 0;
}

}  // namespace

bool read_target(const Segment& segment, uint32_t target, uint32_t flow_hash, NextHopRow& out) {
  uint32_t index = target;
  if ((target & kGroupBit) != 0) {
    const uint32_t group = target & ~kGroupBit;
    if (group > segment.config().groups) return false;
    const RowWord* words = row_words(segment.group(group));
    index = 0;
    for (int attempt = 0; attempt < kRowAttempts && index == 0; attempt++) {
      const uint32_t generation = load_word(words);
      const uint32_t found = member_of(words, flow_hash);
      if ((generation & 1) == 0 && load_word(words) == generation) index = found;
    }
  }
  return index != 0 && index <= segment.config().nextHops &&
         read_row(segment.next_hop(index), out, kRowAttempts) && out.kind != 0;
}

uint64_t next_hop_identity(const NextHopRow& hop) {
  uint64_t h = mix(kRouteSeed ^ load64(hop.via));
  h = mix(h ^ load64(hop.via + 8));
  h = mix(h ^ load_mac(hop.mac));
  return mix(h ^ (hop.vni | static_cast<uint64_t>(hop.kind) << 32));
}

uint64_t remote_identity(const uint8_t address[16]) {
  return mix(mix(kRouteSeed ^ load64(address)) ^ load64(address + 8));
}

unsigned bucket_member(const uint64_t* identities, unsigned count, unsigned bucket) {
  unsigned best = 0;
  uint64_t highest = 0;
  for (unsigned i = 0; i < count; i++) {
    const uint64_t score = mix(identities[i] ^ mix(bucket + 1));
    if (i != 0 && score <= highest) continue;
    best = i;
    highest = score;
  }
  return best;
}

}  // namespace vtep
