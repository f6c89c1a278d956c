#include "offload_watch.hpp"

#include "../core/layers.hpp"

namespace vtep {

namespace {

// A retransmission comes within a round trip, or after the least timeout of 200 ms (Linux); that of
// a SYN after one second (RFC 6298 section 2.1).
constexpr uint64_t kPatience = 600'000'000, kSynPatience = 1'800'000'000;
constexpr uint8_t kSyn = 0x02;

void count(uint32_t& counter) {
  __atomic_store_n(&counter, counter + 1, __ATOMIC_RELAXED);  // one writer
}

// TCP straight behind an untagged IP header, which is where nearly all of it is.
uint32_t find_tcp(const uint8_t* frame, uint32_t length) {
  if (length < kEthernetHeader + 40) return 0;
  const uint16_t type = net16(frame + 12);
  const uint8_t* ip = frame + kEthernetHeader;
  if (type == kEtherIpv4)
    return ip[9] == kProtocolTcp && (net16(ip + 6) & 0x3fff) == 0 && ip[0] == 0x45
               ? kEthernetHeader + 20
               : 0;
  return type == kEtherIpv6 && ip[6] == kProtocolTcp && length >= kEthernetHeader + 60
             ? kEthernetHeader + 40
             : 0;
}

}  // namespace

void OffloadWatch::sent(uint32_t port, Form form, const uint8_t* headers, uint32_t length,
                        uint64_t now) {
  const uint32_t l4 = find_tcp(headers, length);
  if (l4 == 0) return;
  const uint8_t* tcp = headers + l4;
  const uint32_t payload = l4 + (tcp[12] >> 4) * 4u;
  const bool syn = (tcp[13] & kSyn) != 0;
  const uint32_t octets = (payload < length ? length - payload : 0) + (syn ? 1 : 0);
  if (octets == 0) return;
  const uint32_t start = net32(tcp + 4);
  uint64_t key = mix(load32(tcp) + (uint64_t{port} << 32));
  for (uint32_t at = l4 == kEthernetHeader + 20 ? 26 : 22; at < l4; at += 8)
    key = mix(key ^ load64(headers + at));
  key |= 1;
  Slot& slot = slots_[key >> 32 & (kSlots - 1)];
  bool again = false;
  for (Record& record : slot.records) {
    if (record.key == 0) continue;
    if (now > record.until) {
      count(counts_[record.port].sent[record.form]);
      record.key = 0;
      continue;
    }
    const uint32_t offset = start - record.start;
    if (record.key != key || offset >= record.length) continue;
    again = true;
    const uint32_t rest = record.length - offset;
    record.repeated += octets < rest ? octets : rest;
    // Single losses on a bad line are repeated one by one; an offload that does not work takes most
    // of a frame with it.
    if (record.repeated < record.length - record.length / 4) continue;
    count(counts_[port].sent[record.form]);
    count(counts_[port].repeated[record.form]);
    record.key = 0;
  }
  Record& record = slot.records[form == kSuper ? 0 : 1];
  if (again || record.key != 0) return;
  record = {key, now + (syn ? kSynPatience : kPatience), start, octets, 0, port, form};
}

OffloadWatch::Counts OffloadWatch::read(uint32_t port) const {
  Counts out;
  for (unsigned i = 0; i < 3; i++) {
    out.sent[i] = __atomic_load_n(&counts_[port].sent[i], __ATOMIC_RELAXED);
    out.repeated[i] = __atomic_load_n(&counts_[port].repeated[i], __ATOMIC_RELAXED);
  }
  return out;
}

}  // namespace vtep
