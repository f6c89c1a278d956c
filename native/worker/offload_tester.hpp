// The keeper's side of the self-tests (port/self_test.hpp): one at a time, aside, each set of
// features once. Until a result is there, what the interface says is believed.
#pragma once
#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "../port/self_test.hpp"

namespace vtep {

class OffloadTester {
 public:
  OffloadTester() = default;
  OffloadTester(const OffloadTester&) = delete;
  OffloadTester& operator=(const OffloadTester&) = delete;
  ~OffloadTester();

  // Keeper thread, about once a second until it answers. Null: not known yet. An interface that has
  // gone passes.
  const SelfTestResult* result(uint32_t ifindex);

 private:
  std::map<std::string, SelfTestResult> known_;  // by DeviceFeatures::sending()
  std::thread thread_;
  std::atomic<bool> finished_{false};
  std::string running_;  // what `thread_` tests
  SelfTestResult outcome_;
};

}  // namespace vtep
