#include "delegate.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "../port/descriptor.hpp"

namespace vtep::client {
namespace {

constexpr size_t kMostBytes = 1 << 20;

// Empty when it is nowhere.
std::string find(const std::string& type) {
  if (type.find('/') != std::string::npos) return {};
  const char* given = ::getenv("CNI_PATH");
  std::string path = given == nullptr ? "" : given;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const std::string program = path.substr(start, end - start) + "/" + type;
    if (end > start && ::access(program.c_str(), X_OK) == 0) return program;
    start = end + 1;
  }
  return {};
}

[[noreturn]] void become(const std::string& program, const char* command, int input, int output) {
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::setenv("CNI_COMMAND", command, 1);
  ::execl(program.c_str(), program.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

// All that comes out of a program that reads `input`. The input is a file, so that neither waits
// for the other.
bool run(const std::string& program, const char* command, const std::string& input,
         std::string& output, int& status) {
  const Descriptor file(::memfd_create("cni", MFD_CLOEXEC));
  int ends[2];
  if (!file ||
      ::write(file.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0 || ::pipe2(ends, O_CLOEXEC) != 0)
    return false;
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) become(program, command, file.get(), writing.get());
  if (child < 0) return false;
  writing.reset();
  char part[16384];
  for (;;) {
    const ssize_t size = ::read(reading.get(), part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    if (output.size() < kMostBytes) output.append(part, static_cast<size_t>(size));
  }
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  return true;
}

}  // namespace

Failure delegate(const std::string& type, const char* command, const Json& config, Json& result) {
  const std::string program = find(type), where = "ipam " + type + ": ";
  if (program.empty()) return {Code::config, where + "expected a plugin on CNI_PATH, found none"};
  std::string output;
  int status = 0;
  if (!run(program, command, config.print(), output, status))
    return {Code::io, where + strerror(errno)};
  const bool spoke = output.find_first_not_of(" \t\r\n") != std::string::npos;
  const bool good = !spoke || Json::parse(output, result);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    if (good) return {};
    return {Code::decode, where + "expected a result in JSON, got something else"};
  }
  long long code = 0;
  const std::string& message = result.at("msg").text();
  const std::string& details = result.at("details").text();
  if (!good || !result.at("code").whole(1, 100'000, code))
    return {Code::io, where + "ended with status " + std::to_string(status)};
  return {static_cast<Code>(code), where + message + (details.empty() ? "" : ": " + details)};
}

}  // namespace vtep::client
