// The bytes of run() and of traces (run.hpp says which): frames read from the input, and what
// becomes of them written to the output.
#pragma once
#include "segment.hpp"
#include "switch.hpp"

namespace vtep {

inline constexpr uint64_t kNanoseconds = 1000000000;
inline constexpr size_t kInputHead = 8;
enum Form : uint8_t { kFromPort, kFromOuter, kFromVxlan, kFinish, kFinishPartial };

// Memory that grows: `grow` makes room for at least `capacity` bytes, keeping the first `length`;
// false when it can not.
struct Output {
  uint8_t* data = nullptr;
  size_t length = 0;
  size_t capacity = 0;
  void* context = nullptr;
  bool (*grow)(Output& output, size_t capacity) = nullptr;
};

inline bool make_room(Output& out, size_t bytes) {
  return out.capacity - out.length >= bytes || out.grow(out, out.length + bytes);
}
// There is room.
void put(Output& out, const void* bytes, size_t length);
inline void put8(Output& out, uint8_t value) { put(out, &value, 1); }
inline void put32(Output& out, uint32_t value) { put(out, &value, 4); }

struct InputFrame {
  uint8_t form;
  uint32_t port;
  Frame frame;
};

// Reads one frame and advances; false when the bytes end too early.
bool read_frame(uint8_t* input, size_t length, size_t& at, InputFrame& out);

// Writes the records of bursts, in their order.
class Records {
 public:
  Records(const Segment& segment, RemoteCache& remotes, Output& out)
      : segment_(segment), remotes_(remotes), out_(out) {}

  // Emits and drops of a burst whose first frame has the input index `base`.
  void take(const Burst& burst, uint32_t base);
  void drop(uint32_t input, uint32_t destination, Drop reason);
  // One emit record: a header and what follows it.
  void emit(uint32_t input, uint32_t destination, const Meta& meta, const uint8_t* head,
            uint32_t head_length, const uint8_t* tail, uint32_t tail_length);

  // Of the last frame that was emitted.
  uint8_t* last(uint32_t length) { return out_.data + out_.length - length; }
  uint32_t count() const { return count_; }
  bool failed() const { return failed_; }  // no memory

  // Called for each emit with its VTEP, null for a port, and its length with all headers. Null:
  // nobody.
  void* context = nullptr;
  void (*left)(void* context, const Emit& emit, const RemoteSnapshot* remote,
               uint32_t length) = nullptr;

 private:
  void emit_frame(const Burst& burst, const Emit& emit, uint32_t base);

  Segment segment_;
  RemoteCache& remotes_;
  Output& out_;
  uint32_t count_ = 0;
  bool failed_ = false;
};

}  // namespace vtep
