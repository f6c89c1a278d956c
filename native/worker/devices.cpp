#include "devices.hpp"

#include <string.h>

#include <algorithm>
#include <utility>

#include "clock.hpp"

namespace vtep {

namespace {

// The rows of the shared segment hold text of fixed size, the last byte zero.
constexpr size_t kNameMost = sizeof(PortRow::name) - 1;
constexpr size_t kSpecMost = sizeof(PortRow::spec) - 1;

// Of a port, trains are super-frames of UDP.
uint32_t offload_flags(uint32_t flags, const Abilities& abilities, const OffloadGuard& guard) {
  const OffloadForms off = guard.off();
  flags &= ~PortFlag::tso;
  if (abilities.partial_checksum) flags |= PortFlag::checksum;
  if (abilities.tcp_segmentation) flags |= PortFlag::tso;
  if (abilities.udp_segmentation) flags |= PortFlag::uso;
  if (off.has(OffloadForm::partial)) flags |= PortFlag::checksumOff;
  if (off.has(OffloadForm::super)) flags |= PortFlag::tsoOff;
  if (off.has(OffloadForm::train)) flags |= PortFlag::usoOff;
  if (guard.on_trial()) flags |= PortFlag::offloadTrial;
  if (!guard.tested().empty()) flags |= PortFlag::offloadSelfTest;
  return flags;
}

// What a self-test says. `supers`: whether super-frames work, of the kind that is sent there.
OffloadForms broken_forms(const SelfTestResult& result, bool supers) {
  OffloadForms broken;
  if (!supers) broken = broken | OffloadForm::super;
  if (!result.udp_segmentation) broken = broken | OffloadForm::train;
  if (!result.checksum) broken = broken | OffloadForm::partial;
  return broken;
}

// What may be used of what a device says it can do. Without checksums nothing can be cut later.
Abilities narrow(Abilities abilities, OffloadForms off) {
  if (off.has(OffloadForm::partial)) return {};
  abilities.tcp_segmentation &= !off.has(OffloadForm::super);
  abilities.udp_segmentation &= !off.has(OffloadForm::train);
  return abilities;
}

}  // namespace

Devices::Devices(Tables& tables, FastPath& fast_path, Shared& shared,
                 const std::vector<std::unique_ptr<Worker>>& workers)
    : tables_(tables),
      fast_path_(fast_path),
      shared_(shared),
      workers_(workers),
      paths_(tables),
      links_(shared.keeper),
      list_(std::make_unique<DeviceList>()) {
  list_->version = 1;
  shared_.devices.store(list_.get(), std::memory_order_release);
}

Devices::~Devices() { shared_.devices.store(nullptr, std::memory_order_release); }

uint32_t Devices::open(const std::string& name, const std::string& kind, const Options& options,
                       std::string& error) {
  const std::string where = "port " + name + ": ";
  const std::string spec = options.text();
  if (name.empty() || name.size() > kNameMost) {
    error = where + "expected a name of 1 to " + std::to_string(kNameMost) + " bytes, got " +
            std::to_string(name.size());
    return 0;
  }
  if (spec.size() > kSpecMost) {
    error = where + "expected options of at most " + std::to_string(kSpecMost) + " bytes, got " +
            std::to_string(spec.size());
    return 0;
  }
  for (const auto& [id, port] : ports_) {
    if (port->name != name) continue;
    error = where + "is open already, as number " + std::to_string(id);
    return 0;
  }
  OpenContext context;
  context.name = name;
  context.options = options;
  context.queues = queues();
  context.dataplane = this;
  context.cpus = cpus();
  auto opened = std::make_unique<OpenPort>();
  opened->name = name;
  opened->port = open_port(kind, context, error);
  if (opened->port == nullptr) return 0;
  opened->moves = opened->port->moves();

  PortInfo info;
  info.ifindex = opened->port->ifindex();
  info.mtu = opened->mtu = opened->port->mtu();
  info.flags = offload_flags(opened->port->flags(), opened->port->abilities(), opened->guard);
  if (const uint8_t* mac = opened->port->mac()) memcpy(info.mac, mac, sizeof info.mac);
  info.up = opened->up = opened->port->carrier();
  info.kind = kind.c_str();
  info.name = name.c_str();
  info.spec = spec.c_str();
  const uint32_t id = tables_.open_port(info);
  if (id == 0) {
    error = where + "expected at most " + std::to_string(tables_.segment().config().ports) +
            " ports, all are in use";
    return 0;
  }
  opened->device =
      std::make_unique<PortDevice>(PortDevice{id, opened->port.get(), opened->port->abilities()});
  begin_fast_path(id, *opened);
  opened->guard.begin(counts_of(id), monotonic_seconds());
  ports_.emplace(id, std::move(opened));
  publish({});
  return id;
}

void Devices::begin_fast_path(uint32_t id, OpenPort& port) {
  ProgramPlace place;
  if (fast_path_.is_open() && port.port->fast_path_place(fast_path_.port_programs(), place))
    return links_.start(id, place);
  port.fast_path = port.device->fast_path = join_fast_path(port);
  if (!port.fast_path) return;
  tables_.set_port_flags(id, offload_flags(port.port->flags(), port.port->abilities(), port.guard));
  fast_path_.add_port(id, *port.port);
}

// The port may be another one by now, or somewhere else.
void Devices::end_fast_path(LinkMaker::Made made) {
  const auto found = ports_.find(made.port);
  if (!made.link || found == ports_.end()) return;
  OpenPort& port = *found->second;
  if (port.gone || port.fast_path || port.port->ifindex() != made.ifindex) return;
  port.port->keep_fast_path(std::move(made.link));
  port.fast_path = true;
  fast_path_.add_port(made.port, *port.port);
  apply_abilities(made.port, port);
}

bool Devices::join_fast_path(OpenPort& port) {
  std::string refusal;
  return fast_path_.is_open() && port.port->join_fast_path(fast_path_.port_programs(), refusal);
}

bool Devices::close(uint32_t id, std::function<void()> closed, std::string& error) {
  const auto found = ports_.find(id);
  if (found == ports_.end()) {
    error = "port number " + std::to_string(id) + ": is not open";
    return false;
  }
  Released released;
  fast_path_.remove_port(id);
  released.port = std::move(found->second);
  released.done = std::move(closed);
  ports_.erase(found);
  publish(std::move(released));
  return true;
}

void Devices::set_uplink(std::unique_ptr<Uplink> uplink, std::function<void()> done) {
  Released released;
  released.uplink = std::move(uplink_);
  released.uplink_device = std::move(uplink_device_);
  released.done = std::move(done);
  uplink_ = std::move(uplink);
  paths_.clear();
  fast_path_.hold_interfaces({});
  if (uplink_ != nullptr) {
    uplink_device_ = std::make_unique<UplinkDevice>();
    uplink_device_->uplink = uplink_.get();
    uplink_device_->form = uplink_->form();
    uplink_device_->abilities = uplink_->abilities();
    if (fast_path_.is_open())
      uplink_device_->fast_path =
          uplink_->join_fast_path(fast_path_.uplink_programs(), fast_path_refusal_);
    if (uplink_device_->fast_path) fast_path_refusal_.clear();
  }
  fast_path_.set_uplink(uplink_device_ != nullptr && uplink_device_->fast_path);
  publish(std::move(released));
}

std::vector<int> Devices::cpus() const {
  std::vector<int> out;
  for (const Placement& each : shared_.placements) out.push_back(each.cpu);
  return out;
}

void Devices::use_interface(uint32_t ifindex) {
  if (uplink_ != nullptr && paths_.add(ifindex, *uplink_, counts(), monotonic_seconds()))
    publish_uplink();
}

void Devices::forget_interface(uint32_t ifindex) {
  if (paths_.remove(ifindex)) publish_uplink();
}

void Devices::publish_uplink() {
  if (uplink_device_ == nullptr) return;
  auto device = std::make_unique<UplinkDevice>(*uplink_device_);
  device->paths = paths_.list();
  fast_path_.hold_interfaces(paths_.without_tunnel());
  Released released;
  released.uplink_device = std::exchange(uplink_device_, std::move(device));
  publish(std::move(released));
}

void Devices::begin_capture(std::unique_ptr<Capture> capture) {
  captures_.push_back(std::move(capture));
  watch_captured();
  publish({});
}

void Devices::end_capture(uint64_t owner) {
  const auto found = std::ranges::find(captures_, owner, &Capture::owner);
  if (found == captures_.end()) return;
  Released released;
  released.capture = std::move(*found);
  captures_.erase(found);
  watch_captured();
  publish(std::move(released));
}

bool Devices::captures_for(uint64_t owner) const {
  return std::ranges::find(captures_, owner, &Capture::owner) != captures_.end();
}

void Devices::watch_captured() {
  FastPath::Watched watched;
  for (const auto& capture : captures_) {
    const CaptureSpec& spec = capture->spec();
    if (!spec.wants_carried()) continue;
    if (spec.port != 0) {
      watched.ports.insert(spec.port);
    } else if (spec.vni != 0) {
      watched.vnis.insert(spec.vni);
    } else {
      watched.all = true;
    }
  }
  fast_path_.set_watched(std::move(watched));
}

Port* Devices::port(uint32_t id) const {
  const auto found = ports_.find(id);
  return found == ports_.end() ? nullptr : found->second->port.get();
}

void Devices::publish(Released released) {
  auto list = std::make_unique<DeviceList>();
  list->version = list_->version + 1;
  list->ports.resize(ports_.empty() ? 0 : ports_.rbegin()->first + 1);
  for (const auto& [id, port] : ports_) list->ports[id] = port->device.get();
  list->uplink = uplink_device_.get();
  for (const auto& capture : captures_) list->captures.push_back(capture.get());
  released.version = list->version;
  released.list = std::exchange(list_, std::move(list));
  released_.push_back(std::move(released));
  shared_.devices.store(list_.get(), std::memory_order_release);
  for (const auto& worker : workers_) worker->call();
}

bool Devices::settle() {
  for (LinkMaker::Made& made : links_.take()) end_fast_path(std::move(made));
  uint64_t adopted = UINT64_MAX;
  for (const auto& worker : workers_) adopted = std::min(adopted, worker->adopted());
  // Taken out first: what is done then may close or open something else.
  std::vector<Released> ready;
  while (!released_.empty() && released_.front().version <= adopted) {
    ready.push_back(std::move(released_.front()));
    released_.erase(released_.begin());
  }
  for (Released& released : ready) {
    if (released.port != nullptr) {
      // Only now may the number be used again: no worker takes the old device for the new one.
      tables_.close_port(released.port->device->id);
      released.port.reset();
    }
    released.uplink.reset();
    if (released.done) released.done();
  }
  return released_.empty();
}

void Devices::close_all() {
  shared_.devices.store(nullptr, std::memory_order_release);
  ports_.clear();
  uplink_.reset();
  for (Released& released : std::exchange(released_, {})) {
    released.port.reset();
    released.uplink.reset();
    if (released.done) released.done();
  }
}

void Devices::on_link(const Link& link) {
  for (auto& [id, port] : ports_)
    if (port->port->depends_on(link)) refresh(id, *port);
  paths_.interface_changed(link.ifindex);
}

void Devices::on_every_link() {
  for (auto& [id, port] : ports_) refresh(id, *port);
}

void Devices::on_second() {
  test_offloads();
  for (auto& [id, port] : ports_) {
    if (port->port->ifindex() == 0) refresh(id, *port);
    if (!port->gone) judge_offloads(id, *port);
  }
  if (uplink_ != nullptr &&
      paths_.judge(*uplink_, counts(), monotonic_seconds(), fast_path_.doubts(0)))
    publish_uplink();
}

// Of what is sent by AF_PACKET. A tap's frames come up in the kernel as from a wire, and it is the
// receiver's stack that finishes them; so it is with a guest's.
void Devices::test_offloads() {
  for (auto& [id, port] : ports_) {
    const uint32_t ifindex = port->port->ifindex();
    if (!port->test_due || port->gone || ifindex == 0 || !port->port->sends_by_interface())
      continue;
    const SelfTestResult* result = tester_.result(ifindex);
    if (result == nullptr) return;
    port->test_due = false;
    if (port->guard.set_tested(broken_forms(*result, result->tcp_segmentation)))
      apply_abilities(id, *port);
  }
  if (uplink_ == nullptr) return;
  bool changed = false;
  for (const uint32_t ifindex : paths_.tests_due()) {
    const SelfTestResult* result = tester_.result(ifindex);
    if (result == nullptr) break;
    changed |=
        paths_.set_tested(*uplink_, ifindex, broken_forms(*result, result->tunnel_segmentation));
  }
  if (changed) publish_uplink();
}

void Devices::refresh(uint32_t id, OpenPort& port) {
  if (port.gone) return;
  port.test_due = true;
  if (!port.port->refresh()) {
    port.gone = true;
    tables_.port_gone(id);
    return;
  }
  if (const bool up = port.port->carrier(); up != port.up) {
    port.up = up;
    tables_.set_port_up(id, up);
    if (!up) tables_.flush_port(id);
  }
  if (const uint32_t mtu = port.port->mtu(); mtu != port.mtu) {
    port.mtu = mtu;
    tables_.set_port_mtu(id, mtu);
  }
  if (const uint32_t moves = port.port->moves(); moves != port.moves) {
    port.moves = moves;
    port.fast_path = join_fast_path(port);
    if (port.fast_path) fast_path_.add_port(id, *port.port);
  }
  // Its interface may be another one, or have other features.
  fast_path_.port_changed(id);
  apply_abilities(id, port);
}

UnderlayPaths::Counts Devices::counts() const {
  return [this](uint32_t row) { return counts_of(row); };
}

OffloadWatch::Counts Devices::counts_of(uint32_t row) const {
  OffloadWatch::Counts sum;
  for (const auto& worker : workers_) sum += worker->watch().read(row);
  return sum;
}

void Devices::judge_offloads(uint32_t id, OpenPort& port) {
  if (port.guard.judge(counts_of(id), monotonic_seconds(), fast_path_.doubts(id)))
    apply_abilities(id, port);
}

// What the device says now, less what the guard has switched off.
void Devices::apply_abilities(uint32_t id, OpenPort& port) {
  const Abilities said = port.port->abilities(), abilities = narrow(said, port.guard.off());
  fast_path_.hold_port(id, !(abilities == said));
  tables_.set_port_flags(id, offload_flags(port.port->flags(), said, port.guard));
  if (abilities == port.device->abilities && port.fast_path == port.device->fast_path) return;
  // Workers look at the old one until they have adopted the list without it.
  auto device = std::make_unique<PortDevice>(*port.device);
  device->abilities = abilities;
  device->fast_path = port.fast_path;
  Released released;
  released.port_device = std::exchange(port.device, std::move(device));
  publish(std::move(released));
}

}  // namespace vtep
