#include "underlay.hpp"

#include <string.h>

#include "clock.hpp"
#include "message.hpp"

namespace vtep {

std::string UnderlaySpec::text() const {
  return address + " " + replicator + " " + std::to_string(udp_port) + " " + kind + " " +
         interfaces + "\n" + options.text();
}

bool Underlay::parse(const UnderlaySpec& spec, UplinkContext& context, std::string& error) const {
  if (!Address::parse(spec.address, context.address) || context.address.is_zero()) {
    error =
        "vtep address " + quote(spec.address) + ": expected an IPv4 or IPv6 address of this host";
    return false;
  }
  Address& replicator = context.replicator;
  if (!spec.replicator.empty() &&
      (!Address::parse(spec.replicator, replicator) || replicator.is_zero() ||
       replicator.is_v4() != context.address.is_v4() || replicator == context.address)) {
    error = "vtep replicatorAddress " + quote(spec.replicator) +
            ": expected a second address of this host, of the family of the first";
    return false;
  }
  context.udp_port = spec.udp_port;
  context.options = spec.options;
  Options list;
  list.set("interfaces", spec.interfaces);
  context.interfaces = list.list("interfaces");
  return true;
}

void Underlay::configure(const UnderlaySpec& spec,
                         std::function<void(const UnderlayResult&)> done) {
  UnderlayResult result;
  UplinkContext context;
  if (switching_) {
    result.error = "configure: the uplink is being changed already";
    return done(result);
  }
  if (!parse(spec, context, result.error)) return done(result);
  if (is_up_ && spec.text() == spec_.text()) return done(result_);
  if (!is_up_) {
    open(spec, result);
    return done(result);
  }
  // Address and UDP port may be the same: the old one lets go first.
  switching_ = true;
  is_up_ = false;
  devices_.set_uplink(nullptr, [this, spec, before = spec_, done] {
    switching_ = false;
    UnderlayResult outcome, restored;
    if (!open(spec, outcome) && !open(before, restored))
      outcome.error += "; the uplink before did not come back: " + restored.error;
    done(outcome);
  });
}

bool Underlay::open(const UnderlaySpec& spec, UnderlayResult& result) {
  UplinkContext context;
  if (!parse(spec, context, result.error)) return false;
  context.queues = devices_.queues();
  context.dataplane = &devices_;
  context.cpus = devices_.cpus();
  std::unique_ptr<Uplink> uplink =
      open_uplink(spec.kind, context, result.kind, result.reason, result.error);
  if (uplink == nullptr) return false;
  if (uplink->form() == UplinkForm::ethernet && !uplink->abilities().partial_checksum) {
    result.error = "uplink " + result.kind +
                   ": expected one that finishes checksums, as every uplink of this form does";
    return false;
  }
  LocalUnderlay us(context.address.bytes, context.udp_port);
  memcpy(us.replicator, context.replicator.bytes, sizeof us.replicator);
  tables_.set_local(us);
  fast_path_.set_local(context.address.bytes, context.udp_port);
  devices_.set_uplink(std::move(uplink), {});
  spec_ = spec;
  result_ = result;
  is_up_ = true;
  return follow_all(context.address, result.error);
}

bool Underlay::follow_all(const Address& local, std::string& error) {
  local_ = local;
  // Anew even for the same address: the new uplink has to be told of the interfaces.
  next_hops_ = std::make_unique<NextHops>();
  const auto on_change = [this](const Address& vtep, const NextHop& hop) { changed(vtep, hop); };
  if (!next_hops_->open(local, on_change, error)) return false;
  for (const Address& vtep : vteps_) next_hops_->follow(vtep);
  return true;
}

void Underlay::add(const Address& vtep) {
  vteps_.insert(vtep);
  if (next_hops_ != nullptr) next_hops_->follow(vtep);
}

void Underlay::remove(const Address& vtep) {
  vteps_.erase(vtep);
  if (next_hops_ != nullptr) next_hops_->unfollow(vtep);
}

void Underlay::on_netlink(const std::vector<NetlinkEvent>& events, bool complete) {
  if (next_hops_ != nullptr) next_hops_->on_netlink(events, complete);
  Uplink* uplink = devices_.uplink();
  if (uplink == nullptr) return;
  for (const NetlinkEvent& event : events)
    if (event.kind != NetlinkEvent::Kind::link) {
      continue;
    } else if (event.removed) {
      uplink->forget_interface(event.link.ifindex);
      devices_.forget_interface(event.link.ifindex);
    } else {
      uplink->interface_changed(event.link.ifindex);
    }
}

bool Underlay::step() { return next_hops_ != nullptr && next_hops_->step(monotonic_nanoseconds()); }

void Underlay::changed(const Address& vtep, const NextHop& hop) {
  RemoteNextHop row;
  memcpy(row.nextHop, hop.address.bytes, sizeof row.nextHop);
  memcpy(row.source, local_.bytes, sizeof row.source);
  memcpy(row.mac, hop.mac, sizeof row.mac);
  memcpy(row.sourceMac, hop.source_mac, sizeof row.sourceMac);
  row.mtu = hop.mtu;
  std::string error;
  bool usable = hop.state == NextHop::State::resolved;
  if (Uplink* uplink = devices_.uplink(); uplink != nullptr) {
    // Where packets of this VTEP may come in: without a socket there they would be lost.
    for (const uint32_t ifindex : hop.interfaces) uplink->ensure_interface(ifindex, error);
    // An interface that the uplink can not use is left to the kernel, like one that is not
    // resolved.
    usable = usable && uplink->ensure_interface(hop.ifindex, error);
    if (usable) devices_.use_interface(hop.ifindex);
  }
  row.ifindex = usable ? hop.ifindex : 0;
  tables_.set_next_hop(vtep.bytes, row);
}

}  // namespace vtep
