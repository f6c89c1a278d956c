// Multicast where IGMP and MLD are heard: what hosts and routers say goes to the keeper, and frames
// to who wants them (RFC 4541, RFC 9251 section 4).
#include "membership.hpp"
#include "neighbour.hpp"
#include "rows.hpp"
#include "switch_pass.hpp"
#include "switch_trace.hpp"

namespace vtep {
namespace {

constexpr uint8_t kProtocolPim = 103;
// Records of reports, and queries, that are heard of one port.
constexpr uint32_t kHeardPerSecond = 1000, kHeardAtOnce = 1000;
constexpr uint8_t kAny[16] = {};
constexpr uint8_t kAny4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

}  // namespace

// Its destinations, 0 = no such channel.
uint32_t Switch::find_channel(uint32_t network, const uint8_t group[16],
                              const uint8_t source[16]) const {
  const HashTable<ChannelShape> table(segment_, segment_.header().channels);
  Words<ChannelShape::kWords> slot;
  return table.find(channel_key(network, group, source), slot) == table.kNowhere ? 0 : slot.w[0];
}

void Switch::hear(Pass& pass, const Work& work, uint16_t kind, uint32_t flags, const uint8_t ip[16],
                  const uint8_t source[16]) {
  if (!heard_.admit(pass.port, kHeardPerSecond, kHeardAtOnce, pass.now)) return;
  if (pass.out.learn_count >= kMaxHeard) flush(pass.out);
  LearnRecord& record = pass.out.learns[pass.out.learn_count++];
  record = {};
  record.timeNanoseconds = pass.now;
  record.kind = kind;
  record.port = pass.port;
  record.network = static_cast<uint16_t>(MacLookup::network(work.key));
  record.flags = flags;
  copy(record.ip, ip, 16);
  copy(record.source, source, 16);
}

// A host looks for a router: ours tells of itself (RFC 4861 section 6.2.6). Others hear it, too.
void Switch::hear_solicitation(Pass& pass, const Work& work, unsigned index) {
  const Frame& frame = frames_[index];
  uint8_t host[16];
  if (pass.port == 0 ||
      !is_router_solicitation(frame.data, frame.length, work.layers, frame.meta, host))
    return;
  hear(pass, work, LearnRecord::kSolicit, 0, host, kAny);
}

// Which list a frame to a group takes instead of the flood list, and why it is lost when nobody is
// on it.
Drop Switch::select_listeners(Pass& pass, const Work& work, unsigned index, uint32_t& list) {
  const Frame& frame = frames_[index];
  const Layers& layers = work.layers;
  if (layers.l3 != kEthernetHeader || layers.version == 0) return Drop::no_destination;
  const bool v4 = layers.version == 4;
  const uint8_t* ip = frame.data + layers.l3;
  if (v4 ? ip[16] >> 4 != 14 : ip[24] != 0xff) return Drop::no_destination;
  uint8_t group[16], source[16];
  if (v4) {
    map_ipv4(source, ip + 12);
    map_ipv4(group, ip + 16);
  } else {
    copy(source, ip + 8, 16);
    copy(group, ip + 24, 16);
  }
  const uint32_t network = MacLookup::network(work.key);
  const uint8_t* any = v4 ? kAny4 : kAny;
  Membership message(frame.data, frame.length, layers, frame.meta);
  if (message.kind() == Membership::report) {
    MembershipRecord said;
    // What is behind other VTEPs they say themselves.
    while (pass.port != 0 && message.next(said)) {
      hear(pass, work, LearnRecord::kReport, said.record | uint32_t{message.version()} << 8,
           said.group, said.source);
    }
    // Other hosts must not hear it: they would stay silent themselves (RFC 4541 section 2.1.1).
    list = find_channel(network, any, kAny);
    if (steps_ != nullptr) steps_->tell(ReportStep{work.vni});
    return Drop::no_multicast_router;
  }
  const bool pim = layers.protocol == kProtocolPim && !layers.fragment;
  if (message.kind() == Membership::query || pim)
    hear(pass, work, LearnRecord::kQuery, uint32_t{message.version()} << 8, source, kAny);
  if (is_link_group(group)) return Drop::no_destination;
  const RowWord* row = row_words(segment_.network(network));
  list = load_word(row + offsetof(NetworkRow, sourceChannels) / 4) != 0
             ? find_channel(network, group, source)
             : 0;
  if (list == 0) list = find_channel(network, group, kAny);
  if (list == 0) list = find_channel(network, any, kAny);
  if (steps_ != nullptr && list != 0) tell_ip<ChannelStep>(group);
  if (steps_ != nullptr && list == 0) tell_ip<NoChannelStep>(group);
  return Drop::no_multicast_listener;
}

}  // namespace vtep
