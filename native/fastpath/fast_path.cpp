#include "fast_path.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <fstream>

#include "../core/encap.hpp"
#include "../core/rows.hpp"
#include "../port/bpf_map.hpp"
#include "../port/host_isolation.hpp"
#include "../port/privilege.hpp"
#include "programs.gen.hpp"

namespace vtep {
namespace {

constexpr uint32_t kNoPreallocation = 1;  // BPF_F_NO_PREALLOC: memory grows with use
constexpr uint8_t kPseudoMap = 1;         // BPF_PSEUDO_MAP_FD

static_assert(FAST_MARK_LEAVE == kIsolationMark);
static_assert(FAST_HEADER == kOuterHeader4);

struct MapInfo {
  const char* name;
  uint32_t type, key_bytes, value_bytes, entries, flags;
};

uint64_t mac_key_word(uint32_t network, uint64_t mac) {
  return mac | static_cast<uint64_t>(network) << FAST_NETWORK_SHIFT;
}

// FAST_SEEN_SHIFT of nanoseconds is a little more than a second.
uint32_t seen_of(uint32_t seconds) {
  return static_cast<uint32_t>(uint64_t{seconds} * 1000000000 >> FAST_SEEN_SHIFT);
}
uint32_t seconds_of(uint32_t seen) {
  return static_cast<uint32_t>((uint64_t{seen} << FAST_SEEN_SHIFT) / 1000000000);
}

// Processors that there could be: so many values a map for each CPU has.
uint32_t possible_processors() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string text;
  if (!(file >> text)) return 0;
  const size_t dash = text.rfind('-');
  const std::string last = dash == std::string::npos ? text : text.substr(dash + 1);
  return static_cast<uint32_t>(strtoul(last.c_str(), nullptr, 10)) + 1;
}

}  // namespace

