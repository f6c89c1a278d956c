// A dataplane: the shared segment, the worker threads, the keeper thread with the control socket.
// What the addon starts and stops.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "polling.hpp"

namespace vtep {

struct DataplaneSetup {
  unsigned workers = 1;
  Polling::Mode polling = Polling::Mode::adaptive;
  std::vector<int> cpus;  // that the workers are fixed to; empty: see place_workers
  std::string control_path;
  bool fast_path = true;  // use the kernel's, where it can be had (native/fastpath)
  // Called once, on the keeper's thread, when the verb `shutdown` has ended the dataplane. close()
  // is still to be called.
  std::function<void()> on_shutdown;
};

class Dataplane {
 public:
  // Null and one sentence in `error`; leaves nothing behind then.
  static std::unique_ptr<Dataplane> start(DataplaneSetup setup, std::string& error);
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;
  // Stops the threads, closes ports, uplink and control socket. Blocks until all is gone.
  ~Dataplane();
  // Goes on by one each second in which the keeper and every worker turned or slept: who sees it
  // stand still for some seconds knows that a thread hangs.
  uint64_t beats() const;

 private:
  struct Parts;
  explicit Dataplane(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace vtep
