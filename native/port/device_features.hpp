// What `ethtool -k` shows of an interface, by the kernel's names for it.
#pragma once
#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

namespace vtep {

class DeviceFeatures {
 public:
  // False when the interface is not there or does not say. In the caller's network namespace.
  bool read(const std::string& ifname);
  bool is_on(std::string_view name) const;
  // Switches what begins with "tx-" at another interface, as far as it can, as it is here.
  bool write_sending(const std::string& ifname) const;
  // Equal text: equal for sending.
  std::string sending() const;

 private:
  std::vector<std::string> names_;  // by bit
  std::vector<uint32_t> on_;        // bits
  bool bit(size_t i) const { return (on_[i / 32] >> (i % 32) & 1) != 0; }
};

// Whether the kernel sends what came by a tunnel, or may be in one, there without cutting it. A
// virtual machine's tap takes it when the guest's driver does.
bool takes_tunnels_at(const std::string& ifname);

}  // namespace vtep
