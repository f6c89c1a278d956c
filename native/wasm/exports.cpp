// The WebAssembly face of native/core: class Core behind functions, in this module's own memory.
// One instance of the module is one switch.
//
// Results of run, snapshot and drain lie at result_data() for result_length() bytes until the next
// call that makes one.
#include "../core/run.hpp"
#include "../core/tracer.hpp"

extern "C" uint8_t __heap_base;

#define EXPORT extern "C" __attribute__((visibility("default")))

// The compiler turns loops into these; there is no C library to have them. Marked so that they do
// not become calls of themselves.
extern "C" __attribute__((no_builtin("memcpy"))) void* memcpy(void* to, const void* from,
                                                              size_t length) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  for (; length >= 8; out += 8, in += 8, length -= 8) {
    __builtin_memcpy_inline(out, in, 8);
  }
  while (length-- > 0) *out++ = *in++;
  return to;
}
extern "C" __attribute__((no_builtin("memset"))) void* memset(void* to, int value, size_t length) {
  uint8_t* out = static_cast<uint8_t*>(to);
  while (length-- > 0) *out++ = static_cast<uint8_t>(value);
  return to;
}
extern "C" __attribute__((no_builtin("memmove"))) void* memmove(void* to, const void* from,
                                                                size_t length) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  if (out <= in) return memcpy(to, from, length);
  while (length-- > 0) out[length] = in[length];
  return to;
}

namespace {

using namespace vtep;

constexpr size_t kPage = 65536;

// Memory, from low to high: static data and stack, the objects, the segment (of a Core, or an
// image), what a trace counts, the input buffer, the result. Only the last one grows; a larger
// input pushes it up.
alignas(64) uint8_t core_place[sizeof(Core)];
alignas(64) uint8_t tracer_place[sizeof(Tracer)];
Core* core;
Tracer* tracer;
Segment tables;
uint8_t* input_data;
size_t input_room;
Output result;
ApplyResult applied;
const char* problem;
bool events_lost;

uint8_t* aligned(uint8_t* p) {
  return reinterpret_cast<uint8_t*>((reinterpret_cast<size_t>(p) + 63) & ~size_t{63});
}

// Makes memory up to `end` exist. New memory is zero.
bool reserve(const uint8_t* end) {
  const size_t have = __builtin_wasm_memory_size(0) * kPage;
  const size_t need = reinterpret_cast<size_t>(end);
  if (need <= have) return true;
  return __builtin_wasm_memory_grow(0, (need - have + kPage - 1) / kPage) !=
         static_cast<size_t>(-1);
}

bool grow_result(Output& output, size_t capacity) {
  const size_t larger = capacity + capacity / 2;
  if (!reserve(output.data + larger)) return false;
  output.capacity = larger;
  return true;
}

}  // namespace

inline void* operator new(size_t, void* place) noexcept { return place; }

namespace {

// Everything behind the tables, which end there.
uint32_t settle(uint8_t* end) {
  uint8_t* scratch = aligned(end);
  uint8_t* rest = scratch + Tracer::scratch_needed(tables);
  if (!reserve(rest)) return 0;
  tracer = new (tracer_place) Tracer(tables, scratch);
  input_data = rest;
  input_room = 0;
  result.data = input_data;
  result.grow = grow_result;
  return 1;
}

}  // namespace

// 1 = formatted. `address`: our VTEP address and our AR-IP (::: none), where input_reserve(32)
// said, the first thing ever asked for; capacities of 0 mean the default.
EXPORT uint32_t core_create(const uint8_t* address, uint32_t udp_port, uint32_t ports,
                            uint32_t networks, uint32_t remotes, uint32_t macs, uint32_t neighbours,
                            uint32_t seed) {
  SegmentConfig config;
  if (ports != 0) config.ports = ports;
  if (networks != 0) config.networks = networks;
  if (remotes != 0) config.remotes = remotes;
  if (macs != 0) config.macs = macs;
  if (neighbours != 0) config.neighbours = neighbours;
  config.seed = seed;
  uint8_t* segment = aligned(&__heap_base);
  LocalUnderlay us(address, static_cast<uint16_t>(udp_port));
  copy(us.replicator, address + sizeof us.local, sizeof us.replicator);
  const size_t bytes = static_cast<size_t>(Core::bytes_needed(config));
  if (core != nullptr || address != segment || !reserve(segment + bytes)) return 0;
  // The addresses lay there; all else is new memory.
  clear(segment, sizeof us.local + sizeof us.replicator);
  core = new (core_place) Core(segment, config, us);
  tables = core->segment();
  return settle(segment + bytes);
}

// Opens the image of a segment (core/image.hpp) of `length` bytes, where input_reserve(length)
// said, the first thing ever asked for: for traces and snapshots. 0: see problem_text.
EXPORT uint32_t image_open(size_t length) {
  uint8_t* segment = aligned(&__heap_base);
  problem = core != nullptr || tracer != nullptr ? "there are tables already"
                                                 : Segment::open(segment, length, tables);
  if (problem != nullptr) return 0;
  if (settle(segment + length) == 1) return 1;
  problem = "no memory";
  return 0;
}

// Room for an input of `length` bytes; null when there is no memory. The result is void then.
EXPORT uint8_t* input_reserve(size_t length) {
  if (tracer == nullptr)
    return reserve(aligned(&__heap_base) + length) ? aligned(&__heap_base) : nullptr;
  if (length > input_room) {
    if (!reserve(input_data + length + 64)) return nullptr;
    input_room = length;
    result.data = aligned(input_data + length);
    result.capacity = 0;
  }
  result.length = 0;
  return input_data;
}

EXPORT uint32_t core_apply(size_t length) {
  applied = core->apply(input_data, length);
  problem = applied.reason;
  return applied.failed;
}
EXPORT uint32_t apply_failed_index() { return applied.index; }
EXPORT uint32_t apply_failed_code() { return applied.code; }

// 1 = done; 0: see problem_text.
EXPORT uint32_t core_run(size_t length) {
  result.length = 0;
  problem = core->run(input_data, length, result);
  return problem == nullptr;
}
EXPORT uint64_t core_repeat(size_t length, uint32_t iterations) {
  result.length = 0;
  const uint64_t emitted = core->repeat(input_data, length, iterations, result);
  result.length = 0;
  return emitted;
}
// 1 = done; 0: see problem_text. Of a Core as its next frame, of an image as a new worker's.
EXPORT uint32_t tables_trace(size_t length, uint32_t hand_over) {
  result.length = 0;
  problem = tracer->trace(input_data, length, core != nullptr ? &core->worker() : nullptr,
                          hand_over != 0 ? Unresolved::hand_over : Unresolved::drop, result);
  return problem == nullptr;
}
// `view`: View.
EXPORT uint32_t tables_snapshot(uint32_t view) {
  result.length = 0;
  return read_view(tables, static_cast<View>(view), result);
}
// 0 = no memory, 1 = done, 2 = done, and events had been lost before.
EXPORT uint32_t core_drain_events() {
  result.length = 0;
  if (!core->drain_events(result, events_lost)) return 0;
  return events_lost ? 2 : 1;
}
EXPORT void core_tick(uint32_t seconds) { core->tick(seconds); }

EXPORT const uint8_t* result_data() { return result.data; }
EXPORT size_t result_length() { return result.length; }
EXPORT const char* problem_text() { return problem; }
EXPORT const char* layout_hash() { return kLayoutHashText; }
