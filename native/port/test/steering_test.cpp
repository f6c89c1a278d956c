// Flows on their way to queues: order holds while they are moved from worker to worker, a stream
// stays and others leave a busy worker.
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "../packet_socket.hpp"
#include "../steering.hpp"
#include "uplink_rig.hpp"

namespace vtep::test {

namespace {

constexpr unsigned kFlows = 16;
constexpr uint32_t kMagic = 0x76746570;
constexpr uint16_t kVxlanPort = 4789;

// The end of each datagram.
struct Mark {
  uint32_t magic, flow, number;
};

// UDP sockets, one for each flow, and numbered datagrams.
class Flows {
 public:
  Flows(const char* address, uint16_t port) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, address, &to.sin_addr);
    for (Descriptor& each : sockets_) {
      each.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      CHECK(::connect(each.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0,
            strerror(errno));
    }
  }
  bool send(unsigned flow) {
    uint8_t bytes[60] = {8};  // begins as VXLAN does
    const Mark mark = {kMagic, flow, ++numbers_[flow]};
    memcpy(bytes + sizeof bytes - sizeof mark, &mark, sizeof mark);
    return ::send(sockets_[flow].get(), bytes, sizeof bytes, 0) == sizeof bytes;
  }

 private:
  Descriptor sockets_[kFlows];
  uint32_t numbers_[kFlows] = {};
};

bool read_mark(const Frame& frame, Mark& mark) {
  if (frame.length < sizeof mark) return false;
  memcpy(&mark, frame.data + frame.length - sizeof mark, sizeof mark);
  return mark.magic == kMagic && mark.flow < kFlows;
}

void run_on_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  (void)::sched_setaffinity(0, sizeof set, &set);
}

std::vector<int> two_cpus() {
  std::vector<int> out;
  cpu_set_t set;
  CHECK(::sched_getaffinity(0, sizeof set, &set) == 0);
  for (int cpu = 0; cpu < CPU_SETSIZE && out.size() < 2; cpu++)
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  return out;
}

// Bursts of all flows from CPUs in turn, with pauses in which queues run empty.
int send_everywhere(const char* address, uint16_t port, const std::vector<int>& cpus) {
  Flows flows(address, port);
  std::minstd_rand random(7);
  for (unsigned i = 0; i < 20000; i++) {
    if (random() % 8 == 0) run_on_cpu(cpus[random() % cpus.size()]);
    (void)flows.send(random() % kFlows);
    if (random() % 64 == 0) ::usleep(static_cast<useconds_t>(random() % 300));
  }
  return 0;
}

struct Watched {
  std::atomic<uint32_t> number[kFlows] = {};
  std::atomic<unsigned> queue[kFlows] = {};
  std::atomic<unsigned> frames = 0, moves = 0, late = 0;
  std::atomic<bool> stop = false;
};

// A worker of one queue that is slow at times between receiving and forwarding, and says now and
// then that it is busy.
template <class Device>
void work(Device& device, unsigned queue, Watched& watched) {
  std::minstd_rand random(queue + 1);
  Frame frames[64];
  while (!watched.stop.load()) {
    const unsigned count = device.receive(queue, frames, 64);
    if (count == 0) std::this_thread::yield();
    if (random() % 4 == 0) ::usleep(static_cast<useconds_t>(random() % 200));
    for (unsigned i = 0; i < count; i++) {
      Mark mark;
      if (!read_mark(frames[i], mark)) continue;
      watched.frames++;
      if (watched.queue[mark.flow].exchange(queue) != queue) watched.moves++;
      if (watched.number[mark.flow].exchange(mark.number) >= mark.number) watched.late++;
    }
    if (random() % 32 == 0) device.set_busy(queue, random() % 2 == 0);
  }
}

// A sender that changes its CPU can overtake itself in the kernel, where frames of a veth wait on
// the CPU that sent them. Answers how often it did: what one socket sees is the order of arrival.
unsigned count_late_arrivals(const char* interface, const std::atomic<bool>& stop) {
  PacketSetup setup;
  setup.ifindex = ::if_nametoindex(interface);
  setup.slots = 4096;
  PacketSocket socket_;
  int group = -1;
  const char* what = "";
  CHECK(socket_.open(setup, group, what) == 0, what);
  uint32_t numbers[kFlows] = {};
  unsigned late = 0;
  Frame frames[64];
  while (!stop.load()) {
    const unsigned count = socket_.receive(frames, 64);
    if (count == 0) ::usleep(1000);
    for (unsigned i = 0; i < count; i++) {
      Mark mark;
      if (!read_mark(frames[i], mark)) continue;
      if (mark.number < numbers[mark.flow]) late++;
      numbers[mark.flow] = std::max(numbers[mark.flow], mark.number);
    }
  }
  return late;
}

