// The control socket, dataplane side: who may talk, one controller at a time, messages in and out.
// Runs on the keeper's thread and blocks nowhere: what a client does not read waits in its outbox,
// and a client that lets it grow is cut off.
#pragma once
#include <stdint.h>
#include <sys/stat.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "../port/descriptor.hpp"
#include "message.hpp"

namespace vtep {

enum class Role : uint8_t { none, controller, observer };

// One connected client. Named by a number that is never used again, so that a late reply cannot
// reach somebody else.
struct Session {
  uint64_t number = 0;
  Descriptor socket;
  Role role = Role::none;
  uint32_t pid = 0;
  uint64_t connected_at = 0;  // seconds of CLOCK_MONOTONIC
  bool wake_sent = false;     // and not yet answered by `drained`
  uint64_t drained = 0;       // sequence of the last event the client has read
  struct Outgoing {
    std::string bytes;
    Descriptor file;  // goes along, if it is one
  };
  std::deque<Outgoing> outbox;
  size_t outbox_bytes = 0;
  bool waiting_for_room = false;  // EPOLLOUT is asked for
};

class ControlServer {
 public:
  struct Setup {
    std::string path;
    std::string layout_hash;
    size_t segment_size;
    std::function<Descriptor(std::string& error)> segment_reader;
    std::function<void(Session&, const Message&)>
        request;  // a request that the session's role permits
    std::function<bool(std::string_view verb)> observer_may;
    std::function<void(uint64_t session)> ended;  // of a session that had said hello
  };

  explicit ControlServer(Setup setup) : setup_(std::move(setup)) {}
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // Binds and listens. Refuses when a live process answers at the path; replaces a socket that
  // nobody answers.
  bool listen(int epoll, std::string& error);
  // An event of `epoll` whose data.u64 is listen_key() or a session number.
  uint64_t listen_key() const { return kListenKey; }
  void on_listen_ready();
  void on_session_ready(uint64_t number, uint32_t events);
  // Once a second: ends connections that never said hello.
  void on_second(uint64_t now_seconds);

  // `file` goes along with the answer.
  void reply(uint64_t session, uint32_t id, std::string_view payload, Descriptor file = {});
  void fail(uint64_t session, uint32_t id, std::string_view sentence, std::string_view code = {});
  // Tells every client that is behind `last_sequence`, once until it answers.
  void wake(uint64_t last_sequence);
  // Tries to hand over what waits in outboxes, for at most `milliseconds`; for the end of the
  // dataplane.
  void flush(int milliseconds);

  static constexpr uint64_t kFirstSession = 1ULL << 32;

 private:
  static constexpr uint64_t kListenKey = kFirstSession - 1;
  static constexpr size_t kMaxOutbox = 16 << 20;
  static constexpr size_t kMaxSessions = 64;
  static constexpr uint64_t kHelloSeconds = 10;

  bool bind_socket(std::string& error);
  void hello(Session& session, const Message& message);
  void welcome(Session& session);
  bool controller_is_alive(uint32_t& pid);
  void send(Session& session, const Message& message, Descriptor file = {});
  bool drain_outbox(Session& session);
  bool receive(Session& session);
  void end(uint64_t number);
  Session* find(uint64_t number);

  Setup setup_;
  int epoll_ = -1;
  Descriptor socket_;
  struct stat bound_ = {};
  bool is_bound_ = false;
  uint64_t next_number_ = kFirstSession;
  uint64_t last_sequence_ = 0;
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::string buffer_;
};

}  // namespace vtep
