#include "http.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../port/descriptor.hpp"
#include "json.hpp"

namespace vtep::client {
namespace {

// A daemon that is there but says nothing. Opening a port takes milliseconds.
constexpr time_t kPatienceSeconds = 30;
constexpr size_t kMostBytes = 64u << 20;

Descriptor connect_to(const std::string& path, int type) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Descriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (socket &&
      ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int code = errno;
    socket.reset();
    errno = code;
  }
  return socket;
}

bool send_all(int socket, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t sent = ::send(socket, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

// Where the header says so; npos: until the end of the connection.
size_t content_length(const std::string& header) {
  const char* found = ::strcasestr(header.c_str(), "\r\ncontent-length:");
  if (found == nullptr) return std::string::npos;
  return ::strtoul(found + strlen("\r\ncontent-length:"), nullptr, 10);
}

// HTTP/1.0, so that no answer is cut into chunks.
bool receive(int socket, Answer& answer) {
  std::string text;
  size_t head = std::string::npos, length = std::string::npos;
  char part[16384];
  for (;;) {
    const ssize_t size = ::recv(socket, part, sizeof part, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.append(part, static_cast<size_t>(size));
    if (head == std::string::npos && (head = text.find("\r\n\r\n")) != std::string::npos) {
      length = content_length(text.substr(0, head + 2));
      head += 4;
    }
    const bool whole =
        head != std::string::npos && length != std::string::npos && text.size() - head >= length;
    if (whole || size == 0) break;
    if (text.size() > kMostBytes) return errno = EMSGSIZE, false;
  }
  if (head == std::string::npos || text.compare(0, 5, "HTTP/") != 0) return errno = EPROTO, false;
  answer.status = ::atoi(text.c_str() + text.find(' ') + 1);
  answer.body = text.substr(head, length);
  return true;
}

}  // namespace

std::string Answer::refusal() const {
  Json json;
  if (Json::parse(body, json) && !json.at("error").text().empty()) return json.at("error").text();
  return "the daemon answered with status " + std::to_string(status);
}

std::string default_runtime_dir() {
  const char* given = ::getenv("VTEP_RUNTIME_DIR");
  return given == nullptr || *given == '\0' ? "/run/vtep" : given;
}

bool call(const std::string& runtime_dir, const std::string& method, const std::string& path,
          const std::string& body, Answer& answer, std::string& error) {
  const std::string name = runtime_dir + "/api.sock";
  const Descriptor socket = connect_to(name, SOCK_STREAM);
  if (!socket) {
    error = "no daemon answers on " + name + " (" + strerror(errno) + ")";
    return false;
  }
  const timeval patience = {kPatienceSeconds, 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string request =
      method + " " + path + " HTTP/1.0\r\nhost: vtep\r\naccept: application/json\r\n";
  if (!body.empty())
    request +=
        "content-type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n";
  request += "\r\n" + body;
  if (send_all(socket.get(), request) && receive(socket.get(), answer)) return true;
  error = "the daemon on " + name + " does not answer (" + strerror(errno) + ")";
  return false;
}

bool has_dataplane(const std::string& runtime_dir) {
  return static_cast<bool>(connect_to(runtime_dir + "/control.sock", SOCK_SEQPACKET));
}

}  // namespace vtep::client
