// vhost-user: the network card of a virtual machine, or of DPDK's virtio-user. The front-end (QEMU)
// passes its memory and rings over a unix socket; we are the back-end.
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <atomic>
#include <thread>

#include "../core/tables.gen.hpp"
#include "vhost_session.hpp"
#include "vhost_socket.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"socket", "text", "", "path of the unix socket between us and the front-end"},
    {"mode", "text", "server", "server: we make the socket and wait; client: the front-end does"},
    {"owner", "text", "", "who owns the socket that we make: user or user:group"},
    {"permissions", "text", "0660", "octal permissions of the socket that we make"},
};

constexpr int kRetryMilliseconds = 1000;

bool parse_permissions(const std::string& text, unsigned& out) {
  if (text.empty() || text.size() > 4) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return false;
    out = out * 8 + static_cast<unsigned>(c - '0');
  }
  return out <= 0777;
}

bool find_owner(const std::string& text, VhostListener::Access& access, std::string& error) {
  const size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const passwd* account = ::getpwnam(user.c_str());
  if (account == nullptr) {
    error = "option owner: expected a user of this host, got \"" + user + "\"";
    return false;
  }
  access.user = account->pw_uid;
  access.group = account->pw_gid;
  if (colon == std::string::npos) return true;
  const group* members = ::getgrnam(text.c_str() + colon + 1);
  if (members == nullptr) {
    error = "option owner: expected a group of this host, got \"" + text.substr(colon + 1) + "\"";
    return false;
  }
  access.group = members->gr_gid;
  return true;
}

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
  bool read_options(const OpenContext& context, std::string& error);
  void run();
  bool wait(int descriptor, int alarm, int milliseconds, bool& readable, bool& alarmed);
  Descriptor next_connection();
  void serve(Descriptor connection);
  void say(const std::string& what);

  std::string name_;
  std::string path_;
  bool is_server_ = true;
  VhostListener::Access access_;
  VhostDevice device_;
  VhostListener listener_;
  Descriptor stop_;
  std::thread thread_;
  time_t said_at_ = 0;
  unsigned unsaid_ = 0;
};

bool VhostPort::read_options(const OpenContext& context, std::string& error) {
  const std::string mode = context.options.string("mode", "server");
  const std::string permissions = context.options.string("permissions", "0660");
  const std::string* owner = context.options.find("owner");
  path_ = context.options.string("socket", "");
  is_server_ = mode == "server";
  if (const char* problem = vhost_path_problem(path_)) {
    error = std::string("option socket: ") + problem + ", got \"" + path_ + "\"";
  } else if (mode != "server" && mode != "client") {
    error = "option mode: expected server or client, got \"" + mode + "\"";
  } else if (!parse_permissions(permissions, access_.mode)) {
    error = "option permissions: expected octal permissions like 0660, got \"" + permissions + "\"";
  } else if (!is_server_ && (owner != nullptr || context.options.find("permissions") != nullptr)) {
    error = "options owner and permissions: expected only with mode server, which makes the socket";
  } else {
    return owner == nullptr || find_owner(*owner, access_, error);
  }
  return false;
}

bool VhostPort::open(const OpenContext& context, std::string& error) {
  name_ = context.name;
  stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!read_options(context, error) || !device_.open(context.queues, error) ||
      (is_server_ && !listener_.open(path_, access_, error))) {
    error = "vhost-user " + name_ + ": " + error;
    return false;
  }
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), ("vhost-" + name_).substr(0, 15).c_str());
  return true;
}

VhostPort::~VhostPort() {
  if (!thread_.joinable()) return;
  (void)::eventfd_write(stop_.get(), 1);
  thread_.join();
}

// A line for the log, at most one in a second: a broken front-end may come back at once, for ever.
void VhostPort::say(const std::string& what) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec == said_at_) {
    unsaid_++;
    return;
  }
  said_at_ = now.tv_sec;
  fprintf(
      stderr, "vhost-user %s: %s%s\n", name_.c_str(), what.c_str(),
      unsaid_ == 0 ? "" : (" (and " + std::to_string(unsaid_) + " lines like it before)").c_str());
  unsaid_ = 0;
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
    Descriptor connection = is_server_ ? listener_.accept() : vhost_connect(path_);
    bool readable, alarmed;
    if (connection) return connection;
    if (!wait(listener_.descriptor(), -1, is_server_ ? -1 : kRetryMilliseconds, readable, alarmed))
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
    if (!wait(-1, -1, is_server_ ? 10 : kRetryMilliseconds, readable, alarmed)) return;
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
      say("refused: " + refusal);
    if (device_.ready() && !has_been_up) {
      has_been_up = true;
      say("front-end connected");
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
  if (!why.empty()) say("front-end thrown out: " + why);
}

std::unique_ptr<Port> open_vhost_user(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<VhostPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind vhost_user_port_kind;
const PortKind vhost_user_port_kind = {
    "vhost-user", "the network card of a virtual machine, or of DPDK's virtio-user", kOptions,
    std::size(kOptions), open_vhost_user};

}  // namespace vtep
