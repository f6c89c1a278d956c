// A worker thread: owns queue w of every port and of the uplink, moves bursts from device to switch
// to device, and sleeps in epoll when there is nothing to do.
#pragma once
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "../core/switch.hpp"
#include "../port/descriptor.hpp"
#include "device_list.hpp"
#include "egress.hpp"
#include "held_frames.hpp"
#include "learn_ring.hpp"
#include "placement.hpp"
#include "polling.hpp"
#include "quiescence.hpp"
#include "tap.hpp"
#include "use_reporter.hpp"

namespace vtep {

using LearnRing = SpscRing<LearnRecord, 8192>;

// A frame for a tenant that comes from nobody: a question whether it is still there, or what a
// router says.
struct Letter {
  uint32_t port;
  uint32_t length;
  uint8_t bytes[512];
};

// What the keeper and all workers share, beside the segment.
struct Shared {
  Quiescence quiescence;
  std::atomic<const DeviceList*> devices{nullptr};
  // The keeper writes this with each of its turns, and the workers read what is beside it.
  alignas(64) Doorbell keeper;
  alignas(64) std::vector<Placement> placements;  // of the workers, before they start
  std::vector<int> cpus;                          // that a worker under load may use
};

class Worker {
 public:
  Worker(const Segment& segment, Shared& shared, unsigned number, Polling::Mode polling);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { stop(); }

  bool start(std::string& error);
  // Joins the thread.
  void stop();

  // Keeper: there is a new list, come and look.
  void call() { doorbell_.ring(); }
  // Keeper: the list that this worker works with.
  uint64_t adopted() const { return adopted_.load(std::memory_order_acquire); }
  LearnRing& learned() { return learned_; }
  // Keeper: sends the frame out of its port with the next turn. False when too many wait.
  bool post(const Letter& letter);
  // Keeper: what became of frames that a port's device had to finish.
  const OffloadWatch& watch() const { return egress_.watch(); }

 private:
  static constexpr unsigned kBursts = 4;  // of one device in one turn
  // Of the uplink at once: enough for the segments of some super-frames to come together.
  static constexpr unsigned kUplinkFrames = 4 * kBurst;
  static constexpr int kEvents = 64;
  static constexpr int kMillisecondsPerSecond = 1000;
  static constexpr int kHeldMilliseconds = 1;  // until it looks whether held frames can go on
  static constexpr int kCalmMilliseconds =
      100;  // one that was under load looks again whether it is
  static constexpr uint64_t kDoorbell = UINT64_MAX;

  void run();
  int sleep_at_most(bool again) const;
  void tell_load();
  void settle_down(bool at_home);
  void adopt(const DeviceList* list);
  void watch(const DeviceList* list, const DeviceList* other, bool add);
  void watch_descriptor(int descriptor, uint64_t key, bool add);
  void turn(uint32_t source);
  template <class Device, class Forward>
  bool receive(Device& device, unsigned most, Forward forward);
  UplinkForm uplink_form() const;
  void flush(Burst& burst);
  void look_at_held(uint64_t now);
  void send_letters();
  void collect_losses();

  Segment segment_;
  Shared& shared_;
  const unsigned number_;
  Switch switch_;
  Tap tap_;
  Egress egress_;
  Burst burst_;
  Frame frames_[kUplinkFrames];
  const DeviceList* list_;
  // Devices (port id, 0 = uplink) that have not answered 0 yet: they have more, or still lend us
  // frames.
  std::vector<uint32_t> busy_, unfinished_;
  std::vector<uint8_t> is_busy_;  // by port id
  Polling polling_;
  const Polling::Mode mode_;
  ThreadAccount account_;
  bool told_loaded_ = false;
  bool at_home_ = false;
  unsigned found_ = 0;  // frames in this turn
  bool learned_something_ = false;
  UseReporter uses_;
  HeldFrames held_;
  uint32_t ingress_ = 0;  // of the burst at hand, and when it came
  uint64_t now_ = 0;
  uint64_t losses_at_ = 0;  // nanoseconds of the next look at the devices' losses; 0 = nothing was
                            // received since the last
  Descriptor epoll_;
  Doorbell doorbell_;
  LearnRing learned_;
  SpscRing<Letter, 256> letters_;
  std::atomic<uint64_t> adopted_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace vtep
