#include "vhost_fault.hpp"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace vtep {
namespace {

// `begin` is written last and cleared first: 0 = free, 1 = being written.
struct Range {
  std::atomic<uintptr_t> begin = 0;
  std::atomic<uintptr_t> end = 0;
  std::atomic<int> bell = -1;
};
constexpr int kRanges = 4096;
Range ranges[kRanges];
struct sigaction before;

bool repair(uintptr_t address) {
  for (Range& range : ranges) {
    const uintptr_t begin = range.begin.load(std::memory_order_acquire);
    const uintptr_t end = range.end.load(std::memory_order_relaxed);
    if (begin <= 1 || address < begin || address >= end) continue;
    // The whole range: a part of huge pages can not be replaced, and what is left is worth nothing.
    void* base = reinterpret_cast<void*>(begin);
    if (::mmap(base, end - begin, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != base)
      return false;
    const uint64_t one = 1;
    (void)!::write(range.bell.load(std::memory_order_relaxed), &one, sizeof one);
    return true;
  }
  return false;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  if (repair(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    (void)::sigaction(signal, &before, nullptr);  // the access comes again, and ends the process
  }
}

}  // namespace

bool install_fault_handler() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    return ::sigaction(SIGBUS, &action, &before) == 0;
  }();
  return installed;
}

int guard_range(void* base, size_t length, int bell) {
  for (int slot = 0; slot < kRanges; slot++) {
    Range& range = ranges[slot];
    uintptr_t free = 0;
    if (!range.begin.compare_exchange_strong(free, 1)) continue;
    range.end.store(reinterpret_cast<uintptr_t>(base) + length, std::memory_order_relaxed);
    range.bell.store(bell, std::memory_order_relaxed);
    range.begin.store(reinterpret_cast<uintptr_t>(base), std::memory_order_release);
    return slot;
  }
  return -1;
}

void unguard_range(int slot) { ranges[slot].begin.store(0, std::memory_order_release); }

}  // namespace vtep
