#include "run.hpp"

#include "checksum.hpp"
#include "encap.hpp"
#include "metadata.hpp"
#include "segmentation.hpp"

namespace vtep {

// Where a burst's results go.
struct Core::Sink {
  Sink(Core& owner, Output& output)
      : core(owner), records(owner.segment_, owner.remotes_, output) {}

  Core& core;
  Records records;
  uint32_t base = 0;  // input index of the burst's first frame
  uint32_t learned = 0;
  LearnRecord learns[2 * kBurst];  // but for what changes no table

  static void flush(void* context, Burst& burst) { static_cast<Sink*>(context)->take(burst); }

  void take(Burst& burst) {
    records.take(burst, base);
    for (unsigned i = 0; i < burst.learn_count; i++) {
      const LearnRecord& record = burst.learns[i];
      if (record.is_heard()) {
        core.tables_.learn(record);
      } else {
        learns[learned++] = record;
      }
    }
  }

  // What a worker does for a device without offloads.
  Drop finish(uint32_t input, Frame frame, bool partial) {
    Layers layers;
    if (frame.length < kEthernetHeader) return Drop::too_short;
    if (!find_layers(frame.data, frame.length, layers)) return Drop::malformed;
    const Drop reason = check_metadata(frame.data, frame.length, layers, frame.meta);
    if (reason != Drop::none) return reason;
    if (frame.meta.gso_type != kGsoNone) return cut(input, frame, partial);
    const Meta meta = frame.meta;
    const bool sum = !partial && (meta.flags & kNeedsChecksum) != 0;
    records.emit(input, 0, sum ? Meta{} : meta, nullptr, 0, frame.data, frame.length);
    if (sum && !records.failed()) {
      store16(records.last(frame.length) + meta.checksum_start + meta.checksum_offset,
              completed_checksum(frame.data, frame.length, meta));
    }
    return Drop::none;
  }

  Drop cut(uint32_t input, const Frame& frame, bool partial) {
    Segmenter segmenter;
    const auto checksums = partial ? Segmenter::Checksums::partial : Segmenter::Checksums::complete;
    if (const Drop reason = segmenter.open(frame, checksums); reason != Drop::none) return reason;
    for (Piece piece; segmenter.next(piece);) {
      records.emit(input, 0, piece.meta, piece.header, piece.header_length, piece.payload,
                   piece.payload_length);
    }
    return Drop::none;
  }
};

Core::Core(void* memory, const SegmentConfig& config, const LocalUnderlay& us)
    : segment_(Segment::format(memory, config)),
      tables_(segment_, TablesObserver{}, true),
      switch_(segment_, 0),
      events_(segment_) {
  tables_.set_local(us);
}

ApplyResult Core::apply(const uint8_t* operations, size_t length) {
  return tables_.apply(operations, length);
}

const char* Core::bursts(uint8_t* input, size_t length, Sink& sink) {
  if (length < kInputHead) return "input shorter than its head";
  const uint32_t count = load32(input + 4);
  const uint64_t now = load32(input) * kNanoseconds;
  tables_.set_time(now);
  burst_.flush = Sink::flush;
  burst_.context = &sink;
  Frame frames[kBurst];
  InputFrame next;
  size_t at = kInputHead;
  bool pending = false;
  for (uint32_t done = 0; done < count;) {
    if (!pending && !read_frame(input, length, at, next)) return "input ends inside a frame";
    const uint8_t form = next.form;
    const uint32_t port = next.port;
    if (form > kFinishPartial) return "no such form of frame";
    if (form == kFromPort && (port == 0 || port > segment_.config().ports)) return "no such port";
    unsigned n = 0;
    do {
      frames[n++] = next.frame;
      pending = false;
      if (done + n == count) break;
      if (!read_frame(input, length, at, next)) return "input ends inside a frame";
      pending = true;
    } while (n < kBurst && next.form == form && (form != kFromPort || next.port == port));
    sink.base = done;
    sink.learned = 0;
    burst(form, port, frames, n, now);
    for (uint32_t i = 0; i < sink.learned; i++) tables_.learn(sink.learns[i]);
    for (uint32_t i = 0; form >= kFinish && i < n; i++) {
      const Drop reason = sink.finish(done + i, frames[i], form == kFinishPartial);
      if (reason != Drop::none) sink.records.drop(done + i, 0, reason);
    }
    done += n;
  }
  return sink.records.failed() ? "no memory for the output" : nullptr;
}

void Core::burst(uint8_t form, uint32_t port, const Frame* frames, unsigned count, uint64_t now) {
  if (form == kFromPort) switch_.from_port(port, frames, count, now, burst_);
  if (form == kFromOuter) switch_.from_outer(frames, count, now, burst_);
  if (form == kFromVxlan) switch_.from_vxlan(frames, count, now, burst_);
}

const char* Core::run(uint8_t* input, size_t length, Output& out) {
  const size_t start = out.length;
  if (!make_room(out, 4)) return "no memory for the output";
  put32(out, 0);
  Sink sink(*this, out);
  const char* reason = bursts(input, length, sink);
  store32(out.data + start, sink.records.count());
  return reason;
}

// Headers are written and frames are counted as by a worker, and go nowhere.
struct Core::Meter {
  explicit Meter(Core& owner) : core(owner) {}

