// Tells the keeper which frames a worker forwarded that the fast path (native/fastpath) could have
// carried, so that the next ones go there. Each kind of frame is told once in a while: what was
// told may have been lost, or may have left the maps since.
#pragma once
#include "../core/hash_table.hpp"
#include "../core/switch.hpp"
#include "device_list.hpp"
#include "learn_ring.hpp"

namespace vtep {

class UseReporter {
 public:
  // Frames of this burst came from `ingress` (port id, 0 = uplink). True when something was told.
  template <class Ring>
  bool report(const Burst& burst, uint32_t ingress, uint64_t now, const DeviceList& list,
              Ring& ring) {
    const PortDevice* port = list.port(ingress);
    const bool uplink = list.uplink != nullptr && list.uplink->fast_path;
    if (ingress == 0 ? !uplink : port == nullptr || !port->fast_path) return false;
    bool told = false;
    uint32_t last = UINT32_MAX;
    for (unsigned i = 0; i < burst.emit_count; i++) {
      const Emit& emit = burst.emits[i];
      // The copies of a flooded frame are one frame, and not the fast path's; neither is what was
      // routed.
      const bool is_copy = emit.frame == last ||
                           (i + 1 < burst.emit_count && burst.emits[i + 1].frame == emit.frame);
      last = emit.frame;
      if (emit.reply != 0 || emit.routed || is_copy || !can_leave(emit.destination, uplink, list))
        continue;
      told |= tell(burst.frames[emit.frame], emit.vni, ingress, now, ring);
    }
    return told;
  }

 private:
  struct Told {
    uint64_t destination, source;
    uint64_t time;
    uint32_t vni, port;
  };
  static constexpr unsigned kTold = 256;
  static constexpr uint64_t kRepeatAfter = 100 * 1000 * 1000;

  static bool can_leave(uint32_t word, bool uplink, const DeviceList& list) {
    if (destination_kind(word) != Destination::port) return uplink;
    const PortDevice* device = list.port(destination_id(word));
    return device != nullptr && device->fast_path;
  }

  template <class Ring>
  bool tell(const Frame& frame, uint32_t vni, uint32_t ingress, uint64_t now, Ring& ring) {
    const uint64_t destination = load_mac(frame.data);
    if (is_group(destination)) return false;
    const uint64_t source = ingress != 0 ? load_mac(frame.data + 6) : load64(frame.source + 8);
    Told& told = told_[mix(destination ^ mix(source ^ vni)) % kTold];
    if (told.destination == destination && told.source == source && told.vni == vni &&
        told.port == ingress && now - told.time < kRepeatAfter)
      return false;
    LearnRecord record = {};
    record.timeNanoseconds = now;
    record.kind = LearnRecord::kUse;
    record.port = ingress;
    record.flags = vni;
    store_mac(record.mac, destination);
    copy(record.ip, ingress != 0 ? frame.data + 6 : frame.source, ingress != 0 ? 6 : 16);
    if (!ring.push(record)) return false;
    told = {destination, source, now, vni, ingress};
    return true;
  }

  Told told_[kTold] = {};
};

}  // namespace vtep
