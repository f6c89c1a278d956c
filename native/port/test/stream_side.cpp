#include "stream_side.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../unix_socket.hpp"

namespace vtep::test {

std::vector<uint8_t> framed(const std::vector<uint8_t>& frame) {
  const size_t length = frame.size();
  std::vector<uint8_t> octets = {static_cast<uint8_t>(length >> 24),
                                 static_cast<uint8_t>(length >> 16),
                                 static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  octets.insert(octets.end(), frame.begin(), frame.end());
  return octets;
}

Descriptor listen_at(const std::string& path) {
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  CHECK(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, path);
  CHECK(::listen(listener.get(), 1) == 0, path);
  return listener;
}

void StreamSide::connect(const std::string& path) {
  socket_ = unix_connect(path);
  CHECK(static_cast<bool>(socket_), path + ": " + strerror(errno));
  // Small frames take more of it than they are long.
  const int octets = 4 << 20;
  CHECK(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets) == 0);
}

void StreamSide::accept(int listener) {
  CHECK(readable(listener, 3000));
  socket_.reset(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  CHECK(static_cast<bool>(socket_));
}

size_t StreamSide::write(const std::vector<uint8_t>& octets) {
  const ssize_t sent =
      ::send(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

bool StreamSide::inject(const Bytes& frame) {
  const std::vector<uint8_t> octets = framed(frame.bytes);
  const size_t sent = write(octets);
  CHECK(sent == 0 || sent == octets.size());
  return sent != 0;
}

void StreamSide::poll(std::vector<Bytes>& all) {
  for (;;) {
    for (Frame frame; frames_.next(frame);)
      all.push_back({{frame.data, frame.data + frame.length}, {}});
    CHECK_EQUAL(frames_.bad_length, 0u);
    size_t room;
    uint8_t* space = frames_.space(room);
    const ssize_t size = ::recv(socket_.get(), space, room, MSG_DONTWAIT);
    if (size <= 0) return;
    frames_.arrived(static_cast<size_t>(size));
  }
}

bool StreamSide::is_over() {
  uint8_t octet;
  const ssize_t size = ::recv(socket_.get(), &octet, 1, MSG_DONTWAIT | MSG_PEEK);
  return size == 0 || (size < 0 && errno != EAGAIN);
}

}  // namespace vtep::test
