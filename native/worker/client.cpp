#include "client.hpp"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <utility>

namespace vtep {

namespace {

constexpr int kHelloMilliseconds = 5000;
constexpr size_t kOperationHeader = 4;  // u16 code, u16 size

bool send_message(int socket, const Message& message) {
  const std::string bytes = format_message(message);
  ssize_t sent;
  do {
    sent = send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // Another error than "no room" shows again as end of file, with everything that is pending failed
  // there.
  return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

// With the descriptor that came along, if one did.
ssize_t receive_with_file(int socket, std::string& buffer, int flags, Descriptor& file) {
  iovec piece = {buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t length = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = length > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS &&
      rights->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number;
    memcpy(&number, CMSG_DATA(rights), sizeof number);
    file.reset(number);
  }
  return length;
}

}  // namespace

std::unique_ptr<Client> Client::connect(ClientSetup setup, ClientFailure& failure) {
  std::unique_ptr<Client> client(new Client(std::move(setup)));
  if (!client->open(failure) || !client->say_hello(failure)) return nullptr;
  client->thread_ = std::thread([raw = client.get()] { raw->run(); });
  return client;
}

bool Client::open(ClientFailure& failure) {
  buffer_.resize(kMaxMessage + kMessageHeader);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string where = "dataplane at " + setup_.path + ": ";
  if (setup_.path.empty() || setup_.path.size() >= sizeof address.sun_path) {
    failure = {"UNREACHABLE", where + "expected a path of 1 to " +
                                  std::to_string(sizeof address.sun_path - 1) + " bytes, got " +
                                  std::to_string(setup_.path.size())};
    return false;
  }
  memcpy(address.sun_path, setup_.path.data(), setup_.path.size());
  socket_.reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket_ ||
      ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const char* hint = errno == ENOENT || errno == ECONNREFUSED ? "; no dataplane runs there" : "";
    failure = {"UNREACHABLE", where + strerror(errno) + hint};
    return false;
  }
  return true;
}

bool Client::say_hello(ClientFailure& failure) {
  const std::string where = "dataplane at " + setup_.path + ": ";
  const std::string payload = "layout=" + setup_.layout_hash +
                              "\nrole=" + (setup_.read_only ? "observer" : "controller") + "\n";
  Message hello;
  hello.kind = MessageKind::hello;
  hello.payload = payload;
  send_message(socket_.get(), hello);
  pollfd state = {socket_.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&state, 1, kHelloMilliseconds);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) {
    failure = {"UNREACHABLE", where + "expected a welcome within " +
                                  std::to_string(kHelloMilliseconds / 1000) + " s, got none"};
    return false;
  }
  Descriptor file;
  const ssize_t length = receive_with_file(socket_.get(), buffer_, 0, file);
  Message message;
  std::string error = length <= 0 ? "it closed the connection" : "";
  if (length <= 0 ||
      !parse_message({buffer_.data(), static_cast<size_t>(length)}, message, error)) {
    failure = {"UNREACHABLE", where + error};
    return false;
  }
  if (message.kind == MessageKind::error) {
    failure = {message.verb.empty() ? "REFUSED" : std::string(message.verb),
               where + std::string(message.payload)};
    return false;
  }
  std::string pid, size;
  uint64_t pid_number = 0, size_number = 0;
  if (message.kind != MessageKind::welcome || !file || !find_value(message.payload, "pid", pid) ||
      !find_value(message.payload, "size", size) || !parse_decimal(pid, UINT32_MAX, pid_number) ||
      !parse_decimal(size, SIZE_MAX, size_number)) {
    failure = {
        "UNREACHABLE",
        where +
            "expected a welcome with the segment's descriptor, pid and size, got something else"};
    return false;
  }
  pid_ = static_cast<uint32_t>(pid_number);
  if (!memory_.attach(std::move(file), size_number, error)) {
    failure = {"UNREACHABLE", where + error};
    return false;
  }
  return true;
}

void Client::request(std::string verb, std::string payload, Completion done) {
  std::string refusal;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (gone_ || stopping_) {
      refusal = "the connection to the dataplane is closed";
    } else if (kMessageHeader + verb.size() + payload.size() > kMaxMessage &&
               (verb != "apply" || !is_whole(payload))) {
      refusal = "verb '" + verb + "': expected " +
                (verb == "apply" ? "whole operations" : "one message") + ", got a payload of " +
                std::to_string(payload.size()) + " bytes";
    } else {
      Pending pending;
      pending.id = next_id_++;
      pending.verb = std::move(verb);
      pending.payload = std::move(payload);
      pending.done = std::move(done);
      queue_.push_back(std::move(pending));
      transmit();
    }
  }
  if (!refusal.empty()) done(false, refusal, {});
}

