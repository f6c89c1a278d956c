#include "spread.hpp"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

namespace vtep {
namespace {

constexpr double kBusy = 0.1, kFree = 0.5;  // share of idle time
constexpr uint64_t kShortest = 20;          // milliseconds: the kernel's figures are in steps of 10
// Frames in a pulse: half a rush. Bulk TCP in super-frames stays below that, and four streams of
// it lose a third where the wire's frames are sent on to one CPU; so a pulse is short.
constexpr long kPulse = 250000000;  // nanoseconds
constexpr uint64_t kFew = 75000 / 4;

uint64_t milliseconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

}  // namespace

void CpuTime::open(unsigned processors) {
  ticks_.resize(processors);
  idle_.assign(processors, 1);
  // What an operator keeps for others (taskset, isolcpus) is theirs.
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  (void)::sched_getaffinity(0, sizeof allowed, &allowed);
  for (unsigned cpu = 0; cpu < processors; cpu++)
    usable_.push_back(cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed));
  look();
}

// "cpu0 user nice system idle iowait irq softirq steal ..." (proc_stat(5)).
bool CpuTime::look() {
  const uint64_t now = milliseconds();
  if (now - looked_ < kShortest) return false;
  looked_ = now;
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    unsigned cpu;
    uint64_t t[8] = {};
    if (sscanf(line.c_str(), "cpu%u %lu %lu %lu %lu %lu %lu %lu %lu", &cpu, &t[0], &t[1], &t[2],
               &t[3], &t[4], &t[5], &t[6], &t[7]) < 5 ||
        cpu >= ticks_.size())
      continue;
    const Ticks sum = {t[3] + t[4], std::accumulate(t, t + 8, uint64_t{0})};
    const Ticks before = std::exchange(ticks_[cpu], sum);
    // Idle time has been seen to step back. A CPU that has slept on has no ticks at all.
    if (sum.all > before.all && sum.idle >= before.idle)
      idle_[cpu] =
          static_cast<double>(sum.idle - before.idle) / static_cast<double>(sum.all - before.all);
    else
      idle_[cpu] = 1;
  }
  return true;
}

bool CpuTime::is_busy(unsigned cpu) const { return cpu < idle_.size() && idle_[cpu] < kBusy; }

std::vector<unsigned> CpuTime::free() const {
  std::vector<unsigned> out;
  for (unsigned cpu = 0; cpu < idle_.size(); cpu++)
    if (usable_[cpu] && idle_[cpu] > kFree) out.push_back(cpu);
  return out;
}

// Also when they are spread already: whoever sends may have moved to the CPU that was free.
void SpreadChoice::on_rush(const std::vector<unsigned>& free) {
  if (!free.empty()) cpus_ = free;
}

// Back only when it is quiet: nothing waits then that a frame could overtake.
void SpreadChoice::on_pulse(uint64_t frames) {
  if (frames < kFew) cpus_.clear();
}

void Spread::open(unsigned processors) {
  std::string error;
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  is_open_ = processors > 1 && timer_ && sysfs_.open(error);
  if (!is_open_) return;
  time_.open(processors);
  drops_.resize(processors);
}

void Spread::add(uint32_t id, uint32_t ifindex) {
  char name[IF_NAMESIZE];
  if (!is_open_ || ::if_indextoname(ifindex, name) == nullptr) return;
  Interface& interface = interfaces_[id];
  if (interface.steering.count(ifindex) != 0) return;
  auto steering = std::make_unique<ReceiveSteering>();
  if (!steering->open(sysfs_, name)) return;
  interface.steering.emplace(ifindex, std::move(steering));
  apply(interface);
}

void Spread::remove(uint32_t id) { interfaces_.erase(id); }

void Spread::count(uint32_t id, uint64_t frames) {
  const auto found = interfaces_.find(id);
  if (found != interfaces_.end()) found->second.counted = frames;
}

void Spread::on_rush(uint32_t id, uint32_t cpu) {
  const auto found = interfaces_.find(id);
  if (found == interfaces_.end()) return;
  (void)time_.look();
  if (!time_.is_busy(cpu)) return;
  found->second.choice.on_rush(time_.free());
  apply(found->second);
  if (!pulsing_) pulse(!found->second.choice.cpus().empty());
}

std::vector<uint32_t> Spread::spread_ids() const {
  std::vector<uint32_t> out;
  for (const auto& [id, interface] : interfaces_)
    if (!interface.choice.cpus().empty()) out.push_back(id);
  return out;
}

void Spread::on_pulse() {
  uint64_t expirations;
  [[maybe_unused]] const ssize_t got = ::read(timer_.get(), &expirations, sizeof expirations);
  for (const uint32_t id : spread_ids()) {
    Interface& interface = interfaces_[id];
    const uint64_t before = std::exchange(interface.frames, interface.counted);
    interface.choice.on_pulse(interface.frames - before);
    apply(interface);
  }
  pulse(!spread_ids().empty());
}

void Spread::pulse(bool on) {
  if (on == pulsing_) return;
  const timespec period = {0, on ? kPulse : 0};
  const itimerspec timer = {period, period};
  pulsing_ = ::timerfd_settime(timer_.get(), 0, &timer, nullptr) == 0 && on;
}

uint64_t Spread::on_second() { return is_open_ ? read_backlog_drops() : 0; }

void Spread::apply(Interface& interface) {
  for (const auto& [ifindex, steering] : interface.steering)
    (void)steering->set(interface.choice.cpus());
}

// /proc/net/softnet_stat: hexadecimal columns, the second is what was dropped at a full backlog,
// the thirteenth the CPU.
uint64_t Spread::read_backlog_drops() {
  const std::vector<bool> got = std::exchange(gets_, std::vector<bool>(drops_.size()));
  for (const auto& [id, interface] : interfaces_)
    for (const unsigned cpu : interface.choice.cpus()) gets_[cpu] = true;
  if (std::find(gets_.begin(), gets_.end(), true) == gets_.end()) return 0;
  std::ifstream file("/proc/net/softnet_stat");
  std::string line;
  uint64_t lost = 0;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::vector<uint64_t> columns;
    for (uint64_t value; words >> std::hex >> value;) columns.push_back(value);
    if (columns.size() < 13 || columns[12] >= drops_.size()) continue;
    const size_t cpu = columns[12];
    const uint64_t before = std::exchange(drops_[cpu], columns[1]);
    if (got.size() > cpu && got[cpu] && gets_[cpu] && columns[1] > before)
      lost += columns[1] - before;
  }
  return lost;
}

}  // namespace vtep
