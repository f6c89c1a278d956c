// The writer of the shared tables. One thread uses it: the keeper. Everything it knows lies in the
// segment.
#pragma once
#include "hash_writer.hpp"
#include "prefixes.hpp"
#include "rows.hpp"
#include "segment.hpp"
#include "switch.hpp"
#include "writer_state.hpp"

namespace vtep {

// What a port's device says when it is opened.
struct PortInfo {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  uint32_t flags = 0;  // PortFlag
  uint8_t mac[6] = {};
  bool up = true;
  const char* kind = "";
  const char* name = "";
  const char* spec = "";
};

// Underlay next hop of a VTEP. ifindex 0 = unresolved.
struct RemoteNextHop {
  uint8_t nextHop[16] = {};
  uint8_t source[16] = {};
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  uint32_t nextHopIndex = 0;
  uint8_t mac[6] = {};
  uint8_t sourceMac[6] = {};
};

// Calls back into whoever owns the threads. Any of them may be null.
struct TablesObserver {
  void* context = nullptr;
  void (*remote_added)(void* context, uint32_t index, const uint8_t address[16]) = nullptr;
  void (*remote_removed)(void* context, uint32_t index, const uint8_t address[16]) = nullptr;
  // What lookups find has changed. A MAC: where it is, or it is gone. A remote: its next
  // hop, or it is gone. Access: whether the VTEP may speak in the network. A port: its network or
  // MTU.
  void (*mac_changed)(void* context, uint32_t network, uint64_t mac) = nullptr;
  void (*remote_changed)(void* context, uint32_t index) = nullptr;
  void (*access_changed)(void* context, uint32_t network, uint32_t remote, bool allowed) = nullptr;
  void (*port_changed)(void* context, uint32_t id) = nullptr;
  // Must return only after every worker has passed a quiescent point. Called when too much waits
  // for one, and before a port goes from one network into another. Null where no worker runs:
  // everything is then reused at once, and close_epoch and quiesced have nothing to do.
  void (*wait_quiescent)(void* context) = nullptr;
};

struct ApplyResult {
  uint32_t applied = 0;
  uint32_t failed = 0;
  uint32_t index = 0;            // of the first that failed
  uint16_t code = 0;             // its operation code
  const char* reason = nullptr;  // why, a few words
};

class Tables {
 public:
  // `implicitPorts`: portAttach opens a port that does not exist (cores without devices).
  Tables(const Segment& segment, const TablesObserver& observer, bool implicitPorts = false);

  // CLOCK_MONOTONIC. Set it before anything else in a round; events and ages take it from here.
  void set_time(uint64_t nanoseconds);
  void set_local(const LocalUnderlay& us);
  // MACs, and as many bindings, that each port may teach from now on; 0 = any number.
  void set_learn_limit(uint32_t count);

  // Packed operations of layout.ts. One that fails changes nothing; the others are applied all the
  // same. Bytes that are no operations end it.
  ApplyResult apply(const uint8_t* bytes, size_t length);

  // Null or a few words why not.
  const char* set_next_hop(const uint8_t remote[16], const RemoteNextHop& nextHop);

  // Port id, 0 = no room.
  uint32_t open_port(const PortInfo& info);
  void set_port_up(uint32_t id, bool up);
  void set_port_mtu(uint32_t id, uint32_t mtu);
  // Tells so when an offload was switched off or on again (PortFlag.checksumOff, .tsoOff, .usoOff).
  void set_port_flags(uint32_t id, uint32_t flags);
  // An interface of the underlay; ifindex 0 frees the row. Tells so when its offloads change.
  void set_underlay(uint32_t index, uint32_t ifindex, uint32_t flags);
  // The device went away by itself: tells so; the row stays until close_port.
  void port_gone(uint32_t id);
  // Detaches, flushes, and frees the id after quiescence.
  void close_port(uint32_t id);

  void learn(const LearnRecord& record);
  // A frame from this local MAC was seen where no worker sees it.
  void saw(uint32_t network, uint64_t mac, uint32_t seconds);
  void flush_port(uint32_t id);
  // Looks at up to `budget` buckets for entries that have aged. True when it has come round once
  // more.
  bool age_step(uint32_t budget);

  // Quiescence: close_epoch() stamps what waits up to now; once every worker has passed a quiescent
  // point after that call, quiesced(epoch) makes it reusable.
  uint64_t close_epoch();
  void quiesced(uint64_t epoch);
  uint32_t waiting() const;  // how much waits for quiescence

  const Segment& segment() const { return segment_; }

 private:
  using MacSlot = Words<MacShape::kWords>;
  using BindingSlot = Words<NeighbourShape::kWords>;
  struct FloodList {
    uint32_t offset = 0;  // 0 = none
    uint32_t capacity = 0;
    uint32_t ports = 0;
    uint32_t remotes = 0;
    uint32_t* words = nullptr;
  };
  struct Verb;
  static const Verb kVerbs[];

