// What of the workers is pure: when to look again and when to sleep, who runs where, and which
// offloads are switched off.
#include <stdio.h>
#include <unistd.h>

#include <chrono>

#include "../../../fastpath/spread.hpp"
#include "../../learn_ring.hpp"
#include "../../placement.hpp"
#include "../../polling.hpp"
#include "../../quiescence.hpp"
#include "check.hpp"

namespace vtep {
namespace {

constexpr uint64_t kMicrosecond = 1000, kMillisecond = 1000000;

// A worker on a CPU: time passes, frames come, looks are made as the policy says.
class Worker {
 public:
  explicit Worker(Polling::Mode mode = Polling::Mode::adaptive) : polling(mode) {}

  // The next frame comes after `gap`; a look takes a microsecond. Answers how long was waited
  // awake.
  uint64_t frame_after(uint64_t gap, uint64_t look = kMicrosecond) {
    const uint64_t comes = now + gap, idle = now;
    uint64_t awake = 0;
    while (again && now + look < comes) {
      now += look;
      again = polling.again(now, now, 0);
      awake = now - idle;
    }
    was_awake = again;
    now = comes;
    again = polling.again(now, now + 2 * kMicrosecond, 1);
    now += 2 * kMicrosecond;
    return awake;
  }
  // Ten windows of which it ran, and waited for the CPU, so many percent.
  void windows(unsigned ran, unsigned waited, uint64_t times) {
    for (unsigned i = 0; i < 2 * Polling::kCalmWindows; i++) {
      const uint64_t percent = Polling::kWindow / 100;
      (void)polling.again(now, now, 0);
      now += Polling::kWindow;
      total.ran += ran * percent, total.waited += waited * percent, total.times += times;
      CHECK(polling.judges(now));
      polling.judge(now, total);
    }
  }

