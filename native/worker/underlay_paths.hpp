// The keeper's list of the interfaces that the uplink sends out of: a guard for the offloads of
// each, and what workers are told of it. Row i of the segment's underlays is interface i.
#pragma once
#include <functional>
#include <vector>

#include "../core/tables.hpp"
#include "device_list.hpp"
#include "offload_guard.hpp"

namespace vtep {

class UnderlayPaths {
 public:
  explicit UnderlayPaths(Tables& tables) : tables_(tables), rows_(Limits::maxUnderlays + 1) {}

  // These four answer whether list() is another one now. An interface that finds no room is not
  // watched.
  using Counts = std::function<OffloadWatch::Counts(uint32_t row)>;
  bool add(uint32_t ifindex, const Uplink& uplink, const Counts& counts, uint64_t now_seconds);
  bool remove(uint32_t ifindex);
  // Once a second.
  bool judge(const Uplink& uplink, const Counts& counts, uint64_t now_seconds, bool doubted);
  // What a self-test says is broken on this interface.
  bool set_tested(const Uplink& uplink, uint32_t ifindex, OffloadForms broken);
  void clear();
  // The next self-test is due for those that have changed, or are new.
  void interface_changed(uint32_t ifindex);
  std::vector<uint32_t> tests_due() const;

  std::vector<UnderlayPath> list() const;
  // Interfaces on which super-frames may not leave whole.
  std::vector<uint32_t> without_tunnel() const;

 private:
  struct Row {
    uint32_t ifindex = 0;  // 0 = free
    OffloadGuard guard;
    bool test_due = true;
  };
  uint32_t watch_row(uint32_t index) const {
    return OffloadWatch::underlay_row(tables_.segment().config().ports, index);
  }
  void tell(uint32_t index, const Uplink& uplink);

  Tables& tables_;
  std::vector<Row> rows_;
};

}  // namespace vtep