bool FastPath::make_map(unsigned number, std::string& error) {
  const uint32_t ports = tables_.segment().config().ports + 1;
  const MapInfo infos[kFastMapCount] = {
      {"vtep_settings", BPF_MAP_TYPE_ARRAY, 4, sizeof(FastSettings), 1, 0},
      {"vtep_verdict", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(FastVerdict), 1, 0},
      {"vtep_memo", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(FastMemo), FAST_MEMOS, 0},
      {"vtep_ports", BPF_MAP_TYPE_HASH, 4, sizeof(FastPort), ports, kNoPreallocation},
      {"vtep_exits", BPF_MAP_TYPE_ARRAY, 4, 8, ports, 0},
      {"vtep_macs", BPF_MAP_TYPE_HASH, 8, sizeof(FastMac), kMostMacs, kNoPreallocation},
      {"vtep_remotes", BPF_MAP_TYPE_HASH, 4, sizeof(FastRemote), kMostRemotes, kNoPreallocation},
      {"vtep_admitted", BPF_MAP_TYPE_HASH, sizeof(FastAdmission), 4, kMostAdmitted,
       kNoPreallocation},
      {"vtep_counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(FastCounters), ports, 0},
      {"vtep_steering", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, ports, 0},
      {"vtep_flows", BPF_MAP_TYPE_ARRAY, 4, sizeof(FastFlow), FAST_FLOWS, 0},
      {"vtep_rushes", BPF_MAP_TYPE_RINGBUF, 0, 0, FAST_RUSH_RING, 0},
      {"vtep_crossing", BPF_MAP_TYPE_ARRAY, 4, sizeof(FastCrossing), 1, 0},
  };
  const MapInfo& info = infos[number];
  maps_[number] =
      bpf_map(info.type, info.name, info.key_bytes, info.value_bytes, info.entries, info.flags);
  if (maps_[number]) return true;
  error = std::string("map ") + info.name + ": " + refusal(errno, "CAP_BPF");
  return false;
}

// A crossing makes its own of the last one.
bool FastPath::make_maps(std::string& error) {
  for (unsigned i = 0; i < kFastCrossing; i++)
    if (!make_map(i, error)) return false;
  return true;
}

bool FastPath::load(Descriptor& out, uint32_t type, const char* name, const FastProgram& program,
                    std::string& error) {
  std::vector<bpf_insn> instructions(program.code.size());
  memcpy(instructions.data(), program.code.data(), program.code.size_bytes());
  for (const FastMapUse& use : program.maps) {
    bpf_insn& instruction = instructions[use.instruction];
    instruction.src_reg = kPseudoMap;
    instruction.imm = maps_[use.map].get();
  }
  out = load_program(instructions.data(), instructions.size(), name, type);
  if (out) return true;
  const int code_of_error = errno;
  error = std::string("program ") + name + ": " +
          (code_of_error == EINVAL || code_of_error == EACCES
               ? bpf_complaint(type, instructions.data(), instructions.size())
               : refusal(code_of_error, "CAP_BPF and CAP_NET_ADMIN"));
  return false;
}

bool FastPath::open(std::string& error) {
  if (is_open()) return true;
  per_cpu_.resize(possible_processors());
  constexpr uint32_t kSocket = BPF_PROG_TYPE_SOCKET_FILTER, kTcx = BPF_PROG_TYPE_SCHED_CLS;
  const bool opened = !per_cpu_.empty() && make_maps(error) &&
                      load(port_filter_, kSocket, "vtep_port_see", port_filter, error) &&
                      load(port_steer_, kSocket, "vtep_port_steer", port_steer, error) &&
                      load(port_passed_, kSocket, "vtep_port_pass", port_passed, error) &&
                      load(port_forward_, kTcx, "vtep_port_go", port_forward, error) &&
                      load(tap_forward_, kTcx, "vtep_tap_go", tap_forward, error) &&
                      load(crossing_back_, kTcx, "vtep_cross_back", crossing_back, error) &&
                      load(crossing_out_, kTcx, "vtep_cross_out", crossing_out, error) &&
                      load(crossing_in_, kTcx, "vtep_cross_in", crossing_in, error) &&
                      load(exit_inside_, kTcx, "vtep_exit_in", exit_inside, error) &&
                      load(exit_back_, kTcx, "vtep_exit_back", exit_back, error) &&
                      load(uplink_forward_, kTcx, "vtep_up_go", uplink_forward, error);
  if (opened && rushes_.open(maps_[kFastRushes], FAST_RUSH_RING)) {
    spread_.open(static_cast<unsigned>(per_cpu_.size()));
    return true;
  }
  for (Descriptor& map : maps_) map.reset();
  return false;
}

void FastPath::set_local(const uint8_t address[16], uint16_t udp_port) {
  settings_.address = settings_.udp_port = 0;
  if (is_ipv4(address)) {
    settings_.address = load32(address + 12);
    settings_.udp_port = __builtin_bswap16(udp_port);
  }
  settings_.enabled = 1;
  address_ = Address::from_bytes(address);
  udp_port_ = udp_port;
  renew_tunnel_exit();
}

// What the programs remember of the time before is void from now on.
void FastPath::set_settings() {
  const uint32_t zero = 0;
  settings_.generation++;
  if (is_open()) (void)bpf_map_set(maps_[kFastSettings], &zero, &settings_);
}

// From now on it is there when a port needs it.
void FastPath::renew_tunnel_exit() {
  tunnel_exit_.close();
  tunnel_exit_tried_ = false;
  settings_.exit_near = settings_.exit_far = 0;
  set_settings();
  for (const auto& each : ports_) port_changed(each.first);
}

// Where it can not be had, TCP to ports that need it is the workers'.
void FastPath::open_tunnel_exit() {
  if (!uplink_joined_ || settings_.address == 0 || std::exchange(tunnel_exit_tried_, true)) return;
  std::string why_not;
  if (!tunnel_exit_.open(address_, udp_port_, exit_inside_, exit_back_, why_not)) return;
  settings_.exit_near = tunnel_exit_.annex().near_end();
  settings_.exit_far = tunnel_exit_.annex().far_end();
  set_settings();
}

std::shared_ptr<const Annex> FastPath::annex(std::string& error) {
  if (annex_ != nullptr) return annex_;
  auto annex = std::make_shared<Annex>();
  if (!annex->open(crossing_back_, &crossing_in_, error)) return nullptr;
  annex_ = std::move(annex);
  settings_.cross_near = annex_->near_end();
  settings_.cross_far = annex_->far_end();
  set_settings();
  return annex_;
}

bool FastPath::load_crossing(const CrossingEnds& ends, CrossingPrograms& out, std::string& error) {
  const FastCrossing value = {ends.annex_end, ends.tenant_end, ends.interface};
  const uint32_t zero = 0;
  constexpr uint32_t kTcx = BPF_PROG_TYPE_SCHED_CLS;
  return make_map(kFastCrossing, error) && bpf_map_set(maps_[kFastCrossing], &zero, &value) &&
         load(out.leave, kTcx, "vtep_cross_go", crossing_leave, error) &&
         load(out.arrive, kTcx, "vtep_cross_up", crossing_arrive, error);
}

void FastPath::add_port(uint32_t id, const Port& port) {
  ports_.try_emplace(id, OpenPort{&port, 0, {}, false});
  if (const int steering = port.steering_program(); steering >= 0)
    (void)bpf_map_set(maps_[kFastSteering], &id, &steering);
  // A tap's frames come from the host's stack, on whichever CPU that runs.
  if (!port.faces_host()) spread_.add(id, port.ifindex());
  port_changed(id);
}

void FastPath::remove_port(uint32_t id) {
  spread_.remove(id);
  const auto found = ports_.find(id);
  if (found == ports_.end()) return;
  const uint64_t none = 0;
  (void)bpf_map_set(maps_[kFastExits], &id, &none);
  (void)bpf_map_erase(maps_[kFastPorts], &found->second.key);
  (void)bpf_map_erase(maps_[kFastSteering], &id);
  const std::vector<FastCounters> zero(per_cpu_.size());
  (void)bpf_map_set(maps_[kFastCounters], &id, zero.data());
  ports_.erase(found);
  set_settings();
}

void FastPath::set_uplink(bool joined) {
  uplink_joined_ = joined;
  renew_tunnel_exit();
  spread_.remove(0);
  if (joined || !is_open()) return;
  forget_remotes();
  for (const auto& [pair, admission] : std::exchange(admitted_, {}))
    (void)bpf_map_erase(maps_[kFastAdmitted], &admission);
  set_settings();
}

void FastPath::forget_remotes() {
  for (const uint32_t index : std::exchange(remotes_, {}))
    (void)bpf_map_erase(maps_[kFastRemotes], &index);
  set_settings();
}

void FastPath::hold_port(uint32_t id, bool held) {
  const auto found = ports_.find(id);
  if (found == ports_.end()) return;
  found->second.guarded = held;
  if (held) found->second.doubt.confirm();
  set_held(id, found->second, now_seconds());
}

void FastPath::set_held(uint32_t id, OpenPort& port, uint64_t now) {
  const bool held = port.guarded || port.doubt.held(now);
  if (held == port.held) return;
  port.held = held;
  port_changed(id);
}

void FastPath::hold_interfaces(std::vector<uint32_t> interfaces) {
  if (interfaces == held_interfaces_) return;
  held_interfaces_ = std::move(interfaces);
  if (!held_interfaces_.empty()) uplink_doubt_.confirm();
  forget_remotes();
}

void FastPath::set_watched(Watched watched) {
  if (watched == watched_) return;
  watched_ = std::move(watched);
  for (const auto& each : ports_) port_changed(each.first);
}

bool FastPath::is_watched(uint32_t id) const {
  if (watched_.all || watched_.ports.count(id) != 0) return true;
  if (watched_.vnis.empty()) return false;
  const Segment& segment = tables_.segment();
  const uint32_t network = segment.port_network(id);
  return network != 0 && watched_.vnis.count(current_row(segment.network(network)).vni) != 0;
}

std::vector<uint32_t> FastPath::watched_ports() const {
  std::vector<uint32_t> out;
  for (const auto& each : ports_)
    if (is_watched(each.first)) out.push_back(each.first);
  return out;
}

bool FastPath::doubts(uint32_t id) const {
  const auto found = ports_.find(id);
  if (id != 0 && found == ports_.end()) return false;
  return (id == 0 ? uplink_doubt_ : found->second.doubt).held(now_seconds());
}

void FastPath::doubt(uint32_t id, const FastCounters& sum, uint64_t now) {
  if (id != 0) {
    OpenPort& port = ports_.at(id);
    (void)port.doubt.judge(sum.segments, sum.repeated, now);
    set_held(id, port, now);
  } else if (uplink_doubt_.judge(sum.segments, sum.repeated, now)) {
    forget_remotes();
  }
}

void FastPath::port_changed(uint32_t id) {
  const auto found = ports_.find(id);
  if (found == ports_.end()) return;
  const PortRow row = current_row(tables_.segment().port(id));
  OpenPort& port = found->second;
  // A tap has moved.
  const CrossingEnds* over = port.port->crossing();
  const uint32_t number = over != nullptr ? over->annex_end : port.port->ifindex();
  const uint32_t key = over != nullptr ? FAST_CROSSED | number : number;
  if (key != port.key) {
    (void)bpf_map_erase(maps_[kFastPorts], &port.key);
    port.key = key;
  }
  const bool blocked = (row.segmentFlags & SegmentFlag::blocked) != 0;
  if (row.network == 0 || blocked || key == 0 || is_watched(id)) {
    const uint64_t none = 0;
    (void)bpf_map_erase(maps_[kFastPorts], &key);
    (void)bpf_map_set(maps_[kFastExits], &id, &none);
    set_settings();
    return;
  }
  const uint32_t vni = current_row(tables_.segment().network(row.network)).vni;
  const FastPort entry = {id, row.network, vni, 0};
  uint64_t exit = number | static_cast<uint64_t>(row.mtu & FAST_EXIT_MTU_MASK)
                               << FAST_EXIT_MTU_SHIFT;
  if (over != nullptr) exit |= FAST_EXIT_CROSSED;
  if (port.port->faces_host()) exit |= FAST_EXIT_INGRESS;
  if (!port.port->takes_tunnels()) {
    exit |= FAST_EXIT_UNMARKED;
    open_tunnel_exit();
  }
  if (port.held) exit = 0;
  (void)bpf_map_set(maps_[kFastExits], &id, &exit);
  (void)bpf_map_set(maps_[kFastPorts], &key, &entry);
  set_settings();
}

// Whatever it is now: it comes back with the next frame that needs it.
void FastPath::mac_changed(uint32_t network, uint64_t mac) {
  const uint64_t key = mac_key_word(network, mac);
  if (!macs_.remove(key)) return;
  (void)bpf_map_erase(maps_[kFastMacs], &key);
  set_settings();
}

void FastPath::remote_changed(uint32_t index) {
  if (remotes_.erase(index) == 0) return;
  (void)bpf_map_erase(maps_[kFastRemotes], &index);
  set_settings();
}

void FastPath::access_changed(uint32_t network, uint32_t remote, bool allowed) {
  if (allowed) return;
  const auto found = admitted_.find(uint64_t{network} << 32 | remote);
  if (found == admitted_.end()) return;
  (void)bpf_map_erase(maps_[kFastAdmitted], &found->second);
  admitted_.erase(found);
  set_settings();
}

void FastPath::use(const LearnRecord& record) {
  if (!is_open()) return;
  const uint32_t vni = record.flags;
  const uint32_t network = tables_.segment().find_network(vni);
  if (network == 0) return;
  use_mac(network, load_mac(record.mac));
  if (record.port != 0) {
    use_mac(network, load_mac(record.ip));
  } else {
    use_access(network, vni, record.ip);
  }
}

void FastPath::use_mac(uint32_t network, uint64_t mac) {
  const Segment& segment = tables_.segment();
  const HashTable<MacShape> table(segment, segment.header().macs);
  Words<MacShape::kWords> slot;
  if (table.find(mac_key(mac, network), slot) == table.kNowhere) return;
  const uint32_t kind = destination_kind(slot.w[0]), id = destination_id(slot.w[0]);
  // By several VTEPs, or told by another one and not seen here yet: the workers spread, and learn.
  constexpr uint32_t kPeer = MacFlag::peer << DestinationWord::flagShift;
  if (kind == Destination::router || kind == Destination::group || (slot.w[0] & kPeer) != 0) return;
  const bool local = kind == Destination::port;
  const auto port = ports_.find(id);
  if (local ? port == ports_.end() : !use_remote(id)) return;
  const uint64_t key = mac_key_word(network, mac);
  if (macs_.has(key) || macs_.size() >= kMostMacs) return;
  uint8_t octets[6];
  store_mac(octets, mac);
  const uint32_t now = seen_of(load_relaxed(&segment.header().clockSeconds));
  const FastMac entry = {kind, id, now, local && port->second.port->is_far_end(octets)};
  if (bpf_map_set(maps_[kFastMacs], &key, &entry)) macs_.add(key);
}

bool FastPath::use_remote(uint32_t index) {
  if (!uplink_joined_) return false;
  if (remotes_.count(index) != 0) return true;
  const RemoteRow row = current_row(tables_.segment().remote(index));
  if (uplink_doubt_.held(now_seconds()) || std::ranges::count(held_interfaces_, row.ifindex) != 0)
    return false;
  if (row.state != RemoteState::resolved || row.headerLength != kOuterHeader4) return false;
  FastRemote entry = {};
  entry.ifindex = row.ifindex;
  entry.mtu = row.mtu;
  memcpy(entry.header, row.header, kOuterHeader4);
  if (!bpf_map_set(maps_[kFastRemotes], &index, &entry)) return false;
  remotes_.insert(index);
  // Where packets to VTEPs leave, theirs arrive.
  spread_.add(0, row.ifindex);
  return true;
}

void FastPath::use_access(uint32_t network, uint32_t vni, const uint8_t source[16]) {
  const Segment& segment = tables_.segment();
  const uint32_t remote = segment.find_remote(source);
  if (!uplink_joined_ || remote == 0 || !is_ipv4(source)) return;
  const uint64_t pair = uint64_t{network} << 32 | remote;
  const HashTable<NumberShape> access(segment, segment.header().access);
  Words<NumberShape::kWords> slot;
  if (access.find(access_key(network, remote), slot) == access.kNowhere) return;
  if (admitted_.count(pair) != 0 || admitted_.size() >= kMostAdmitted) return;
  const FastAdmission key = {vni, load32(source + 12)};
  if (bpf_map_set(maps_[kFastAdmitted], &key, &network)) admitted_.emplace(pair, key);
}

void FastPath::on_rush() {
  rushes_.drain([this](const uint8_t* record, uint32_t octets) {
    FastRush rush;
    if (octets != sizeof rush) return;
    memcpy(&rush, record, sizeof rush);
    spread_.on_rush(rush.id, rush.cpu);
  });
}

void FastPath::on_pulse() {
  for (const uint32_t id : spread_.spread_ids()) {
    if (!bpf_map_get(maps_[kFastCounters], &id, per_cpu_.data())) continue;
    uint64_t frames = 0;
    for (const FastCounters& each : per_cpu_) frames += each.rx_frames;
    spread_.count(id, frames);
  }
  spread_.on_pulse();
}

void FastPath::on_second(uint32_t counters) {
  if (!is_open()) return;
  sweep();
  copy_counters(counters);
  count_lost(counters, Drop::backlog_full, spread_.on_second());
}

void FastPath::count_lost(uint32_t block, Drop reason, uint64_t frames) {
  uint64_t* counter = tables_.segment().drop_counters(block) + static_cast<unsigned>(reason);
  store_relaxed(counter, load_relaxed(counter) + frames);
}

// Reads when MACs were last seen: so many, in turn.
void FastPath::sweep() {
  const uint32_t now = seen_of(load_relaxed(&tables_.segment().header().clockSeconds));
  uint32_t budget = kSweepBudget;
  bool forgotten = false;
  for (uint64_t walked = 0; walked < macs_.slots() && budget > 0 && macs_.size() > 0; walked++) {
    const uint64_t at = sweep_at_ % macs_.slots();
    const uint64_t key = macs_.slot(at);
    FastMac entry;
    if (key != 0) budget--;
    if (key == 0 || !bpf_map_get(maps_[kFastMacs], &key, &entry)) {
      sweep_at_ = at + 1;
      continue;
    }
    if (entry.kind == Destination::port)
      tables_.saw(static_cast<uint32_t>(key >> FAST_NETWORK_SHIFT), key & kMacMask,
                  seconds_of(entry.seen));
    if (static_cast<int32_t>(now - entry.seen) <= static_cast<int32_t>(kIdleSeconds)) {
      sweep_at_ = at + 1;
      continue;
    }
    // Another one may lie in its place then.
    macs_.remove(key);
    (void)bpf_map_erase(maps_[kFastMacs], &key);
    forgotten = true;
  }
  if (forgotten) set_settings();
}

void FastPath::copy_counters(uint32_t block) {
  const uint64_t now = now_seconds();
  uint64_t lost = 0;
  const auto copy_port = [&](uint32_t id) {
    if (!bpf_map_get(maps_[kFastCounters], &id, per_cpu_.data())) return;
    FastCounters sum = {};
    for (const FastCounters& each : per_cpu_) {
      sum.rx_frames += each.rx_frames, sum.rx_bytes += each.rx_bytes;
      sum.tx_frames += each.tx_frames, sum.tx_bytes += each.tx_bytes;
      sum.segments += each.segments, sum.repeated += each.repeated;
      lost += each.lost;
    }
    spread_.count(id, sum.rx_frames);
    PortCounters& out = tables_.segment().port_counters(block, id);
    store_relaxed(&out.rxFrames, sum.rx_frames);
    store_relaxed(&out.rxBytes, sum.rx_bytes);
    store_relaxed(&out.txFrames, sum.tx_frames);
    store_relaxed(&out.txBytes, sum.tx_bytes);
    doubt(id, sum, now);
  };
  copy_port(0);
  for (const auto& each : ports_) copy_port(each.first);
  // A port that is gone takes its count along.
  const uint64_t before = std::exchange(lost_, lost);
  if (lost > before) count_lost(block, Drop::decision_stale, lost - before);
}

}  // namespace vtep
