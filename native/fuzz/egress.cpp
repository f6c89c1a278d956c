// From the switch's verdict to devices: Switch, Merger and Egress as a worker has them, with sinks
// that hold every item to the contracts of port.hpp and uplink.hpp, and read all of its bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>

#include "../core/tables.hpp"
#include "../worker/capture.hpp"
#include "../worker/egress.hpp"
#include "../worker/tap.hpp"
#include "script.hpp"

namespace vtep::fuzz {
namespace {

#define MUST(condition)                                                              \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (false)

// All bytes in one piece; the address sanitizer looks at each of them on the way.
Octets gathered(const Gather& item) {
  MUST(item.count > 0 && item.count <= Gather::kMaxPieces);
  Octets out;
  for (unsigned i = 0; i < item.count; i++) {
    const auto* bytes = static_cast<const uint8_t*>(item.pieces[i].iov_base);
    out.insert(out.end(), bytes, bytes + item.pieces[i].iov_len);
  }
  MUST(out.size() == item.length);
  return out;
}

void hold_partial(const Meta& meta, size_t length) {
  MUST(size_t{meta.checksum_start} + meta.checksum_offset + 2 <= length);
}

class SinkPort : public Port {
 public:
  explicit SinkPort(const Abilities& abilities) : abilities_(abilities) {}
  int wait_descriptor(unsigned) const override { return -1; }
  unsigned receive(unsigned, Frame*, unsigned) override { return 0; }
  Abilities abilities() const override { return abilities_; }

  SendResult send(unsigned, const Gather* items, unsigned count) override {
    for (unsigned i = 0; i < count; i++) {
      const Octets bytes = gathered(items[i]);
      const Meta& meta = items[i].meta;
      const uint8_t type = meta.gso_type & static_cast<uint8_t>(~kGsoEcn);
      MUST(bytes.size() >= 14);
      MUST((meta.flags & kNeedsChecksum) == 0 || abilities_.partial_checksum);
      if ((meta.flags & kNeedsChecksum) != 0) hold_partial(meta, bytes.size());
      MUST(type == kGsoNone || (meta.flags & kNeedsChecksum) != 0);
      MUST(type == kGsoNone || (meta.gso_size != 0 && meta.header_length <= bytes.size()));
      MUST(type != kGsoUdp || abilities_.udp_segmentation);
      MUST((type != kGsoTcp4 && type != kGsoTcp6) || abilities_.tcp_segmentation);
    }
    return refuse(count);
  }

  // Now and then a queue is full, or the kernel does not like a frame.
  SendResult refuse(unsigned count) {
    calls_++;
    if (calls_ % 7 == 0) return {count / 2, count == 0 ? Drop::none : Drop::tx_queue_full};
    if (calls_ % 5 == 0) return {count / 3, Drop::tx_error};
    return {count, Drop::none};
  }

 private:
  Abilities abilities_;
  unsigned calls_ = 0;
};

class SinkUplink : public Uplink {
 public:
  SinkUplink(UplinkForm form, const UplinkAbilities& abilities)
      : form_(form), abilities_(abilities) {}
  UplinkForm form() const override { return form_; }
  UplinkAbilities abilities() const override { return abilities_; }
  int wait_descriptor(unsigned) const override { return -1; }
  unsigned receive(unsigned, Frame*, unsigned) override { return 0; }
  unsigned take_losses(unsigned, Loss*, unsigned) override { return 0; }
  bool takes_whole(unsigned, uint32_t, bool) const override { return true; }

  SendResult send(unsigned, const UplinkGather* items, unsigned count) override {
    for (unsigned i = 0; i < count; i++) hold(items[i]);
    return {count, Drop::none};
  }

