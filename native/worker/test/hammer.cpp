// Everything at once, for the sanitizers: frames through all workers, tables that grow and shrink,
// ports that come and go, observers that read, controllers that die. Ends with status 0 and one
// line of counts, or with the first thing that went wrong.
//   hammer SECONDS WORKERS CONTROL_PATH
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "../capture_ring.hpp"
#include "../client.hpp"
#include "../clock.hpp"
#include "../dataplane.hpp"
#include "../ring_frames.hpp"
#include "../view.hpp"
#include "../worker.hpp"

namespace vtep {
namespace {

constexpr uint32_t kVni = 10100;
constexpr unsigned kPorts = 4;

std::atomic<bool> g_stop{false};
std::atomic<uint64_t> g_applied{0}, g_sent{0}, g_received{0}, g_read{0}, g_reopened{0}, g_events{0},
    g_captured{0};

[[noreturn]] void fail(const std::string& what) {
  fprintf(stderr, "hammer: %s\n", what.c_str());
  _exit(1);
}

// Small, fast, and one for each thread.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint32_t below(uint32_t limit) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return static_cast<uint32_t>((state_ >> 32) * limit >> 32);
  }

 private:
  uint64_t state_;
};

struct Reply {
  bool ok = false;
  std::string text;
  Descriptor file;
};

Reply ask(Client& client, const char* verb, const std::string& payload) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable arrived;
    bool done = false;
    Reply reply;
  };
  const auto wait = std::make_shared<Wait>();
  client.request(verb, payload, [wait](bool ok, std::string text, Descriptor file) {
    const std::lock_guard<std::mutex> guard(wait->mutex);
    wait->reply = {ok, std::move(text), std::move(file)};
    wait->done = true;
    wait->arrived.notify_one();
  });
  std::unique_lock<std::mutex> lock(wait->mutex);
  wait->arrived.wait(lock, [&] { return wait->done; });
  return std::move(wait->reply);
}

std::string must(Client& client, const char* verb, const std::string& payload) {
  const Reply reply = ask(client, verb, payload);
  if (!reply.ok) fail(std::string(verb) + ": " + reply.text);
  return reply.text;
}

std::unique_ptr<Client> attach(const std::string& path, bool read_only) {
  ClientSetup setup;
  setup.path = path;
  setup.layout_hash = kLayoutHashText;
  setup.read_only = read_only;
  setup.on_wake = [] {};
  setup.on_closed = [](const std::string& reason) { fail("connection: " + reason); };
  ClientFailure failure;
  auto client = Client::connect(std::move(setup), failure);
  if (client == nullptr) fail(failure.sentence);
  return client;
}

template <typename Operation>
void add(std::string& out, uint32_t code, const Operation& operation) {
  const uint16_t head[2] = {static_cast<uint16_t>(code), sizeof operation};
  out.append(reinterpret_cast<const char*>(head), sizeof head);
  out.append(reinterpret_cast<const char*>(&operation), sizeof operation);
}

void set_vtep(uint8_t address[16], uint32_t number) {
  memset(address, 0, 16);
  address[10] = address[11] = 0xff;
  const uint8_t octets[4] = {192, 0, 2, static_cast<uint8_t>(1 + number)};
  memcpy(address + 12, octets, 4);
}

void set_mac(uint8_t mac[6], uint8_t kind, uint32_t number) {
  const uint8_t octets[6] = {2,
                             kind,
                             0,
                             static_cast<uint8_t>(number >> 16),
                             static_cast<uint8_t>(number >> 8),
                             static_cast<uint8_t>(number)};
  memcpy(mac, octets, 6);
}

std::string setup_operations() {
  std::string out;
  NetworkSetOperation network = {};
  network.vni = kVni;
  network.flags = NetworkFlag::suppress;
  network.agingSeconds = 1;
  add(out, OperationCode::networkSet, network);
  return out;
}

std::string attach_operation(uint32_t port) {
  std::string out;
  PortAttachOperation attach = {};
  attach.port = port;
  attach.vni = kVni;
  add(out, OperationCode::portAttach, attach);
  return out;
}

