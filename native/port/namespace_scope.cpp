#include "namespace_scope.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "privilege.hpp"

namespace vtep {

static const char* const kOwn = "/proc/thread-self/ns/net";

Descriptor open_namespace(const std::string& name, std::string& error) {
  const std::string path = name.find('/') == std::string::npos ? "/run/netns/" + name : name;
  Descriptor found(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!found)
    error = "network namespace " + name + ": " + path + ": " +
            (errno == ENOENT ? "does not exist" : refusal(errno, "CAP_SYS_ADMIN"));
  return found;
}

bool is_current_namespace(const Descriptor& other) {
  struct stat theirs, ours;
  return ::fstat(other.get(), &theirs) == 0 && ::stat(kOwn, &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

Descriptor make_namespace(std::string& error) {
  NamespaceScope scope;
  Descriptor fresh;
  if (const int code = scope.enter_fresh(fresh); code != 0)
    error = "a network namespace of our own: " + refusal(code, "CAP_SYS_ADMIN");
  return fresh;
}

int NamespaceScope::enter_fresh(Descriptor& fresh) {
  Descriptor home(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!home || ::unshare(CLONE_NEWNET) != 0) return errno;
  home_ = std::move(home);
  fresh.reset(::open(kOwn, O_RDONLY | O_CLOEXEC));
  return fresh ? 0 : errno;
}

int NamespaceScope::enter(const Descriptor& other) {
  Descriptor home(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!home || ::setns(other.get(), CLONE_NEWNET) != 0) return errno;
  home_ = std::move(home);
  return 0;
}

NamespaceScope::~NamespaceScope() {
  // A thread that stays in the wrong namespace would open everything else there, too.
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) ::abort();
}

}  // namespace vtep
