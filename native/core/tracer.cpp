#include "tracer.hpp"

#include "encap.hpp"

namespace vtep {

namespace {

constexpr size_t kDropOctets = (kDropCount + 7) / 8 * 64;

WorkerCounters counters_in(void* scratch) {
  uint8_t* memory = static_cast<uint8_t*>(scratch);
  return {reinterpret_cast<uint64_t*>(memory),
          reinterpret_cast<PortCounters*>(memory + kDropOctets)};
}

}  // namespace

uint64_t Tracer::scratch_needed(const Segment& segment) {
  return kDropOctets + uint64_t{segment.config().ports + 1} * sizeof(PortCounters);
}

Tracer::Tracer(const Segment& segment, void* scratch)
    : segment_(segment), worker_(segment, counters_in(scratch)) {}

// Where the results of the dry run go.
struct Tracer::Sink {
  Sink(Tracer& tracer, Output& out, Steps& told)
      : records(tracer.segment_, tracer.remotes_, out), steps(told) {
    records.context = this;
    records.left = left;
  }

  Records records;
  Steps& steps;
  uint32_t missed = 0;

  static void flush(void* context, Burst& burst) {
    Sink& sink = *static_cast<Sink*>(context);
    const uint32_t more = burst.emit_count + burst.drop_count;
    if (sink.records.count() + more > kMostRecords) return void(sink.missed += more);
    sink.records.take(burst, 0);
  }

  static void left(void* context, const Emit& emit, const RemoteSnapshot* remote, uint32_t length) {
    Steps& steps = static_cast<Sink*>(context)->steps;
    if (remote == nullptr)
      return steps.tell(LeftByPortStep{destination_id(emit.destination), length});
    LeftToVtepStep step = {};
    step.vni = emit.vni;
    step.sourcePort = source_port(emit.hash);
    step.length = length;
    copy(step.remote, remote->address, 16);
    steps.tell(step);
  }
};

const char* Tracer::trace(uint8_t* input, size_t length, const Switch* like, Unresolved unresolved,
                          Output& out) {
  if (length < kInputHead) return "input shorter than its head";
  InputFrame next;
  size_t at = kInputHead;
  if (load32(input + 4) != 1 || !read_frame(input, length, at, next) || at != length)
    return "expected one whole frame";
  if (next.form > kFromVxlan) return "no such form of frame";
  if (next.form == kFromPort && (next.port == 0 || next.port > segment_.config().ports))
    return "no such port";
  uint32_t seconds = load32(input);
  if (seconds == 0) seconds = load_relaxed(&segment_.header().clockSeconds);
  const uint64_t now = seconds * kNanoseconds;
  const size_t start = out.length;
  if (!make_room(out, 4)) return "no memory for the output";
  put32(out, 0);
  Steps steps(steps_, sizeof steps_);
  Sink sink(*this, out, steps);
  worker_.trace(steps, like, unresolved);
  burst_.flush = Sink::flush;
  burst_.context = &sink;
  burst_.emit_count = burst_.drop_count = burst_.learn_count = burst_.reply_count = 0;
  if (next.form == kFromPort) worker_.from_port(next.port, &next.frame, 1, now, burst_);
  if (next.form == kFromOuter) worker_.from_outer(&next.frame, 1, now, burst_);
  if (next.form == kFromVxlan) worker_.from_vxlan(&next.frame, 1, now, burst_);
  if (sink.records.failed() || !make_room(out, 12 + steps.length()))
    return "no memory for the output";
  store32(out.data + start, sink.records.count());
  put32(out, sink.missed);
  put32(out, steps.missed());
  put32(out, static_cast<uint32_t>(steps.length()));
  put(out, steps.data(), steps.length());
  return nullptr;
}

}  // namespace vtep
