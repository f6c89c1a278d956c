// A reader's view of the shared segment, for programs that map it read-only: rows, counters and
// events as packed bytes.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/snapshot.hpp"
#include "../core/tracer.hpp"

namespace vtep {

// Output that lands in `text`, which has to be cut to output.length afterwards.
Output output_to(std::string& text);

class SegmentView {
 public:
  // False with one sentence when the memory is no segment of this layout. It must outlive the view.
  bool attach(uint8_t* memory, size_t size, std::string& error);
  // Packed rows of a view of layout.ts.
  bool snapshot(std::string_view name, std::string& rows, std::string& error) const;
  // Of rows that snapshot() has given: equal when nothing has changed but ages.
  static uint64_t digest(std::string_view name, std::string_view rows);
  // Leaves the rows of local origin.
  static void keep_local(std::string_view name, std::string& rows);
  // Drops by reason; counters of open ports and of the uplink, each behind its id as a u32.
  void counters(std::vector<uint64_t>& drops, std::string& ports, std::string& uplink) const;
  // A frame's way by the tables as they are (core/tracer.hpp). `hand_over`: frames to VTEPs without
  // a next hop leave all the same, as by an uplink of kernel sockets.
  bool trace(std::string_view input, bool hand_over, std::string& out, std::string& error);
  // The tables in one small segment (core/image.hpp), of at most `most` octets.
  bool image(uint32_t vni, uint64_t seed, uint64_t most, std::string& out,
             std::string& error) const;
  // Packed events since the last call; answers the sequence of the last one known.
  uint64_t drain_events(std::string& rows, bool& lost);

 private:
  Segment segment_;
  std::unique_ptr<EventReader> events_;
  std::unique_ptr<uint64_t[]> scratch_;
  std::unique_ptr<Tracer> tracer_;  // from the first trace on
};

}  // namespace vtep
