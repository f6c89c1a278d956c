#include "message.hpp"

#include <string.h>

namespace vtep {

namespace {

template <typename T>
T read_at(std::string_view bytes, size_t offset) {
  T value;
  memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

bool parse_message(std::string_view bytes, Message& out, std::string& error) {
  if (bytes.size() < kMessageHeader) {
    error = "control message: expected at least " + std::to_string(kMessageHeader) +
            " bytes, got " + std::to_string(bytes.size());
    return false;
  }
  const auto kind = read_at<uint16_t>(bytes, 4);
  const auto verb_length = read_at<uint16_t>(bytes, 6);
  if (kind < static_cast<uint16_t>(MessageKind::hello) ||
      kind > static_cast<uint16_t>(MessageKind::drained)) {
    error = "control message: expected kind 1 to 7, got " + std::to_string(kind);
    return false;
  }
  if (read_at<uint32_t>(bytes, 12) != 0) {
    error = "control message: expected zero in bytes 12 to 15";
    return false;
  }
  if (verb_length > bytes.size() - kMessageHeader) {
    error = "control message: the verb has " + std::to_string(verb_length) +
            " bytes, the message " + std::to_string(bytes.size() - kMessageHeader) +
            " after its header";
    return false;
  }
  out.kind = static_cast<MessageKind>(kind);
  out.id = read_at<uint32_t>(bytes, 0);
  out.base = read_at<uint32_t>(bytes, 8);
  out.verb = bytes.substr(kMessageHeader, verb_length);
  out.payload = bytes.substr(kMessageHeader + verb_length);
  return true;
}

std::string format_message(const Message& message) {
  std::string out;
  out.reserve(kMessageHeader + message.verb.size() + message.payload.size());
  append(out, message.id);
  append(out, static_cast<uint16_t>(message.kind));
  append(out, static_cast<uint16_t>(message.verb.size()));
  append(out, message.base);
  append(out, uint32_t{0});
  out.append(message.verb);
  out.append(message.payload);
  return out;
}

bool find_value(std::string_view text, std::string_view key, std::string& out) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == '=') {
      out = line.substr(key.size() + 1);
      return true;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return false;
}

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 48)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > 48 ? "...'" : "'");
}

bool parse_decimal(std::string_view text, uint64_t limit, uint64_t& out) {
  if (text.empty() || text.size() > 20) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (limit - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (value > limit) return false;
  out = value;
  return true;
}

}  // namespace vtep
