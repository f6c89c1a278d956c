// supervisor: { notify(path, message, descriptors) }
// One datagram to the socket of sd_notify(3), which Node.js has no way to send. Throws an Error
// whose code is errno's name.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../port/descriptor.hpp"
#include "arguments.hpp"
#include "classes.hpp"

namespace vtep::node {

namespace {

constexpr uint32_t kMaxDescriptors = 16;

// A path, or a name of the abstract namespace behind an @.
bool supervisor_address(const std::string& path, sockaddr_un& address, socklen_t& length) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return true;
}

// 0 or an errno.
int send_with(const sockaddr_un& to, socklen_t length, std::string message,
              const std::vector<int>& descriptors) {
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  iovec part = {message.data(), message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  msghdr header = {};
  header.msg_name = const_cast<sockaddr_un*>(&to);
  header.msg_namelen = length;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const size_t size = descriptors.size() * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  return sendmsg(socket.get(), &header, MSG_NOSIGNAL) < 0 ? errno : 0;
}

Napi::Value notify(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string path;
  std::string message;
  if (!get_string(info, 0, "supervisor.notify: path", path) ||
      !get_string(info, 1, "supervisor.notify: message", message))
    return env.Undefined();
  std::vector<int> descriptors;
  if (info[2].IsArray()) {
    const auto list = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length() && i < kMaxDescriptors; i++) {
      int64_t descriptor = 0;
      if (!get_number(env, list.Get(i), "supervisor.notify: descriptor", 0, INT32_MAX, descriptor))
        return env.Undefined();
      descriptors.push_back(static_cast<int>(descriptor));
    }
  }
  sockaddr_un address;
  socklen_t length = 0;
  const int error = supervisor_address(path, address, length)
                        ? send_with(address, length, std::move(message), descriptors)
                        : EINVAL;
  if (error != 0) throw_errno(env, error);
  return env.Undefined();
}

}  // namespace

Napi::Object define_supervisor(Napi::Env env) {
  Napi::Object supervisor = Napi::Object::New(env);
  supervisor.Set("notify", Napi::Function::New(env, notify, "notify"));
  return supervisor;
}

}  // namespace vtep::node
