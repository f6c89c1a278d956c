// The switch of one worker: bursts of frames in, where each has to go out. It reads the tables,
// never writes them, and touches no device.
#pragma once
#include "counters.hpp"
#include "frame.hpp"
#include "segment.hpp"
#include "storm.hpp"

namespace vtep {

inline constexpr unsigned kBurst = 64;
inline constexpr unsigned kMaxEmits = 512;
inline constexpr unsigned kMaxHeard = 256;  // what reports may say before it is taken out
inline constexpr uint32_t kMaxReply = 192;

constexpr uint32_t destination_kind(uint32_t word) { return word >> DestinationWord::kindShift; }
constexpr uint32_t destination_id(uint32_t word) { return word & DestinationWord::idMask; }
constexpr uint32_t destination_word(uint32_t kind, uint32_t id) {
  return kind << DestinationWord::kindShift | id;
}

// One frame to one destination.
struct Emit {
  uint32_t frame;        // index into Burst::frames
  uint32_t destination;  // destination word without flags: a port id or a remote index
  uint32_t vni;
  uint32_t hash;        // flow hash of the frame, for remotes
  uint16_t reply;       // 0, or 1 + index into Burst::replies: those bytes instead of the frame
  bool routed = false;  // into another network than it came from
};

struct Dropped {
  uint32_t input;        // index into the caller's array
  uint32_t destination;  // 0 = the frame as a whole; else what this one copy was meant for
  uint32_t after;        // emits that were there before: the order of both
  Drop reason;
};

// Something a frame taught us, for the keeper: plain bytes that may travel through a ring.
struct LearnRecord {
  // kUse is a worker's own: a frame that the fast path could have carried, with its destination in
  // `mac`, the VNI in `flags`, and its source MAC (from a port) or the VTEP (port 0) in `ip`.
  // kReport: a group in `ip`, perhaps a source. kQuery: a multicast router or querier in `ip`; of
  // one behind a VTEP the port is 0. kSolicit: a host in `ip` looks for a router.
  enum Kind : uint16_t {
    kMac = 1,
    kNeighbour = 2,
    kUse = 3,
    kReport = 4,
    kQuery = 5,
    kSolicit = 6
  };
  // Changes no table: the control plane is told.
  bool is_heard() const { return kind >= kReport; }
  uint64_t timeNanoseconds;
  uint32_t port;
  uint16_t network;  // index
  uint16_t kind;
  uint32_t flags;  // NeighbourFlag.router, a VNI, or as in an event of multicast
  uint8_t mac[6];
  uint16_t spare;
  uint8_t ip[16];
  uint8_t source[16];
};
static_assert(sizeof(LearnRecord) == 64);

struct Reply {
  uint32_t length;
  uint8_t bytes[kMaxReply];
};

// Whether a packet waits for the MAC of its next hop.
enum class Hold : uint8_t {
  no,
  kept,
  still,  // it has waited before: somebody has been asked
};

// What a call to the switch yields. `flush` is called whenever something is to be taken out: when
// the arrays are full, before `frames` are replaced, and once before the call returns. It may use
// everything here and must leave the arrays alone; the switch empties them.
struct Burst {
  void (*flush)(void* context, Burst& burst) = nullptr;
  void* context = nullptr;
  // Keeps a frame of the caller's array, which will come in again. Null: it is lost at once.
  Hold (*hold)(void* context, uint32_t input) = nullptr;

  const Frame* frames =
      nullptr;  // tenants' frames, outer headers taken off, metadata checked and adjusted
  const uint32_t* inputs = nullptr;  // frames[i] came from this index of the caller's array
  unsigned emit_count = 0;
  unsigned drop_count = 0;
  unsigned learn_count = 0;
  unsigned reply_count = 0;
  Emit emits[kMaxEmits];
  Dropped drops[kMaxEmits];
  LearnRecord learns[kMaxHeard + 2 * kBurst];
  Reply replies[kBurst];
};

// What becomes of a frame to a VTEP whose next hop is not known (yet).
enum class Unresolved : uint8_t {
  drop,       // nobody else could find the way
  hand_over,  // the uplink's kernel sockets: they make the kernel resolve it, or know other ways
};

struct Layers;
struct Packet;
class Steps;
enum class IcmpError : uint8_t;

class Switch {
 public:
  Switch(const Segment& segment, uint32_t worker, Unresolved unresolved = Unresolved::drop);
  // Of traces only: it counts into `counters`, and writes nothing into the segment.
  Switch(const Segment& segment, const WorkerCounters& counters);
  // Tells `steps` from now on what it does, beginning as `like` is (null: as a new one).
  void trace(Steps& steps, const Switch* like, Unresolved unresolved);

  // All three take any number of frames; `now` is CLOCK_MONOTONIC in nanoseconds. Frame::meta is
  // checked and never trusted.
  void from_port(uint32_t port, const Frame* frames, unsigned count, uint64_t now, Burst& out);
  // Data starts at the VXLAN header and Frame::source is set (udp uplink).
  void from_vxlan(const Frame* frames, unsigned count, uint64_t now, Burst& out);
  // Data starts at the outer Ethernet header (raw uplink).
  void from_outer(const Frame* frames, unsigned count, uint64_t now, Burst& out);

  WorkerCounters& counters() { return counters_; }

 private:
  struct Work;
  struct Pass;
  struct Source;
  struct Peer;
  struct Way;
  struct Hop;
  struct Receivers;
  // What was reported lately, so that a MAC that the keeper has not entered yet is not reported
  // with every frame. By what it is about (MAC or address, network): another claim takes its place.
  struct Recent {
    uint64_t key[3];
    uint64_t claim;
    uint64_t time;
    uint32_t port;
    uint32_t flushCount;
  };
  static constexpr unsigned kRecent = 256;

