// The keeper's side of the fast path: loads the programs, and keeps their maps a true extract of
// the tables. The maps hold what is in use: a worker that meets a frame which could have gone the
// fast way says so (LearnRecord::kUse), and what the frame needed is put into the maps. What
// changes in the tables leaves the maps before the change is answered.
#pragma once
#include <stdint.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "../core/switch.hpp"
#include "../core/tables.hpp"
#include "../port/bpf_ring.hpp"
#include "../port/descriptor.hpp"
#include "../port/port.hpp"
#include "../port/tunnel_exit.hpp"
#include "doubt.hpp"
#include "key_set.hpp"
#include "maps.h"
#include "spread.hpp"

namespace vtep {

class FastPath : public CrossingSource {
 public:
  // `tables` outlives this object.
  explicit FastPath(Tables& tables) : tables_(tables) {}
  FastPath(const FastPath&) = delete;
  FastPath& operator=(const FastPath&) = delete;

  // Loads everything. False with one sentence: everything goes through the workers.
  bool open(std::string& error);
  bool is_open() const { return static_cast<bool>(maps_[kFastMacs]); }
  FastPrograms port_programs() {
    return {&port_forward_, &port_filter_, &port_steer_, &port_passed_, &tap_forward_, this};
  }
  std::shared_ptr<const Annex> annex(std::string& error) override;
  const Descriptor& out_of_tenant() const override { return crossing_out_; }
  bool load_crossing(const CrossingEnds& ends, CrossingPrograms& out, std::string& error) override;
  FastPrograms uplink_programs() const { return {&uplink_forward_}; }

  // The VTEP address and UDP port; an address that is not IPv4 keeps the uplink out.
  void set_local(const uint8_t address[16], uint16_t udp_port);
  // A port has joined. It lives until it is removed here.
  void add_port(uint32_t id, const Port& port);
  void remove_port(uint32_t id);
  // Encapsulates only while an uplink has joined.
  void set_uplink(bool joined);
  // Frames to this port, and encapsulated ones to these interfaces, are the workers' as long as the
  // kernel must not leave offloads to the device there.
  void hold_port(uint32_t id, bool held);
  void hold_interfaces(std::vector<uint32_t> interfaces);
  // Somebody wants to see the frames of these ports and networks: they are the workers' in both
  // directions. `all`: of every port.
  struct Watched {
    bool all = false;
    std::set<uint32_t> ports;
    std::set<uint32_t> vnis;
    bool operator==(const Watched&) const = default;
  };
  void set_watched(Watched watched);
  // Ports whose frames would go the fast path else.
  std::vector<uint32_t> watched_ports() const;
  // What goes to this port (0 = the underlay) seems to be lost; it is the workers' for a while.
  bool doubts(uint32_t id) const;

  // What TablesObserver tells.
  void mac_changed(uint32_t network, uint64_t mac);
  void remote_changed(uint32_t index);
  void access_changed(uint32_t network, uint32_t remote, bool allowed);
  void port_changed(uint32_t id);  // its row, or its interface

  // A worker forwarded this.
  void use(const LearnRecord& record);
  // Readable when a CPU has very much to do for one port; then call on_rush(). -1: not open.
  int rush_descriptor() const { return maps_[kFastRushes].get(); }
  void on_rush();
  // Readable when it may be over; then call on_pulse(). -1: not open.
  int pulse_descriptor() const { return spread_.pulse_descriptor(); }
  void on_pulse();
  // About once a second: ages follow what the programs saw, what is idle leaves the maps, counters
  // are copied into the segment (block `counters` of a worker that does not exist).
  void on_second(uint32_t counters);

 private:
  struct OpenPort {
    const Port* port;
    uint32_t key;  // in the map of ports; 0: where our programs can not reach it
    FastDoubt doubt;
    bool guarded;
    bool held = false;
  };

  bool make_map(unsigned number, std::string& error);
  bool make_maps(std::string& error);
  bool load(Descriptor& out, uint32_t type, const char* name, const struct FastProgram& program,
            std::string& error);
  void set_settings();
  void renew_tunnel_exit();
  void open_tunnel_exit();
  void use_mac(uint32_t network, uint64_t mac);
  bool use_remote(uint32_t index);
  void use_access(uint32_t network, uint32_t vni, const uint8_t source[16]);
  uint64_t now_seconds() const { return load_relaxed(&tables_.segment().header().clockSeconds); }
  void forget_remotes();
  void set_held(uint32_t id, OpenPort& port, uint64_t now);
  bool is_watched(uint32_t id) const;
  void doubt(uint32_t id, const FastCounters& sum, uint64_t now);
  void sweep();
  void copy_counters(uint32_t block);
  void count_lost(uint32_t block, Drop reason, uint64_t frames);

  static constexpr uint32_t kMostMacs = 65536;
  static constexpr uint32_t kMostRemotes = 16384;
  static constexpr uint32_t kMostAdmitted = 65536;
  static constexpr uint32_t kIdleSeconds = 60;    // then a MAC makes room
  static constexpr uint32_t kSweepBudget = 4096;  // MACs in one second

  Tables& tables_;
  Descriptor maps_[kFastMapCount];
  Descriptor port_filter_, port_steer_, port_passed_, port_forward_, tap_forward_, uplink_forward_;
  Descriptor exit_inside_, exit_back_, crossing_back_, crossing_out_, crossing_in_;
  std::shared_ptr<const Annex> annex_;  // of the crossings
  bool uplink_joined_ = false;
  FastDoubt uplink_doubt_;
  std::vector<uint32_t> held_interfaces_;
  Watched watched_;
  std::map<uint32_t, OpenPort> ports_;
  KeySet macs_;  // FastMacKey: what is in the map
  std::set<uint32_t> remotes_;
  std::map<uint64_t, FastAdmission> admitted_;  // by network and remote index
  uint64_t sweep_at_ = 0;
  std::vector<FastCounters> per_cpu_;
  BpfRing rushes_;
  Spread spread_;
  FastSettings settings_ = {};
  uint64_t lost_ = 0;  // in crossings, of the ports that are there
  Address address_;
  uint16_t udp_port_ = 0;
  TunnelExit tunnel_exit_;
  bool tunnel_exit_tried_ = false;  // for this address, port and uplink
};

}  // namespace vtep
