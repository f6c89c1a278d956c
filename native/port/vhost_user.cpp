// vhost-user: the network card of a virtual machine, or of DPDK's virtio-user. The front-end (QEMU)
// passes its memory and rings over a unix socket; we are the back-end.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "../core/tables.gen.hpp"
#include "unix_socket.hpp"
#include "vhost_session.hpp"

namespace vtep {
namespace {

constexpr int kRetryMilliseconds = 1000;

class VhostPort : public Port {
 public:
  ~VhostPort() override;
  bool open(const OpenContext& context, std::string& error);

  int wait_descriptor(unsigned queue) const override { return device_.wait_descriptor(queue); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    return device_.receive(queue, frames, max);
  }
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    return device_.send(queue, frames, count);
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override {
    return device_.take_losses(queue, losses, max);
  }
  Abilities abilities() const override { return device_.abilities(); }
  bool carrier() const override { return device_.ready(); }
  uint32_t flags() const override {
    // No stack but the guest's has a part in it.
    return PortFlag::vnetHeader | PortFlag::hostIsolated;
  }

 private:
  void run();
  bool wait(int descriptor, int alarm, int milliseconds, bool& readable, bool& alarmed);
  Descriptor next_connection();
  void serve(Descriptor connection);

  UnixSocketPlace place_;
  VhostDevice device_;
  UnixListener listener_;
  Descriptor stop_;
  std::thread thread_;
  PeerLog log_;
};

bool VhostPort::open(const OpenContext& context, std::string& error) {
  log_.open("vhost-user", context.name);
  stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!place_.read(context.options, error) || !device_.open(context.queues, error) ||
      (place_.is_server && !listener_.open(place_, error))) {
    error = "vhost-user " + context.name + ": " + error;
    return false;
  }
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), ("vhost-" + context.name).substr(0, 15).c_str());
  return true;
}

VhostPort::~VhostPort() {
  if (!thread_.joinable()) return;
  (void)::eventfd_write(stop_.get(), 1);
  thread_.join();
}

// Waits for either, or the time. False when the port is being closed.
bool VhostPort::wait(int descriptor, int alarm, int milliseconds, bool& readable, bool& alarmed) {
  pollfd all[3] = {{stop_.get(), POLLIN, 0}, {descriptor, POLLIN, 0}, {alarm, POLLIN, 0}};
  (void)::poll(all, 3, milliseconds);
  readable = all[1].revents != 0;
  alarmed = all[2].revents != 0;
  return all[0].revents == 0;
}

// Without a connection when the port is being closed.
Descriptor VhostPort::next_connection() {
  for (;;) {
    Descriptor connection = place_.is_server ? listener_.accept() : unix_connect(place_.path);
    bool readable, alarmed;
    if (connection) return connection;
    if (!wait(listener_.descriptor(), -1, place_.is_server ? -1 : kRetryMilliseconds, readable,
              alarmed))
      return Descriptor();
  }
}

void VhostPort::run() {
  // What started us may block all signals; a fault in the guest's memory must reach its handler.
  sigset_t faults;
  sigemptyset(&faults);
  sigaddset(&faults, SIGBUS);
  ::pthread_sigmask(SIG_UNBLOCK, &faults, nullptr);
  for (;;) {
    Descriptor connection = next_connection();
    if (!connection) return;
    serve(std::move(connection));
    bool readable, alarmed;
    // One that is thrown out at once would come back at once.
    if (!wait(-1, -1, place_.is_server ? 10 : kRetryMilliseconds, readable, alarmed)) return;
  }
}

void VhostPort::serve(Descriptor connection) {
  VhostSession session(device_, std::move(connection));
  std::string why;
  for (bool readable, alarmed, has_been_up = false;;) {
    if (!wait(session.descriptor(), device_.alarm_descriptor(), 1000, readable, alarmed)) break;
    if (readable && !session.on_readable()) {
      why = session.why_over();
      break;
    }
    if (const std::string refusal = session.take_refusal(); !refusal.empty())
      log_.say("refused: " + refusal);
    if (device_.ready() && !has_been_up) {
      has_been_up = true;
      log_.say("front-end connected");
    }
    const char* fault = alarmed ? device_.take_fault() : nullptr;
    if (fault == nullptr && !readable && device_.release_blocked_calls())
      fault = "a call descriptor that makes us wait";
    if (fault != nullptr) {
      why = fault;
      break;
    }
  }
  device_.reset();
  if (!why.empty()) log_.say("front-end thrown out: " + why);
}

std::unique_ptr<Port> open_vhost_user(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<VhostPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind vhost_user_port_kind;
const PortKind vhost_user_port_kind = {
    "vhost-user", "the network card of a virtual machine, or of DPDK's virtio-user",
    kUnixSocketOptions, std::size(kUnixSocketOptions), open_vhost_user};

}  // namespace vtep
