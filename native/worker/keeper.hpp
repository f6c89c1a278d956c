// The keeper: one thread, the only writer of the tables. It serves the control socket, learns what
// workers saw, ages, follows the kernel's links, routes and neighbours, and gives memory back when
// no worker can look at it any more.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../core/tables.hpp"
#include "../fastpath/fast_path.hpp"
#include "../port/netlink.hpp"
#include "control.hpp"
#include "devices.hpp"
#include "memory.hpp"
#include "underlay.hpp"
#include "worker.hpp"

namespace vtep {

class Keeper {
 public:
  struct Setup {
    std::string control_path;
    Memory* memory;
    Segment segment;
    Shared* shared;
    const std::vector<std::unique_ptr<Worker>>* workers;
    bool fast_path;  // use it where it can be had
    std::function<void()> on_shutdown;
  };

  explicit Keeper(Setup setup);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() { stop(); }

  bool start(std::string& error);
  // Joins the thread. Ports, uplink and control socket live until the object is destroyed.
  void stop();
  // Any thread: goes on by one each second in which every worker began a turn or slept.
  uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  // A verb of the control socket.
  struct Verb {
    const char* name;
    bool observers;
    void (Keeper::*run)(const Session& session, const Message& message);
  };
  static const Verb kVerbs[];
  static const Verb* find_verb(std::string_view name);

  // Something to do when every worker has passed a quiescent point.
  struct Waiting {
    uint64_t target;  // of Quiescence
    uint64_t epoch;   // of Tables
    std::function<void()> then;
  };

  static TablesObserver observer(Keeper* keeper);
  void run();
  int timeout();
  void dispatch(uint64_t key, uint32_t events);
  void on_timer();
  void beat();
  void on_netlink();
  void learn();
  void after_quiescence(std::function<void()> then);
  bool settle();
  void wait_quiescent();

  void request(const Session& session, const Message& message);
  void ping(const Session& session, const Message& message);
  void apply(const Session& session, const Message& message);
  void configure(const Session& session, const Message& message);
  void port_open(const Session& session, const Message& message);
  void port_close(const Session& session, const Message& message);
  void port_send(const Session& session, const Message& message);
  void ring_send(const Session& session, const Message& message);
  void ring_receive(const Session& session, const Message& message);
  void capture_start(const Session& session, const Message& message);
  void capture_stop(const Session& session, const Message& message);
  void shut_down(const Session& session, const Message& message);
  Ring* find_ring(const Session& session, const Message& message);

  Setup setup_;
  Descriptor epoll_;
  Descriptor timer_;
  Doorbell stop_bell_;
  Tables tables_;
  FastPath fast_path_;
  std::string fast_path_refusal_;  // why it is not in use; empty: it is
  Devices devices_;
  Underlay underlay_;
  NetlinkMonitor monitor_;
  ControlServer control_;
  std::vector<Waiting> waiting_;
  std::vector<NetlinkEvent> netlink_events_;
  uint64_t beat_target_ = 0;  // of Quiescence
  std::atomic<uint64_t> beats_{0};
  bool lookups_due_ = false;
  bool ended_ = false;  // by the verb `shutdown`
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace vtep
