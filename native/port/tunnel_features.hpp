// Whether an interface takes encapsulated super-frames whole: what `ethtool -k` shows as
// tx-udp_tnl-segmentation and tx-udp_tnl-csum-segmentation; or cuts trains of datagrams,
// tx-udp-segmentation.
#pragma once
#include <string>

namespace vtep {

struct TunnelFeatures {
  bool plain = false;          // outer UDP without a checksum: VXLAN over IPv4
  bool with_checksum = false;  // outer UDP with one: VXLAN over IPv6
  bool trains = false;
};

// Nothing when the interface is not there or does not say. In the caller's network namespace.
TunnelFeatures tunnel_features(const std::string& ifname);

}  // namespace vtep
