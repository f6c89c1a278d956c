// The switch as one object (core/run.hpp): arbitrary operations, frames of every form. Frames go in
// from tenants and from the underlay, with and without metadata, and are finished in software.
// Before that each is traced, on tables that can not be written meanwhile and on an image of them.
#include <stdlib.h>
#include <sys/mman.h>

#include <new>

#include "../core/image.hpp"
#include "../core/run.hpp"
#include "../core/tracer.hpp"
#include "script.hpp"

namespace {

using namespace vtep;

constexpr size_t kSegmentBytes = 16 << 20;
constexpr size_t kOutputBytes = 64 << 20;
alignas(4096) uint8_t segment_memory[kSegmentBytes];
uint8_t output_memory[kOutputBytes];
alignas(4096) uint8_t image_memory[kSegmentBytes];
alignas(64) uint8_t core_place[sizeof(Core)];
alignas(64) uint8_t tracer_place[sizeof(Tracer)];
alignas(64) uint8_t scratch[64 << 10];

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

void protect(uint64_t length, int how) {
  if (mprotect(segment_memory, (length + 4095) & ~uint64_t{4095}, how) != 0) abort();
}

// Each frame of the input by itself.
void trace_all(const Segment& segment, const Switch* like, const uint8_t* input, size_t length,
               Output& out) {
  if (Tracer::scratch_needed(segment) > sizeof scratch || length < kInputHead) return;
  Tracer& tracer = *new (tracer_place) Tracer(segment, scratch);
  fuzz::Octets frames(input, input + length);
  InputFrame frame;
  for (size_t at = kInputHead, from = at; read_frame(frames.data(), length, at, frame); from = at) {
    fuzz::Octets one(input, input + kInputHead);
    store32(one.data() + 4, 1);
    one.insert(one.end(), input + from, input + at);
    out.length = 0;
    tracer.trace(one.data(), one.size(), like, Unresolved::drop, out);
  }
  out.length = 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const SegmentConfig config = small();
  const uint64_t needed = Core::bytes_needed(config);
  if (size < 2 || needed > kSegmentBytes) return 0;
  clear(segment_memory, static_cast<size_t>(needed));
  Core& core = *new (core_place) Core(segment_memory, config, fuzz::underlay());
  const fuzz::Octets network = fuzz::network();
  if (core.apply(network.data(), network.size()).failed != 0) abort();
  const size_t operations = load16(data) % (size - 1);
  core.apply(data + 2, operations);
  Output out;
  out.data = output_memory;
  out.capacity = sizeof output_memory;
  out.grow = [](Output&, size_t) { return false; };
  const uint8_t* input = data + 2 + operations;
  const size_t length = size - 2 - operations;
  protect(needed, PROT_READ);
  trace_all(core.segment(), &core.worker(), input, length, out);
  ImagePlan plan;
  if (plan_image(core.segment(), 0, 0, plan) != nullptr || plan.bytes > sizeof image_memory)
    abort();
  clear(image_memory, static_cast<size_t>(plan.bytes));
  if (write_image(core.segment(), plan, image_memory) != nullptr) abort();
  Segment image;
  if (Segment::open(image_memory, plan.bytes, image) != nullptr) abort();
  trace_all(image, nullptr, input, length, out);
  protect(needed, PROT_READ | PROT_WRITE);
  // What is routed is edited in place.
  fuzz::Octets frames(data + 2 + operations, data + size);
  core.run(frames.data(), frames.size(), out);
  core.tick(1000);
  bool lost;
  core.drain_events(out, lost);
  for (unsigned view = 0; view <= static_cast<unsigned>(View::listener); view++) {
    core.snapshot(static_cast<View>(view), out);
  }
  return 0;
}
