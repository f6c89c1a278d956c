// The writer of the shared tables. One thread uses it: the keeper. Everything it knows lies in the
// segment.
#pragma once
#include "hash_table.hpp"
#include "segment.hpp"
#include "switch.hpp"

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
struct NextHop {
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
  // After quiescence: these bytes of the segment are no longer used and may be given back to the
  // system as a hole.
  void (*memory_retired)(void* context, uint64_t offset, uint64_t size) = nullptr;
  // Must return only after every worker has passed a quiescent point. Called when too much waits
  // for one; null where no worker runs.
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
  void set_local(const uint8_t address[16], uint16_t udpPort);

  // Packed operations of layout.ts. One that fails changes nothing; the others are applied all the
  // same. Bytes that are no operations end it.
  ApplyResult apply(const uint8_t* bytes, size_t length);

  // Null or a few words why not.
  const char* set_next_hop(const uint8_t remote[16], const NextHop& nextHop);

  // Port id, 0 = no room.
  uint32_t open_port(const PortInfo& info);
  void set_port_up(uint32_t id, bool up);
  void set_port_mtu(uint32_t id, uint32_t mtu);
  // The device went away by itself: tells so; the row stays until close_port.
  void port_gone(uint32_t id);
  // Detaches, flushes, and frees the id after quiescence.
  void close_port(uint32_t id);

  void learn(const LearnRecord& record);
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
  friend class TablesInternals;
  Segment segment_;
  TablesObserver observer_;
  bool implicitPorts_;
};

}  // namespace vtep
