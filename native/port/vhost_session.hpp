// One connection of a front-end: reads its requests, answers, and does what they say to the device.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "vhost_device.hpp"

namespace vtep {

class VhostSession {
 public:
  VhostSession(VhostDevice& device, Descriptor connection)
      : device_(device), connection_(std::move(connection)) {}

  int descriptor() const { return connection_.get(); }
  // Reads what is there and handles every whole request. False when the session is over; why_over()
  // is the reason, empty when the front-end just closed.
  bool on_readable();
  const std::string& why_over() const { return why_; }
  // What was refused since the last call, while the session goes on; else empty.
  std::string take_refusal() { return std::exchange(refusal_, std::string()); }

 private:
  // What a handler answers.
  enum class Answer : uint8_t { done, failed, reply };
  struct Handler {
    uint32_t request;
    const char* name;
    uint32_t least, most;  // bytes of the body
    Answer (VhostSession::*run)();
  };
  static const Handler kHandlers[];

  bool over(const std::string& why) {
    why_ = why;
    return false;
  }
  Answer fail(const std::string& why) {
    error_ = why;
    return Answer::failed;
  }
  Answer value(uint64_t answer) {
    body_.value = answer;
    reply_bytes_ = sizeof answer;
    return Answer::reply;
  }
  bool receive(void* into, size_t size, bool& closed);
  bool dispatch();
  bool reply(uint32_t bytes);
  bool ring_of(uint64_t index, unsigned& ring);
  // The one descriptor of a message about a ring; none when the message says so.
  bool take_ring_descriptor(unsigned& ring, Descriptor& out);

  Answer get_features();
  Answer set_features();
  Answer get_protocol_features();
  Answer set_protocol_features();
  Answer nothing();
  Answer reset_device();
  Answer get_queue_number();
  Answer set_memory_table();
  Answer get_memory_slots();
  Answer add_region();
  Answer remove_region();
  Answer set_size();
  Answer set_address();
  Answer set_base();
  Answer get_base();
  Answer set_kick();
  Answer set_call();
  Answer set_error();
  Answer set_enable();

  VhostDevice& device_;
  Descriptor connection_;
  uint64_t protocol_ = 0;
  // The message that is being read: `have_` bytes of header and body are there.
  vhost::Header header_ = {};
  vhost::Body body_ = {};
  size_t have_ = 0;
  std::vector<Descriptor> passed_;
  uint32_t reply_bytes_ = 0;
  std::string error_;
  std::string refusal_;
  std::string why_;
};

}  // namespace vtep
