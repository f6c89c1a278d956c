#include "keeper.hpp"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "clock.hpp"

namespace vtep {

namespace {

enum Key : uint64_t { kDoorbellKey = 1, kStopKey, kTimerKey, kNetlinkKey, kRushKey, kPulseKey };

constexpr int kEvents = 64;
constexpr int kSpins = 64;               // looks at the workers before sleeping a millisecond
constexpr unsigned kLearnBudget = 4096;  // records of one worker in one round
constexpr uint32_t kAgeBudget =
    32768;  // buckets in one second: a million MACs are looked at within some ten seconds

bool watch(int epoll, int descriptor, uint64_t key) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

TablesObserver Keeper::observer(Keeper* keeper) {
  TablesObserver out;
  out.context = keeper;
  out.remote_added = [](void* context, uint32_t, const uint8_t address[16]) {
    static_cast<Keeper*>(context)->underlay_.add(Address::from_bytes(address));
  };
  out.remote_removed = [](void* context, uint32_t, const uint8_t address[16]) {
    static_cast<Keeper*>(context)->underlay_.remove(Address::from_bytes(address));
  };
  out.mac_changed = [](void* context, uint32_t network, uint64_t mac) {
    static_cast<Keeper*>(context)->fast_path_.mac_changed(network, mac);
  };
  out.remote_changed = [](void* context, uint32_t index) {
    static_cast<Keeper*>(context)->fast_path_.remote_changed(index);
  };
  out.access_changed = [](void* context, uint32_t network, uint32_t remote, bool allowed) {
    static_cast<Keeper*>(context)->fast_path_.access_changed(network, remote, allowed);
  };
  out.port_changed = [](void* context, uint32_t id) {
    static_cast<Keeper*>(context)->fast_path_.port_changed(id);
  };
  out.wait_quiescent = [](void* context) { static_cast<Keeper*>(context)->wait_quiescent(); };
  return out;
}

Keeper::Keeper(Setup setup)
    : setup_(std::move(setup)),
      tables_(setup_.segment, observer(this)),
      fast_path_(tables_),
      devices_(tables_, fast_path_, *setup_.shared, *setup_.workers),
      underlay_(tables_, fast_path_, devices_),
      control_({
          setup_.control_path,
          kLayoutHashText,
          setup_.memory->size(),
          [this](std::string& error) { return setup_.memory->reader(error); },
          [this](Session& session, const Message& message) { request(session, message); },
          [](std::string_view name) {
            const Verb* verb = find_verb(name);
            return verb != nullptr && verb->observers;
          },
          [this](uint64_t session) { devices_.end_capture(session); },
      }) {}

bool Keeper::start(std::string& error) {
  tables_.set_time(monotonic_nanoseconds());
  fast_path_refusal_ = "not wanted";
  if (setup_.fast_path && fast_path_.open(fast_path_refusal_)) fast_path_refusal_.clear();
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec second = {{1, 0}, {1, 0}};
  if (!epoll_ || !timer_ || timerfd_settime(timer_.get(), 0, &second, nullptr) != 0) {
    error = std::string("keeper: epoll and timer: ") + strerror(errno);
    return false;
  }
  if (!monitor_.open(error)) return false;
  if (!watch(epoll_.get(), setup_.shared->keeper.descriptor(), kDoorbellKey) ||
      !watch(epoll_.get(), stop_bell_.descriptor(), kStopKey) ||
      !watch(epoll_.get(), timer_.get(), kTimerKey) ||
      !watch(epoll_.get(), monitor_.descriptor(), kNetlinkKey)) {
    error = std::string("keeper: epoll: ") + strerror(errno);
    return false;
  }
  if (fast_path_.is_open() && (!watch(epoll_.get(), fast_path_.rush_descriptor(), kRushKey) ||
                               !watch(epoll_.get(), fast_path_.pulse_descriptor(), kPulseKey))) {
    error = std::string("keeper: fast path: ") + strerror(errno);
    return false;
  }
  if (!control_.listen(epoll_.get(), error)) return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "vtep-keeper");
  return true;
}

void Keeper::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_relaxed);
  stop_bell_.ring();
  thread_.join();
}

