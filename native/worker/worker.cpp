#include "worker.hpp"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "clock.hpp"

namespace vtep {

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1000000000;

const DeviceList kNoDevices;

}  // namespace

Worker::Worker(const Segment& segment, Shared& shared, unsigned number, Polling::Mode polling)
    : segment_(segment),
      shared_(shared),
      number_(number),
      switch_(segment, number, Unresolved::hand_over),
      tap_(segment, number),
      egress_(segment, number, switch_.counters(), &tap_),
      list_(&kNoDevices),
      polling_(polling),
      mode_(polling) {
  is_busy_.resize(segment.config().ports + 1);
  busy_.reserve(is_busy_.size());
  egress_.adopt(list_);
  burst_.context = this;
  burst_.flush = [](void* context, Burst& burst) { static_cast<Worker*>(context)->flush(burst); };
  burst_.hold = [](void* context, uint32_t input) {
    auto* worker = static_cast<Worker*>(context);
    return worker->held_.keep(worker->ingress_, worker->frames_[input], worker->now_,
                              worker->tap_.on() ? worker->tap_.held(input) : Track());
  };
}

bool Worker::start(std::string& error) {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || doorbell_.descriptor() < 0) {
    error = "worker " + std::to_string(number_) + ": epoll: " + strerror(errno);
    return false;
  }
  watch_descriptor(doorbell_.descriptor(), kDoorbell, true);
  // Signals are for the threads that know what to do with them. A fault in memory that a guest
  // shares is our own.
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), ("vtep-worker-" + std::to_string(number_)).c_str());
  return true;
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_relaxed);
  doorbell_.ring();
  thread_.join();
}

void Worker::run() {
  const Placement& placement = shared_.placements[number_];
  const NumaScope near(placement.cpu);
  account_.open();
  if (placement.cpu >= 0) settle_down(true);
  epoll_event events[kEvents];
  int timeout = mode_ == Polling::Mode::always ? 0 : -1;
  while (!stopping_.load(std::memory_order_relaxed)) {
    shared_.quiescence.sleep(number_);
    const int count = epoll_wait(epoll_.get(), events, kEvents, timeout);
    shared_.quiescence.begin_turn(number_);
    const uint64_t began = monotonic_nanoseconds();
    found_ = 0;
    const DeviceList* newest = shared_.devices.load(std::memory_order_acquire);
    if (newest != nullptr && newest != list_) adopt(newest);

    for (int i = 0; i < count; i++) {
      if (events[i].data.u64 == kDoorbell) {
        doorbell_.silence();
        send_letters();
      } else if (const auto source = static_cast<uint32_t>(events[i].data.u64); !is_busy_[source]) {
        turn(source);
      }
    }
    // What was not finished in the last turn is nobody's news. It comes behind the news, and may
    // stay unfinished once more.
    unfinished_.swap(busy_);
    for (const uint32_t source : unfinished_) {
      is_busy_[source] = 0;
      turn(source);
    }
    unfinished_.clear();

    if (learned_something_) {
      learned_something_ = false;
      shared_.keeper.ring_if_asleep();
    }
    const uint64_t now = monotonic_nanoseconds();
    if (losses_at_ != 0 && now >= losses_at_) collect_losses();
    if (!held_.empty()) look_at_held(now);
    const bool again = polling_.again(began, now, found_);
    if (polling_.judges(now)) {
      polling_.judge(now, account_.read());
      if (polling_.loaded() != told_loaded_) tell_load();
      const bool at_home = placement.fixed || !(told_loaded_ || polling_.crowded(now));
      if (placement.cpu >= 0 && at_home != at_home_) settle_down(at_home);
    }
    timeout = sleep_at_most(again);
    if (again) {
      // Whoever waits for this CPU is not kept waiting for frames that may never come.
      if (found_ == 0 && mode_ == Polling::Mode::adaptive) sched_yield();
    } else if (found_ != 0 && timeout != 0 && polling_.lets_others_run()) {
      sched_yield();
      timeout = 0;
    }
  }
  shared_.quiescence.sleep(number_);
}

// Milliseconds for epoll_wait.
int Worker::sleep_at_most(bool again) const {
  if (again || !busy_.empty()) return 0;
  if (!held_.empty()) return kHeldMilliseconds;
  if (told_loaded_) return kCalmMilliseconds;
  return losses_at_ != 0 ? kMillisecondsPerSecond : -1;
}

// A worker is at home where its frames come up, because waking a sleeping CPU costs more than ten
// switches on one. With much to do, or when somebody else does not let go of that CPU, it goes
// wherever there is one.
void Worker::settle_down(bool at_home) {
  at_home_ = at_home;
  run_on(at_home ? std::vector<int>{shared_.placements[number_].cpu} : shared_.cpus);
}

// Flows that can should go to others while we have more than we can do.
void Worker::tell_load() {
  told_loaded_ = polling_.loaded();
  for (const PortDevice* device : list_->ports)
    if (device != nullptr) device->port->set_busy(number_, told_loaded_);
  if (list_->uplink != nullptr) list_->uplink->uplink->set_busy(number_, told_loaded_);
}

void Worker::adopt(const DeviceList* list) {
  watch(list_, list, false);
  watch(list, list_, true);
  list_ = list;
  egress_.adopt(list);
  tap_.adopt(*list);
  if (told_loaded_) tell_load();
  adopted_.store(list->version, std::memory_order_release);
  shared_.keeper.ring_if_asleep();
}

