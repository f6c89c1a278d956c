// TCP-AO (RFC 5925), Linux 6.7 and later where it is built in. Each answers 0 or errno;
// ENOPROTOOPT: the kernel has none.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"

namespace vtep {

// A master key tuple (RFC 5925 section 3.1).
struct TcpAoKey {
  uint8_t send_id = 0;     // KeyID of what is sent
  uint8_t receive_id = 0;  // KeyID of what is received
  std::string algorithm;   // as the kernel names it: "hmac(sha1)", "cmac(aes128)"
  std::string password;    // the master key, up to 80 octets
};

// One more key for all addresses of a prefix. On an IPv6 socket an IPv4 address means its mapped
// one. Before connect(), or on a listening socket, whose connections inherit those that fit.
// `is_first`: to begin with, and asked of the peer; not on a listening socket, which takes what the
// peer begins with.
int add_tcp_ao_key(int descriptor, const Address& address, unsigned prefix_length,
                   const TcpAoKey& key, bool is_first);

// Takes a key from a listening socket; connections that are there keep it.
int remove_tcp_ao_key(int descriptor, const Address& address, unsigned prefix_length,
                      uint8_t send_id, uint8_t receive_id);

}  // namespace vtep
