#include "vhost_session.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

namespace vtep {

using namespace vhost;

const VhostSession::Handler VhostSession::kHandlers[] = {
    {kGetFeatures, "GET_FEATURES", 0, 0, &VhostSession::get_features},
    {kSetFeatures, "SET_FEATURES", 8, 8, &VhostSession::set_features},
    {kSetOwner, "SET_OWNER", 0, 0, &VhostSession::nothing},
    {kResetOwner, "RESET_OWNER", 0, 0, &VhostSession::nothing},
    {kSetMemTable, "SET_MEM_TABLE", 8, sizeof(Body::table), &VhostSession::set_memory_table},
    {kSetVringNum, "SET_VRING_NUM", 8, 8, &VhostSession::set_size},
    {kSetVringAddr, "SET_VRING_ADDR", 40, 40, &VhostSession::set_address},
    {kSetVringBase, "SET_VRING_BASE", 8, 8, &VhostSession::set_base},
    {kGetVringBase, "GET_VRING_BASE", 8, 8, &VhostSession::get_base},
    {kSetVringKick, "SET_VRING_KICK", 8, 8, &VhostSession::set_kick},
    {kSetVringCall, "SET_VRING_CALL", 8, 8, &VhostSession::set_call},
    {kSetVringErr, "SET_VRING_ERR", 8, 8, &VhostSession::set_error},
    {kGetProtocolFeatures, "GET_PROTOCOL_FEATURES", 0, 0, &VhostSession::get_protocol_features},
    {kSetProtocolFeatures, "SET_PROTOCOL_FEATURES", 8, 8, &VhostSession::set_protocol_features},
    {kGetQueueNum, "GET_QUEUE_NUM", 0, 0, &VhostSession::get_queue_number},
    {kSetVringEnable, "SET_VRING_ENABLE", 8, 8, &VhostSession::set_enable},
    {kResetDevice, "RESET_DEVICE", 0, 0, &VhostSession::reset_device},
    {kGetMaxMemSlots, "GET_MAX_MEM_SLOTS", 0, 0, &VhostSession::get_memory_slots},
    {kAddMemReg, "ADD_MEM_REG", 40, 40, &VhostSession::add_region},
    {kRemMemReg, "REM_MEM_REG", 40, 40, &VhostSession::remove_region},
};

// Reads at most what is missing of one message, so descriptors always belong to the message at
// hand.
bool VhostSession::receive(void* into, size_t size, bool& closed) {
  iovec piece = {into, size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(connection_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    closed = true;
    return false;
  }
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int number;
      memcpy(&number, CMSG_DATA(each) + i * sizeof(int), sizeof number);
      passed_.emplace_back(number);
    }
  }
  if (got == 0) {
    closed = true;
    return false;
  }
  have_ += static_cast<size_t>(got);
  if ((message.msg_flags & MSG_CTRUNC) != 0 || passed_.size() > kMaxDescriptors)
    return over("expected at most " + std::to_string(kMaxDescriptors) +
                " descriptors with a message, got more");
  return true;
}

bool VhostSession::on_readable() {
  // A bounded number, so that the end of the port is noticed while messages pour in.
  for (unsigned turns = 0; turns < 64; turns++) {
    const size_t before = have_;
    bool closed = false;
    const bool in_header = have_ < sizeof header_;
    uint8_t* into = in_header ? reinterpret_cast<uint8_t*>(&header_) + have_
                              : reinterpret_cast<uint8_t*>(&body_) + (have_ - sizeof header_);
    const size_t whole = in_header ? sizeof header_ : sizeof header_ + header_.size;
    if (!receive(into, whole - have_, closed))
      return closed && have_ != 0 ? over("the front-end closed in the middle of a message") : false;
    if (have_ == before) return true;
    if (have_ < whole) continue;
    if (in_header) {
      if ((header_.flags & kVersionMask) != kVersion)
        return over("expected protocol version 1, got " +
                    std::to_string(header_.flags & kVersionMask));
      if (header_.size > sizeof body_)
        return over("request " + std::to_string(header_.request) + ": expected at most " +
                    std::to_string(sizeof body_) + " bytes, got " + std::to_string(header_.size));
      body_ = {};
      if (header_.size != 0) continue;
    }
    const bool goes_on = dispatch();
    have_ = 0;
    passed_.clear();
    if (!goes_on) return false;
  }
  return true;
}

bool VhostSession::dispatch() {
  Answer answer = Answer::failed;
  const Handler* found = nullptr;
  for (const Handler& each : kHandlers)
    if (each.request == header_.request) found = &each;
  const std::string name =
      found != nullptr ? found->name : "request " + std::to_string(header_.request);
  if (found == nullptr) {
    error_ = "not supported";
  } else if (header_.size < found->least || header_.size > found->most) {
    error_ = "expected a body of " + std::to_string(found->least) + " bytes" +
             (found->most == found->least ? "" : " or more") + ", got " +
             std::to_string(header_.size);
  } else {
    answer = (this->*found->run)();
  }
  if (answer == Answer::reply) return reply(reply_bytes_);
  if ((header_.flags & kNeedReply) != 0 && (protocol_ & kProtocolReplyAck) != 0) {
    // The front-end knows that it failed, and decides.
    if (answer != Answer::done) refusal_ = name + ": " + error_;
    body_.value = answer == Answer::done ? 0 : 1;
    return reply(sizeof body_.value);
  }
  return answer == Answer::done || over(name + ": " + error_);
}

