// An interface by AF_XDP: its program, and a socket for each receive queue, spread over the
// workers. The af_xdp port and the af_xdp uplink are made of these.
#pragma once
#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

#include "netlink.hpp"
#include "options.hpp"
#include "xdp_program.hpp"
#include "xdp_socket.hpp"

namespace vtep {

// The options that port and uplink have in common.
#define VTEP_XDP_OPTIONS                                                                     \
  {"mode", "text", "auto",                                                                   \
   "auto, native, generic or zerocopy: how frames are taken off the driver"},                \
  {                                                                                          \
    "busyPoll", "flag", "no", "the worker drives the receive queue instead of its interrupt" \
  }

struct XdpSetup {
  enum class Mode : uint8_t { automatic, native, generic, zero_copy };
  Mode mode = Mode::automatic;
  bool busy_poll = false;
  const VxlanFilter* filter = nullptr;  // null: every frame. Its MTU is that of the interface
  const void* dataplane = nullptr;
  unsigned workers = 1;

  // False with `error` when an option has a value that is none of its own.
  bool read(const Options& options, std::string& error);
};

class XdpInterface {
 public:
  // Null with one sentence, and nothing left behind. Keeper thread.
  static std::unique_ptr<XdpInterface> open(const Link& link, const XdpSetup& setup,
                                            std::string& error);

  uint32_t ifindex() const { return ifindex_; }
  XdpMode mode() const { return mode_; }
  bool zero_copy() const { return sockets_[0]->zero_copy(); }
  // "native XDP, copied, 2 queues"
  const std::string& text() const { return text_; }
  void set_mtu(uint32_t mtu);
  // Of the receive queues of this worker, any number.
  std::vector<int> descriptors(unsigned worker) const;

  // Worker thread. See Port for the contract.
  unsigned receive(unsigned worker, Frame* frames, unsigned max);
  // By a queue of the worker if it has one, else by one that it shares with another.
  template <class Item>
  SendResult send(unsigned worker, const Item* items, unsigned count) {
    return sockets_[worker % sockets_.size()]->send(items, count);
  }
  unsigned take_losses(unsigned worker, Loss* losses, unsigned max);

 private:
  explicit XdpInterface(unsigned workers) : workers_(workers), next_(workers) {}
  bool open_sockets(const Link& link, const XdpSetup& setup, bool zero_copy, std::string& error);

  uint32_t ifindex_ = 0;
  XdpMode mode_ = XdpMode::native;
  std::string text_;
  XdpProgram program_;
  unsigned workers_;
  std::vector<std::unique_ptr<XdpSocket>> sockets_;  // by receive queue; queue q is of worker q %
                                                     // workers
  struct alignas(64) Next {
    unsigned queue = 0;
  };
  std::vector<Next> next_;  // by worker: whose turn it is
};

}  // namespace vtep
