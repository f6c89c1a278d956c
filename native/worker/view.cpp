#include "view.hpp"

#include <string.h>

#include "../core/counters.hpp"
#include "../core/hash_table.hpp"
#include "../core/image.hpp"

namespace vtep {

namespace {

// A table that doubles while it is read starts the reader over; it does so a few times in its life.
constexpr int kAttempts = 16;

bool grow(Output& output, size_t capacity) {
  auto* text = static_cast<std::string*>(output.context);
  text->resize(capacity < 2 * text->size() ? 2 * text->size() : capacity);
  output.data = reinterpret_cast<uint8_t*>(text->data());
  output.capacity = text->size();
  return true;
}

void append_counters(const Segment& segment, uint32_t port, std::string& out) {
  const PortCounters sums = read_port_counters(segment, port);
  out.append(reinterpret_cast<const char*>(&port), sizeof port);
  out.append(reinterpret_cast<const char*>(&sums), sizeof sums);
}

}  // namespace

Output output_to(std::string& text) {
  Output output;
  output.context = &text;
  output.grow = grow;
  return output;
}

bool SegmentView::attach(uint8_t* memory, size_t size, std::string& error) {
  if (const char* reason = Segment::open(memory, size, segment_)) {
    error = std::string("shared segment: ") + reason;
    return false;
  }
  events_ = std::make_unique<EventReader>(segment_);
  tracer_.reset();
  return true;
}

bool SegmentView::snapshot(std::string_view name, std::string& rows, std::string& error) const {
  View view;
  if (!view_by_name(name.data(), name.size(), view)) {
    error = "expected port, network, remote, flood, macGroup, mac or neighbour, got " +
            std::string(name.substr(0, 32));
    return false;
  }
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    // Room for what came meanwhile grows with each attempt: a filling table must not outrun its
    // reader.
    rows.resize(snapshot_estimate(segment_, view) << attempt / 4);
    const SnapshotResult result =
        vtep::snapshot(segment_, view, reinterpret_cast<uint8_t*>(rows.data()), rows.size());
    rows.resize(result.written);
    if (result.complete) return true;
  }
  error = std::string(name) + ": the table changed during each of " + std::to_string(kAttempts) +
          " readings";
  return false;
}

namespace {

template <class Row>
uint64_t digest_rows(std::string_view rows, void (*forget_age)(Row& row)) {
  static_assert(sizeof(Row) % sizeof(uint32_t) == 0);
  uint64_t sum = rows.size();
  Row row;
  for (size_t at = 0; at + sizeof row <= rows.size(); at += sizeof row) {
    memcpy(&row, rows.data() + at, sizeof row);
    forget_age(row);
    uint32_t words[sizeof row / sizeof(uint32_t)];
    memcpy(words, &row, sizeof row);
    for (const uint32_t word : words) sum = (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29);
  }
  return mix(sum);
}

template <class Row>
void keep_rows(std::string& rows, uint32_t flag) {
  size_t kept = 0;
  Row row;
  for (size_t at = 0; at + sizeof row <= rows.size(); at += sizeof row) {
    memcpy(&row, rows.data() + at, sizeof row);
    if ((row.flags & flag) == 0) continue;
    memcpy(rows.data() + kept, &row, sizeof row);
    kept += sizeof row;
  }
  rows.resize(kept);
}

}  // namespace

uint64_t SegmentView::digest(std::string_view name, std::string_view rows) {
  if (name == "mac") return digest_rows<MacView>(rows, [](MacView& row) { row.ageSeconds = 0; });
  if (name == "neighbour")
    return digest_rows<NeighbourView>(rows, [](NeighbourView& row) { row.ageSeconds = 0; });
  return digest_rows<uint32_t>(rows, [](uint32_t&) {});
}

void SegmentView::keep_local(std::string_view name, std::string& rows) {
  if (name == "mac") {
    keep_rows<MacView>(rows, MacFlag::local);
  } else if (name == "neighbour") {
    keep_rows<NeighbourView>(rows, NeighbourFlag::local);
  } else {
    rows.clear();
  }
}

void SegmentView::counters(std::vector<uint64_t>& drops, std::string& ports,
                           std::string& uplink) const {
  drops.clear();
  for (unsigned i = 0; i < kDropCount; i++)
    drops.push_back(read_drops(segment_, static_cast<Drop>(i)));
  for (uint32_t id = 1; id <= segment_.config().ports; id++) {
    if (load_relaxed(&segment_.port(id).state) != PortState::free)
      append_counters(segment_, id, ports);
  }
  append_counters(segment_, 0, uplink);
}

bool SegmentView::trace(std::string_view input, bool hand_over, std::string& out,
                        std::string& error) {
  if (tracer_ == nullptr) {
    scratch_ = std::make_unique<uint64_t[]>(Tracer::scratch_needed(segment_) / sizeof(uint64_t));
    tracer_ = std::make_unique<Tracer>(segment_, scratch_.get());
  }
  // Frames are edited where they are routed.
  std::string frame(input);
  Output output = output_to(out);
  const char* reason =
      tracer_->trace(reinterpret_cast<uint8_t*>(frame.data()), frame.size(), nullptr,
                     hand_over ? Unresolved::hand_over : Unresolved::drop, output);
  out.resize(output.length);
  if (reason != nullptr) error = reason;
  return reason == nullptr;
}

bool SegmentView::image(uint32_t vni, uint64_t seed, uint64_t most, std::string& out,
                        std::string& error) const {
  auto plan = std::make_unique<ImagePlan>();
  const char* reason = nullptr;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    reason = plan_image(segment_, vni, seed, *plan);
    if (reason != nullptr) continue;
    if (plan->bytes > most) {
      error = "expected at most " + std::to_string(most) + " octets, got " +
              std::to_string(plan->bytes) + "; name a network";
      return false;
    }
    out.assign(plan->bytes, '\0');
    reason = write_image(segment_, *plan, out.data());
    if (reason == nullptr) return true;
  }
  error = reason;
  return false;
}

uint64_t SegmentView::drain_events(std::string& rows, bool& lost) {
  Event events[256];
  lost = false;
  // Not beyond what is there now: a writer in full swing must not hold a reader for ever.
  const uint64_t last = events_->last();
  while (events_->pending()) {
    bool gap = false;
    const unsigned count = events_->drain(events, 256, gap);
    lost |= gap;
    rows.append(reinterpret_cast<const char*>(events), count * sizeof(Event));
    if (count == 0 || events[count - 1].sequence >= last) break;
  }
  return last;
}

}  // namespace vtep
