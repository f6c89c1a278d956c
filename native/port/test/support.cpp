#include "support.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "../../core/checksum.hpp"

namespace vtep::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

void fail(const char* file, int line, const char* condition, const std::string& got) {
  fprintf(stderr, "%s:%d: does not hold: %s%s%s\n", file, line, condition,
          got.empty() ? "" : "\n  ", got.c_str());
  fflush(stderr);
  _exit(1);
}

bool has(const std::string& text, const char* expected) {
  return text.find(expected) != std::string::npos;
}

void run(const std::string& command) {
  const int status = system(command.c_str());
  CHECK(status == 0, command);
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  CHECK(pipe != nullptr, command);
  std::string text;
  char buffer[4096];
  for (size_t size; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, size);
  pclose(pipe);
  return text;
}

Tenant::Tenant() {
  int ready[2];
  CHECK(pipe(ready) == 0);
  process_ = fork();
  CHECK(process_ >= 0);
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool made = unshare(CLONE_NEWNET) == 0;
    if (write(ready[1], made ? "y" : "n", 1) != 1) _exit(1);
    close(ready[0]), close(ready[1]);
    for (;;) pause();
  }
  char answer = 0;
  CHECK(read(ready[0], &answer, 1) == 1 && answer == 'y', "unshare(CLONE_NEWNET)");
  close(ready[0]), close(ready[1]);
  run("ip link set lo up");
}

Tenant::~Tenant() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void Tenant::run(const std::string& command) const { CHECK(succeeds(command), command); }

bool Tenant::succeeds(const std::string& command) const {
  return finished_well(start([&] { return system(command.c_str()) == 0 ? 0 : 1; }));
}