// Adds to (or takes from) epoll what is in `list` and not in `other`.
void Worker::watch(const DeviceList* list, const DeviceList* other, bool add) {
  for (uint32_t id = 0; id < list->ports.size(); id++) {
    const PortDevice* device = list->ports[id];
    if (device == nullptr || device == other->port(id)) continue;
    watch_descriptor(device->port->wait_descriptor(number_), id, add);
  }
  if (list->uplink != nullptr && list->uplink != other->uplink)
    watch_descriptor(list->uplink->uplink->wait_descriptor(number_), 0, add);
}

void Worker::watch_descriptor(int descriptor, uint64_t key, bool add) {
  if (descriptor < 0) return;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  epoll_ctl(epoll_.get(), add ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, descriptor, &event);
}

// A few bursts of one device. One that may have more, or still lends us frames, is remembered for
// the next turn.
void Worker::turn(uint32_t source) {
  bool finished = true;
  ingress_ = source;
  if (source == 0) {
    const UplinkDevice* device = list_->uplink;
    if (device == nullptr) return;
    const bool ethernet = device->form == UplinkForm::ethernet;
    finished = receive(*device->uplink, kUplinkFrames, [&](unsigned count, uint64_t now) {
      if (ethernet) {
        switch_.from_outer(frames_, count, now, burst_);
      } else {
        switch_.from_vxlan(frames_, count, now, burst_);
      }
    });
  } else {
    const PortDevice* device = list_->port(source);
    if (device == nullptr) return;
    finished = receive(*device->port, kBurst, [&](unsigned count, uint64_t now) {
      switch_.from_port(source, frames_, count, now, burst_);
    });
  }
  if (!finished) {
    is_busy_[source] = 1;
    busy_.push_back(source);
  }
}

template <class Device, class Forward>
bool Worker::receive(Device& device, unsigned most, Forward forward) {
  for (unsigned i = 0; i < kBursts; i++) {
    const unsigned count = device.receive(number_, frames_, most);
    if (count == 0) return true;
    const uint64_t now = monotonic_nanoseconds();
    if (losses_at_ == 0) losses_at_ = now + kNanosecondsPerSecond;
    now_ = now;
    found_ += count;
    if (tap_.on()) tap_.arrived(ingress_, frames_, count, uplink_form());
    forward(count, now);
    egress_.finish();
    if (tap_.on()) tap_.settle();
  }
  return false;
}

UplinkForm Worker::uplink_form() const {
  return list_->uplink != nullptr ? list_->uplink->form : UplinkForm::vxlan;
}

void Worker::flush(Burst& burst) {
  if (tap_.on()) tap_.decided(burst);
  egress_.add(burst);
  for (unsigned i = 0; i < burst.learn_count; i++)
    learned_something_ |= learned_.push(burst.learns[i]);
  learned_something_ |= uses_.report(burst, ingress_, now_, *list_, learned_);
}

// Frames that come in again are not counted again.
void Worker::look_at_held(uint64_t now) {
  now_ = now;
  const auto again = [&](uint32_t ingress, const Frame& frame, const Track& track) {
    ingress_ = ingress;
    if (tap_.on()) tap_.again(track, frame, uplink_form());
    switch_.counters().received(ingress, ~uint64_t{0}, ~uint64_t{frame.length} + 1);
    if (ingress != 0) {
      switch_.from_port(ingress, &frame, 1, now, burst_);
    } else if (list_->uplink != nullptr && list_->uplink->form == UplinkForm::ethernet) {
      switch_.from_outer(&frame, 1, now, burst_);
    } else {
      switch_.from_vxlan(&frame, 1, now, burst_);
    }
  };
  held_.look(segment_, now, again, [&](uint32_t ingress, const Frame& frame, const Track& track) {
    switch_.counters().drop_received(ingress, Drop::no_neighbour);
    if (tap_.on()) tap_.gave_up(track, frame, uplink_form(), Drop::no_neighbour);
  });
  egress_.finish();
  if (tap_.on()) tap_.settle();
  held_.drop_gone();
}

bool Worker::post(const Letter& letter) {
  if (!letters_.push(letter)) return false;
  doorbell_.ring();
  return true;
}

// As answers of the switch: bytes of our own, for one port.
void Worker::send_letters() {
  Letter letter;
  if (tap_.on()) tap_.arrived(0, nullptr, 0, uplink_form());
  while (letters_.pop(letter)) {
    burst_.replies[0].length = letter.length;
    memcpy(burst_.replies[0].bytes, letter.bytes, letter.length);
    burst_.emits[0] = {0, destination_word(Destination::port, letter.port), 0, 0, 1};
    burst_.reply_count = burst_.emit_count = 1;
    egress_.add(burst_);
    egress_.finish();
    burst_.reply_count = burst_.emit_count = 0;
  }
  if (tap_.on()) tap_.settle();
}

void Worker::collect_losses() {
  losses_at_ = 0;
  Loss losses[8];
  const auto count_losses = [&](auto& device, uint32_t port) {
    const unsigned rows = device.take_losses(number_, losses, 8);
    for (unsigned i = 0; i < rows; i++)
      switch_.counters().drop_received(port, losses[i].reason, losses[i].frames);
  };
  for (const PortDevice* device : list_->ports)
    if (device != nullptr) count_losses(*device->port, device->id);
  if (list_->uplink != nullptr) count_losses(*list_->uplink->uplink, 0);
}

}  // namespace vtep
