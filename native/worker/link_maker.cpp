#include "link_maker.hpp"

#include <pthread.h>

#include "../port/bpf_program.hpp"

namespace vtep {

// By then whoever has opened a port is through with it.
static constexpr std::chrono::milliseconds kPause{100};

LinkMaker::~LinkMaker() {
  {
    const std::lock_guard lock(lock_);
    ended_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LinkMaker::start(uint32_t port, const ProgramPlace& place) {
  {
    const std::lock_guard lock(lock_);
    jobs_.push_back({std::chrono::steady_clock::now() + kPause, port, place});
  }
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "vtep-links");
  }
  wake_.notify_one();
}

std::vector<LinkMaker::Made> LinkMaker::take() {
  const std::lock_guard lock(lock_);
  return std::exchange(made_, {});
}

void LinkMaker::run() {
  std::unique_lock lock(lock_);
  for (;;) {
    wake_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
    if (ended_ || wake_.wait_until(lock, jobs_.front().due, [this] { return ended_; })) return;
    const Job job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    const ProgramPlace& place = job.place;
    Descriptor link = link_program(*place.program, place.ifindex, place.attach_type, place.flags);
    lock.lock();
    made_.push_back({job.port, place.ifindex, std::move(link)});
    done_.ring();
  }
}

}  // namespace vtep
