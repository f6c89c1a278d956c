// What a worker counts. Each worker writes its own block with plain relaxed stores; readers add the
// blocks up.
#pragma once
#include "segment.hpp"

namespace vtep {

class WorkerCounters {
 public:
  WorkerCounters(const Segment& segment, uint32_t worker)
      : drops_(segment.drop_counters(worker)), ports_(&segment.port_counters(worker, 0)) {}
  // In memory of the caller's: by reason, and by port id.
  WorkerCounters(uint64_t* drops, PortCounters* ports) : drops_(drops), ports_(ports) {}

  // Port id, or 0 for the uplink.
  PortCounters& port(uint32_t id) { return ports_[id]; }
  void drop(Drop reason, uint64_t frames = 1) {
    add(drops_[static_cast<unsigned>(reason)], frames);
  }
  // A frame that entered at `port` is lost.
  void drop_received(uint32_t port, Drop reason, uint64_t frames = 1) {
    drop(reason, frames);
    add(ports_[port].rxDropped, frames);
  }
  // A frame meant for `port` is lost.
  void drop_sent(uint32_t port, Drop reason, uint64_t frames = 1) {
    drop(reason, frames);
    add(ports_[port].txDropped, frames);
  }
  void received(uint32_t port, uint64_t frames, uint64_t bytes) {
    add(ports_[port].rxFrames, frames);
    add(ports_[port].rxBytes, bytes);
  }
  void sent(uint32_t port, uint64_t frames, uint64_t bytes) {
    add(ports_[port].txFrames, frames);
    add(ports_[port].txBytes, bytes);
  }
  static void add(uint64_t& counter, uint64_t n) {
    store_relaxed(&counter, load_relaxed(&counter) + n);
  }

 private:
  uint64_t* drops_;
  PortCounters* ports_;
};

// Sums over all workers. Any process.
uint64_t read_drops(const Segment& segment, Drop reason);
PortCounters read_port_counters(const Segment& segment, uint32_t port);

}  // namespace vtep