 private:
  void hold(const UplinkGather& item) {
    const Octets bytes = gathered(item);
    const Meta& meta = item.meta;
    const bool outer = form_ == UplinkForm::ethernet && item.outer_length != 0;
    const size_t head = outer ? item.outer_length : 0;
    MUST(bytes.size() >= head + 8 + 14);
    MUST(bytes[head] == 8);  // VXLAN
    const size_t payload = bytes.size() - head;
    if (outer) MUST(meta.gso_type != kGsoNone || payload + 8 <= 65535);
    if (item.inner_network != 0) {
      MUST(outer && abilities_.tunnel_segmentation);
      MUST(bytes.size() <= UplinkGather::kMaxWholeBytes);
      hold_partial(meta, bytes.size());
      MUST(meta.gso_size != 0);
    } else if (meta.gso_type != kGsoNone) {
      MUST(meta.gso_type == kGsoUdp && abilities_.trains);
      MUST(meta.gso_size != 0 && payload > meta.gso_size);
      MUST(payload <= abilities_.max_train_bytes);
      MUST((payload + meta.gso_size - 1) / meta.gso_size <= abilities_.max_datagrams);
      for (size_t at = head; at < bytes.size(); at += meta.gso_size) MUST(bytes[at] == 8);
    }
    if ((meta.flags & kNeedsChecksum) != 0) {
      MUST(outer && abilities_.partial_checksum);
      hold_partial(meta, bytes.size());
    }
  }

  UplinkForm form_;
  UplinkAbilities abilities_;
};

SegmentConfig small() {
  SegmentConfig config;
  config.ports = 8;
  config.networks = 8;
  config.remotes = 8;
  config.macs = 64;
  config.neighbours = 64;
  config.routes = 64;
  config.nextHops = 16;
  config.groups = 4;
  config.channels = 16;
  config.eventSlots = 64;
  config.floodWords = 512;
  config.groupBuckets = 4;
  return config;
}

constexpr Abilities kAbilities[] = {{false, false, false}, {true, false, false},
                                    {true, true, false},   {true, true, true},
                                    {false, true, false},  {true, true, true}};
static_assert(std::size(kAbilities) == kPorts);

struct UplinkChoice {
  UplinkForm form;
  UplinkAbilities abilities;
};
// The input's time chooses.
constexpr UplinkChoice kUplinks[] = {
    {UplinkForm::vxlan, {}},
    {UplinkForm::vxlan, {false, true, 64, 65507, false}},
    {UplinkForm::vxlan, {false, true, 3, 4000, false}},
    {UplinkForm::ethernet, {true, false, 1, 1472, false}},
    {UplinkForm::ethernet, {true, true, 128, 65507, false}},
    {UplinkForm::ethernet, {true, true, 128, 65507, true}},
};

// Somebody looks at everything, but at some inputs only.
const Capture& watcher() {
  static const std::unique_ptr<Capture> capture = [] {
    CaptureSpec spec;
    spec.rate = CaptureSpec::kMostRate;
    std::string error;
    return Capture::open(spec, 1, 1, error);
  }();
  MUST(capture != nullptr);
  return *capture;
}

// What was written down is whole.
void hold_records() {
  static CaptureReader reader(watcher().memory());
  std::string records;
  MUST(reader.read(records, SIZE_MAX));
  for (size_t at = 0; at < records.size();) {
    CaptureRecord record;
    MUST(records.size() - at >= sizeof record);
    memcpy(&record, records.data() + at, sizeof record);
    MUST(record.length <= records.size() - at);
    MUST(record.captured <= record.length - sizeof record);
    MUST(record.captured <= record.frameLength && record.id != 0);
    MUST(record.point <= CapturePoint::drop);
    MUST(record.point != CapturePoint::drop || record.reason != 0);
    at += record.length;
  }
}

// Worker and keeper in one thread.
struct Plane {
  std::unique_ptr<uint8_t, decltype(&free)> memory{nullptr, free};
  Segment segment;
  std::unique_ptr<Tables> tables;
  std::unique_ptr<Switch> forward;
  std::unique_ptr<WorkerCounters> counters;
  std::unique_ptr<Tap> tap;
  std::unique_ptr<Egress> egress;
  std::vector<std::unique_ptr<SinkPort>> ports;
  std::vector<PortDevice> devices;
  std::unique_ptr<SinkUplink> uplink;
  UplinkDevice uplink_device;
  DeviceList list;
  Burst burst;
  std::vector<LearnRecord> learned;

