// Reading the segment from anywhere, without a lock and without the writer's help: view rows and
// events.
#pragma once
#include "segment.hpp"

namespace vtep {

enum class View : uint8_t {
  port,
  network,
  remote,
  underlay,
  flood,
  macGroup,
  mac,
  route,
  neighbour,
  listener
};
// By the words "port", "network", ...; false for any other.
bool view_by_name(const char* name, size_t length, View& out);

struct SnapshotResult {
  uint64_t written;  // bytes of whole rows
  bool complete;     // false: the buffer was too small or a table was replaced meanwhile: make room
                     // (see estimate) and read again
};
// Bytes that the view needs now, with some room for growth.
uint64_t snapshot_estimate(const Segment& segment, View view);
SnapshotResult snapshot(const Segment& segment, View view, uint8_t* out, uint64_t capacity);

// A reader's place in the event ring. Starts behind the newest event.
class EventReader {
 public:
  explicit EventReader(const Segment& segment) : segment_(segment), next_(last() + 1) {}
  uint64_t last() const { return load_acquire(&segment_.header().eventSequence); }
  bool pending() const { return last() >= next_; }
  // Up to `max` events in order. `lost` is set when the ring had overtaken this reader: it goes on
  // behind the newest event then.
  unsigned drain(Event* out, unsigned max, bool& lost);

 private:
  Segment segment_;
  uint64_t next_;
};

}  // namespace vtep
