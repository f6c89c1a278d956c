#include "view.hpp"

#include <string.h>

#include "../core/counters.hpp"
#include "../core/hash_table.hpp"

namespace vtep {

namespace {

// A table that doubles while it is read starts the reader over; it does so a few times in its life.
constexpr int kAttempts = 16;

void append_counters(const Segment& segment, uint32_t port, std::string& out) {
  const PortCounters sums = read_port_counters(segment, port);
  out.append(reinterpret_cast<const char*>(&port), sizeof port);
  out.append(reinterpret_cast<const char*>(&sums), sizeof sums);
}

}  // namespace

bool SegmentView::attach(uint8_t* memory, size_t size, std::string& error) {
  if (const char* reason = Segment::open(memory, size, segment_)) {
    error = std::string("shared segment: ") + reason;
    return false;
  }
  events_ = std::make_unique<EventReader>(segment_);
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