void Client::drained(uint64_t sequence) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (gone_ || stopping_) return;
  drained_ = sequence;
  drained_pending_ = true;
  transmit();
}

// Operations follow each other to the last byte: a batch that contradicts itself must not be cut at
// the wrong places.
bool Client::is_whole(std::string_view operations) {
  while (operations.size() >= kOperationHeader) {
    uint16_t size;
    memcpy(&size, operations.data() + 2, sizeof size);
    if (operations.size() - kOperationHeader < size) return false;
    operations.remove_prefix(kOperationHeader + size);
  }
  return operations.empty();
}

// How much of a batch of operations fits into one message: whole operations only.
void Client::cut(Pending& pending) {
  const size_t limit = kMaxMessage - kMessageHeader - pending.verb.size();
  const size_t rest = pending.payload.size() - pending.offset;
  pending.sent = rest;
  pending.sent_count = 0;
  if (rest <= limit) return;
  size_t end = 0;
  for (;;) {
    uint16_t size;
    memcpy(&size, pending.payload.data() + pending.offset + end + 2, sizeof size);
    if (end + kOperationHeader + size > limit) break;
    end += kOperationHeader + size;
    pending.sent_count++;
  }
  pending.sent = end;
}

void Client::transmit() {
  blocked_ = false;
  if (drained_pending_) {
    Message message;
    message.kind = MessageKind::drained;
    message.payload = {reinterpret_cast<const char*>(&drained_), sizeof drained_};
    if (send_message(socket_.get(), message)) {
      drained_pending_ = false;
    } else {
      blocked_ = true;
    }
  }
  if (!blocked_ && !queue_.empty() && !queue_.front().in_flight) {
    Pending& front = queue_.front();
    cut(front);
    Message message;
    message.kind = MessageKind::request;
    message.id = front.id;
    message.base = front.base;
    message.verb = front.verb;
    message.payload = std::string_view(front.payload).substr(front.offset, front.sent);
    if (send_message(socket_.get(), message)) {
      front.in_flight = true;
    } else {
      blocked_ = true;
    }
  }
  if (blocked_) doorbell_.ring();  // the thread waits for room
}

void Client::run() {
  std::string reason;
  for (;;) {
    bool wants_room;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (stopping_) return;
      wants_room = blocked_;
    }
    pollfd states[2] = {{socket_.get(), static_cast<short>(POLLIN | (wants_room ? POLLOUT : 0)), 0},
                        {doorbell_.descriptor(), POLLIN, 0}};
    if (poll(states, 2, -1) < 0) continue;
    if (states[1].revents != 0) doorbell_.silence();
    if ((states[0].revents & POLLOUT) != 0) {
      const std::lock_guard<std::mutex> guard(mutex_);
      transmit();
    }
    if ((states[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(reason)) break;
  }
  fail_all(reason);
  setup_.on_closed(reason);
}

bool Client::receive(std::string& reason) {
  Descriptor file;
  const ssize_t length = receive_with_file(socket_.get(), buffer_, MSG_DONTWAIT, file);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  Message message;
  if (length <= 0) {
    reason = "the dataplane (process " + std::to_string(pid_) + ") closed the connection";
    return false;
  }
  if (!parse_message({buffer_.data(), static_cast<size_t>(length)}, message, reason)) return false;
  if (message.kind == MessageKind::wake) {
    setup_.on_wake();
  } else if (message.kind == MessageKind::reply || message.kind == MessageKind::error) {
    finish(message, std::move(file));
  }
  return true;
}

void Client::finish(const Message& message, Descriptor file) {
  Completion done;
  std::string text(message.payload);
  bool ok = message.kind == MessageKind::reply;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (queue_.empty() || !queue_.front().in_flight || queue_.front().id != message.id) return;
    Pending& front = queue_.front();
    front.in_flight = false;
    front.offset += front.sent;
    front.base += front.sent_count;
    if (!ok && front.failure.empty()) front.failure = text;
    if (front.offset >= front.payload.size()) {
      ok = front.failure.empty();
      if (!ok) text = front.failure;
      done = std::move(front.done);
      queue_.pop_front();
    }
    transmit();
  }
  if (done) done(ok, std::move(text), std::move(file));
}

void Client::fail_all(const std::string& reason) {
  std::deque<Pending> failed;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    gone_ = true;
    failed.swap(queue_);
  }
  for (Pending& pending : failed) pending.done(false, reason, {});
}

void Client::close() {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    stopping_ = true;
  }
  doorbell_.ring();
  if (thread_.joinable()) thread_.join();
  fail_all("the connection to the dataplane was closed here");
  socket_.reset();
}

}  // namespace vtep