  Core& core;
  uint64_t emitted = 0;
  uint8_t headers[kBurst][128];
  Meta metas[kBurst];

  static void flush(void* context, Burst& burst) { static_cast<Meter*>(context)->take(burst); }

  void take(const Burst& burst) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < burst.emit_count; i++) {
      const Emit& emit = burst.emits[i];
      const Frame& frame = burst.frames[emit.frame];
      bytes += frame.length;
      if (destination_kind(emit.destination) != Destination::remote) continue;
      const RemoteSnapshot* remote =
          core.remotes_.find(core.segment_, destination_id(emit.destination));
      bytes +=
          encap_frame(*remote, emit.vni, emit.hash, frame, headers[i % kBurst], metas[i % kBurst]);
    }
    core.switch_.counters().sent(0, burst.emit_count, bytes);
    emitted += burst.emit_count;
  }
};

uint64_t Core::repeat(uint8_t* input, size_t length, uint32_t iterations, Output& scratch) {
  if (length < kInputHead) return 0;
  const uint64_t now = load32(input) * kNanoseconds;
  const uint32_t count = load32(input + 4);
  InputFrame first = {}, next;
  size_t at = kInputHead;
  for (uint32_t i = 0; i < count; i++) {
    if (!read_frame(input, length, at, next) || !make_room(scratch, sizeof(Frame))) return 0;
    if (i == 0) first = next;
    if (next.form >= kFinish || next.form != first.form || next.port != first.port) return 0;
    put(scratch, &next.frame, sizeof(Frame));
  }
  if (first.form == kFromPort && (first.port == 0 || first.port > segment_.config().ports))
    return 0;
  const Frame* frames = reinterpret_cast<const Frame*>(scratch.data);
  Meter meter(*this);
  burst_.flush = Meter::flush;
  burst_.context = &meter;
  for (uint32_t i = 0; i < iterations; i++) {
    for (uint32_t done = 0; done < count; done += kBurst) {
      const unsigned n = count - done < kBurst ? count - done : kBurst;
      burst(first.form, first.port, frames + done, n, now);
    }
  }
  burst_.context = nullptr;
  return meter.emitted;
}

bool read_view(const Segment& segment, View view, Output& out) {
  for (;;) {
    const uint64_t room = snapshot_estimate(segment, view);
    if (!make_room(out, static_cast<size_t>(room))) return false;
    const SnapshotResult result = snapshot(segment, view, out.data + out.length, room);
    if (!result.complete) continue;
    out.length += static_cast<size_t>(result.written);
    return true;
  }
}

bool Core::snapshot(View view, Output& out) const { return read_view(segment_, view, out); }

bool Core::drain_events(Output& out, bool& lost) {
  Event events[64];
  lost = false;
  while (const unsigned n = events_.drain(events, 64, lost)) {
    if (!make_room(out, n * sizeof(Event))) return false;
    put(out, events, n * sizeof(Event));
  }
  return true;
}

void Core::tick(uint32_t seconds) {
  tables_.set_time(seconds * kNanoseconds);
  while (!tables_.age_step(1024)) continue;
}

}  // namespace vtep
