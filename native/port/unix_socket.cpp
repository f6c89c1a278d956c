#include "unix_socket.hpp"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace vtep {
namespace {

Descriptor make_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const char* path_problem(const std::string& path) {
  if (path.empty() || path[0] != '/') return "expected an absolute path";
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return "expected a path of at most 107 bytes";
  return nullptr;
}

bool parse_permissions(const std::string& text, unsigned& out) {
  if (text.empty() || text.size() > 4) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return false;
    out = out * 8 + static_cast<unsigned>(c - '0');
  }
  return out <= 0777;
}

bool find_owner(const std::string& text, UnixSocketPlace& place, std::string& error) {
  const size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const passwd* account = ::getpwnam(user.c_str());
  if (account == nullptr) {
    error = "option owner: expected a user of this host, got \"" + user + "\"";
    return false;
  }
  place.user = account->pw_uid;
  place.group = account->pw_gid;
  if (colon == std::string::npos) return true;
  const group* members = ::getgrnam(text.c_str() + colon + 1);
  if (members == nullptr) {
    error = "option owner: expected a group of this host, got \"" + text.substr(colon + 1) + "\"";
    return false;
  }
  place.group = members->gr_gid;
  return true;
}

}  // namespace

const OptionInfo kUnixSocketOptions[4] = {
    {"socket", "text", "", "path of the unix socket between us and the virtual machine"},
    {"mode", "text", "server", "server: we make the socket and wait; client: the other side does"},
    {"owner", "text", "", "who owns the socket that we make: user or user:group"},
    {"permissions", "text", "0660", "octal permissions of the socket that we make"},
};

bool UnixSocketPlace::read(const Options& options, std::string& error) {
  const std::string side = options.string("mode", "server");
  const std::string permissions = options.string("permissions", "0660");
  const std::string* owner = options.find("owner");
  path = options.string("socket", "");
  is_server = side == "server";
  if (const char* problem = path_problem(path)) {
    error = std::string("option socket: ") + problem + ", got \"" + path + "\"";
  } else if (side != "server" && side != "client") {
    error = "option mode: expected server or client, got \"" + side + "\"";
  } else if (!parse_permissions(permissions, mode)) {
    error = "option permissions: expected octal permissions like 0660, got \"" + permissions + "\"";
  } else if (!is_server && (owner != nullptr || options.find("permissions") != nullptr)) {
    error = "options owner and permissions: expected only with mode server, which makes the socket";
  } else {
    return owner == nullptr || find_owner(*owner, *this, error);
  }
  return false;
}

Descriptor unix_connect(const std::string& path) {
  Descriptor socket = make_socket();
  const sockaddr_un address = address_of(path);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Descriptor();
  return socket;
}

bool UnixListener::open(const UnixSocketPlace& place, std::string& error) {
  const std::string& path = place.path;
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      error = path + ": expected no file or an old socket, got something else";
      return false;
    }
    // A full backlog is a listener too (EAGAIN).
    const Descriptor other = unix_connect(path);
    if (other || errno != ECONNREFUSED) {
      error = path + ": " +
              (other || errno == EAGAIN ? std::string("another program listens there")
                                        : std::string(strerror(errno)));
      return false;
    }
    (void)::unlink(path.c_str());
  }
  socket_ = make_socket();
  const sockaddr_un address = address_of(path);
  // Nobody gets in before the file has its owner: it is made without permissions.
  if (!socket_ || ::fchmod(socket_.get(), 0) != 0 ||
      ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    error = path + ": can not make the socket: " + strerror(errno);
    return false;
  }
  path_ = path;
  if (::lstat(path.c_str(), &status) == 0) device_ = status.st_dev, inode_ = status.st_ino;
  if (::chown(path.c_str(), place.user, place.group) != 0 ||
      ::chmod(path.c_str(), place.mode) != 0 || ::listen(socket_.get(), 4) != 0) {
    error = path + ": can not set the socket up: " + strerror(errno);
    return false;
  }
  return true;
}

Descriptor UnixListener::accept() const {
  return Descriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

UnixListener::~UnixListener() {
  struct stat status;
  // Ours still, not that of whoever replaced it.
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_)
    (void)::unlink(path_.c_str());
}

void PeerLog::say(const std::string& what) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec == said_at_) {
    unsaid_++;
    return;
  }
  said_at_ = now.tv_sec;
  fprintf(
      stderr, "%s: %s%s\n", head_.c_str(), what.c_str(),
      unsaid_ == 0 ? "" : (" (and " + std::to_string(unsaid_) + " lines like it before)").c_str());
  unsaid_ = 0;
}

}  // namespace vtep
