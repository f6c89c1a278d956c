// Puts programs on interfaces in a thread of its own, and a moment later: the kernel answers only
// when no CPU runs the programs of before any more, which takes ten milliseconds and more, and
// until then lets nobody else change an interface. A port that is new is of use without them.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "../port/port.hpp"
#include "learn_ring.hpp"

namespace vtep {

class LinkMaker {
 public:
  struct Made {
    uint32_t port;
    uint32_t ifindex;
    Descriptor link;  // invalid when the kernel refused
  };

  // `done` rings when there is something to take.
  explicit LinkMaker(Doorbell& done) : done_(done) {}
  LinkMaker(const LinkMaker&) = delete;
  LinkMaker& operator=(const LinkMaker&) = delete;
  ~LinkMaker();

  // One thread, all of the following. The program outlives this object.
  void start(uint32_t port, const ProgramPlace& place);
  std::vector<Made> take();

 private:
  struct Job {
    std::chrono::steady_clock::time_point due;
    uint32_t port;
    ProgramPlace place;
  };
  void run();

  Doorbell& done_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::vector<Made> made_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace vtep