// A few hundred operations of every kind. What fails has a reason; the tables must survive it.
std::string random_operations(Random& random, uint32_t base) {
  std::string out;
  for (unsigned i = 0; i < 400; i++) {
    const uint32_t number = base + random.below(4000);
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2: {
        MacSetRemoteOperation set = {};
        set.vni = kVni;
        set_mac(set.mac, 1, number);
        set_vtep(set.remote, random.below(20));
        if (random.below(4) == 0) set.flags = MacFlag::override;
        add(out, OperationCode::macSetRemote, set);
        break;
      }
      case 3: {
        MacRemoveOperation remove = {};
        remove.vni = kVni;
        remove.flags = MacFlag::remote;
        set_mac(remove.mac, 1, number);
        add(out, OperationCode::macRemove, remove);
        break;
      }
      case 4: {
        NeighbourSetOperation set = {};
        set.vni = kVni;
        set.flags = NeighbourFlag::remote;
        set_mac(set.mac, 1, number);
        set_vtep(set.ip, number & 63);
        add(out, OperationCode::neighbourSet, set);
        break;
      }
      case 5: {
        NeighbourRemoveOperation remove = {};
        remove.vni = kVni;
        remove.flags = NeighbourFlag::remote;
        set_vtep(remove.ip, number & 63);
        add(out, OperationCode::neighbourRemove, remove);
        break;
      }
      case 6: {
        FloodAddOperation flood = {kVni, random.below(4), {}};
        set_vtep(flood.remote, random.below(20));
        if (random.below(2) == 0) {
          add(out, OperationCode::floodAdd, flood);
        } else {
          FloodRemoveOperation remove = {kVni, {}};
          copy(remove.remote, flood.remote, sizeof remove.remote);
          add(out, OperationCode::floodRemove, remove);
        }
        ReplicatorSetOperation replicator = {kVni, {}};
        if (random.below(2) == 0) set_vtep(replicator.remote, random.below(20));
        add(out, OperationCode::replicatorSet, replicator);
        break;
      }
      default: {
        NetworkSetOperation network = {};
        network.vni = kVni + 1 + random.below(40);
        if (random.below(2) == 0) {
          add(out, OperationCode::networkSet, network);
        } else {
          NetworkRemoveOperation remove = {};
          remove.vni = network.vni;
          add(out, OperationCode::networkRemove, remove);
        }
      }
    }
  }
  return out;
}

// Frames that look like Ethernet with something behind it; now and then a broadcast.
std::string random_frames(Random& random, uint32_t port) {
  std::string out(reinterpret_cast<const char*>(&port), sizeof port);
  uint8_t bytes[200];
  for (unsigned i = 0; i < 32; i++) {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
    set_mac(bytes, static_cast<uint8_t>(random.below(2)), random.below(3000));
    if (random.below(8) == 0) memset(bytes, 0xff, 6);
    set_mac(bytes + 6, 0, random.below(3000));
    Frame frame;
    frame.data = bytes;
    frame.length = 14 + random.below(sizeof bytes - 14);
    if (random.below(2) == 0)
      bytes[12] = 8, bytes[13] = random.below(4) == 0 ? 6 : 0, bytes[14] = 0x45;
    if (random.below(3) == 0) {
      frame.meta.flags = kNeedsChecksum;
      frame.meta.checksum_start = static_cast<uint16_t>(random.below(frame.length));
      frame.meta.checksum_offset = static_cast<uint16_t>(random.below(20));
    }
    pack_ring_frame(frame, out);
  }
  return out;
}

// The controller, over and over again: it lets go without a word every now and then, as if it had
// been killed.
void control(const std::string& path, const std::vector<uint32_t>& ports) {
  Random random(1);
  auto client = attach(path, false);
  for (uint32_t round = 0; !g_stop; round++) {
    const Reply reply = ask(*client, "apply", random_operations(random, round / 20 * 500 % 60000));
    if (!reply.ok && reply.text.rfind("operation ", 0) != 0) fail("apply: " + reply.text);
    g_applied++;
    for (const uint32_t port : ports) {
      const std::string payload = random_frames(random, port);
      const Reply sent = ask(*client, "ring-send", payload);
      if (!sent.ok && sent.text.find("the ring is full") == std::string::npos)
        fail("ring-send: " + sent.text);
      g_sent++;
      g_received +=
          must(*client, "ring-receive", {reinterpret_cast<const char*>(&port), sizeof port}).size();
    }
    if (round % 8 == 0) {
      // Its frames may still be on their way when it goes.
      const auto extra = static_cast<uint32_t>(strtoul(
          must(*client, "port-open", "name=extra\nkind=ring\noffloads=no\n").c_str(), nullptr, 10));
      must(*client, "apply", attach_operation(extra));
      must(*client, "ring-send", random_frames(random, extra));
      must(*client, "port-close", std::to_string(extra));
      g_reopened++;
    }
    if (round % 50 == 49) {
      client->request("ping", {}, [](bool, std::string, Descriptor) {});
      client = nullptr;
      client = attach(path, false);
    }
  }
}

