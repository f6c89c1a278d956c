// One message of the control socket. SOCK_SEQPACKET keeps its borders; inside are a header, the
// verb and the payload.
//
//   0      4      6        8      12       16
//   | id   | kind | verb # | base | zero   | verb ... | payload ...      all little-endian
//
// `id` pairs a reply with its request. `base` is the number of operations that earlier messages of
// the same batch carried, so that an error can name the operation's place in the whole batch.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>

namespace vtep {

enum class MessageKind : uint16_t {
  hello = 1,    // client -> dataplane, first message: key=value lines layout, role, pid
  welcome = 2,  // dataplane -> client, with the segment's descriptor: key=value lines pid, size
  request = 3,
  reply = 4,
  error = 5,  // payload is one sentence; verb holds a code where a program must tell cases apart
  wake = 6,   // dataplane -> client: events are pending. Not repeated until the client says drained
  drained = 7,  // client -> dataplane: events up to the u64 in the payload have been read
};

// What one message may hold: below the default send buffer of a unix socket (net.core.wmem_default,
// 212992).
inline constexpr size_t kMaxMessage = 128 * 1024;
inline constexpr size_t kMessageHeader = 16;

struct Message {
  MessageKind kind = MessageKind::request;
  uint32_t id = 0;
  uint32_t base = 0;
  std::string_view verb;
  std::string_view payload;
};

// A view into `bytes`; false with one sentence when they are not a message.
bool parse_message(std::string_view bytes, Message& out, std::string& error);
std::string format_message(const Message& message);

// The value of `key` in key=value lines; false if it is not there.
bool find_value(std::string_view text, std::string_view key, std::string& out);
// A client's words in our sentences: in quotes, printable and short.
std::string quote(std::string_view text);
// Decimal, whole text, at most `limit`.
bool parse_decimal(std::string_view text, uint64_t limit, uint64_t& out);

}  // namespace vtep