  // Operations: null or a few words why not.
  const char* network_set(const NetworkSetOperation& operation);
  const char* network_remove(const NetworkRemoveOperation& operation);
  const char* port_attach(const PortAttachOperation& operation);
  const char* flood_add(const FloodAddOperation& operation);
  const char* flood_remove(const FloodRemoveOperation& operation);
  const char* replicator_set(const ReplicatorSetOperation& operation);
  const char* mac_set_remote(const MacSetRemoteOperation& operation);
  const char* mac_set_local(const MacSetLocalOperation& operation);
  const char* mac_remove(const MacRemoveOperation& operation);
  const char* neighbour_set(const NeighbourSetOperation& operation);
  const char* neighbour_remove(const NeighbourRemoveOperation& operation);
  const char* route_add(const RouteAddOperation& operation);
  const char* route_remove(const RouteRemoveOperation& operation);
  const char* listener_add(const ListenerAddOperation& operation);
  const char* listener_remove(const ListenerRemoveOperation& operation);
  const char* next_hop_set(const NextHopSetOperation& operation);
  const char* mac_group_set(const MacGroupSetOperation& operation);
  const char* mac_group_remove(const MacGroupRemoveOperation& operation);
  const char* mac_set_group(const MacSetGroupOperation& operation);
  const char* mac_set_peer(const MacSetPeerOperation& operation);
  const char* port_segment_set(const PortSegmentSetOperation& operation);
  const char* port_segment_clear(const PortSegmentClearOperation& operation);

  // tables_memory.cpp
  uint32_t allocate(uint64_t bitmap, uint32_t capacity);
  bool take(uint64_t bitmap, uint32_t index);
  void release(uint64_t bitmap, uint32_t index);
  void retire(RetiredKind kind, uint32_t value);
  void reclaim(const Retired& retired);
  void clear_counters(uint32_t port);
  void emit(Event event, uint64_t timeNanoseconds);
  // Workers may hold back reports for what has just changed: this tells them not to.
  void count_flush() {
    uint32_t& count = segment_.header().flushCount;
    store_relaxed(&count, load_relaxed(&count) + 1);
  }
  uint32_t now_seconds() const { return load_relaxed(&segment_.header().clockSeconds); }

  // tables_flood.cpp
  FloodList flood_list(uint32_t network) const;
  bool flood_insert(uint32_t network, uint32_t word);
  void flood_erase(uint32_t network, uint32_t word);
  static uint32_t* flood_find(const FloodList& list, uint32_t word);
  FloodList list_at(uint32_t offset) const;
  uint32_t list_insert(const FloodList& old, uint32_t word);
  uint32_t list_erase(const FloodList& old, uint32_t word);
  uint32_t list_copy(const FloodList& old, uint32_t add, uint32_t remove);
  bool list_append(const FloodList& list, uint32_t word);
  uint32_t flood_allocate(uint32_t destinations);
  void flood_publish(uint32_t network, const FloodList& old, uint32_t offset);
  void flood_free(uint32_t offset);
  void flood_clear(uint32_t network);
  void replicator_put(uint32_t network, uint32_t remote);

  // tables_channels.cpp
  using ChannelSlot = Words<ChannelShape::kWords>;
  struct Listener {
    uint32_t network = 0;
    uint32_t position = 0;
    ChannelSlot slot = {};
    FloodList list;
  };
  template <class Operation>
  const char* find_listener(const Operation& operation, Listener& out);
  static bool is_listed(const FloodList& list, uint32_t word);
  bool channel_publish(const Listener& listener, uint32_t offset);
  void channel_leave(uint32_t position, const ChannelSlot& slot, uint32_t word);
  void count_channel(const ChannelSlot& slot, int by);
  void count_listeners(int by);
  template <class Take>
  void each_channel(uint32_t network, Take take);
  void channels_flush_port(uint32_t network, uint32_t id);
  void channels_flush_network(uint32_t network);
  void tell_heard(const LearnRecord& record);

  // tables_remotes.cpp
  const char* remote_find_or_add(const uint8_t address[16], uint32_t& index);
  void remote_drop_unused(uint32_t index);
  bool access_acquire(uint32_t network, uint32_t remote, uint32_t bit);
  void access_release(uint32_t network, uint32_t remote, uint32_t bit);
  void count_remote(uint32_t index, int by);
  void remote_changed(uint32_t index);
  void access_changed(uint32_t network, uint32_t remote, bool allowed);

