// What a worker receives from and sends to: an immutable list that the keeper replaces as a whole.
// A worker adopts the newest list between two turns; the keeper destroys a device only after every
// worker has adopted a list without it.
#pragma once
#include <stdint.h>

#include <vector>

#include "../port/port.hpp"
#include "../port/uplink.hpp"

namespace vtep {

struct PortDevice {
  uint32_t id = 0;
  Port* port = nullptr;
  Abilities abilities;
  bool fast_path = false;
};

struct UplinkDevice {
  Uplink* uplink = nullptr;
  UplinkForm form = UplinkForm::vxlan;
  UplinkAbilities abilities;
  bool fast_path = false;
};

struct DeviceList {
  uint64_t version = 0;
  std::vector<const PortDevice*> ports;  // by id; null where no port is open
  const UplinkDevice* uplink = nullptr;

  const PortDevice* port(uint32_t id) const { return id < ports.size() ? ports[id] : nullptr; }
};

}  // namespace vtep
