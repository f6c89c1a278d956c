// Longest prefix match (RFC 1812 section 5.2.4.3): one hash table for the prefixes of all IP-VRFs,
// and in each IP-VRF the lengths that occur. A look-up tries those, the longest first: a VRF of a
// data centre has a handful, and host routes, which most packets take, are found at once.
#pragma once
#include "rows.hpp"

namespace vtep {

inline constexpr uint32_t kIpv4Length = 96;  // in front of an IPv4 prefix length
inline constexpr uint32_t kMaxPrefixLength = 128;
inline constexpr uint32_t kGroupBit = 1u << 31;     // of PrefixSlot.target
inline constexpr uint32_t kMacGroupBit = 1u << 30;  // beside it, where both are looked up
inline constexpr unsigned kMaxGroupMembers = 16;
inline constexpr unsigned kGroupBuckets = 128;
inline constexpr unsigned kGroupShift = 25;  // of a flow hash, to its bucket
inline constexpr size_t kLengthWords = sizeof(NetworkRow::prefixLengths) / 4;

// Zeros behind `length` bits.
inline void mask_ip(const uint8_t ip[16], uint32_t length, uint8_t out[16]) {
  const auto half = [&](unsigned at, uint32_t bits) {
    const uint64_t mask = bits == 0 ? 0 : bits >= 64 ? ~uint64_t{0} : ~uint64_t{0} << (64 - bits);
    store64(out + at, load64(ip + at) & __builtin_bswap64(mask));
  };
  half(0, length);
  half(8, length > 64 ? length - 64 : 0);
}

// `prefix` has zeros behind `length` bits.
inline Words<PrefixShape::kWords> prefix_key(uint32_t network, uint32_t length,
                                             const uint8_t prefix[16]) {
  return {{0, network | length << 16, load32(prefix), load32(prefix + 4), load32(prefix + 8),
           load32(prefix + 12)}};
}

// Looks up addresses in one IP-VRF, for a burst: its lengths are read once, and where an address
// may be is on its way into the cache some frames before it is wanted.
class RouteLookup : HashTable<PrefixShape> {
 public:
  // The first look-ups of an address, begun ahead.
  struct Ahead {
    static constexpr unsigned kMost = 6;
    uint32_t frame = ~0u;
    uint8_t ip[16];
    uint64_t hashes[kMost];
  };

  explicit RouteLookup(const Segment& segment) : HashTable(segment, segment.header().prefixes) {}

  // False: it was this one already.
  bool use(const Segment& segment, uint32_t vrf) {
    if (vrf == vrf_) return false;
    vrf_ = vrf;
    count_ = ipv4_ = 0;
    const RowWord* words =
        row_words(segment.network(vrf)) + offsetof(NetworkRow, prefixLengths) / 4;
    for (int word = kLengthWords - 1; word >= 0; word--) {
      if (word == kIpv4Length / 32 - 1) ipv4_ = count_;
      for (uint32_t bits = load_word(words + word); bits != 0;) {
        const uint32_t bit = 31 - static_cast<uint32_t>(__builtin_clz(bits));
        bits ^= 1u << bit;
        const uint32_t length = static_cast<uint32_t>(word) * 32 + bit;
        if (length <= kMaxPrefixLength) lengths_[count_++] = static_cast<uint8_t>(length);
      }
    }
    return true;
  }

  void begin(const uint8_t ip[16], Ahead& ahead) const {
    const unsigned count = lengths_of(ip);
    copy(ahead.ip, ip, 16);
    for (unsigned i = 0; i < count && i < Ahead::kMost; i++) {
      ahead.hashes[i] = hash(key(ip, lengths_[i]));
      const uint8_t* place =
          reinterpret_cast<const uint8_t*>(bucket(buckets_.first(ahead.hashes[i])));
      __builtin_prefetch(place);
      __builtin_prefetch(place + 64);
    }
  }
  // PrefixSlot.target of the longest prefix that has the address, 0 = none. `ahead`: what begin()
  // gave for it, or for another one, or null. `length`: of that prefix, where it is wanted.
  uint32_t find(const uint8_t ip[16], const Ahead* ahead, uint32_t* length = nullptr) const {
    const unsigned count = lengths_of(ip);
    if (ahead != nullptr && !same_ip(ahead->ip, ip)) ahead = nullptr;
    for (unsigned i = 0; i < count; i++) {
      const Slot wanted = key(ip, lengths_[i]);
      const uint64_t at = ahead != nullptr && i < Ahead::kMost ? ahead->hashes[i] : hash(wanted);
      Slot slot;
      if (HashTable::find(wanted, at, slot) == kNowhere) continue;
      if (length != nullptr) *length = lengths_[i];
      return slot.w[0];
    }
    return 0;
  }

 private:
  unsigned lengths_of(const uint8_t ip[16]) const { return is_ipv4(ip) ? ipv4_ : count_; }
  Slot key(const uint8_t ip[16], uint32_t length) const {
    uint8_t prefix[16];
    mask_ip(ip, length, prefix);
    return prefix_key(vrf_, length, prefix);
  }

  uint32_t vrf_ = 0;
  unsigned count_ = 0;
  unsigned ipv4_ = 0;  // of those, the ones that an IPv4 address can have
  uint8_t lengths_[kMaxPrefixLength + 1];
};

// Where packets of a flow go that have found `target`. False when that has gone meanwhile.
bool read_target(const Segment& segment, uint32_t target, uint32_t flow_hash, NextHopRow& out);

// Index of the VTEP that has a flow, of a group of a MAC; 0 = none. A single word, so that it is
// one of before or after while members change.
inline uint32_t group_remote(const MacGroupRow& group, uint32_t flow_hash) {
  const RowWord* words = row_words(group) + offsetof(MacGroupRow, buckets) / 4;
  const uint32_t bucket = flow_hash >> kGroupShift;
  return load_word(words + bucket / 2) >> bucket % 2 * 16 & 0xffff;
}
static_assert(sizeof(MacGroupRow::buckets) == 2 * kGroupBuckets);
static_assert(offsetof(MacGroupRow, buckets) % 4 == 0);

// What makes a VTEP, whatever row it is in.
uint64_t remote_identity(const uint8_t address[16]);

// What makes a next hop: equal ones have equal identities, whatever rows they are in.
uint64_t next_hop_identity(const NextHopRow& hop);

// The member, by place, that a bucket belongs to: the one with the highest score (rendezvous
// hashing), so that members that come or go move only their own share of the flows.
unsigned bucket_member(const uint64_t* identities, unsigned count, unsigned bucket);

}  // namespace vtep
