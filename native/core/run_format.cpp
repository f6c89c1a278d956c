#include "run_format.hpp"

#include "encap.hpp"

namespace vtep {
namespace {

constexpr size_t kFrameHead = 1 + 4 + 16 + sizeof(Meta) + 4;
enum Tag : uint8_t { kEmitTag = 1, kDropTag = 2 };
static_assert(sizeof(Meta) == 10);

}  // namespace

void put(Output& out, const void* bytes, size_t length) {
  if (length == 0) return;
  copy(out.data + out.length, bytes, length);
  out.length += length;
}

bool read_frame(uint8_t* input, size_t length, size_t& at, InputFrame& out) {
  if (length - at < kFrameHead) return false;
  uint8_t* p = input + at;
  out.form = p[0];
  out.port = load32(p + 1);
  out.frame = {};
  copy(out.frame.source, p + 5, 16);
  if (out.form == kFromVxlan) out.frame.flags = static_cast<uint16_t>(out.port);
  copy(&out.frame.meta, p + 21, sizeof(Meta));
  out.frame.length = load32(p + 31);
  out.frame.data = p + kFrameHead;
  if (length - at - kFrameHead < out.frame.length) return false;
  at += kFrameHead + out.frame.length;
  return true;
}

void Records::take(const Burst& burst, uint32_t base) {
  unsigned dropped = 0;
  for (unsigned i = 0; i <= burst.emit_count; i++) {
    for (; dropped < burst.drop_count && burst.drops[dropped].after == i; dropped++) {
      const Dropped& lost = burst.drops[dropped];
      drop(base + lost.input, lost.destination, lost.reason);
    }
    if (i < burst.emit_count) emit_frame(burst, burst.emits[i], base);
  }
}

void Records::drop(uint32_t input, uint32_t destination, Drop reason) {
  if (!make_room(out_, 10)) return void(failed_ = true);
  put8(out_, kDropTag);
  put32(out_, input);
  put32(out_, destination);
  put8(out_, static_cast<uint8_t>(reason));
  count_++;
}

void Records::emit_frame(const Burst& burst, const Emit& emit, uint32_t base) {
  uint8_t outer[kMaxOuterHeader];
  uint32_t outer_length = 0;
  Frame frame = burst.frames[emit.frame];
  if (emit.reply != 0) {
    const Reply& reply = burst.replies[emit.reply - 1];
    frame = {};
    frame.data = const_cast<uint8_t*>(reply.bytes);
    frame.length = reply.length;
  }
  Meta meta = frame.meta;
  const RemoteSnapshot* remote = nullptr;
  if (destination_kind(emit.destination) == Destination::remote) {
    remote = remotes_.find(segment_, destination_id(emit.destination));
    // Gone since it was looked up: others write the tables while a trace reads them.
    if (remote == nullptr) return;
    outer_length = encap_frame(*remote, emit.vni, emit.hash, frame, outer, meta);
  }
  if (left != nullptr) left(context, emit, remote, outer_length + frame.length);
  this->emit(base + burst.inputs[emit.frame], emit.destination, meta, outer, outer_length,
             frame.data, frame.length);
}

void Records::emit(uint32_t input, uint32_t destination, const Meta& meta, const uint8_t* head,
                   uint32_t head_length, const uint8_t* tail, uint32_t tail_length) {
  const uint32_t length = head_length + tail_length;
  if (!make_room(out_, 23 + size_t{length})) return void(failed_ = true);
  put8(out_, kEmitTag);
  put32(out_, input);
  put32(out_, destination);
  put(out_, &meta, sizeof meta);
  put32(out_, length);
  put(out_, head, head_length);
  put(out_, tail, tail_length);
  count_++;
}

}  // namespace vtep