  Polling polling;
  CpuAccount total;
  uint64_t now = 5 * kMillisecond;
  bool again = false, was_awake = false;
};

void waits_awake_where_it_pays_off() {
  Worker worker;
  CHECK(worker.frame_after(kMillisecond) == 0);
  CHECK(!worker.again);
  // Answers that come after 30 us: learned within a few, and met awake from then on.
  for (unsigned i = 0; i < 20; i++) worker.frame_after(30 * kMicrosecond);
  CHECK(worker.was_awake && worker.again);
  // One that comes late costs no more than the longest patience, and then it sleeps.
  CHECK(worker.frame_after(5 * kMillisecond) <= Polling::kLongest + kMicrosecond);
  CHECK(!worker.was_awake);
  // What comes seldom is not waited for.
  for (unsigned i = 0; i < 20; i++) worker.frame_after(5 * kMillisecond);
  CHECK(worker.frame_after(5 * kMillisecond) == 0 && !worker.again);
}

void knows_no_more_patience_than_needed() {
  Worker worker;
  for (unsigned i = 0; i < 60; i++) worker.frame_after(10 * kMicrosecond);
  CHECK(worker.polling.patience(worker.now) >= 10 * kMicrosecond);
  CHECK(worker.polling.patience(worker.now) <= 30 * kMicrosecond);
}

// Others run on the CPU between two looks: it would not have slept anyway.
void gives_way_on_a_shared_cpu() {
  Worker worker;
  for (unsigned i = 0; i < 20; i++) worker.frame_after(30 * kMicrosecond);
  CHECK(worker.again);
  worker.frame_after(30 * kMicrosecond, Polling::kPreempted + kMicrosecond);
  CHECK(!worker.again && worker.polling.patience(worker.now) == 0);
  // It tries again, and the longer later the more often this was in vain.
  uint64_t tries = 0, end = worker.now + 4000 * kMillisecond;
  while (worker.now < end)
    tries += worker.frame_after(30 * kMicrosecond, Polling::kPreempted + kMicrosecond) != 0;
  CHECK(tries >= 2 && tries <= 12);
  // Alone again: as before.
  end = worker.now + 2 * Polling::kLongestPenalty;
  while (worker.now < end && !worker.again) worker.frame_after(30 * kMicrosecond);
  CHECK(worker.again);
}

// The far end of a round trip wakes up on our CPU and answers: what waiting awake is for.
void does_not_mind_whom_it_waited_for() {
  Worker worker;
  for (unsigned i = 0; i < 200; i++) {
    for (unsigned look = 0; look < 20 && worker.again; look++) {
      worker.now += kMicrosecond;
      worker.again = worker.polling.again(worker.now, worker.now, 0);
    }
    worker.now += 12 * kMicrosecond;
    worker.again = worker.polling.again(worker.now, worker.now, 1);
  }
  CHECK(worker.again);
}

void obeys_the_other_modes() {
  Worker never(Polling::Mode::never), always(Polling::Mode::always);
  for (unsigned i = 0; i < 20; i++) never.frame_after(10 * kMicrosecond);
  CHECK(!never.again);
  always.frame_after(10 * kMicrosecond);
  for (unsigned i = 0; i < 1000; i++) {
    always.now += kMillisecond;
    CHECK(always.polling.again(always.now, always.now, 0));
  }
}

void knows_when_it_has_too_much_to_do() {
  Worker worker;
  worker.windows(30, 0, 100);
  CHECK(!worker.polling.loaded());
  worker.windows(90, 0, 100);
  CHECK(worker.polling.loaded());
  worker.windows(60, 0, 100);
  CHECK(worker.polling.loaded());
  worker.windows(20, 0, 100);
  CHECK(!worker.polling.loaded());
  // To want the CPU and not to get it is load, too; short waits are those for whoever woke us.
  worker.windows(30, 20, 100);
  CHECK(!worker.polling.loaded() && !worker.polling.crowded(worker.now));
  worker.windows(30, 60, 2);
  CHECK(worker.polling.loaded() && worker.polling.crowded(worker.now));
  CHECK(worker.polling.patience(worker.now) == 0);
}

void waits_awake_only_with_time_to_spare() {
  const auto patience = [](unsigned ran, unsigned waited) {
    Worker worker;
    worker.windows(ran, waited, 100);
    // Nobody punishes it meanwhile: gaps of 30 us, met at once.
    for (unsigned i = 0; i < 20; i++) worker.frame_after(30 * kMicrosecond);
    return worker.polling.patience(worker.now);
  };
  CHECK(patience(20, 10) != 0);
  CHECK(patience(45, 10) == 0);
  CHECK(patience(20, 30) == 0);
}

void places_workers() {
  const auto cpus = [](const std::vector<Placement>& all) {
    std::vector<int> out;
    for (const Placement& each : all) out.push_back(each.cpu);
    return out;
  };
  CHECK(cpus(place_workers(2, {}, {0, 1})) == (std::vector<int>{0, 1}));
  CHECK(!place_workers(2, {}, {0, 1})[0].fixed);
  CHECK(cpus(place_workers(2, {}, {0, 1, 2})) == (std::vector<int>{-1, -1}));
  CHECK(cpus(place_workers(3, {5, 7}, {4, 5, 6, 7})) == (std::vector<int>{5, 7, 5}));
  CHECK(place_workers(3, {5, 7}, {4, 5, 6, 7})[2].fixed);
  CHECK(check_cpus({5}, {4, 5}).empty());
  CHECK(check_cpus({9}, {4, 5}) ==
        "cpus: expected numbers of CPUs that this process may use (4, 5), got 9");
  const std::vector<int> usable = usable_cpus();
  CHECK(!usable.empty());
  // The kernel's own view.
  run_on({usable.back()});
  CHECK(usable_cpus() == std::vector<int>{usable.back()});
  run_on(usable);
  CHECK(usable_cpus() == usable);
  const NumaScope near(usable.front());
  ThreadAccount account;
  account.open();
  CHECK(account.read().ran != 0);
}

void spreads_while_there_is_a_rush() {
  using Cpus = std::vector<unsigned>;
  SpreadChoice choice;
  choice.on_pulse(1000000);
  CHECK(choice.cpus().empty());
  // Nobody has time.
  choice.on_rush({});
  CHECK(choice.cpus().empty());
  choice.on_rush({1, 3});
  CHECK(choice.cpus() == (Cpus{1, 3}));
  choice.on_rush({});
  CHECK(choice.cpus() == (Cpus{1, 3}));
  // Whoever sends has moved to CPU 1.
  choice.on_rush({0});
  CHECK(choice.cpus() == Cpus{0});
  choice.on_pulse(20000);
  CHECK(choice.cpus() == Cpus{0});
  choice.on_pulse(18749);
  CHECK(choice.cpus().empty());
}

void knows_which_cpus_have_time() {
  const std::vector<int> usable = usable_cpus();
  run_on({usable.back()});
  CpuTime time;
  time.open(static_cast<unsigned>(sysconf(_SC_NPROCESSORS_CONF)));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) {
  }
  CHECK(time.look());
  CHECK(!time.look());
  const auto cpu = static_cast<unsigned>(usable.back());
  CHECK(time.is_busy(cpu));
  CHECK(!time.is_busy(1u << 20));
  // Of those that it may use, and it is busy itself.
  CHECK(time.free().empty());
  run_on(usable);
}

// What one worker writes lies in no cache line that another thread writes.
static_assert(sizeof(SpscRing<int, 8>) % 64 == 0 && alignof(SpscRing<int, 8>) == 64);
static_assert(alignof(Quiescence) == 64 &&
              sizeof(Quiescence) == 64 * (Quiescence::kMaxWorkers + 1));

}  // namespace
}  // namespace vtep

int main() {
  using namespace vtep;
  waits_awake_where_it_pays_off();
  knows_no_more_patience_than_needed();
  gives_way_on_a_shared_cpu();
  does_not_mind_whom_it_waited_for();
  obeys_the_other_modes();
  knows_when_it_has_too_much_to_do();
  waits_awake_only_with_time_to_spare();
  places_workers();
  judge_offloads();
  keep_keys();
  spreads_while_there_is_a_rush();
  knows_which_cpus_have_time();
  puts("pure: all hold");
}
