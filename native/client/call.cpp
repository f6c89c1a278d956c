// vtep-call: one request to the daemon, for scripts that can not wait for a runtime to start.
//   vtep-call [--lock FILE SECONDS] METHOD PATH [JSON]
// Writes the answer on standard output. Exit codes are those of vtep: 0 ok, 1 failed, 2 usage, 3
// daemon not reachable.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http.hpp"

namespace vtep::client {
namespace {

enum Exit { kOk = 0, kFailed = 1, kUsage = 2, kUnreachable = 3 };

int fail(Exit code, const std::string& what) {
  fprintf(stderr, "vtep: %s\n", what.c_str());
  return code;
}

// The file, in a folder that is made where it is missing: /run begins empty.
int open_lock(const std::string& file) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
  const int descriptor = ::open(file.c_str(), flags, 0666);
  if (descriptor >= 0 || errno != ENOENT) return descriptor;
  ::mkdir(file.substr(0, file.rfind('/')).c_str(), 0755);
  return ::open(file.c_str(), flags, 0666);
}

// The lock of flock(1); it is held until this process ends. There is no wait with a limit, and a
// signal handler would be more than this is worth.
bool lock(const char* file, int seconds, std::string& error) {
  const int descriptor = open_lock(file);
  if (descriptor < 0) {
    error = std::string("lock ") + file + ": " + strerror(errno);
    return false;
  }
  const timespec pause = {0, 2'000'000};
  int code = EWOULDBLOCK;
  for (int left = seconds * 500; left >= 0 && code == EWOULDBLOCK; left--) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
    code = errno;
    if (left > 0) ::nanosleep(&pause, nullptr);
  }
  error = std::string("lock ") + file + ": expected to get it within " + std::to_string(seconds) +
          " s, got none: " + (code == EWOULDBLOCK ? "another program holds it" : strerror(code));
  return false;
}

int run(int count, char** words) {
  std::string error;
  int at = 1;
  if (count - at >= 3 && strcmp(words[at], "--lock") == 0) {
    if (!lock(words[at + 1], ::atoi(words[at + 2]), error)) return fail(kFailed, error);
    at += 3;
  }
  if (count - at < 2 || count - at > 3)
    return fail(kUsage, "usage: vtep-call [--lock FILE SECONDS] METHOD PATH [JSON]");
  const char* body = count - at == 3 ? words[at + 2] : "";
  Answer answer;
  if (!call(default_runtime_dir(), words[at], words[at + 1], body, answer, error))
    return fail(kUnreachable, error);
  if (!answer.good()) return fail(kFailed, answer.refusal());
  (void)fwrite(answer.body.data(), 1, answer.body.size(), stdout);
  return fputc('\n', stdout) == EOF ? kFailed : kOk;
}

}  // namespace
}  // namespace vtep::client

int main(int count, char** words) { return vtep::client::run(count, words); }
