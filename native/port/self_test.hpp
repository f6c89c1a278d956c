// Whether this kernel finishes what we leave to it, towards an interface with certain features:
// each kind of offloaded frame is sent over a private pair of veths, which has been given those
// features, and what comes out is compared with what we would have sent had we done it all
// ourselves. The pair lives in a network namespace that nothing refers to but the running test.
// What it does not tell is what the hardware does: that shows under traffic
// (native/worker/offload_guard.hpp).
#pragma once
#include <functional>
#include <string>

#include "device_features.hpp"

namespace vtep {

// True: it works, or could not be tried.
struct SelfTestResult {
  bool checksum = true;
  bool tcp_segmentation = true;
  bool udp_segmentation = true;  // also of trains
  bool tunnel_segmentation = true;
  std::string refusal;  // why there was no test; empty: there was one
};

// Some ten milliseconds; on a thread of its own, whose network namespace is another one from then
// on. `prepare` is called in there before anything is sent (for tests).
SelfTestResult self_test(const DeviceFeatures& features,
                         const std::function<void(const char* ifname)>& prepare = {});

}  // namespace vtep