void Keeper::run() {
  epoll_event events[kEvents];
  while (!stopping_.load(std::memory_order_relaxed) && !ended_) {
    Doorbell& doorbell = setup_.shared->keeper;
    doorbell.announce_sleep();
    const int count = epoll_wait(epoll_.get(), events, kEvents, timeout());
    doorbell.announce_wake();
    tables_.set_time(monotonic_nanoseconds());
    for (int i = 0; i < count; i++) dispatch(events[i].data.u64, events[i].events);
    learn();
    lookups_due_ = underlay_.step();
    if (tables_.waiting() > 0 && waiting_.empty()) after_quiescence({});
    settle();
    control_.wake(load_acquire(&setup_.segment.header().eventSequence));
  }
  if (ended_) setup_.on_shutdown();
}

// A worker finishes its turn within microseconds and has no reason to tell: so look a few times,
// then once in a millisecond.
int Keeper::timeout() {
  if (lookups_due_) return 0;
  for (const auto& worker : *setup_.workers)
    if (!worker->learned().empty()) return 0;
  for (int i = 0; i < kSpins && !waiting_.empty(); i++) {
    if (settle()) break;
    sched_yield();
  }
  return settle() ? -1 : 1;
}

void Keeper::dispatch(uint64_t key, uint32_t events) {
  if (key == control_.listen_key()) return control_.on_listen_ready();
  if (key >= ControlServer::kFirstSession) return control_.on_session_ready(key, events);
  switch (static_cast<Key>(key)) {
    case kDoorbellKey:
      return setup_.shared->keeper.silence();
    case kTimerKey:
      return on_timer();
    case kNetlinkKey:
      return on_netlink();
    case kRushKey:
      return fast_path_.on_rush();
    case kPulseKey:
      return fast_path_.on_pulse();
    case kStopKey:
      return stop_bell_.silence();
  }
}

void Keeper::on_timer() {
  uint64_t expirations;
  [[maybe_unused]] const ssize_t got = read(timer_.get(), &expirations, sizeof expirations);
  tables_.age_step(kAgeBudget);
  devices_.on_second();
  // The last block of counters is nobody's but the fast path's.
  fast_path_.on_second(setup_.segment.config().workers - 1);
  control_.on_second(monotonic_seconds());
  beat();
}

void Keeper::beat() {
  if (!setup_.shared->quiescence.passed(beat_target_)) return;
  beat_target_ = setup_.shared->quiescence.advance();
  beats_.fetch_add(1, std::memory_order_relaxed);
}

void Keeper::on_netlink() {
  netlink_events_.clear();
  const bool complete = monitor_.read(netlink_events_);
  for (const NetlinkEvent& event : netlink_events_)
    if (event.kind == NetlinkEvent::Kind::link) devices_.on_link(event.link);
  if (!complete) devices_.on_every_link();
  underlay_.on_netlink(netlink_events_, complete);
}

void Keeper::learn() {
  LearnRecord record;
  for (const auto& worker : *setup_.workers)
    for (unsigned i = 0; i < kLearnBudget && worker->learned().pop(record); i++) {
      if (record.kind == LearnRecord::kUse) {
        fast_path_.use(record);
      } else {
        tables_.learn(record);
      }
    }
}

void Keeper::after_quiescence(std::function<void()> then) {
  const uint64_t epoch = tables_.close_epoch();
  waiting_.push_back({setup_.shared->quiescence.advance(), epoch, std::move(then)});
}

// True when nothing waits for the workers any more.
bool Keeper::settle() {
  const bool devices_settled = devices_.settle();
  size_t passed = 0;
  while (passed < waiting_.size() && setup_.shared->quiescence.passed(waiting_[passed].target))
    passed++;
  if (passed > 0) {
    tables_.quiesced(waiting_[passed - 1].epoch);
    const std::vector<Waiting> ready(
        std::make_move_iterator(waiting_.begin()),
        std::make_move_iterator(waiting_.begin() + static_cast<ptrdiff_t>(passed)));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(passed));
    for (const Waiting& each : ready)
      if (each.then) each.then();
  }
  return devices_settled && waiting_.empty();
}

void Keeper::wait_quiescent() {
  const uint64_t target = setup_.shared->quiescence.advance();
  while (!setup_.shared->quiescence.passed(target)) sched_yield();
}

}  // namespace vtep
