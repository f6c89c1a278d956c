// The control socket, client side: one request at a time in flight, long batches of operations cut
// to fit a message, and a thread that waits for answers. Knows nothing of Node; the handlers run on
// that thread.
#pragma once
#include <stdint.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "../port/descriptor.hpp"
#include "learn_ring.hpp"
#include "memory.hpp"
#include "message.hpp"

namespace vtep {

struct ClientSetup {
  std::string path;
  std::string layout_hash;
  bool read_only = false;
  std::function<void()> on_wake;
  std::function<void(const std::string& reason)> on_closed;  // not after close()
};

struct ClientFailure {
  std::string code;  // LAYOUT_MISMATCH, REFUSED, UNREACHABLE
  std::string sentence;
};

class Client {
 public:
  // `file`: a descriptor that came with the answer, if one did.
  using Completion = std::function<void(bool ok, std::string text, Descriptor file)>;

  static std::unique_ptr<Client> connect(ClientSetup setup, ClientFailure& failure);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  // Any thread. `done` is called once, on the client's thread, or here if the connection is gone
  // already.
  void request(std::string verb, std::string payload, Completion done);
  // Any thread: events up to `sequence` have been read, the next one may wake us again.
  void drained(uint64_t sequence);
  // Owner's thread. Fails what is pending; no handler runs after it.
  void close();

  const Memory& memory() const { return memory_; }
  uint32_t dataplane_pid() const { return pid_; }

 private:
  struct Pending {
    uint32_t id;
    std::string verb;
    std::string payload;
    Completion done;
    size_t offset = 0;        // of the payload, already answered
    size_t sent = 0;          // bytes of the payload in the message that is in flight
    uint32_t base = 0;        // operations before `offset`
    uint32_t sent_count = 0;  // operations in flight
    bool in_flight = false;
    std::string failure;  // the first of the batch; the operations behind it are sent all the same
  };

  explicit Client(ClientSetup setup) : setup_(std::move(setup)) {}
  bool open(ClientFailure& failure);
  bool say_hello(ClientFailure& failure);
  void run();
  bool receive(std::string& reason);
  void finish(const Message& message, Descriptor file);
  void fail_all(const std::string& reason);
  void transmit();  // with mutex_ held
  static bool is_whole(std::string_view operations);
  static void cut(Pending& pending);

  ClientSetup setup_;
  Descriptor socket_;
  Memory memory_;
  uint32_t pid_ = 0;
  Doorbell doorbell_;
  std::thread thread_;
  std::string buffer_;

  std::mutex mutex_;
  std::deque<Pending> queue_;
  uint32_t next_id_ = 1;
  uint64_t drained_ = 0;
  bool drained_pending_ = false;
  bool blocked_ = false;  // the socket had no room
  bool stopping_ = false;
  bool gone_ = false;
};

}  // namespace vtep
