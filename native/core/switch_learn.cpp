// What tenants' frames teach: MACs, and by ARP and ND the addresses behind them. Reports go to the
// keeper; answers go back at once.
#include "neighbour.hpp"
#include "rows.hpp"
#include "switch_pass.hpp"
#include "switch_trace.hpp"

namespace vtep {
namespace {

constexpr uint64_t kNanoseconds = 1000000000;
constexpr uint64_t kRepeatAfter = kNanoseconds / 10;
constexpr uint32_t kPlaced = (MacFlag::fixed | MacFlag::sticky) << DestinationWord::flagShift;

}  // namespace

// Refreshes the sources' entries, or reports what the table does not know yet.
void Switch::learn_macs(Pass& pass) {
  if (steps_ != nullptr) return tell_sources(pass);
  const uint32_t here = destination_word(Destination::port, pass.port);
  const uint32_t seconds = static_cast<uint32_t>(pass.now / kNanoseconds);
  uint32_t* seen[kBurst];
  unsigned known = 0;
  for (unsigned i = 0; i < pass.sourceCount; i++) {
    const Source& source = pass.sources[i];
    const MacLookup::Found found = pass.macs.finish(source.key, source.bucket);
    if ((found.word & kSeat) == here) {
      seen[known] = pass.macs.seen(found.position);
      __builtin_prefetch(seen[known++]);
    } else if ((found.word & kPlaced) == 0) {
      report_mac(pass, MacLookup::mac(source.key));
    }
  }
  for (unsigned i = 0; i < known; i++) {
    if (load_relaxed(seen[i]) != seconds) store_relaxed(seen[i], seconds);
  }
}

void Switch::report_mac(Pass& pass, uint64_t mac) {
  const uint64_t key[3] = {mac, 0, pass.network};
  if (!learn_due(key, 0, pass)) return;
  LearnRecord& record = pass.out.learns[pass.out.learn_count++];
  record = {};
  record.timeNanoseconds = pass.now;
  record.kind = LearnRecord::kMac;
  record.port = pass.port;
  record.network = static_cast<uint16_t>(pass.network);
  store_mac(record.mac, mac);
}

void Switch::learn_binding(Pass& pass, uint64_t mac, const uint8_t ip[16], uint32_t flags) {
  HashTable<NeighbourShape> table(segment_, segment_.header().neighbours);
  Words<NeighbourShape::kWords> slot;
  const uint32_t position = table.find(neighbour_key(ip, pass.network), slot);
  if (position != table.kNowhere) {
    if ((slot.w[0] & NeighbourFlag::fixed) != 0) {
      if (steps_ != nullptr) tell_ip<FixedBindingStep>(ip);
      return;
    }
    uint32_t* cold = table.cold(position);
    const bool same = (slot.w[0] & NeighbourFlag::local) != 0 && slot_mac(slot) == mac &&
                      (slot.w[0] | flags) == slot.w[0] && load_relaxed(cold + 1) == pass.port;
    if (same && steps_ != nullptr) return tell_mac_ip<BindingStep>(mac, ip);
    if (same) {
      const uint32_t seconds = static_cast<uint32_t>(pass.now / kNanoseconds);
      if (load_relaxed(cold) != seconds) store_relaxed(cold, seconds);
      return;
    }
  }
  if (steps_ != nullptr) return tell_mac_ip<NewBindingStep>(mac, ip);
  const uint64_t key[3] = {load64(ip), load64(ip + 8), pass.network};
  if (!learn_due(key, mac | static_cast<uint64_t>(flags) << 48, pass)) return;
  LearnRecord& record = pass.out.learns[pass.out.learn_count++];
  record = {};
  record.timeNanoseconds = pass.now;
  record.kind = LearnRecord::kNeighbour;
  record.port = pass.port;
  record.network = static_cast<uint16_t>(pass.network);
  record.flags = flags;
  store_mac(record.mac, mac);
  copy(record.ip, ip, 16);
}

// A report that may have been lost on its way is repeated; one that was made void by a flush, at
// once.
bool Switch::learn_due(const uint64_t key[3], uint64_t claim, const Pass& pass) {
  const uint32_t flushes = load_relaxed(&segment_.header().flushCount);
  const uint64_t hash = mix(key[0] ^ mix(key[1] ^ mix(key[2])));
  Recent& recent = recent_[hash % kRecent];
  if (equal(recent.key, key, sizeof recent.key) && recent.claim == claim &&
      recent.port == pass.port && recent.flushCount == flushes &&
      pass.now - recent.time < kRepeatAfter) {
    return false;
  }
  copy(recent.key, key, sizeof recent.key);
  recent.claim = claim;
  recent.port = pass.port;
  recent.flushCount = flushes;
  recent.time = pass.now;
  return true;
}

// ARP and ND: snoops, and answers where the table can. True when the frame needs to go no further.
bool Switch::talk_neighbours(Pass& pass, const Work& work, unsigned index) {
  const Frame& frame = frames_[index];
  const uint64_t source = load_mac(frame.data + 6);
  const NeighbourTalk talk = read_neighbour_talk(frame.data, frame.length, work.layers, frame.meta);
  if (talk.tells) learn_binding(pass, source, talk.sender, talk.flags);
  if (!talk.asks) return false;
  if (steps_ != nullptr) tell_ip<AsksStep>(talk.target);
  const auto pass_on = [&] {
    if (steps_ != nullptr) tell_ip<NotAnsweredStep>(talk.target);
    return false;
  };
  const HashTable<NeighbourShape> table(segment_, segment_.header().neighbours);
  Words<NeighbourShape::kWords> slot;
  if (table.find(neighbour_key(talk.target, pass.network), slot) == table.kNowhere) {
    if (steps_ != nullptr) tell_ip<NobodyAskedStep>(talk.target);
    if ((pass.networkFlags & NetworkFlag::suppressUnknown) == 0 || !is_group(work.key))
      return false;
    drop(pass, index, Drop::unknown_neighbour);
    return true;
  }
  const bool ours = (slot.w[0] & NeighbourFlag::gateway) != 0;
  const bool suppress = (pass.networkFlags & NetworkFlag::suppress) != 0;
  if (!ours && (!suppress || (slot.w[0] & (NeighbourFlag::remote | NeighbourFlag::fixed)) == 0))
    return pass_on();
  // Who knows the answer may ask whether it still holds (RFC 4861 section 7.3).
  if (!is_group(work.key) && (!ours || MacLookup::mac(work.key) != slot_mac(slot)))
    return pass_on();
  // Whoever asks for its own address (after a move, or to detect a duplicate) must not be told that
  // it is taken.
  if (slot_mac(slot) == source) return pass_on();
  if (steps_ != nullptr) tell_mac_ip<AnsweredStep>(slot_mac(slot), talk.target);
  Burst& out = pass.out;
  Reply& reply = out.replies[out.reply_count++];
  reply.length =
      write_neighbour_answer(frame.data, work.layers, slot_mac(slot), slot.w[0], reply.bytes);
  if (out.emit_count == kMaxEmits) flush(out);
  out.emits[out.emit_count++] = {index, destination_word(Destination::port, pass.port), work.vni, 0,
                                 static_cast<uint16_t>(out.reply_count)};
  counters_.drop(Drop::suppressed);
  WorkerCounters::add(counters_.port(pass.port).suppressed, 1);
  if (out.drop_count == kMaxEmits) flush(out);
  out.drops[out.drop_count++] = {inputs_[index], 0, out.emit_count, Drop::suppressed};
  return true;
}

}  // namespace vtep
