// The underlay side of the keeper: which uplink is in use, and where each VTEP's packets go next.
// Follows the kernel's routes and neighbours and writes what it finds into the remotes' rows.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "../core/tables.hpp"
#include "../port/next_hop.hpp"
#include "../port/options.hpp"
#include "devices.hpp"

namespace vtep {

struct UnderlaySpec {
  std::string address;     // our VTEP address
  std::string replicator;  // our AR-IP; empty = none
  uint16_t udp_port = 4789;
  std::string kind = "auto";
  std::string interfaces;  // names, separated by commas
  Options options;         // of the uplink kind

  std::string text() const;  // canonical: equal specs have equal text
};

struct UnderlayResult {
  std::string kind;
  std::string reason;
  std::string error;  // empty: it is up
};

class Underlay {
 public:
  Underlay(Tables& tables, FastPath& fast_path, Devices& devices)
      : tables_(tables), fast_path_(fast_path), devices_(devices) {}
  Underlay(const Underlay&) = delete;
  Underlay& operator=(const Underlay&) = delete;

  // Brings the uplink up, in place of the one before. The same spec again changes nothing. When the
  // new one can not be had, the one before comes back. `done` is called once, perhaps later.
  void configure(const UnderlaySpec& spec, std::function<void(const UnderlayResult&)> done);

  // The tables have a VTEP more or less.
  void add(const Address& vtep);
  void remove(const Address& vtep);

  void on_netlink(const std::vector<NetlinkEvent>& events, bool complete);
  // Looks up what is due; true when there is more to do soon.
  bool step();

 private:
  bool parse(const UnderlaySpec& spec, UplinkContext& context, std::string& error) const;
  bool open(const UnderlaySpec& spec, UnderlayResult& result);
  bool follow_all(const Address& local, std::string& error);
  void changed(const Address& vtep, const NextHop& hop);

  Tables& tables_;
  FastPath& fast_path_;
  Devices& devices_;
  std::unique_ptr<NextHops> next_hops_;
  std::set<Address> vteps_;
  Address local_;
  UnderlaySpec spec_;
  UnderlayResult result_;
  bool is_up_ = false;
  bool switching_ = false;  // the uplink before is still being released
};

}  // namespace vtep
