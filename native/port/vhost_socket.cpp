#include "vhost_socket.hpp"

#include <errno.h>
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

}  // namespace

const char* vhost_path_problem(const std::string& path) {
  if (path.empty() || path[0] != '/') return "expected an absolute path";
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return "expected a path of at most 107 bytes";
  return nullptr;
}

Descriptor vhost_connect(const std::string& path) {
  Descriptor socket = make_socket();
  const sockaddr_un address = address_of(path);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Descriptor();
  return socket;
}

bool VhostListener::open(const std::string& path, const Access& access, std::string& error) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      error = path + ": expected no file or an old socket, got something else";
      return false;
    }
    // A full backlog is a listener too (EAGAIN).
    const Descriptor other = vhost_connect(path);
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
  if (::chown(path.c_str(), access.user, access.group) != 0 ||
      ::chmod(path.c_str(), access.mode) != 0 || ::listen(socket_.get(), 4) != 0) {
    error = path + ": can not set the socket up: " + strerror(errno);
    return false;
  }
  return true;
}

Descriptor VhostListener::accept() const {
  return Descriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

VhostListener::~VhostListener() {
  struct stat status;
  // Ours still, not that of whoever replaced it.
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_)
    (void)::unlink(path_.c_str());
}

}  // namespace vtep