  void from_underlay(const Frame* frames, unsigned count, bool outer, uint64_t now, Burst& out);
  static void note_source(Pass& pass, uint64_t mac);
  static Drop check_packet(Pass& pass, Frame& frame, Work& work, const uint8_t local[16]);
  static unsigned take_plain_packets(Pass& pass, const LocalUnderlay& us, const Frame* packets,
                                     unsigned count, Frame* frame, Work* work);
  static bool look_up_pair(Pass& pass, uint64_t pair, const LocalUnderlay& us, uint32_t& network);
  static bool take_plain_frame(const Pass& pass, Frame& frame, Work& work);
  static Drop check_frame(const Pass& pass, uint32_t network, Frame& frame, Work& work);
  static const Peer& find_peer(Pass& pass, uint32_t vni, const uint8_t source[16]);
  static void look_up_peer(const Pass& pass, uint32_t vni, const uint8_t source[16], Peer& out);
  void learn_macs(Pass& pass);
  void report_mac(Pass& pass, uint64_t mac);
  void learn_binding(Pass& pass, uint64_t mac, const uint8_t ip[16], uint32_t flags);
  bool learn_due(const uint64_t key[3], uint64_t claim, const Pass& pass);
  bool talk_neighbours(Pass& pass, const Work& work, unsigned index);
  void forward(Pass& pass, Work* works, unsigned count);
  template <bool kTold>
  void forward_all(Pass& pass, const Work* works, unsigned count);
  void forward_special(Pass& pass, const Work& work, unsigned index);
  void turn_away(Pass& pass, const Work& work, unsigned index);
  void find_way(Pass& pass, uint32_t destination) const;
  void find_local_way(Pass& pass, uint32_t destination) const;
  void measure_remote(Way& way) const;
  void measure_port(Way& way) const;
  void flood(Pass& pass, const Work& work, unsigned index);
  void to_group(Pass& pass, const Work& work, unsigned index);
  Drop keep_back(const Way& way, uint32_t source, bool replicated) const;
  void send(Pass& pass, const Work& work, unsigned index);
  // switch_multicast.cpp
  void hear_solicitation(Pass& pass, const Work& work, unsigned index);
  Drop select_listeners(Pass& pass, const Work& work, unsigned index, uint32_t& list);
  uint32_t find_channel(uint32_t network, const uint8_t group[16], const uint8_t source[16]) const;
  void hear(Pass& pass, const Work& work, uint16_t kind, uint32_t flags, const uint8_t ip[16],
            const uint8_t source[16]);
  // switch_route.cpp
  void route(Pass& pass, const Work& work, unsigned index);
  void to_router(Pass& pass, const Work& work, unsigned index, const Layers& layers,
                 const Packet& packet, uint32_t vrf);
  void look_ahead(Pass& pass, const Work& work, unsigned index, uint32_t vrf);
  Drop find_hop(Pass& pass, uint32_t vrf, const uint8_t ip[16], uint32_t hash, unsigned index,
                Hop& hop) const;
  void emit_routed(Pass& pass, unsigned index, const Hop& hop, uint32_t hash, uint16_t reply);
  unsigned flood_routed(Pass& pass, unsigned index, const Hop& hop, uint32_t hash, uint16_t reply);
  void report(Pass& pass, unsigned index, const Layers& layers, const Packet& packet, uint32_t vrf,
              IcmpError error, uint32_t mtu);
  void ask(Pass& pass, unsigned index, const Hop& hop);
  void drop(Pass& pass, unsigned index, Drop reason, uint32_t destination = 0);
  void flush(Burst& out);
  // switch_trace.cpp; only where steps_ is not null
  void tell_received(const Pass& pass, const Work* works, unsigned count) const;
  void tell_sources(const Pass& pass) const;
  void tell_place(uint32_t vni, uint64_t mac, uint32_t word) const;
  void tell_way(const Pass& pass, const Work& work, unsigned index) const;
  void tell_room(const Way& way, uint32_t size) const;
  void tell_member(uint32_t remote, uint32_t hash) const;
  void tell_flood(const Pass& pass, const Work& work) const;
  void tell_receivers(uint32_t vni, const Receivers& receivers) const;
  void tell_route(uint32_t vrf, const uint8_t ip[16], uint32_t target) const;
  void tell_next_hop(const NextHopRow& next, const uint8_t ip[16]) const;
  void tell_neighbour(const Hop& hop, uint32_t word) const;
  void tell_hop(uint32_t ttl, const Hop& hop) const;
  void tell_loss(Drop reason, uint32_t destination) const;
  template <class Step>
  void tell_ip(const uint8_t ip[16]) const;
  template <class Step>
  void tell_mac_ip(uint64_t mac, const uint8_t ip[16]) const;
  template <class Step>
  void tell_vni_ip(uint32_t vni, const uint8_t ip[16]) const;

  Segment segment_;
  WorkerCounters counters_;
  Unresolved unresolved_;
  Steps* steps_ = nullptr;  // of a trace, else null
  Frame frames_[kBurst];
  uint32_t inputs_[kBurst];
  Recent recent_[kRecent] = {};
  StormControl storm_;
  StormControl errors_;     // ICMP errors because of a port's packets
  StormControl heard_;      // what a port says of multicast groups
  StormControl questions_;  // for destinations that nobody is known to have
};

}  // namespace vtep
