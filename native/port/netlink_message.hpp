// Netlink bytes: building a request, walking the attributes of a reply.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace vtep {

// A request of bounded size. An attribute that does not fit is a programmer's error: good() is
// false and Netlink refuses to send it.
class NetlinkMessage {
 public:
  NetlinkMessage(uint16_t type, uint16_t flags) {
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    header()->nlmsg_len = NLMSG_HDRLEN;
  }

  // The fixed struct behind the header; call first.
  template <class T>
  T* body() {
    return static_cast<T*>(grow(NLMSG_ALIGN(sizeof(T))));
  }
  void put(uint16_t type, const void* data, size_t size) {
    auto* attribute = static_cast<nlattr*>(grow(NLA_ALIGN(NLA_HDRLEN + size)));
    attribute->nla_type = type;
    attribute->nla_len = static_cast<uint16_t>(NLA_HDRLEN + size);
    if (size != 0) memcpy(reinterpret_cast<uint8_t*>(attribute) + NLA_HDRLEN, data, size);
  }
  void put_u32(uint16_t type, uint32_t value) { put(type, &value, sizeof value); }
  void put_string(uint16_t type, const char* text) { put(type, text, strlen(text) + 1); }
  // Nested attributes: everything put until end() is inside.
  nlattr* begin(uint16_t type) {
    auto* nest = static_cast<nlattr*>(grow(NLA_HDRLEN));
    nest->nla_type = static_cast<uint16_t>(type | NLA_F_NESTED);
    return nest;
  }
  void end(nlattr* nest) {
    nest->nla_len =
        static_cast<uint16_t>(buffer_ + header()->nlmsg_len - reinterpret_cast<uint8_t*>(nest));
  }

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer_); }
  bool good() const { return !overflow_; }

 private:
  void* grow(size_t size) {
    if (header()->nlmsg_len + size > sizeof buffer_) {
      overflow_ = true;
      header()->nlmsg_len = NLMSG_HDRLEN;
    }
    void* place = buffer_ + header()->nlmsg_len;
    header()->nlmsg_len += static_cast<uint32_t>(size);
    return place;
  }

  alignas(8) uint8_t buffer_[1024] = {};
  bool overflow_ = false;
};

// Calls visit(type, data, size) for each attribute; stops at the first one that contradicts the
// length.
template <class Visit>
void each_attribute(const void* data, size_t size, Visit visit) {
  const auto* at = static_cast<const uint8_t*>(data);
  while (size >= NLA_HDRLEN) {
    nlattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > size) return;
    visit(static_cast<uint16_t>(attribute.nla_type & NLA_TYPE_MASK), at + NLA_HDRLEN,
          static_cast<size_t>(attribute.nla_len - NLA_HDRLEN));
    const size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= size) return;
    at += step, size -= step;
  }
}

// The attributes behind the fixed struct of a message; nothing when the message is too short for
// it.
template <class Body, class Visit>
bool each_attribute_behind(const nlmsghdr* message, Body& body, Visit visit) {
  const size_t fixed = NLMSG_ALIGN(sizeof(Body));
  if (message->nlmsg_len < NLMSG_HDRLEN + sizeof(Body)) return false;
  const auto* start = reinterpret_cast<const uint8_t*>(message) + NLMSG_HDRLEN;
  memcpy(&body, start, sizeof(Body));
  if (message->nlmsg_len > NLMSG_HDRLEN + fixed)
    each_attribute(start + fixed, message->nlmsg_len - NLMSG_HDRLEN - fixed, visit);
  return true;
}

inline uint32_t attribute_u32(const uint8_t* data, size_t size) {
  uint32_t value = 0;
  if (size >= sizeof value) memcpy(&value, data, sizeof value);
  return value;
}

}  // namespace vtep
