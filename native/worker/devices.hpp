// The keeper's side of ports and uplink: opens and closes them, publishes lists of them to the
// workers, and destroys a device when no worker looks at it any more.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../core/tables.hpp"
#include "../fastpath/fast_path.hpp"
#include "capture.hpp"
#include "link_maker.hpp"
#include "offload_guard.hpp"
#include "offload_tester.hpp"
#include "underlay_paths.hpp"
#include "worker.hpp"

namespace vtep {

class Devices {
 public:
  Devices(Tables& tables, FastPath& fast_path, Shared& shared,
          const std::vector<std::unique_ptr<Worker>>& workers);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;
  // The workers have been stopped by then.
  ~Devices();

  // Answers the port's id, or 0 with one sentence.
  uint32_t open(const std::string& name, const std::string& kind, const Options& options,
                std::string& error);
  // `closed` is called when the device is gone.
  bool close(uint32_t id, std::function<void()> closed, std::string& error);
  // Null takes the uplink away. `released` is called when the one before is gone.
  void set_uplink(std::unique_ptr<Uplink> uplink, std::function<void()> released);
  // The uplink sends out of this interface, or it has gone. Until there is another uplink.
  void use_interface(uint32_t ifindex);
  void forget_interface(uint32_t ifindex);
  unsigned queues() const { return static_cast<unsigned>(workers_.size()); }
  // Where the worker of each queue lives.
  std::vector<int> cpus() const;
  Uplink* uplink() const { return uplink_.get(); }
  // Why the uplink's packets do not go the fast path; empty: they do.
  const std::string& fast_path_refusal() const { return fast_path_refusal_; }
  Port* port(uint32_t id) const;

  // Frames that captures want leave the fast path as long as they are on.
  void begin_capture(std::unique_ptr<Capture> capture);
  // Of this session of the control socket; none: nothing happens.
  void end_capture(uint64_t owner);
  unsigned captures() const { return static_cast<unsigned>(captures_.size()); }
  bool captures_for(uint64_t owner) const;

  // The kernel said something about this interface: look at the ports that depend on it again.
  void on_link(const Link& link);
  // The kernel said more than could be read.
  void on_every_link();
  // Once a second: ports whose interface is in another namespace, where the kernel tells us
  // nothing.
  void on_second();
  // Destroys what every worker has let go. False while something waits.
  bool settle();
  // At the end, when the workers have been stopped.
  void close_all();

 private:
  struct OpenPort {
    std::string name;
    std::unique_ptr<Port> port;
    std::unique_ptr<PortDevice> device;  // another one after a change of what it can
    bool up = true;
    bool gone = false;
    uint32_t mtu = 0;
    uint32_t moves = 0;
    bool fast_path = false;
    OffloadGuard guard;
    bool test_due = true;  // its features may be others than those that were tested
  };
  // What a list no longer has; destroyed when every worker has adopted `version`.
  struct Released {
    uint64_t version;
    std::unique_ptr<DeviceList> list;
    std::unique_ptr<OpenPort> port;
    std::unique_ptr<PortDevice> port_device;
    std::unique_ptr<Uplink> uplink;
    std::unique_ptr<UplinkDevice> uplink_device;
    std::unique_ptr<Capture> capture;
    std::function<void()> done;
  };

  void publish(Released released);
  void refresh(uint32_t id, OpenPort& port);
  bool join_fast_path(OpenPort& port);
  void begin_fast_path(uint32_t id, OpenPort& port);
  void end_fast_path(LinkMaker::Made made);
  void judge_offloads(uint32_t id, OpenPort& port);
  void apply_abilities(uint32_t id, OpenPort& port);
  void publish_uplink();
  void watch_captured();
  void test_offloads();
  OffloadWatch::Counts counts_of(uint32_t row) const;
  UnderlayPaths::Counts counts() const;

  Tables& tables_;
  FastPath& fast_path_;
  Shared& shared_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::map<uint32_t, std::unique_ptr<OpenPort>> ports_;
  std::unique_ptr<Uplink> uplink_;
  std::unique_ptr<UplinkDevice> uplink_device_;
  UnderlayPaths paths_;
  OffloadTester tester_;
  LinkMaker links_;
  std::string fast_path_refusal_;
  std::vector<std::unique_ptr<Capture>> captures_;
  std::unique_ptr<DeviceList> list_;
  std::vector<Released> released_;
};

}  // namespace vtep