// `interface`: of a veth that the frames come out of; null for a tap, where the sender itself puts
// them into the queue.
template <class Device>
void check_order(Device& device, const std::function<void()>& send, const char* interface,
                 const char* what) {
  Watched watched;
  unsigned late_arrivals = 0;
  std::thread first([&] { work(device, 0, watched); }), second([&] { work(device, 1, watched); });
  std::thread third([&] {
    if (interface != nullptr) late_arrivals = count_late_arrivals(interface, watched.stop);
  });
  ::usleep(50000);
  send();
  ::usleep(100000);
  watched.stop = true;
  first.join(), second.join(), third.join();
  const std::string got = std::string(what) + ": " + std::to_string(watched.frames) + " frames, " +
                          std::to_string(watched.moves) + " moves, " +
                          std::to_string(watched.late) + " late, " + std::to_string(late_arrivals) +
                          " of them when they arrived";
  CHECK(watched.late <= late_arrivals, got);
  CHECK(watched.frames > 5000, got);
  CHECK(watched.moves > 50, got);
}

OpenContext context_of_port(const char* name) {
  OpenContext context;
  context.name = name;
  context.queues = 2;
  context.cpus = two_cpus();
  return context;
}

std::unique_ptr<Port> open_steered(const char* kind, const char* name) {
  std::string error;
  auto port = open_port(kind, context_of_port(name), error);
  CHECK(port != nullptr, error);
  return port;
}

void address(const char* interface, const char* far_mac) {
  const std::string name = interface;
  run("ip link set " + name + " up; ip addr add 10.7.0.1/24 dev " + name);
  run("ip neigh replace 10.7.0.2 lladdr " + std::string(far_mac) + " dev " + name);
}

}  // namespace

TEST(flows_keep_their_order_while_they_change_queues) {
  const std::vector<int> cpus = two_cpus();
  const auto send = [&] { send_everywhere("10.7.0.2", 9, cpus); };
  {
    const auto port = open_steered("tap", "t0");
    address("t0", "02:00:00:00:00:02");
    check_order(*port, send, nullptr, "tap");
  }
  run("ip link add a0 type veth peer name a1; ip link set a0 up");
  const auto port = open_steered("netdev", "a0");
  address("a1", "02:00:00:00:00:02");
  check_order(*port, send, "a0", "netdev");
}

TEST(underlay_flows_keep_their_order_while_they_change_queues) {
  const std::vector<int> cpus = two_cpus();
  Underlay rig(true, false);
  for (const char* kind : {"udp", "raw"}) {
    UplinkContext context;
    context.address = rig.here;
    context.queues = 2;
    context.cpus = cpus;
    std::string chosen, reason, error;
    const auto uplink = open_uplink(kind, context, chosen, reason, error);
    CHECK(uplink != nullptr, error);
    const std::string here = rig.here.text();
    check_order(
        *uplink,
        [&] {
          CHECK(finished_well(
              rig.far.start([&] { return send_everywhere(here.c_str(), kVxlanPort, cpus); })));
        },
        "w0", kind);
  }
}

TEST(a_stream_stays_and_the_others_leave_a_busy_worker) {
  const auto port = open_steered("tap", "t0");
  address("t0", "02:00:00:00:00:02");
  run_on_cpu(two_cpus()[0]);  // where the worker of queue 0 lives
  Flows flows("10.7.0.2", 9);
  unsigned seen[2][kFlows] = {};
  const auto receive = [&](unsigned queue) {
    Frame frames[64];
    while (const unsigned count = port->receive(queue, frames, 64)) {
      Mark mark;
      for (unsigned i = 0; i < count; i++)
        if (read_mark(frames[i], mark)) seen[queue][mark.flow]++;
    }
  };
  receive(0), receive(1);
  for (unsigned flow = 0; flow < kFlows; flow++) CHECK(flows.send(flow));
  receive(0), receive(1);
  for (unsigned flow = 0; flow < kFlows; flow++) CHECK_EQUAL(seen[0][flow], 1u);

  // Flow 0 does not pause: something of it always waits in the queue. The others do.
  port->set_busy(0, true);
  CHECK(flows.send(0));
  for (unsigned flow = 1; flow < kFlows; flow++) {
    ::usleep(1500);
    CHECK(flows.send(0) && flows.send(flow));
  }
  receive(0), receive(1);
  CHECK_EQUAL(seen[0][0], 1 + kFlows);
  CHECK_EQUAL(seen[1][0], 0u);
  unsigned left = 0;
  for (unsigned flow = 1; flow < kFlows; flow++) left += seen[1][flow];
  // One that shares its bucket with the stream stays, too.
  CHECK(left >= kFlows - 3, std::to_string(left));

  // With nobody busy all come home, as soon as their frames are through.
  port->set_busy(0, false);
  receive(0), receive(1);
  memset(seen, 0, sizeof seen);
  for (unsigned flow = 0; flow < kFlows; flow++) CHECK(flows.send(flow));
  receive(0), receive(1);
  for (unsigned flow = 0; flow < kFlows; flow++) CHECK_EQUAL(seen[0][flow], 1u);
}

// Workers that work on one table do not write to each other's cache lines.
static_assert(sizeof(SteeringTable::Queue) == 64 && alignof(SteeringTable::Queue) == 64);
static_assert(offsetof(SteeringTable, idle) % 64 == 0 && offsetof(SteeringTable, queues) % 64 == 0);

}  // namespace vtep::test
