#include "tunnel_features.hpp"

#include "device_features.hpp"

namespace vtep {

TunnelFeatures tunnel_features(const std::string& ifname) {
  DeviceFeatures features;
  if (!features.read(ifname)) return {};
  return {features.is_on("tx-udp_tnl-segmentation"), features.is_on("tx-udp_tnl-csum-segmentation"),
          features.is_on("tx-udp-segmentation")};
}

}  // namespace vtep
