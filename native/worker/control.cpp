#include "control.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vector>

#include "clock.hpp"

namespace vtep {

namespace {

constexpr int kProbes = 5;
constexpr int kProbeMilliseconds = 100;

bool fill_address(const std::string& path, sockaddr_un& address, std::string& error) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    error = "control socket " + path + ": expected a path of 1 to " +
            std::to_string(sizeof address.sun_path - 1) + " bytes, got " +
            std::to_string(path.size());
    return false;
  }
  memcpy(address.sun_path, path.data(), path.size());
  return true;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

uint32_t peer_pid(int socket) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return 0;
  return static_cast<uint32_t>(credentials.pid);
}

// A process that has just been killed may still have its listening socket for a moment: the kernel
// then hangs up on us, a live dataplane waits for our hello.
bool somebody_answers(const sockaddr_un& address, uint32_t& pid) {
  for (int attempt = 0; attempt < kProbes; attempt++) {
    const Descriptor probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return errno == EAGAIN;  // its queue is full: somebody listens, and is busy
    pid = peer_pid(probe.get());
    pollfd state = {probe.get(), 0, 0};
    if (poll(&state, 1, kProbeMilliseconds) == 0) return true;
  }
  return true;
}

// With a descriptor, unless that is -1. Never waits.
bool send_with_file(int socket, const std::string& bytes, int file) {
  iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (file >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &file, sizeof file);
  }
  return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

}  // namespace

ControlServer::~ControlServer() {
  sessions_.clear();
  struct stat status;
  // Only our own socket: somebody may have put another one there meanwhile.
  if (is_bound_ && lstat(setup_.path.c_str(), &status) == 0 && status.st_ino == bound_.st_ino &&
      status.st_dev == bound_.st_dev)
    unlink(setup_.path.c_str());
}

bool ControlServer::listen(int epoll, std::string& error) {
  epoll_ = epoll;
  buffer_.resize(kMaxMessage + kMessageHeader);
  // Two dataplanes that start at once must not both find a stale socket and unlink each other's new
  // one.
  const std::string directory = directory_of(setup_.path);
  Descriptor lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) {
    error = "control socket " + setup_.path + ": directory " + directory + ": " + strerror(errno);
    return false;
  }
  if (!bind_socket(error)) return false;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kListenKey;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_.get(), &event);
  return true;
}

bool ControlServer::bind_socket(std::string& error) {
  sockaddr_un address;
  if (!fill_address(setup_.path, address, error)) return false;
  const auto failed = [&](const char* what) {
    error = "control socket " + setup_.path + ": " + what + ": " + strerror(errno);
    return false;
  };
  struct stat status;
  if (lstat(setup_.path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      error = "control socket " + setup_.path +
              ": expected a socket or nothing, got another kind of file";
      return false;
    }
    uint32_t holder = 0;
    if (somebody_answers(address, holder)) {
      error = "control socket " + setup_.path + ": a live dataplane holds it (process " +
              std::to_string(holder) + ")";
      return false;
    }
    if (unlink(setup_.path.c_str()) != 0) return failed("remove the stale socket");
  }
  socket_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return failed("socket");
  // The mode of the socket's inode is the mode of the file that bind creates: no moment at which
  // others may connect.
  if (fchmod(socket_.get(), 0600) != 0) return failed("fchmod");
  if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return failed("bind");
  is_bound_ = lstat(setup_.path.c_str(), &bound_) == 0;
  if (::listen(socket_.get(), 16) != 0) return failed("listen");
  return true;
}

void ControlServer::on_listen_ready() {
  for (;;) {
    Descriptor accepted(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted) return;
    ucred credentials = {};
    socklen_t length = sizeof credentials;
    const bool known =
        getsockopt(accepted.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0;
    // The file's mode says the same; a socket handed on or a changed mode must not.
    if (!known || (credentials.uid != geteuid() && credentials.uid != 0)) continue;
    if (sessions_.size() >= kMaxSessions) continue;
    auto session = std::make_unique<Session>();
    session->number = next_number_++;
    session->pid = static_cast<uint32_t>(credentials.pid);
    session->connected_at = monotonic_seconds();
    session->socket = std::move(accepted);
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = session->number;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, session->socket.get(), &event) != 0) continue;
    sessions_.emplace(session->number, std::move(session));
  }
}