  // tables_ports.cpp
  bool port_is_open(uint32_t id) const;
  const char* port_move(uint32_t id, uint32_t network);
  void tell_port(uint32_t id, uint32_t kind);
  void port_changed(uint32_t id);

  // tables_macs.cpp
  const char* mac_put(uint32_t network, uint64_t mac, uint32_t word, uint32_t& position);
  const char* mac_put_far(uint32_t network, const uint8_t mac[6], uint32_t word, uint32_t flags);
  bool place_acquire(uint32_t network, uint32_t word);
  void place_release(uint32_t network, uint32_t word);
  const char* mac_change(uint32_t position, const MacSlot& slot, uint32_t word);
  void mac_erase(uint32_t position, const MacSlot& slot, uint32_t tell);
  void mac_tell(const MacSlot& slot, uint32_t kind, uint64_t time,
                const uint8_t* previous = nullptr);
  void mac_count(const MacSlot& slot, int by);
  void mac_changed(const MacSlot& slot);
  // False when the port has as many of these entries as it may teach. `count`: where its row has
  // their number.
  bool may_learn(uint32_t port, size_t count) const;
  void refuse_learning();
  void mac_learn(const LearnRecord& record);
  void macs_flush_port(uint32_t id);
  void macs_flush_network(uint32_t network);
  void mac_age(uint32_t position);

  // tables_neighbours.cpp
  bool binding_put(const BindingSlot& slot, uint32_t port);
  void binding_erase(uint32_t position, const BindingSlot& slot, uint32_t tell);
  void binding_tell(const BindingSlot& slot, uint32_t port, uint32_t kind, uint64_t time);
  void binding_own(uint32_t position, uint32_t port);
  void neighbour_learn(const LearnRecord& record);
  void bindings_flush_port(uint32_t id);
  void bindings_flush_network(uint32_t network);
  void binding_age(uint32_t position);

  // tables_routes.cpp
  using PrefixWords = Words<PrefixShape::kWords>;
  struct Members {
    unsigned count = 0;
    uint16_t hops[16];
  };
  const char* router_set(uint32_t network, const uint8_t mac[6], const uint8_t before[6]);
  void router_clear(uint32_t network, const uint8_t mac[6]);
  template <class Operation>
  const char* read_route(const Operation& operation, PrefixWords& key, NextHopRow& hop) const;
  // The row for which `same` holds, of those with this hash and kind (kGroupBit …); 0 = none.
  template <class Same>
  uint32_t intern_find(uint32_t hash, uint32_t kind, Same same) const {
    for (uint32_t i = 0; i < kInternProbes; i++) {
      Words<NumberShape::kWords> slot;
      if (interned_.find({{0, hash + i}}, slot) == interned_.kNowhere) continue;
      constexpr uint32_t kKinds = kGroupBit | kMacGroupBit;
      if ((slot.w[0] & kKinds) == kind && same(slot.w[0] & ~kKinds)) return slot.w[0] & ~kKinds;
    }
    return 0;
  }
  // Places of the index of what is shared; more say the same hash.
  static constexpr unsigned kInternProbes = 8;
  uint32_t hop_find(const NextHopRow& wanted) const;
  bool intern_add(uint32_t hash, uint32_t value);
  void intern_remove(uint32_t hash, uint32_t value);
  const char* hop_obtain(NextHopRow& hop, const uint8_t remote[16], uint32_t& index);
  void hop_count(uint32_t index, int by);
  uint32_t group_find(const Members& wanted) const;
  Members members_of(uint32_t target) const;
  const char* target_obtain(const Members& members, uint32_t& target);
  void target_count(uint32_t target, int by);
  void count_length(uint32_t network, uint32_t length, int by);
  void prefix_erase(uint32_t position, const PrefixWords& slot);
  void prefixes_flush_network(uint32_t network);
  bool is_routed_into(uint32_t network) const;
  bool is_vrf(uint32_t network) const;
  void forget_vrf(uint32_t vrf);

  // tables_segments.cpp
  uint32_t mac_group_find(uint32_t network, const uint8_t esi[10], const uint8_t via[16]) const;
  void mac_group_count(int by);
  void mac_group_erase(uint32_t index);
  void mac_groups_flush_network(uint32_t network);
  void port_segment_put(uint32_t id, uint16_t flags, const uint16_t peers[16]);

  Segment segment_;
  TablesObserver observer_;
  bool implicitPorts_;
  WriterState& state_;
  HashWriter<MacShape> macs_;
  HashWriter<NeighbourShape> neighbours_;
  HashWriter<NumberShape> vnis_;
  HashWriter<NumberShape> access_;
  HashWriter<AddressShape> addresses_;
  HashWriter<PrefixShape> prefixes_;
  HashWriter<NumberShape> interned_;
  HashWriter<ChannelShape> channels_;
};

}  // namespace vtep
