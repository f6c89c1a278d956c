// What a worker receives from and sends to: an immutable list that the keeper replaces as a whole.
// A worker adopts the newest list between two turns; the keeper destroys a device only after every
// worker has adopted a list without it.
#pragma once
#include <stdint.h>

#include <vector>

#include "../port/port.hpp"
#include "../port/uplink.hpp"

namespace vtep {

class Capture;

struct PortDevice {
  uint32_t id = 0;
  Port* port = nullptr;
  Abilities abilities;
  bool fast_path = false;
};

// An interface that the uplink sends out of, and which forms of frames may be left to it.
struct UnderlayPath {
  uint32_t ifindex = 0;
  uint32_t watch_row = 0;  // 0 = not watched
  bool tunnel = true;      // super-frames whole
  bool trains = true;
  bool checksum = true;  // partial outer checksums
};

struct UplinkDevice {
  Uplink* uplink = nullptr;
  UplinkForm form = UplinkForm::vxlan;
  UplinkAbilities abilities;
  bool fast_path = false;
  std::vector<UnderlayPath> paths;
  UnderlayPath other;  // of every other interface

  const UnderlayPath& path(uint32_t ifindex) const {
    for (const UnderlayPath& each : paths)
      if (each.ifindex == ifindex) return each;
    return other;
  }
};

struct DeviceList {
  uint64_t version = 0;
  std::vector<const PortDevice*> ports;  // by id; null where no port is open
  const UplinkDevice* uplink = nullptr;
  std::vector<const Capture*> captures;  // that are on

  const PortDevice* port(uint32_t id) const { return id < ports.size() ? ports[id] : nullptr; }
};

}  // namespace vtep