Session* ControlServer::find(uint64_t number) {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void ControlServer::end(uint64_t number) {
  const Session* session = find(number);
  const bool known = session != nullptr && session->role != Role::none;
  sessions_.erase(number);
  if (known && setup_.ended) setup_.ended(number);
}

void ControlServer::on_session_ready(uint64_t number, uint32_t events) {
  Session* session = find(number);
  if (session == nullptr) return;
  if ((events & EPOLLOUT) != 0 && !drain_outbox(*session)) return end(number);
  // What the client sent before it went away is still ours to read; receive() sees the end by
  // itself.
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive(*session)) end(number);
}

// One message; false when the client is gone. Level-triggered: more come with the next event, so
// nobody starves the others.
bool ControlServer::receive(Session& session) {
  iovec piece = {buffer_.data(), buffer_.size()};
  msghdr header = {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  const ssize_t length = recvmsg(session.socket.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  if (length == 0) return false;
  const uint64_t number = session.number;
  std::string error;
  Message message;
  if ((header.msg_flags & MSG_TRUNC) != 0) {
    fail(
        number, 0,
        "control message: expected at most " + std::to_string(buffer_.size()) + " bytes, got more");
    return find(number) != nullptr;
  }
  if (!parse_message({buffer_.data(), static_cast<size_t>(length)}, message, error)) {
    fail(number, 0, error);
    return find(number) != nullptr;
  }
  if (message.kind == MessageKind::hello) {
    hello(session, message);
  } else if (session.role == Role::none) {
    fail(number, message.id, "control message: expected hello first");
  } else if (message.kind == MessageKind::drained) {
    if (message.payload.size() != sizeof session.drained) {
      fail(number, message.id,
           "drained: expected 8 bytes, got " + std::to_string(message.payload.size()));
    } else {
      memcpy(&session.drained, message.payload.data(), sizeof session.drained);
      session.wake_sent = false;
      if (session.drained < last_sequence_) wake(last_sequence_);
    }
  } else if (message.kind != MessageKind::request) {
    fail(number, message.id,
         "control message: expected a request, got kind " +
             std::to_string(static_cast<unsigned>(message.kind)));
  } else if (session.role == Role::observer && !setup_.observer_may(message.verb)) {
    fail(number, message.id,
         "verb " + quote(message.verb) + ": an observer may not, attach as controller");
  } else {
    setup_.request(session, message);
  }
  return find(number) != nullptr;
}

void ControlServer::hello(Session& session, const Message& message) {
  std::string layout, role;
  if (session.role != Role::none)
    return fail(session.number, message.id, "hello: expected once, as the first message");
  if (!find_value(message.payload, "layout", layout) ||
      !find_value(message.payload, "role", role) || (role != "controller" && role != "observer"))
    return fail(session.number, message.id,
                "hello: expected the lines layout=HASH and role=controller|observer");
  if (layout != setup_.layout_hash)
    return fail(session.number, message.id,
                "layout of the shared tables: the dataplane (process " + std::to_string(getpid()) +
                    ") has " + setup_.layout_hash + ", this program has " + quote(layout) +
                    "; they come from different versions: restart the dataplane",
                "LAYOUT_MISMATCH");
  uint32_t holder = 0;
  if (role == "controller" && controller_is_alive(holder))
    return fail(session.number, message.id,
                "another controller is attached (process " + std::to_string(holder) +
                    "); a dataplane has one at a time",
                "REFUSED");
  session.role = role == "controller" ? Role::controller : Role::observer;
  session.drained = last_sequence_;
  welcome(session);
}

// A controller that was killed may still be in the table because its end of file has not been read
// yet.
bool ControlServer::controller_is_alive(uint32_t& pid) {
  for (auto& [number, session] : sessions_) {
    if (session->role != Role::controller) continue;
    pollfd state = {session->socket.get(), 0, 0};
    poll(&state, 1, 0);
    if ((state.revents & (POLLHUP | POLLERR)) == 0) {
      pid = session->pid;
      return true;
    }
    end(number);
    return false;
  }
  return false;
}

void ControlServer::welcome(Session& session) {
  std::string error;
  Descriptor reader = setup_.segment_reader(error);
  if (!reader) return fail(session.number, 0, error);
  const std::string payload =
      "pid=" + std::to_string(getpid()) + "\nsize=" + std::to_string(setup_.segment_size) + "\n";
  Message message;
  message.kind = MessageKind::welcome;
  message.payload = payload;
  // The first message on a fresh socket always fits; if not, the client is gone and its end of file
  // follows.
  if (!send_with_file(session.socket.get(), format_message(message), reader.get()))
    session.role = Role::none;
}

void ControlServer::send(Session& session, const Message& message, Descriptor file) {
  session.outbox.push_back({format_message(message), std::move(file)});
  session.outbox_bytes += session.outbox.back().bytes.size();
  // Shut down rather than erased: the caller may be in the middle of handling this session; its end
  // of file removes it.
  if (!drain_outbox(session) || session.outbox_bytes > kMaxOutbox)
    shutdown(session.socket.get(), SHUT_RDWR);
}

bool ControlServer::drain_outbox(Session& session) {
  while (!session.outbox.empty()) {
    const Session::Outgoing& front = session.outbox.front();
    if (!send_with_file(session.socket.get(), front.bytes, front.file.get())) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != ENOBUFS) return false;
      break;
    }
    session.outbox_bytes -= front.bytes.size();
    session.outbox.pop_front();
  }
  const bool wants_room = !session.outbox.empty();
  if (wants_room != session.waiting_for_room) {
    epoll_event event = {};
    event.events = EPOLLIN | (wants_room ? EPOLLOUT : 0U);
    event.data.u64 = session.number;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, session.socket.get(), &event);
    session.waiting_for_room = wants_room;
  }
  return true;
}

