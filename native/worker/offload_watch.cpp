#include "offload_watch.hpp"

#include "../core/layers.hpp"

namespace vtep {

namespace {

// A retransmission comes within a round trip, or after the least timeout of 200 ms (Linux), which
// doubles when it is lost, too. So a flow that sends what is new so much later has no loss behind
// it; one that is silent may be waiting for its timeout, and says nothing before the later time.
constexpr uint64_t kPatience = 600'000'000, kForget = 2'500'000'000;
constexpr uint8_t kSyn = 0x02;
constexpr unsigned kMostTags = 2;

void count(uint32_t& counter) {
  __atomic_store_n(&counter, counter + 1, __ATOMIC_RELAXED);  // one writer
}

bool is_whole(OffloadForm form) { return form <= OffloadForm::train; }

// TCP behind an IP header without options, which is where nearly all of it is.
struct Tcp {
  uint32_t addresses = 0;  // offset of the IP addresses
  uint32_t header = 0;     // of the TCP header; 0 = none
};

Tcp find_tcp(const uint8_t* frame, uint32_t length) {
  uint32_t ip = kEthernetHeader;
  for (unsigned tags = 0; tags < kMostTags && ip < length; tags++, ip += kVlanTag)
    if (const uint16_t type = net16(frame + ip - 2);
        type != kEtherVlan && type != kEtherServiceVlan)
      break;
  if (length < ip + 40) return {};
  const uint16_t type = net16(frame + ip - 2);
  const uint8_t* header = frame + ip;
  if (type == kEtherIpv4 && header[0] == 0x45 && header[9] == kProtocolTcp &&
      (net16(header + 6) & 0x3fff) == 0)
    return {ip + 12, ip + 20};
  if (type == kEtherIpv6 && header[6] == kProtocolTcp && length >= ip + 60)
    return {ip + 8, ip + 40};
  return {};
}

}  // namespace

void OffloadWatch::Counts::operator+=(const Counts& other) {
  for (unsigned form = 0; form < kForms; form++) {
    sent[form] += other.sent[form];
    repeated[form] += other.repeated[form];
  }
}

void OffloadWatch::sent(uint32_t row, OffloadForm form, const uint8_t* headers, uint32_t length,
                        uint64_t now) {
  const Tcp found = find_tcp(headers, length);
  if (found.header == 0) return;
  const uint8_t* tcp = headers + found.header;
  const uint32_t payload = found.header + (tcp[12] >> 4) * 4u;
  const bool syn = (tcp[13] & kSyn) != 0;
  const uint32_t octets = (payload < length ? length - payload : 0) + (syn ? 1 : 0);
  if (octets == 0) return;
  const uint32_t start = net32(tcp + 4);
  uint64_t key = mix(load32(tcp) + (uint64_t{row} << 32));
  for (uint32_t at = found.addresses; at < found.header; at += 8)
    key = mix(key ^ load64(headers + at));
  key |= 1;
  Slot& slot = slots_[key >> 32 & (kSlots - 1)];
  bool again = false;
  for (Record& record : slot.records) {
    if (record.key == 0) continue;
    Counts& counts = counts_[record.row];
    const auto of_form = static_cast<unsigned>(record.form);
    if (record.key != key) {
      if (now - record.time > kForget) record.key = 0;
      continue;
    }
    const uint32_t offset = start - record.start;
    const bool begins = record.start - start < octets;  // with its first octet
    if (offset >= record.length && !begins) {
      if (static_cast<int32_t>(offset) < 0) {
        // The flow has gone back to repair what is before it: it may be long until this one's turn.
        if (is_whole(form) == is_whole(record.form)) record.key = 0;
      } else if (record.syn || now - record.time >= kPatience) {
        // What follows a SYN follows its answer.
        count(counts.sent[of_form]);
        record.key = 0;
      }
      continue;
    }
    again = true;
    // Single losses on a bad line are repeated one by one, here and there; an offload that does not
    // work takes the first of a frame's segments, or most of the others. After the first comes the
    // next only when it has arrived, by itself: so much later that this has to be enough.
    const uint32_t rest = begins ? 0 : record.length - offset;
    record.repeated += octets < rest ? octets : rest;
    if (!begins && record.repeated < record.length - record.length / 4) continue;
    count(counts.sent[of_form]);
    count(counts.repeated[of_form]);
    record.key = 0;
  }
  Record& record = slot.records[is_whole(form) ? 0 : 1];
  if (again || record.key != 0) return;
  record = {key, now, start, octets, 0, row, form, syn};
}

OffloadWatch::Counts OffloadWatch::read(uint32_t row) const {
  Counts out;
  for (unsigned i = 0; i < kForms; i++) {
    out.sent[i] = __atomic_load_n(&counts_[row].sent[i], __ATOMIC_RELAXED);
    out.repeated[i] = __atomic_load_n(&counts_[row].repeated[i], __ATOMIC_RELAXED);
  }
  return out;
}

}  // namespace vtep
