#include "underlay_paths.hpp"

namespace vtep {

void UnderlayPaths::tell(uint32_t index, const Uplink& uplink) {
  const Row& row = rows_[index];
  const UplinkAbilities abilities = uplink.abilities();
  const OffloadForms off = row.guard.off();
  uint32_t flags = 0;
  if (uplink.offers_whole(row.ifindex)) flags |= UnderlayFlag::tunnel;
  if (abilities.trains) flags |= UnderlayFlag::trains;
  if (abilities.partial_checksum) flags |= UnderlayFlag::checksum;
  if (off.has(OffloadForm::super)) flags |= UnderlayFlag::tunnelOff;
  if (off.has(OffloadForm::train)) flags |= UnderlayFlag::trainsOff;
  if (off.has(OffloadForm::partial)) flags |= UnderlayFlag::checksumOff;
  if (row.guard.on_trial()) flags |= UnderlayFlag::offloadTrial;
  if (!row.guard.tested().empty()) flags |= UnderlayFlag::offloadSelfTest;
  tables_.set_underlay(index, row.ifindex, flags);
}

bool UnderlayPaths::add(uint32_t ifindex, const Uplink& uplink, const Counts& counts,
                        uint64_t now_seconds) {
  uint32_t free = 0;
  for (uint32_t i = Limits::maxUnderlays; i > 0; i--) {
    if (rows_[i].ifindex == ifindex) return false;
    if (rows_[i].ifindex == 0) free = i;
  }
  if (free == 0) return false;
  rows_[free] = {ifindex, {}, true};
  rows_[free].guard.begin(counts(watch_row(free)), now_seconds);
  tell(free, uplink);
  return true;
}

bool UnderlayPaths::remove(uint32_t ifindex) {
  for (uint32_t i = 1; i <= Limits::maxUnderlays; i++) {
    if (rows_[i].ifindex != ifindex) continue;
    rows_[i] = {};
    tables_.set_underlay(i, 0, 0);
    return true;
  }
  return false;
}

void UnderlayPaths::clear() {
  for (uint32_t i = 1; i <= Limits::maxUnderlays; i++)
    if (rows_[i].ifindex != 0) remove(rows_[i].ifindex);
}

bool UnderlayPaths::judge(const Uplink& uplink, const Counts& counts, uint64_t now_seconds,
                          bool doubted) {
  bool changed = false;
  for (uint32_t i = 1; i <= Limits::maxUnderlays; i++) {
    Row& row = rows_[i];
    if (row.ifindex == 0) continue;
    changed |= row.guard.judge(counts(watch_row(i)), now_seconds, doubted);
    tell(i, uplink);
  }
  return changed;
}

bool UnderlayPaths::set_tested(const Uplink& uplink, uint32_t ifindex, OffloadForms broken) {
  bool changed = false;
  for (uint32_t i = 1; i <= Limits::maxUnderlays; i++) {
    if (rows_[i].ifindex != ifindex) continue;
    rows_[i].test_due = false;
    if (!rows_[i].guard.set_tested(broken)) continue;
    tell(i, uplink);
    changed = true;
  }
  return changed;
}

void UnderlayPaths::interface_changed(uint32_t ifindex) {
  for (Row& row : rows_) row.test_due |= row.ifindex == ifindex;
}

std::vector<uint32_t> UnderlayPaths::tests_due() const {
  std::vector<uint32_t> out;
  for (const Row& row : rows_)
    if (row.ifindex != 0 && row.test_due) out.push_back(row.ifindex);
  return out;
}

std::vector<UnderlayPath> UnderlayPaths::list() const {
  std::vector<UnderlayPath> out;
  for (uint32_t i = 1; i <= Limits::maxUnderlays; i++) {
    const Row& row = rows_[i];
    if (row.ifindex == 0) continue;
    const OffloadForms off = row.guard.off();
    UnderlayPath path;
    path.ifindex = row.ifindex;
    path.watch_row = watch_row(i);
    path.tunnel = !off.has(OffloadForm::super);
    path.trains = !off.has(OffloadForm::train);
    path.checksum = !off.has(OffloadForm::partial);
    out.push_back(path);
  }
  return out;
}

std::vector<uint32_t> UnderlayPaths::without_tunnel() const {
  std::vector<uint32_t> out;
  for (const Row& row : rows_)
    if (row.ifindex != 0 && row.guard.off().has(OffloadForm::super)) out.push_back(row.ifindex);
  return out;
}

}  // namespace vtep