void ControlServer::reply(uint64_t session, uint32_t id, std::string_view payload,
                          Descriptor file) {
  Session* found = find(session);
  if (found == nullptr) return;
  Message message;
  message.kind = MessageKind::reply;
  message.id = id;
  message.payload = payload;
  send(*found, message, std::move(file));
}

void ControlServer::fail(uint64_t session, uint32_t id, std::string_view sentence,
                         std::string_view code) {
  Session* found = find(session);
  if (found == nullptr) return;
  Message message;
  message.kind = MessageKind::error;
  message.id = id;
  message.verb = code;
  message.payload = sentence;
  send(*found, message);
}

void ControlServer::wake(uint64_t last_sequence) {
  last_sequence_ = last_sequence;
  for (auto& [number, session] : sessions_) {
    if (session->role == Role::none || session->wake_sent || session->drained >= last_sequence)
      continue;
    Message message;
    message.kind = MessageKind::wake;
    session->wake_sent = true;
    send(*session, message);
  }
}

void ControlServer::on_second(uint64_t now_seconds) {
  std::vector<uint64_t> silent;
  for (auto& [number, session] : sessions_)
    if (session->role == Role::none && now_seconds - session->connected_at >= kHelloSeconds)
      silent.push_back(number);
  for (const uint64_t number : silent) end(number);
}

void ControlServer::flush(int milliseconds) {
  for (auto& [number, session] : sessions_) {
    pollfd state = {session->socket.get(), POLLOUT, 0};
    while (!session->outbox.empty() && poll(&state, 1, milliseconds) > 0 &&
           drain_outbox(*session)) {
    }
  }
}

}  // namespace vtep