void observe(const std::string& path, unsigned number) {
  static const char* const kViews[] = {"port", "network", "remote", "flood", "mac", "neighbour"};
  auto client = attach(path, true);
  SegmentView view;
  std::string error, rows;
  if (!view.attach(client->memory().data(), client->memory().size(), error)) fail(error);
  for (unsigned round = number; !g_stop; round++) {
    if (!view.snapshot(kViews[round % 6], rows, error)) fail(error);
    std::vector<uint64_t> drops;
    std::string ports, uplink, events;
    view.counters(drops, ports, uplink);
    bool lost = false;
    client->drained(view.drain_events(events, lost));
    g_events += events.size() / sizeof(Event);
    g_read++;
    if (round % 64 == 0) must(*client, "ping", {});
  }
}

// Captures that come and go: read a few times, and left without a word.
void capture(const std::string& path, unsigned workers) {
  static const char* const kSpecs[] = {"rate=10000000\n", "points=128\n", "follow=1\nframes=50\n",
                                       "port=1\nsnapLength=60\nrate=5000\n"};
  for (unsigned round = 0; !g_stop; round++) {
    auto client = attach(path, true);
    Reply reply = ask(*client, "capture-start", kSpecs[round % std::size(kSpecs)]);
    if (!reply.ok) fail("capture-start: " + reply.text);
    CaptureMemory memory;
    std::string error;
    if (!memory.attach(std::move(reply.file), workers, error)) fail(error);
    CaptureReader reader(memory);
    for (unsigned i = 0; i < 20 && !g_stop; i++) {
      std::string records;
      if (!reader.read(records, 1 << 20)) fail("a ring of records is damaged");
      g_captured += records.size();
      usleep(1000);
    }
    if (round % 4 == 0) must(*client, "capture-stop", {});
  }
}

int run(unsigned seconds, unsigned workers, const std::string& path) {
  std::string error;
  DataplaneSetup setup;
  setup.workers = workers;
  setup.control_path = path;
  setup.on_shutdown = [] {};
  auto dataplane = Dataplane::start(std::move(setup), error);
  if (dataplane == nullptr) fail(error);
  std::vector<uint32_t> ports;
  {
    auto client = attach(path, false);
    must(*client, "apply", setup_operations());
    for (unsigned i = 0; i < kPorts; i++) {
      const std::string text =
          "name=p" + std::to_string(i) + "\nkind=ring\n" + (i % 2 == 0 ? "offloads=no\n" : "");
      ports.push_back(
          static_cast<uint32_t>(strtoul(must(*client, "port-open", text).c_str(), nullptr, 10)));
      must(*client, "apply", attach_operation(ports.back()));
    }
  }
  std::thread controller([&] { control(path, ports); });
  std::thread first([&] { observe(path, 0); });
  std::thread second([&] { observe(path, 3); });
  std::thread watcher([&] { capture(path, workers); });
  sleep(seconds);
  g_stop = true;
  controller.join();
  first.join();
  second.join();
  watcher.join();
  auto last = attach(path, false);
  must(*last, "shutdown", {});
  last = nullptr;
  dataplane = nullptr;
  const uint64_t counts[] = {g_applied,  g_sent,   g_received, g_read,
                             g_reopened, g_events, g_captured};
  for (const uint64_t count : counts)
    if (count == 0) fail("one of the parts did nothing");
  printf(
      "hammer: %lu batches, %lu bursts, %lu bytes out, %lu readings, %lu ports reopened, %lu "
      "events, %lu bytes captured\n",
      counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6]);
  return 0;
}

}  // namespace
}  // namespace vtep

int main(int count, char** arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: hammer SECONDS WORKERS CONTROL_PATH\n");
    return 2;
  }
  return vtep::run(static_cast<unsigned>(atoi(arguments[1])),
                   static_cast<unsigned>(atoi(arguments[2])), arguments[3]);
}
