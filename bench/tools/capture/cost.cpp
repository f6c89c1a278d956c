// What a capture costs a worker: the switch and egress with devices that take everything at once,
// by turns without a tap, with one that is off, and with captures. The reader's part is left out.
//   cost FRAME_OCTETS TRIALS
// A line for each: name, then after a tab one value for each trial, nanoseconds for a frame.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <string>
#include <vector>

#include "../../../native/worker/egress.hpp"
#include "../../../native/worker/tap.hpp"
#include "../core/bed.hpp"

namespace {

using namespace vtep;
using namespace vtep::bench;

constexpr unsigned kMacs = 256;
constexpr unsigned kTrialBursts = 20000;
constexpr uint32_t kStride = 2048;

class Swallow : public Port {
 public:
  int wait_descriptor(unsigned) const override { return -1; }
  unsigned receive(unsigned, Frame*, unsigned) override { return 0; }
  Abilities abilities() const override { return {true, true, true}; }
  SendResult send(unsigned, const Gather*, unsigned count) override { return {count, Drop::none}; }
};

class SwallowUplink : public Uplink {
 public:
  UplinkForm form() const override { return UplinkForm::ethernet; }
  UplinkAbilities abilities() const override { return {true, true, 64, 60000, false}; }
  int wait_descriptor(unsigned) const override { return -1; }
  unsigned receive(unsigned, Frame*, unsigned) override { return 0; }
  SendResult send(unsigned, const UplinkGather*, unsigned count) override {
    return {count, Drop::none};
  }
  unsigned take_losses(unsigned, Loss*, unsigned) override { return 0; }
};

struct Case {
  const char* name;
  bool tap;
  const char* capture;  // null: none is on
};
const Case kCases[] = {
    {"no tap", false, nullptr},
    {"captures off", true, nullptr},
    {"a capture of another port", true, "port=4\nrate=10000000\n"},
    {"a capture of drops", true, "points=128\nrate=10000000\n"},
    {"a capture at one point, 96 octets", true, "points=2\nsnapLength=96\nrate=10000000\n"},
    {"a capture at one point, whole", true, "points=2\nrate=10000000\n"},
    {"a capture at all points, whole", true, "rate=10000000\n"},
};

struct Plane {
  Bed bed{kMacs, 4, true, false};
  WorkerCounters counters{bed.segment, 0};
  Tap tap{bed.segment, 0};
  Egress egress;
  Swallow port;
  SwallowUplink uplink;
  PortDevice device{2, &port, {true, true, true}};
  UplinkDevice uplink_device;
  DeviceList list;
  std::unique_ptr<Capture> capture;
  std::vector<uint8_t> memory = std::vector<uint8_t>((kBurst + 1) * kStride);
  Frame frames[kBurst];

  Plane(const Case& one, uint32_t octets)
      : egress(bed.segment, 0, counters, one.tap ? &tap : nullptr) {
    uplink_device.uplink = &uplink;
    uplink_device.form = uplink.form();
    uplink_device.abilities = uplink.abilities();
    list.ports = {nullptr, nullptr, &device};
    list.uplink = &uplink_device;
    if (one.capture != nullptr) {
      CaptureSpec spec;
      std::string error;
      if (!CaptureSpec::parse(one.capture, spec, error)) fail(error.c_str());
      capture = Capture::open(std::move(spec), 1, 1, error);
      if (capture == nullptr) fail(error.c_str());
      list.captures.push_back(capture.get());
    }
    egress.adopt(&list);
    tap.adopt(list);
    bed.burst->context = this;
    bed.burst->flush = [](void* context, Burst& burst) {
      auto& plane = *static_cast<Plane*>(context);
      if (plane.tap.on()) plane.tap.decided(burst);
      plane.egress.add(burst);
    };
    for (unsigned i = 0; i < kBurst; i++) {
      frames[i].data = memory.data() + i * kStride + 128;
      frames[i].length = octets;
      frames[i].headroom = 128;
      write_inner(frames[i].data, octets, i);
      store_mac(frames[i].data + 6, bed.source(0));
    }
  }

  double trial() {
    uint64_t took = 0;
    for (unsigned i = 0; i < kTrialBursts; i++) {
      for (unsigned f = 0; f < kBurst; f++)
        store_mac(frames[f].data, bed.destination(uint64_t{i} * kBurst + f));
      const uint64_t began = nanoseconds();
      if (tap.on()) tap.arrived(1, frames, kBurst, UplinkForm::ethernet);
      bed.sw->from_port(1, frames, kBurst, kSecond, *bed.burst);
      egress.finish();
      if (tap.on()) tap.settle();
      took += nanoseconds() - began;
      if (capture == nullptr) continue;
      CaptureRingHead& ring = capture->memory().head(0);
      store_release(&ring.tail, load_acquire(&ring.head));
    }
    return static_cast<double>(took) / kTrialBursts / kBurst;
  }
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) fail("usage: cost FRAME_OCTETS TRIALS");
  const auto octets = static_cast<uint32_t>(atoi(arguments[1]));
  const int trials = atoi(arguments[2]);
  if (octets < 60 || octets > 1514 || trials < 1) fail("expected 60 to 1514 octets, some trials");
  std::vector<std::unique_ptr<Plane>> planes;
  for (const Case& each : kCases) planes.push_back(std::make_unique<Plane>(each, octets));
  std::vector<std::string> values(planes.size());
  for (int trial = -1; trial < trials; trial++)
    for (size_t i = 0; i < planes.size(); i++) {
      const double value = planes[i]->trial();
      // The first is for the memory.
      if (trial < 0) continue;
      if (trial > 0) values[i] += ' ';
      values[i] += std::to_string(value);
    }
  for (size_t i = 0; i < planes.size(); i++) printf("%s\t%s\n", kCases[i].name, values[i].c_str());
  return 0;
}
