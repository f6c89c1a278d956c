// When the CPU on which a tenant's frames come up has too much to do, the work on them goes to
// others that have not: by receive packet steering of the interface (port/receive_steering.hpp).
// One sender of small frames then has a CPU for itself. It costs a wake-up of another CPU, so it is
// off where it is not needed.
#pragma once
#include <stdint.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../port/descriptor.hpp"
#include "../port/receive_steering.hpp"
#include "maps.h"

namespace vtep {

// What the processors have done since the last look.
class CpuTime {
 public:
  void open(unsigned processors);
  // False: too little time has passed to say anything; the last look holds.
  bool look();
  bool is_busy(unsigned cpu) const;
  // CPUs that have time and that this process may use.
  std::vector<unsigned> free() const;

 private:
  struct Ticks {
    uint64_t idle = 0, all = 0;
  };
  std::vector<Ticks> ticks_;
  std::vector<double> idle_;  // share
  std::vector<bool> usable_;
  uint64_t looked_ = 0;  // milliseconds
};

// The decision for one interface. Pure.
class SpreadChoice {
 public:
  // Where its frames go on; none: where they come up.
  const std::vector<unsigned>& cpus() const { return cpus_; }
  // Very many came up at a CPU that has no time for more, and others have.
  void on_rush(const std::vector<unsigned>& free);
  // So many came since the pulse before.
  void on_pulse(uint64_t frames);

 private:
  std::vector<unsigned> cpus_;
};

class Spread {
 public:
  void open(unsigned processors);
  // `id` as of a port; 0: the uplink, which may have several interfaces.
  void add(uint32_t id, uint32_t ifindex);
  void remove(uint32_t id);
  // So many frames have come in since ever.
  void count(uint32_t id, uint64_t frames);
  void on_rush(uint32_t id, uint32_t cpu);
  // Readable four times in a second while anything is spread; then count() what came in at
  // spread_ids(), and call on_pulse(). -1: not open.
  int pulse_descriptor() const { return timer_.get(); }
  std::vector<uint32_t> spread_ids() const;
  void on_pulse();
  // Answers how many frames were lost at CPUs that got them.
  uint64_t on_second();

 private:
  struct Interface {
    std::map<uint32_t, std::unique_ptr<ReceiveSteering>> steering;  // by ifindex
    SpreadChoice choice;
    uint64_t frames = 0, counted = 0;
  };

  void apply(Interface& interface);
  void pulse(bool on);
  uint64_t read_backlog_drops();

  bool is_open_ = false, pulsing_ = false;
  Descriptor timer_;
  SysfsMount sysfs_;
  CpuTime time_;
  std::map<uint32_t, Interface> interfaces_;
  std::vector<uint64_t> drops_;  // by CPU, since ever
  std::vector<bool> gets_;       // CPUs that got frames at the last look
};

}  // namespace vtep
