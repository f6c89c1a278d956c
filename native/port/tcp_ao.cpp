#include "tcp_ao.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "socket_options.hpp"
#include "tcp_options.hpp"

namespace vtep {

namespace {

// linux/tcp.h has them since 6.7, which is newer than the headers that we build with.
constexpr int kAddKey = 38;
constexpr int kDeleteKey = 39;

struct alignas(8) AddKey {
  sockaddr_storage address;
  char algorithm[64];
  int32_t ifindex;
  uint32_t flags;  // bits: 0 current, 1 next
  uint16_t reserved;
  uint8_t prefix_length;
  uint8_t send_id;
  uint8_t receive_id;
  uint8_t mac_length;  // 0: 12, as RFC 5926 section 2.2 wants
  uint8_t key_flags;
  uint8_t key_length;
  uint8_t key[80];
};
static_assert(sizeof(AddKey) == 288);

struct alignas(8) DeleteKey {
  sockaddr_storage address;
  int32_t ifindex;
  uint32_t flags;  // bits: 0 current, 1 next, 2 asynchronous
  uint16_t reserved;
  uint8_t prefix_length;
  uint8_t send_id;
  uint8_t receive_id;
  uint8_t current_id;
  uint8_t next_id;
  uint8_t key_flags;
};
static_assert(sizeof(DeleteKey) == 144);

constexpr uint32_t kCurrentAndNext = 3;
// What a listening socket needs: nobody has to wait for those who read.
constexpr uint32_t kAsynchronous = 4;

}  // namespace

int add_tcp_ao_key(int descriptor, const Address& address, unsigned prefix_length,
                   const TcpAoKey& key, bool is_first) {
  AddKey add = {};
  if (key.password.size() > sizeof add.key || key.algorithm.size() >= sizeof add.algorithm)
    return EMSGSIZE;
  const int error = peer_of_socket(descriptor, address, add.address);
  if (error != 0) return error;
  memcpy(add.algorithm, key.algorithm.data(), key.algorithm.size());
  add.flags = is_first ? kCurrentAndNext : 0;
  add.prefix_length = static_cast<uint8_t>(prefix_length);
  add.send_id = key.send_id;
  add.receive_id = key.receive_id;
  add.key_length = static_cast<uint8_t>(key.password.size());
  memcpy(add.key, key.password.data(), key.password.size());
  return set_option(descriptor, IPPROTO_TCP, kAddKey, &add, sizeof add);
}

int remove_tcp_ao_key(int descriptor, const Address& address, unsigned prefix_length,
                      uint8_t send_id, uint8_t receive_id) {
  DeleteKey remove = {};
  const int error = peer_of_socket(descriptor, address, remove.address);
  if (error != 0) return error;
  remove.flags = kAsynchronous;
  remove.prefix_length = static_cast<uint8_t>(prefix_length);
  remove.send_id = send_id;
  remove.receive_id = receive_id;
  return set_option(descriptor, IPPROTO_TCP, kDeleteKey, &remove, sizeof remove);
}

}  // namespace vtep