  Plane(const UplinkChoice& choice, bool watched) {
    const SegmentConfig config = small();
    const size_t needed = static_cast<size_t>(Segment::bytes_needed(config));
    memory.reset(static_cast<uint8_t*>(aligned_alloc(4096, needed)));
    memset(memory.get(), 0, needed);
    segment = Segment::format(memory.get(), config);
    tables = std::make_unique<Tables>(segment, TablesObserver{}, true);
    tables->set_local(underlay());
    forward = std::make_unique<Switch>(segment, 0, Unresolved::hand_over);
    counters = std::make_unique<WorkerCounters>(segment, 0);
    tap = std::make_unique<Tap>(segment, 0);
    egress = std::make_unique<Egress>(segment, 0, *counters, tap.get());
    devices.resize(kPorts);
    list.version = 1;
    list.ports.resize(kPorts + 1);
    for (uint32_t i = 0; i < kPorts; i++) {
      ports.push_back(std::make_unique<SinkPort>(kAbilities[i]));
      devices[i].id = i + 1;
      devices[i].port = ports.back().get();
      devices[i].abilities = kAbilities[i];
      list.ports[i + 1] = &devices[i];
    }
    uplink = std::make_unique<SinkUplink>(choice.form, choice.abilities);
    uplink_device.uplink = uplink.get();
    uplink_device.form = choice.form;
    uplink_device.abilities = choice.abilities;
    list.uplink = &uplink_device;
    if (watched) list.captures.push_back(&watcher());
    egress->adopt(&list);
    tap->adopt(list);
    burst.context = this;
    burst.flush = [](void* context, Burst& out) {
      auto& plane = *static_cast<Plane*>(context);
      if (plane.tap->on()) plane.tap->decided(out);
      plane.egress->add(out);
      plane.learned.insert(plane.learned.end(), out.learns, out.learns + out.learn_count);
    };
  }

  // Consecutive frames of one form and port are one burst, as in Core::run().
  void run(Script& script) {
    const uint64_t now = uint64_t{script.now} * 1000000000;
    tables->set_time(now);
    for (size_t at = 0; at < script.records.size();) {
      const Record& first = script.records[at];
      std::vector<Frame> frames;
      for (; at < script.records.size() && script.records[at].form == first.form &&
             script.records[at].port == first.port;
           at++) {
        Record& record = script.records[at];
        Frame frame;
        frame.data = record.bytes.data();
        frame.length = static_cast<uint32_t>(record.bytes.size());
        frame.meta = record.meta;
        memcpy(frame.source, record.source, sizeof frame.source);
        frames.push_back(frame);
      }
      const auto count = static_cast<unsigned>(frames.size());
      const bool from_port = first.form == 0 && first.port >= 1 && first.port <= kPorts;
      if (tap->on() && (from_port || first.form == 1 || first.form == 2))
        tap->arrived(from_port ? first.port : 0, frames.data(), count,
                     first.form == 1 ? UplinkForm::ethernet : UplinkForm::vxlan);
      if (from_port) forward->from_port(first.port, frames.data(), count, now, burst);
      if (first.form == 1) forward->from_outer(frames.data(), count, now, burst);
      if (first.form == 2) forward->from_vxlan(frames.data(), count, now, burst);
      egress->finish();
      if (tap->on()) {
        tap->settle();
        hold_records();
      }
      for (const LearnRecord& record : learned) tables->learn(record);
      learned.clear();
    }
  }
};

}  // namespace
}  // namespace vtep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtep::fuzz;
  Script script = read(data, size);
  const auto plane = std::make_unique<Plane>(kUplinks[script.now % std::size(kUplinks)],
                                             script.now / std::size(kUplinks) % 2 == 0);
  const Octets begin = network();
  MUST(plane->tables->apply(begin.data(), begin.size()).failed == 0);
  plane->tables->apply(script.operations.data(), script.operations.size());
  plane->run(script);
  return 0;
}
