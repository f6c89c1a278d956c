// An IP address as the tables hold it: 16 octets, IPv4 as ::ffff:a.b.c.d.
#pragma once
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <string>

namespace vtep {

struct Address {
  uint8_t bytes[16] = {};

  static Address from_v4(const void* octets);
  static Address from_v6(const void* octets);
  static Address from_bytes(const uint8_t octets[16]);
  static bool parse(const std::string& text, Address& out);

  bool is_v4() const;
  bool is_zero() const;  // also 0.0.0.0
  bool is_link_local() const;
  int family() const { return is_v4() ? AF_INET : AF_INET6; }
  unsigned size() const { return is_v4() ? 4 : 16; }
  const uint8_t* octets() const { return is_v4() ? bytes + 12 : bytes; }
  std::string text() const;
  // Fills `out` and answers its length. `scope` is the interface of a link-local address.
  socklen_t socket_address(uint16_t port, uint32_t scope, sockaddr_storage& out) const;

  bool operator==(const Address& other) const { return memcmp(bytes, other.bytes, 16) == 0; }
  bool operator!=(const Address& other) const { return !(*this == other); }
  bool operator<(const Address& other) const { return memcmp(bytes, other.bytes, 16) < 0; }
};

}  // namespace vtep
