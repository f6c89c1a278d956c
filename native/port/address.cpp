#include "address.hpp"

#include <arpa/inet.h>

namespace vtep {
namespace {
constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

Address Address::from_v4(const void* octets) {
  Address address;
  memcpy(address.bytes, kMapped, sizeof kMapped);
  memcpy(address.bytes + 12, octets, 4);
  return address;
}

Address Address::from_v6(const void* octets) {
  Address address;
  memcpy(address.bytes, octets, 16);
  return address;
}

Address Address::from_bytes(const uint8_t octets[16]) { return from_v6(octets); }

bool Address::parse(const std::string& text, Address& out) {
  uint8_t octets[16];
  if (inet_pton(AF_INET, text.c_str(), octets) == 1)
    out = from_v4(octets);
  else if (inet_pton(AF_INET6, text.c_str(), octets) == 1)
    out = from_v6(octets);
  else
    return false;
  return true;
}

bool Address::is_v4() const { return memcmp(bytes, kMapped, sizeof kMapped) == 0; }

bool Address::is_zero() const {
  for (unsigned i = is_v4() ? 12 : 0; i < 16; i++)
    if (bytes[i] != 0) return false;
  return true;
}

bool Address::is_link_local() const {
  return !is_v4() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  inet_ntop(family(), octets(), buffer, sizeof buffer);
  return buffer;
}

socklen_t Address::socket_address(uint16_t port, uint32_t scope, sockaddr_storage& out) const {
  memset(&out, 0, sizeof out);
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    memcpy(&v4.sin_addr, octets(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  memcpy(&v6.sin6_addr, octets(), 16);
  if (is_link_local()) v6.sin6_scope_id = scope;
  return sizeof v6;
}

}  // namespace vtep
