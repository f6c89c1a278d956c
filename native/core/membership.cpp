#include "membership.hpp"

#include "checksum.hpp"

namespace vtep {
namespace {

constexpr uint8_t kProtocolIgmp = 2;
constexpr uint32_t kIgmpHeader = 8, kMldHeader = 24;
constexpr uint8_t kIgmpQuery = 0x11, kIgmpReport1 = 0x12, kIgmpReport2 = 0x16, kIgmpLeave = 0x17,
                  kIgmpReport3 = 0x22;
constexpr uint8_t kMldQuery = 130, kMldReport1 = 131, kMldDone = 132, kMldReport2 = 143;

// Types of group records (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12).
enum Mode : uint8_t { isInclude = 1, isExclude, toInclude, toExclude, allow, block };

bool is_link_local(const uint8_t* ip) { return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80; }

bool is_multicast(const uint8_t* ip) { return is_ipv4(ip) ? ip[12] >> 4 == 14 : ip[0] == 0xff; }

}  // namespace

bool is_link_group(const uint8_t* ip) {
  if (is_ipv4(ip)) return (load32(ip + 12) & 0xffffff) == 0x0000e0;
  return ip[0] == 0xff && (ip[1] & 0x0f) <= 2;
}

Membership::Membership(const uint8_t* data, uint32_t length, const Layers& layers,
                       const Meta& meta) {
  if (layers.l3 != kEthernetHeader || layers.l4 == 0 || layers.fragment ||
      meta.gso_type != kGsoNone)
    return;
  const bool summed = (meta.flags & kNeedsChecksum) == 0;
  const uint8_t* ip = data + layers.l3;
  const uint8_t* message = data + layers.l4;
  if (layers.version == 4) {
    const uint32_t header = layers.l4 - layers.l3, total = net16(ip + 2);
    if (layers.protocol != kProtocolIgmp || total > length - layers.l3 ||
        total < header + kIgmpHeader)
      return;
    const uint32_t size = total - header;
    if (summed && checksum_fold(checksum_add(message, size, 0)) != 0xffff) return;
    addressSize_ = 4;
    read_igmp(message, size);
    return;
  }
  const uint32_t end = layers.l3 + 40u + net16(ip + 4);
  if (layers.protocol != kProtocolIcmp6 || end > length || end < layers.l4 + kMldHeader) return;
  // Who hears the link alone may speak of it; reports may have no address yet (RFC 3590).
  if (ip[7] != 1 || !(is_link_local(ip + 8) || is_unspecified(ip + 8))) return;
  const uint32_t size = end - layers.l4;
  const uint64_t pseudo = pseudo_header_sum(ip + 8, ip + 24, 16, kProtocolIcmp6, size);
  if (summed && checksum_fold(checksum_add(message, size, pseudo)) != 0xffff) return;
  addressSize_ = 16;
  read_mld(message, size);
}

void Membership::read_igmp(const uint8_t* message, uint32_t size) {
  switch (message[0]) {
    case kIgmpQuery:
      if (size > kIgmpHeader && size < 12) return;
      kind_ = query;
      version_ = size > kIgmpHeader ? 3 : message[1] != 0 ? 2 : 1;
      return;
    case kIgmpReport1:
    case kIgmpReport2:
      version_ = message[0] == kIgmpReport1 ? 1 : 2;
      return read_one(MulticastRecord::join, message + 4);
    case kIgmpLeave:
      version_ = 2;
      return read_one(MulticastRecord::leave, message + 4);
    case kIgmpReport3:
      return read_records(message, size);
  }
}

void Membership::read_mld(const uint8_t* message, uint32_t size) {
  switch (message[0]) {
    case kMldQuery:
      if (size > kMldHeader && size < kMldHeader + 4) return;
      kind_ = query;
      version_ = size > kMldHeader ? 3 : 2;
      return;
    case kMldReport1:
      version_ = 2;
      return read_one(MulticastRecord::join, message + 8);
    case kMldDone:
      version_ = 2;
      return read_one(MulticastRecord::leave, message + 8);
    case kMldReport2:
      return read_records(message, size);
  }
}

void Membership::read_one(uint32_t record, const uint8_t* group) {
  kind_ = report;
  single_ = static_cast<uint8_t>(record);
  at_ = group;
}

// All of them must fit, else none counts.
void Membership::read_records(const uint8_t* message, uint32_t size) {
  const uint32_t head = 4u + addressSize_;
  uint32_t at = 8;
  for (uint16_t left = net16(message + 6); left > 0; left--) {
    if (size - at < head) return;
    const uint32_t rest = message[at + 1] * 4u + net16(message + at + 2) * uint32_t{addressSize_};
    at += head;
    if (rest > size - at) return;
    at += rest;
  }
  kind_ = report;
  version_ = 3;
  records_ = net16(message + 6);
  at_ = message + 8;
}

void Membership::load_address(uint8_t* to, const uint8_t* from) const {
  if (addressSize_ == 4) {
    map_ipv4(to, from);
  } else {
    copy(to, from, 16);
  }
}

// A mode says something of the group, then each source of itself. What a host excludes it gets all
// the same, and leaves it: others behind its port may want it.
bool Membership::next(MembershipRecord& out) {
  if (single_ != 0) {
    out.record = single_;
    single_ = 0;
    load_address(out.group, at_);
    clear(out.source, 16);
    return is_multicast(out.group) && !is_link_group(out.group);
  }
  while (records_ > 0) {
    const uint8_t* record = at_;
    const uint8_t mode = record[0];
    const uint16_t count = net16(record + 2);
    const uint8_t* sources = record + 4 + addressSize_;
    load_address(out.group, record + 4);
    const bool listed = mode == isInclude || mode == toInclude || mode == allow || mode == block;
    if (is_multicast(out.group) && !is_link_group(out.group)) {
      if (!told_) {
        told_ = true;
        clear(out.source, 16);
        out.record = MulticastRecord::join;
        if (mode == isExclude || mode == toExclude) return true;
        out.record = MulticastRecord::leave;
        if (mode == toInclude) return true;
      }
      while (listed && sources_ < count) {
        load_address(out.source, sources + sources_++ * addressSize_);
        out.record = mode == block ? MulticastRecord::block : MulticastRecord::include;
        if (is_unicast_ip(out.source)) return true;
      }
    }
    at_ = sources + count * addressSize_ + record[1] * 4u;
    records_--;
    told_ = false;
    sources_ = 0;
  }
  return false;
}

}  // namespace vtep
