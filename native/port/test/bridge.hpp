// Two ports joined by a process of its own, with metadata as it comes: the smallest possible
// switch. Not a thread, because tests fork.
#pragma once
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "support.hpp"

namespace vtep::test {

class Bridge {
 public:
  struct Counters {
    std::atomic<uint64_t> frames = 0, super_frames = 0, udp_super_frames = 0, lost = 0;
  };

  Bridge(Port& a, Port& b) {
    void* shared =
        mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    counters_ = new (shared) Counters;
    process_ = fork();
    CHECK(process_ >= 0);
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    loop(a, b);
  }
  ~Bridge() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    munmap(counters_, sizeof(Counters));
  }
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  Counters& counters() const { return *counters_; }

 private:
  [[noreturn]] void loop(Port& a, Port& b) {
    pollfd waits[2] = {{a.wait_descriptor(0), POLLIN, 0}, {b.wait_descriptor(0), POLLIN, 0}};
    for (;;) {
      poll(waits, 2, -1);
      while (pass(a, b) + pass(b, a) != 0) {
      }
    }
  }
  unsigned pass(Port& from, Port& to) {
    Frame in[64];
    Gather out[64];
    iovec pieces[64];
    const unsigned count = from.receive(0, in, 64);
    for (unsigned i = 0; i < count; i++) {
      pieces[i] = {in[i].data, in[i].length};
      out[i].pieces = &pieces[i];
      out[i].count = 1;
      out[i].length = in[i].length;
      out[i].meta = in[i].meta;
      const uint8_t type = in[i].meta.gso_type & 0x7f;
      if (type == kGsoTcp4 || type == kGsoTcp6) counters_->super_frames++;
      if (type == kGsoUdp) counters_->udp_super_frames++;
    }
    counters_->frames += count;
    send_all(to, 0, out, count, [&](uint32_t, Drop) { counters_->lost++; });
    return count;
  }

  Counters* counters_;
  pid_t process_;
};

}  // namespace vtep::test
