// Two ports joined by a thread, with metadata as it comes: the smallest possible switch.
#pragma once
#include <poll.h>

#include <atomic>
#include <thread>

#include "support.hpp"

namespace vtep::test {

class Bridge {
 public:
  Bridge(Port& a, Port& b) : thread_([this, &a, &b] { loop(a, b); }) {}
  ~Bridge() {
    stop_ = true;
    thread_.join();
  }
  std::atomic<uint64_t> frames = 0, super_frames = 0, udp_super_frames = 0, lost = 0;

 private:
  void loop(Port& a, Port& b) {
    pollfd waits[2] = {{a.wait_descriptor(0), POLLIN, 0}, {b.wait_descriptor(0), POLLIN, 0}};
    while (!stop_) {
      poll(waits, 2, 20);
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
      if (type == kGsoTcp4 || type == kGsoTcp6) super_frames++;
      if (type == kGsoUdp) udp_super_frames++;
    }
    frames += count;
    send_all(to, 0, out, count, [&](uint32_t, Drop) { lost++; });
    return count;
  }

  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace vtep::test
