// A small frame for tests against real kernels. Every test runs in a process and a network
// namespace of its own, which end together: nothing can be left behind.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "../descriptor.hpp"
#include "../port.hpp"
#include "../uplink.hpp"

namespace vtep::test {

struct Case {
  const char* name;
  void (*run)();
};
std::vector<Case>& cases();

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

#define TEST(name)                                           \
  static void test_##name();                                 \
  static const Register register_##name(#name, test_##name); \
  static void test_##name()

// Ends the process when it does not hold; `...` is text that says what was got.
[[noreturn]] void fail(const char* file, int line, const char* condition, const std::string& got);
#define CHECK(condition, ...)                                                         \
  do {                                                                                \
    if (!(condition)) fail(__FILE__, __LINE__, #condition, std::string(__VA_ARGS__)); \
  } while (false)
#define CHECK_EQUAL(got, expected)                                                      \
  do {                                                                                  \
    const auto got_value = (got);                                                       \
    const auto expected_value = (expected);                                             \
    if (!(got_value == expected_value))                                                 \
      fail(__FILE__, __LINE__, #got " == " #expected,                                   \
           std::to_string(got_value) + ", expected " + std::to_string(expected_value)); \
  } while (false)

// "expected" occurs in the text.
bool has(const std::string& text, const char* expected);

// Runs a command line in the current namespace; it has to succeed.
void run(const std::string& command);
std::string output_of(const std::string& command);

// Another network namespace, held by a child process.
class Tenant {
 public:
  Tenant();
  ~Tenant();
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;
  pid_t process() const { return process_; }
  void run(const std::string& command) const;  // inside
  bool succeeds(const std::string& command) const;
  // Runs `body` inside, in a child process; exit code 0 is success. Answers its process id.
  pid_t start(const std::function<int()>& body) const;

 private:
  pid_t process_;
};
bool finished_well(pid_t process);

// A veth pair: one end here, the other in the tenant's namespace under the name eth0, both up.
void connect_veth(const std::string& here, const Tenant& tenant, const std::string& address);

uint64_t now_nanoseconds();
// Polls until it holds, at most so long.
bool eventually(const std::function<bool()>& holds, unsigned milliseconds = 3000);
bool readable(int descriptor, int milliseconds);

// An Ethernet frame of this length with a number in it, of an experimental EtherType.
std::vector<uint8_t> numbered_frame(uint32_t number, size_t length);
uint32_t number_of(const uint8_t* bytes);

struct Bytes {
  std::vector<uint8_t> bytes;
  Meta meta;
};
// A TCP/IPv4 segment with its checksum left partial, from 10.0.0.1 to 10.0.0.2. A super-frame when
// payload exceeds mss and mss is not 0.
Bytes tcp_frame(size_t payload, uint16_t mss);
// Whether the TCP or UDP checksum of an IPv4 frame is right, or marked as partial with the right
// pseudo-header sum.
bool checksum_is_right(const uint8_t* bytes, size_t length, const Meta& meta);

SendResult send_one(Port& port, unsigned queue, const Bytes& frame);
// Receives until `count` frames have come, or the time is over.
std::vector<Bytes> receive_all(Port& port, unsigned queue, size_t count,
                               unsigned milliseconds = 2000);
std::vector<Bytes> receive_all(Uplink& uplink, unsigned queue, size_t count,
                               unsigned milliseconds = 2000);

std::unique_ptr<Port> open_or_fail(const std::string& kind, const std::string& name,
                                   const std::string& options = "", unsigned queues = 1);
std::string open_error(const std::string& kind, const std::string& name,
                       const std::string& options = "");

unsigned open_descriptors();

}  // namespace vtep::test
