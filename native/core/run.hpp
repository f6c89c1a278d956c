// A whole switch in one piece of memory, without threads and devices: bytes in, bytes out. The
// addon's class Core and the WebAssembly build are this class. All numbers little-endian, nothing
// padded.
//
// clang-format off
// Input of run():   u32 now (seconds), u32 count, then per frame
//                   u8 form, u32 port (form 0), or FrameFlag bits (form 2), else 0, ip source (form 2, else zero), meta, u32 length, bytes
//     form 0        a tenant's frame from a port
//          1        an outer Ethernet frame from the underlay
//          2        a VXLAN packet (a UDP payload) from `source`
//          3        any frame, to be finished in software: cut if it is a super-frame, checksums complete
//          4        the same, but the device sums: checksums stay partial
// Output of run():  u32 count, then records
//                   u8 1 (emit), u32 input, u32 destination word (0 for forms 3 and 4), meta, u32 length, bytes (with outer headers for remotes)
//                   u8 2 (drop), u32 input, u32 destination word (0 = the frame as a whole), u8 reason
// meta (10 bytes):  u8 flags, u8 gso type, u16 header length, u16 gso size, u16 checksum start, u16 checksum offset
// clang-format on
//
// Consecutive frames of one form and port are one burst (up to kBurst); what they teach is known to
// the next burst.
#pragma once
#include "run_format.hpp"
#include "snapshot.hpp"
#include "switch.hpp"
#include "tables.hpp"

namespace vtep {

// Rows of a view of tables that nobody writes meanwhile, appended. False: no memory.
bool read_view(const Segment& segment, View view, Output& out);

class Core {
 public:
  static uint64_t bytes_needed(const SegmentConfig& config) {
    return Segment::bytes_needed(config);
  }
  // `memory`: bytes_needed(config) zeros, 64-byte aligned, which outlive this object.
  Core(void* memory, const SegmentConfig& config, const LocalUnderlay& us);

  ApplyResult apply(const uint8_t* operations, size_t length);
  // Null, or what is wrong with the input. Output is appended to `out`. Frames in the input are
  // edited where they are routed.
  const char* run(uint8_t* input, size_t length, Output& out);
  // Rows of the view, appended. False: no memory.
  bool snapshot(View view, Output& out) const;
  // Event rows, appended; `lost` as EventReader has it. False: no memory.
  bool drain_events(Output& out, bool& lost);
  // Moves the clock to `seconds` and ages everything once.
  void tick(uint32_t seconds);
  // For benchmarks: the frames of an input through the switch `iterations` times, each time with
  // the headers that they get, but without reading the input again and without output. All must be
  // of one form (0 to 2) and port; `scratch` is where they are kept. Gives the frames emitted.
  uint64_t repeat(uint8_t* input, size_t length, uint32_t iterations, Output& scratch);

  // For traces (trace.hpp) that see what the next frame would.
  const Segment& segment() const { return segment_; }
  const Switch& worker() const { return switch_; }

 private:
  struct Sink;
  struct Meter;
  const char* bursts(uint8_t* input, size_t length, Sink& sink);
  void burst(uint8_t form, uint32_t port, const Frame* frames, unsigned count, uint64_t now);

  Segment segment_;
  Tables tables_;
  Switch switch_;
  EventReader events_;
  Burst burst_;
  RemoteCache remotes_;
};

}  // namespace vtep
