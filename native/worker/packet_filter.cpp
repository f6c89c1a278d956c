#include "packet_filter.hpp"

#include <string.h>

#include <algorithm>

namespace vtep {

namespace {

constexpr unsigned kMemoryWords = 16;

// Parts of an operation's code (bpf(4)): what it does, and with what.
constexpr uint16_t kLoad = 0, kLoadX = 1, kStore = 2, kStoreX = 3, kAlu = 4, kJump = 5, kReturn = 6,
                   kMisc = 7;
constexpr uint16_t kImmediate = 0x00, kAbsolute = 0x20, kIndirect = 0x40, kMemory = 0x60,
                   kLength = 0x80, kHeader = 0xa0;
constexpr uint16_t kWord = 0x00, kHalf = 0x08, kByte = 0x10, kNoSize = 0x18;
constexpr uint16_t kAdd = 0x00, kSubtract = 0x10, kMultiply = 0x20, kDivide = 0x30, kOr = 0x40,
                   kAnd = 0x50, kShiftLeft = 0x60, kShiftRight = 0x70, kNegate = 0x80,
                   kModulo = 0x90, kXor = 0xa0;
constexpr uint16_t kAlways = 0x00, kEqual = 0x10, kGreater = 0x20, kNotLess = 0x30, kAnyBit = 0x40;
constexpr uint16_t kByX = 0x08;
constexpr uint16_t kAnswerA = 0x10;
constexpr uint16_t kToX = 0x00, kToA = 0x80;

constexpr uint16_t class_of(uint16_t code) { return code & 7; }
constexpr uint16_t mode_of(uint16_t code) { return code & 0xe0; }
constexpr uint16_t size_of(uint16_t code) { return code & 0x18; }
constexpr uint16_t operation_of(uint16_t code) { return code & 0xf0; }

constexpr unsigned width_of(uint16_t code) {
  const uint16_t size = size_of(code);
  return size == kWord ? 4 : size == kHalf ? 2 : 1;
}

bool is_memory(uint32_t k) { return k < kMemoryWords; }

// Null: it may stand at `left` instructions before the end (1 = it is the last).
const char* complaint(const PacketFilter::Instruction& one, size_t left) {
  const uint16_t code = one.code;
  const char* const unknown = "is no operation of classic BPF";
  const char* const no_word = "names a word of memory that is not there";
  if (code > 0xff) return unknown;
  switch (class_of(code)) {
    case kLoad:
      if (size_of(code) == kNoSize) return unknown;
      switch (mode_of(code)) {
        case kAbsolute:
        case kIndirect:
          return nullptr;
        case kImmediate:
        case kLength:
          return size_of(code) == kWord ? nullptr : unknown;
        case kMemory:
          return size_of(code) != kWord ? unknown : is_memory(one.k) ? nullptr : no_word;
        default:
          return unknown;
      }
    case kLoadX:
      switch (code) {
        case kLoadX | kImmediate | kWord:
        case kLoadX | kLength | kWord:
        case kLoadX | kHeader | kByte:
          return nullptr;
        case kLoadX | kMemory | kWord:
          return is_memory(one.k) ? nullptr : no_word;
        default:
          return unknown;
      }
    case kStore:
    case kStoreX:
      if ((code & ~7) != 0) return unknown;
      return is_memory(one.k) ? nullptr : no_word;
    case kAlu: {
      const uint16_t operation = operation_of(code);
      const bool by_k = (code & kByX) == 0;
      if (operation > kXor || (operation == kNegate && !by_k)) return unknown;
      if (by_k && one.k == 0 && (operation == kDivide || operation == kModulo))
        return "divides by 0";
      if (by_k && one.k > 31 && (operation == kShiftLeft || operation == kShiftRight))
        return "shifts by more than a word has";
      return nullptr;
    }
    case kJump: {
      const uint16_t operation = operation_of(code);
      if (operation > kAnyBit || (operation == kAlways && (code & kByX) != 0)) return unknown;
      const uint64_t farthest = operation == kAlways ? one.k : std::max(one.if_true, one.if_false);
      return farthest + 1 < left ? nullptr : "jumps behind the end";
    }
    case kReturn:
      return code == kReturn || code == (kReturn | kAnswerA) ? nullptr : unknown;
    default:
      return code == (kMisc | kToX) || code == (kMisc | kToA) ? nullptr : unknown;
  }
}

uint32_t compute(uint16_t operation, uint32_t a, uint32_t b) {
  switch (operation) {
    case kAdd:
      return a + b;
    case kSubtract:
      return a - b;
    case kMultiply:
      return a * b;
    case kDivide:
      return a / b;
    case kOr:
      return a | b;
    case kAnd:
      return a & b;
    case kShiftLeft:
      return b < 32 ? a << b : 0;
    case kShiftRight:
      return b < 32 ? a >> b : 0;
    case kNegate:
      return 0 - a;
    case kModulo:
      return a % b;
    default:
      return a ^ b;
  }
}

bool holds(uint16_t operation, uint32_t a, uint32_t b) {
  switch (operation) {
    case kEqual:
      return a == b;
    case kGreater:
      return a > b;
    case kNotLess:
      return a >= b;
    default:
      return (a & b) != 0;
  }
}

}  // namespace

bool FrameView::load(uint64_t offset, unsigned width, uint32_t& out) const {
  if (offset + width > length) return false;
  uint64_t at = offset + skip;
  uint32_t value = 0;
  unsigned left = width;
  for (unsigned i = 0; i < count && left > 0; i++) {
    const auto* bytes = static_cast<const uint8_t*>(pieces[i].iov_base);
    for (; left > 0 && at < pieces[i].iov_len; at++, left--) value = value << 8 | bytes[at];
    at -= std::min<uint64_t>(at, pieces[i].iov_len);
  }
  out = value;
  return left == 0;
}

uint32_t FrameView::copy_to(uint8_t* out, uint32_t most) const {
  const uint32_t wanted = std::min(most, length);
  uint32_t done = 0;
  uint64_t at = skip;
  for (unsigned i = 0; i < count && done < wanted; i++) {
    const size_t octets = pieces[i].iov_len;
    if (at < octets) {
      const auto part = static_cast<uint32_t>(std::min<uint64_t>(octets - at, wanted - done));
      memcpy(out + done, static_cast<const uint8_t*>(pieces[i].iov_base) + at, part);
      done += part;
    }
    at -= std::min<uint64_t>(at, octets);
  }
  return done;
}

bool PacketFilter::parse(std::string_view bytes, PacketFilter& out, std::string& error) {
  const size_t count = bytes.size() / sizeof(Instruction);
  out.program_.clear();
  if (bytes.empty()) return true;
  if (bytes.size() % sizeof(Instruction) != 0 || count > kMostInstructions) {
    error = "filter: expected 1 to " + std::to_string(kMostInstructions) +
            " instructions of 8 octets, got " + std::to_string(bytes.size()) + " octets";
    return false;
  }
  std::vector<Instruction> program(count);
  memcpy(program.data(), bytes.data(), bytes.size());
  for (size_t i = 0; i < count; i++) {
    const char* what = complaint(program[i], count - i);
    if (what == nullptr && i + 1 == count && class_of(program[i].code) != kReturn)
      what = "is the last and gives no answer";
    if (what == nullptr) continue;
    error = "filter: instruction " + std::to_string(i) + " (code " +
            std::to_string(program[i].code) + ") " + what;
    return false;
  }
  out.program_ = std::move(program);
  return true;
}

// Whatever the frame does not have makes the answer no, as in the kernel.
bool PacketFilter::matches(const FrameView& frame) const {
  if (program_.empty()) return true;
  uint32_t a = 0, x = 0, memory[kMemoryWords] = {};
  for (const Instruction* at = program_.data();; at++) {
    const uint16_t code = at->code;
    const uint32_t operand = (code & kByX) != 0 ? x : at->k;
    switch (class_of(code)) {
      case kLoad:
        switch (mode_of(code)) {
          case kAbsolute:
            if (!frame.load(at->k, width_of(code), a)) return false;
            break;
          case kIndirect:
            if (!frame.load(uint64_t{x} + at->k, width_of(code), a)) return false;
            break;
          case kMemory:
            a = memory[at->k];
            break;
          case kLength:
            a = frame.length;
            break;
          default:
            a = at->k;
        }
        break;
      case kLoadX:
        switch (mode_of(code)) {
          case kMemory:
            x = memory[at->k];
            break;
          case kLength:
            x = frame.length;
            break;
          case kHeader:
            if (!frame.load(at->k, 1, x)) return false;
            x = (x & 15) * 4;
            break;
          default:
            x = at->k;
        }
        break;
      case kStore:
        memory[at->k] = a;
        break;
      case kStoreX:
        memory[at->k] = x;
        break;
      case kAlu:
        if (operand == 0 && (operation_of(code) == kDivide || operation_of(code) == kModulo))
          return false;
        a = compute(operation_of(code), a, operand);
        break;
      case kJump:
        if (operation_of(code) == kAlways) {
          at += at->k;
        } else {
          at += holds(operation_of(code), a, operand) ? at->if_true : at->if_false;
        }
        break;
      case kReturn:
        return (code == (kReturn | kAnswerA) ? a : at->k) != 0;
      default:
        if (code == (kMisc | kToX)) {
          x = a;
        } else {
          a = x;
        }
    }
  }
}

}  // namespace vtep