bool VhostSession::reply(uint32_t bytes) {
  Header header = {header_.request, kVersion | kReply, bytes};
  const iovec pieces[2] = {{&header, sizeof header}, {&body_, bytes}};
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = 2;
  const ssize_t sent = ::sendmsg(connection_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(sizeof header + bytes) ||
         over("the front-end does not read its answers");
}

bool VhostSession::ring_of(uint64_t index, unsigned& ring) {
  if (index >= VhostDevice::kRings) {
    error_ = "expected a queue below " + std::to_string(VhostDevice::kRings) + ", got " +
             std::to_string(index);
    return false;
  }
  ring = static_cast<unsigned>(index);
  return true;
}

bool VhostSession::take_ring_descriptor(unsigned& ring, Descriptor& out) {
  if (!ring_of(body_.value & kVringIndexMask, ring)) return false;
  const size_t expected = (body_.value & kVringNoDescriptor) != 0 ? 0 : 1;
  if (passed_.size() != expected) {
    error_ = "expected " + std::to_string(expected) + " descriptors, got " +
             std::to_string(passed_.size());
    return false;
  }
  if (expected == 1) out = std::move(passed_[0]);
  return true;
}

VhostSession::Answer VhostSession::get_features() { return value(kOfferedFeatures); }

VhostSession::Answer VhostSession::set_features() {
  if ((body_.value & ~kOfferedFeatures) != 0) return fail("a feature that was not offered");
  device_.set_features(body_.value);
  return Answer::done;
}

VhostSession::Answer VhostSession::get_protocol_features() { return value(kOfferedProtocol); }

VhostSession::Answer VhostSession::set_protocol_features() {
  if ((body_.value & ~kOfferedProtocol) != 0) return fail("a feature that was not offered");
  protocol_ = body_.value;
  return Answer::done;
}

VhostSession::Answer VhostSession::nothing() { return Answer::done; }

VhostSession::Answer VhostSession::reset_device() {
  const uint64_t features = device_.features();
  device_.reset();
  device_.set_features(features & kProtocolFeatures);
  return Answer::done;
}

VhostSession::Answer VhostSession::get_queue_number() { return value(VhostDevice::kMaxPairs); }

VhostSession::Answer VhostSession::set_memory_table() {
  const uint32_t count = body_.table.count;
  if (count > kMaxTableRegions || header_.size != 8 + count * sizeof(RegionBody))
    return fail("the number of regions, " + std::to_string(count) + ", does not fit its size");
  if (passed_.size() != count)
    return fail("expected " + std::to_string(count) + " descriptors, got " +
                std::to_string(passed_.size()));
  GuestMemory memory;
  for (uint32_t i = 0; i < count; i++) {
    auto region = GuestRegion::map(body_.table.regions[i], passed_[i].get(),
                                   device_.alarm_descriptor(), error_);
    if (region == nullptr || !memory.add(std::move(region), error_)) return Answer::failed;
  }
  return device_.set_memory(std::move(memory), error_) ? Answer::done : Answer::failed;
}

VhostSession::Answer VhostSession::get_memory_slots() { return value(GuestMemory::kMaxRegions); }

VhostSession::Answer VhostSession::add_region() {
  if (passed_.size() != 1)
    return fail("expected 1 descriptor, got " + std::to_string(passed_.size()));
  auto region =
      GuestRegion::map(body_.slot.region, passed_[0].get(), device_.alarm_descriptor(), error_);
  GuestMemory memory = device_.memory();
  if (region == nullptr || !memory.add(std::move(region), error_)) return Answer::failed;
  return device_.set_memory(std::move(memory), error_) ? Answer::done : Answer::failed;
}

VhostSession::Answer VhostSession::remove_region() {
  GuestMemory memory = device_.memory();
  if (!memory.remove(body_.slot.region)) return fail("there is no such region");
  return device_.set_memory(std::move(memory), error_) ? Answer::done : Answer::failed;
}

VhostSession::Answer VhostSession::set_size() {
  unsigned ring;
  return ring_of(body_.state.index, ring) && device_.set_size(ring, body_.state.number, error_)
             ? Answer::done
             : Answer::failed;
}

VhostSession::Answer VhostSession::set_address() {
  unsigned ring;
  return ring_of(body_.address.index, ring) && device_.set_addresses(ring, body_.address, error_)
             ? Answer::done
             : Answer::failed;
}

VhostSession::Answer VhostSession::set_base() {
  unsigned ring;
  return ring_of(body_.state.index, ring) && device_.set_base(ring, body_.state.number, error_)
             ? Answer::done
             : Answer::failed;
}

VhostSession::Answer VhostSession::get_base() {
  unsigned ring;
  if (!ring_of(body_.state.index, ring)) return Answer::failed;
  body_.state.number = device_.stop(ring);
  reply_bytes_ = sizeof body_.state;
  return Answer::reply;
}

VhostSession::Answer VhostSession::set_kick() {
  unsigned ring;
  Descriptor kick;
  if (!take_ring_descriptor(ring, kick)) return Answer::failed;
  if (!kick) return fail("expected a descriptor for kicks, got none; polling is not supported");
  return device_.set_kick(ring, std::move(kick), error_) ? Answer::done : Answer::failed;
}

VhostSession::Answer VhostSession::set_call() {
  unsigned ring;
  Descriptor call;
  if (!take_ring_descriptor(ring, call)) return Answer::failed;
  return device_.set_call(ring, std::move(call), error_) ? Answer::done : Answer::failed;
}

// A ring that breaks ends the session, which says more than this descriptor could.
VhostSession::Answer VhostSession::set_error() {
  unsigned ring;
  Descriptor unused;
  return take_ring_descriptor(ring, unused) ? Answer::done : Answer::failed;
}

VhostSession::Answer VhostSession::set_enable() {
  unsigned ring;
  if (!ring_of(body_.state.index, ring)) return Answer::failed;
  device_.set_enabled(ring, body_.state.number != 0);
  return Answer::done;
}

}  // namespace vtep