pid_t Tenant::start(const std::function<int()>& body) const {
  fflush(stdout), fflush(stderr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string path = "/proc/" + std::to_string(process_) + "/ns/net";
  int code = 99;
  // A thread of its own: what the thread-local netlink socket was opened for stays behind.
  std::thread([&] {
    const Descriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (there && setns(there.get(), CLONE_NEWNET) == 0) code = body();
  }).join();
  _exit(code);
}

bool finished_well(pid_t process) {
  int status = 0;
  return waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void connect_veth(const std::string& here, const Tenant& tenant, const std::string& address) {
  run("ip link add " + here + " type veth peer name eth0 netns " +
      std::to_string(tenant.process()));
  run("ip link set " + here + " up");
  if (!address.empty())
    tenant.run("ip addr add " + address + " dev eth0 nodad 2>/dev/null || ip addr add " + address +
               " dev eth0");
  tenant.run("ip link set eth0 up");
}

uint64_t now_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

bool eventually(const std::function<bool()>& holds, unsigned milliseconds) {
  const uint64_t end = now_nanoseconds() + uint64_t{milliseconds} * 1000000;
  for (;;) {
    if (holds()) return true;
    if (now_nanoseconds() > end) return false;
    poll(nullptr, 0, 5);
  }
}

bool readable(int descriptor, int milliseconds) {
  pollfd one = {descriptor, POLLIN, 0};
  return poll(&one, 1, milliseconds) == 1;
}

std::vector<uint8_t> numbered_frame(uint32_t number, size_t length) {
  std::vector<uint8_t> bytes(length, static_cast<uint8_t>(number));
  const uint8_t header[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
  memcpy(bytes.data(), header, sizeof header);
  memcpy(bytes.data() + sizeof header, &number, sizeof number);
  return bytes;
}

uint32_t number_of(const uint8_t* bytes) {
  uint32_t number;
  memcpy(&number, bytes + 14, sizeof number);
  return number;
}

static void put16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

Bytes tcp_frame(size_t payload, uint16_t mss) {
  Bytes frame;
  frame.bytes.resize(54 + payload);
  uint8_t* b = frame.bytes.data();
  const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
  memcpy(b, ethernet, sizeof ethernet);
  const uint8_t ip[20] = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  memcpy(b + 14, ip, sizeof ip);
  put16(b + 16, 40 + payload);
  const uint16_t sum = static_cast<uint16_t>(~checksum_fold(checksum_add(b + 14, 20, 0)));
  memcpy(b + 24, &sum, 2);
  const uint8_t tcp[20] = {0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff};
  memcpy(b + 34, tcp, sizeof tcp);
  for (size_t i = 0; i < payload; i++) b[54 + i] = static_cast<uint8_t>(i * 31 + i / 251);
  const uint16_t pseudo = checksum_fold(
      pseudo_header_sum(b + 26, b + 30, 4, IPPROTO_TCP, static_cast<uint32_t>(20 + payload)));
  memcpy(b + 50, &pseudo, 2);
  frame.meta.flags = kNeedsChecksum;
  frame.meta.checksum_start = 34;
  frame.meta.checksum_offset = 16;
  if (mss != 0 && payload > mss) {
    frame.meta.gso_type = kGsoTcp4;
    frame.meta.gso_size = mss;
    frame.meta.header_length = 54;
  }
  return frame;
}

bool checksum_is_right(const uint8_t* bytes, size_t length, const Meta& meta) {
  const uint8_t protocol = bytes[23];
  const uint32_t l4 = static_cast<uint32_t>(length - 34);
  const size_t field = protocol == IPPROTO_TCP ? 50 : 40;
  const uint64_t pseudo = pseudo_header_sum(bytes + 26, bytes + 30, 4, protocol, l4);
  if (meta.flags & kNeedsChecksum) {
    uint16_t partial;
    memcpy(&partial, bytes + field, 2);
    return meta.checksum_start == 34 && meta.checksum_start + meta.checksum_offset == field &&
           partial == checksum_fold(pseudo);
  }
  return checksum_fold(checksum_add(bytes + 34, l4, pseudo)) == 0xffff;
}

SendResult send_one(Port& port, unsigned queue, const Bytes& frame) {
  // Two pieces, cut at an odd place.
  const size_t cut = std::min<size_t>(frame.bytes.size(), 19);
  auto* data = const_cast<uint8_t*>(frame.bytes.data());
  const iovec pieces[2] = {{data, cut}, {data + cut, frame.bytes.size() - cut}};
  Gather gather;
  gather.pieces = pieces;
  gather.count = 2;
  gather.length = static_cast<uint32_t>(frame.bytes.size());
  gather.meta = frame.meta;
  return port.send(queue, &gather, 1);
}

template <class Device>
static std::vector<Bytes> collect(Device& device, unsigned queue, size_t count,
                                  unsigned milliseconds) {
  std::vector<Bytes> all;
  Frame frames[64];
  const uint64_t end = now_nanoseconds() + uint64_t{milliseconds} * 1000000;
  while (all.size() < count && now_nanoseconds() < end) {
    const unsigned got = device.receive(queue, frames, 64);
    for (unsigned i = 0; i < got; i++)
      all.push_back({{frames[i].data, frames[i].data + frames[i].length}, frames[i].meta});
    if (got == 0) readable(device.wait_descriptor(queue), 20);
  }
  return all;
}

std::vector<Bytes> receive_all(Port& port, unsigned queue, size_t count, unsigned milliseconds) {
  return collect(port, queue, count, milliseconds);
}

std::vector<Bytes> receive_all(Uplink& uplink, unsigned queue, size_t count,
                               unsigned milliseconds) {
  return collect(uplink, queue, count, milliseconds);
}

static OpenContext context_of(const std::string& name, const std::string& options,
                              unsigned queues) {
  OpenContext context;
  context.name = name;
  context.queues = queues;
  std::string error;
  CHECK(Options::parse(options, context.options, error), error);
  return context;
}

std::unique_ptr<Port> open_or_fail(const std::string& kind, const std::string& name,
                                   const std::string& options, unsigned queues) {
  std::string error;
  auto port = open_port(kind, context_of(name, options, queues), error);
  CHECK(port != nullptr, error);
  return port;
}

std::string open_error(const std::string& kind, const std::string& name,
                       const std::string& options) {
  std::string error;
  const auto port = open_port(kind, context_of(name, options, 1), error);
  CHECK(port == nullptr, "opened " + kind + " " + name);
  CHECK(!error.empty());
  return error;
}

unsigned open_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  unsigned count = 0;
  while (readdir(directory) != nullptr) count++;
  closedir(directory);
  return count;
}

}  // namespace vtep::test

using namespace vtep::test;

// port-test --list, or port-test NAME.
int main(int count, char** arguments) {
  const std::string wanted = count == 2 ? arguments[1] : "--list";
  for (const Case& each : cases()) {
    if (wanted == "--list") puts(each.name);
    if (wanted != each.name) continue;
    CHECK(unshare(CLONE_NEWNET) == 0, "needs root or CAP_SYS_ADMIN");
    run("ip link set lo up");
    // The kernel's own neighbour discovery is not part of the tests; those with IPv6 switch it on.
    run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    alarm(60);  // a test that hangs fails
    each.run();
    return 0;
  }
  return wanted == "--list" ? 0 : 2;
}
