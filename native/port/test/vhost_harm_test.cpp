// vhost-user against front-ends and guests that mean harm, on purpose and at random.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "vhost_front_end.hpp"

namespace vtep::test {

using namespace vhost;

namespace {

struct Harm {
  const char* name;
  bool packed;
  void (*run)(FrontEnd& guest);
};

void patch(uint8_t* at, uint64_t value, size_t size) { memcpy(at, &value, size); }

// A descriptor at the place where the next one is expected, made available.
void plant(FrontEnd& guest, unsigned ring, uint64_t address, uint32_t length, bool writable) {
  const DriverRing::Piece piece = {address, length, writable};
  guest.ring(ring).offer(0, &piece, 1, false);
  guest.kick(ring);
}

const Harm kHarms[] = {
    {"an address outside of the memory", false,
     [](FrontEnd& guest) { plant(guest, 1, 0x1234, 100, false); }},
    {"an address outside of the memory, packed", true,
     [](FrontEnd& guest) { plant(guest, 1, 0x1234, 100, false); }},
    {"a length that runs out of the memory", false,
     [](FrontEnd& guest) { plant(guest, 1, FrontEnd::kGuestBase, UINT32_MAX, false); }},
    {"a descriptor of length 0", true,
     [](FrontEnd& guest) { plant(guest, 1, FrontEnd::kGuestBase, 0, false); }},
    {"an address that wraps around", false,
     [](FrontEnd& guest) { plant(guest, 1, UINT64_MAX - 10, 100, false); }},
    {"a buffer of the wrong direction", true,
     [](FrontEnd& guest) { plant(guest, 1, FrontEnd::kGuestBase, 100, true); }},
    {"an available index that ran away", false,
     [](FrontEnd& guest) {
       patch(guest.ring(1).available() + 2, 40000, 2);
       guest.kick(1);
     }},
    {"a head beyond the ring", false,
     [](FrontEnd& guest) {
       patch(guest.ring(1).available() + 4, 1024, 2);
       patch(guest.ring(1).available() + 2, 1, 2);
       guest.kick(1);
     }},
    {"descriptors in a circle", false,
     [](FrontEnd& guest) {
       for (uint16_t i = 0; i < 2; i++) {
         uint8_t* at = guest.ring(1).descriptors() + 16 * i;
         patch(at, FrontEnd::kGuestBase, 8);
         patch(at + 8, 1, 4);
         patch(at + 12, 1, 2);
         patch(at + 14, 1u - i, 2);
       }
       patch(guest.ring(1).available() + 2, 1, 2);
       guest.kick(1);
     }},
    {"packed descriptors that are all chained", true,
     [](FrontEnd& guest) {
       for (uint16_t i = 0; i < guest.ring(1).size(); i++) {
         uint8_t* at = guest.ring(1).descriptors() + 16 * i;
         patch(at, FrontEnd::kGuestBase, 8);
         patch(at + 8, 1, 4);
         patch(at + 14, 1 | 1 << 7, 2);
       }
       guest.kick(1);
     }},
    {"an indirect table in an indirect table", false,
     [](FrontEnd& guest) {
       uint8_t* table = guest.ring(1).table(0);
       patch(table, FrontEnd::kGuestBase, 8);
       patch(table + 8, 16, 4);
       patch(table + 12, 4, 2);
       uint8_t* at = guest.ring(1).descriptors();
       patch(at, guest.ring(1).guest_address(table), 8);
       patch(at + 8, 16, 4);
       patch(at + 12, 4, 2);
       patch(guest.ring(1).available() + 2, 1, 2);
       guest.kick(1);
     }},
    {"an indirect table of an odd size", true,
     [](FrontEnd& guest) {
       uint8_t* at = guest.ring(1).descriptors();
       patch(at, FrontEnd::kGuestBase, 8);
       patch(at + 8, 17, 4);
       patch(at + 14, 4 | 1 << 7, 2);
       guest.kick(1);
     }},
    {"a memory that shrinks", false,
     [](FrontEnd& guest) {
       CHECK(ftruncate(guest.memory_descriptor(), 4096) == 0);
       guest.kick(1);
     }},
    {"an unknown request", false, [](FrontEnd& guest) { guest.tell(77, nullptr, 0); }},
    {"a body that is too long", false,
     [](FrontEnd& guest) {
       const std::vector<uint8_t> much(100000);
       guest.tell(kSetFeatures, much.data(), static_cast<uint32_t>(much.size()));
     }},
    {"a body that is too short", false,
     [](FrontEnd& guest) { guest.tell(kSetVringAddr, "12345678", 8); }},
    {"features that were not offered", false,
     [](FrontEnd& guest) {
       const uint64_t all = ~uint64_t{0};
       guest.tell(kSetFeatures, &all, 8);
     }},
    {"a queue that does not exist", false,
     [](FrontEnd& guest) {
       const VringState state = {70000, 256};
       guest.tell(kSetVringNum, &state, 8);
     }},
    {"a ring size that is no power of two, while it runs", false,
     [](FrontEnd& guest) {
       const VringState state = {1, 1000};
       guest.tell(kSetVringNum, &state, 8);
     }},
    {"a ring outside of the memory", false,
     [](FrontEnd& guest) {
       VringAddress address = {};
       address.index = 1;
       address.descriptors = reinterpret_cast<uint64_t>(guest.memory()) + guest.memory_bytes() - 64;
       address.available = address.used = address.descriptors;
       guest.tell(kSetVringAddr, &address, 40);
     }},
    {"a ring at an odd address", false,
     [](FrontEnd& guest) {
       VringAddress address = {};
       address.index = 1;
       address.descriptors = reinterpret_cast<uint64_t>(guest.memory()) + 1;
       address.available = address.used = address.descriptors;
       guest.tell(kSetVringAddr, &address, 40);
     }},
    {"more descriptors than there may be", false,
     [](FrontEnd& guest) {
       const uint64_t index = 1;
       guest.tell(kSetVringCall, &index, 8, std::vector<int>(40, guest.memory_descriptor()));
     }},
    {"a call descriptor that is none", false,
     [](FrontEnd& guest) {
       const uint64_t index = 1;
       guest.tell(kSetVringCall, &index, 8, {guest.memory_descriptor()});
     }},
    {"a kick descriptor that can not be waited for", false,
     [](FrontEnd& guest) {
       const uint64_t index = 1;
       guest.tell(kSetVringKick, &index, 8, {guest.memory_descriptor()});
     }},
    {"memory regions that overlap", false,
     [](FrontEnd& guest) {
       Body body = {};
       body.table.count = 2;
       for (RegionBody& region : body.table.regions) region = {0x1000, 0x2000, 0x5000, 0};
       guest.tell(kSetMemTable, &body, 72, {guest.memory_descriptor(), guest.memory_descriptor()});
     }},
    {"a memory region larger than its file", false,
     [](FrontEnd& guest) {
       Body body = {};
       body.table.count = 1;
       body.table.regions[0] = {0, uint64_t{1} << 62, 0, 0};
       guest.tell(kSetMemTable, &body, 40, {guest.memory_descriptor()});
     }},
    {"a memory region of more than the address space can bear", false,
     [](FrontEnd& guest) {
       const Descriptor file(memfd_create("huge", MFD_CLOEXEC));
       CHECK(ftruncate(file.get(), int64_t{1} << 42) == 0);
       Body body = {};
       body.table.count = 1;
       body.table.regions[0] = {0, uint64_t{1} << 42, 0, 0};
       guest.tell(kSetMemTable, &body, 40, {file.get()});
     }},
    {"a memory region that is a device", false,
     [](FrontEnd& guest) {
       const Descriptor zero(open("/dev/zero", O_RDWR | O_CLOEXEC));
       Body body = {};
       body.table.count = 1;
       body.table.regions[0] = {0, 4096, 0, 0};
       guest.tell(kSetMemTable, &body, 40, {zero.get()});
     }},
    {"memory without the rings that run", false,
     [](FrontEnd& guest) {
       Body body = {};
       body.table.count = 1;
       body.table.regions[0] = {FrontEnd::kGuestBase, 4096, 0, 0};
       guest.tell(kSetMemTable, &body, 40, {guest.memory_descriptor()});
     }},
    {"half a message", false,
     [](FrontEnd& guest) {
       const Header header = {kSetFeatures, kVersion, 8};
       (void)!write(guest.descriptor(), &header, sizeof header);
       guest.disconnect();
     }},
};

}  // namespace

// Each loses its connection, with a reason; the next front-end finds everything in order.
TEST(vhost_harm_ends_the_session_alone) {
  const auto port = open_vhost_server();
  for (const Harm& harm : kHarms) {
    FrontEndSetup setup;
    if (harm.packed) setup.features |= kRingPacked;
    FrontEnd guest(setup);
    guest.open(vhost_socket());
    harm.run(guest);
    Frame frames[64];
    CHECK(eventually([&] {
            (void)port->receive(0, frames, 64);
            (void)send_one(*port, 0, {numbered_frame(0, 9000), {}});
            return !port->carrier();
          }),
          harm.name);
    guest.disconnect();
    FrontEnd next{FrontEndSetup()};
    next.open(vhost_socket());
    exchange(*port, next, 1);
  }
}

// A guest that asks for it knows why it was refused, and goes on.
TEST(vhost_refusals_are_acknowledged) {
  const auto port = open_vhost_server();
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  CHECK_EQUAL(guest.acknowledged(77, nullptr, 0), uint64_t{1});
  const uint64_t all = ~uint64_t{0};
  CHECK_EQUAL(guest.acknowledged(kSetFeatures, &all, 8), uint64_t{1});
  exchange(*port, guest, 1);
}

// Lengths that lie, in buffers that are in order otherwise.
TEST(vhost_frames_of_impossible_lengths_are_counted) {
  const auto port = open_vhost_server();
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  plant(guest, 1, FrontEnd::kGuestBase, 5, false);
  plant(guest, 1, FrontEnd::kGuestBase, 12, false);
  plant(guest, 1, FrontEnd::kGuestBase, 100000, false);
  CHECK_EQUAL(receive_all(*port, 0, 1, 50).size(), size_t{0});
  Loss losses[8];
  CHECK_EQUAL(port->take_losses(0, losses, 8), 2u);
  CHECK(losses[0].reason == Drop::rx_truncated && losses[0].frames == 1);
  CHECK(losses[1].reason == Drop::malformed && losses[1].frames == 2);
  CHECK(port->carrier());
}

// Buffers without end that hold no frame: each call comes back, and the others have their turn.
TEST(vhost_empty_buffers_do_not_hold_a_worker) {
  const auto port = open_vhost_server();
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  std::atomic<bool> done = false;
  std::thread driver([&] {
    DriverRing& ring = guest.ring(1);
    const DriverRing::Piece piece = {FrontEnd::kGuestBase, 5, false};
    for (unsigned waiting = 0; !done;) {
      DriverRing::Used used;
      while (ring.take_used(used)) waiting--;
      if (waiting == 1000) continue;
      ring.offer(0, &piece, 1, false);
      waiting++;
    }
  });
  Frame frames[64];
  Loss losses[8];
  uint64_t lost = 0;
  unsigned goes_on = 0;
  const uint64_t end = now_nanoseconds() + 500000000;
  while (now_nanoseconds() < end) {
    CHECK_EQUAL(port->receive(0, frames, 64), 0u);
    if (readable(port->wait_descriptor(0), 0)) goes_on++;
    if (port->take_losses(0, losses, 8) == 1) lost += losses[0].frames;
  }
  done = true;
  driver.join();
  CHECK(lost > 1000, std::to_string(lost));
  CHECK(goes_on > 0, "work was left, and nobody told");
}

// A call descriptor that is full and waits would stop a worker for ever.
TEST(vhost_call_that_waits_is_helped_and_ended) {
  const auto port = open_vhost_server();
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  CHECK(eventfd_write(guest.call_descriptor(0), UINT64_MAX - 1) == 0);
  CHECK(fcntl(guest.call_descriptor(0), F_SETFL, 0) == 0);
  guest.ring(0).ask_for_calls(true);
  const uint64_t before = now_nanoseconds();
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(0, 60), {}}).sent, 1u);
  CHECK(now_nanoseconds() - before < 5000000000);
  CHECK(guest.thrown_out());
}

namespace {

std::mt19937_64 random_numbers(const char* what) {
  const char* given = getenv("VTEP_SEED");
  const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 10) : std::random_device()();
  fprintf(stderr, "%s: VTEP_SEED=%llu\n", what, static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

}  // namespace

// Random requests with random bodies and descriptors, to a port that works.
TEST(vhost_random_messages) {
  auto random = random_numbers("messages");
  const auto port = open_vhost_server(2);
  const uint64_t end = now_nanoseconds() + 3000000000;
  unsigned sessions = 0, messages = 0;
  for (; now_nanoseconds() < end; sessions++) {
    FrontEnd guest{FrontEndSetup()};
    guest.open(vhost_socket());
    const Descriptor event(eventfd(0, EFD_CLOEXEC));
    for (unsigned i = 0; i < 50 && !guest.thrown_out(0); i++, messages++) {
      Body body = {};
      auto* words = reinterpret_cast<uint64_t*>(&body);
      for (unsigned word = 0; word < sizeof body / 8; word++)
        words[word] = random() % 3 == 0 ? random() : random() % 5;
      if (random() % 2 == 0)
        for (RegionBody& region : body.table.regions)
          region = {random() % 8 * 4096, random() % 16 * 1024, random() % 8 * 4096,
                    random() % 8 * 1024};
      const uint32_t sizes[] = {0, 8, 8, 8, 40, 40, 72, static_cast<uint32_t>(random() % 300)};
      const uint32_t size = sizes[random() % 8];
      std::vector<int> descriptors;
      for (uint64_t n = random() % 4; n > 1; n--)
        descriptors.push_back(random() % 2 != 0 ? event.get() : guest.memory_descriptor());
      const auto request = static_cast<uint32_t>(random() % 8 == 0 ? random() : random() % 45);
      guest.tell(request, &body, size <= sizeof body ? size : 8, descriptors,
                 static_cast<uint32_t>(random() % 2 * kNeedReply));
      Frame frames[64];
      (void)port->receive(static_cast<unsigned>(random() % 2), frames, 64);
      (void)send_one(*port, static_cast<unsigned>(random() % 2), {numbered_frame(0, 3000), {}});
    }
  }
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  exchange(*port, guest, 1);
  CHECK(sessions > 10 && messages > 100, std::to_string(sessions));
}

// A guest that scribbles over its rings and buffers while workers look at them.
TEST(vhost_random_rings) {
  auto random = random_numbers("rings");
  const auto port = open_vhost_server();
  std::atomic<bool> done = false;
  std::thread worker([&] {
    Frame frames[64];
    const Bytes frame = tcp_frame(30000, 1460);
    uint64_t sum = 0;
    while (!done) {
      const unsigned got = port->receive(0, frames, 64);
      for (unsigned i = 0; i < got; i++)
        for (uint32_t at = 0; at < frames[i].length; at += 64) sum += frames[i].data[at];
      (void)send_one(*port, 0, frame);
      if (got == 0) readable(port->wait_descriptor(0), 1);
    }
    CHECK(sum != 1);
  });
  const uint64_t end = now_nanoseconds() + 3000000000;
  unsigned sessions = 0;
  for (; now_nanoseconds() < end; sessions++) {
    FrontEndSetup setup;
    setup.features |= random() % 2 != 0 ? kRingPacked : 0;
    if (random() % 2 != 0) setup.features &= ~kEventIndex;
    FrontEnd guest(setup);
    guest.open(vhost_socket());
    const bool gently = random() % 2 != 0;
    for (unsigned i = 0; i < 2000 && !guest.thrown_out(0); i++) {
      const unsigned ring = static_cast<unsigned>(random() % 2);
      uint8_t* parts[] = {guest.ring(ring).descriptors(), guest.ring(ring).available(),
                          guest.ring(ring).table(0)};
      uint8_t* at = parts[random() % 3] + random() % (gently ? 64 : 16384) / 2 * 2;
      // Values that mean something: small numbers, flags, addresses that exist.
      const uint64_t values[] = {random() % 8, uint64_t{1} << random() % 16, random(),
                                 FrontEnd::kGuestBase + random() % guest.memory_bytes(),
                                 0x8080 ^ random() % 8};
      patch(at, values[random() % 5], random() % 4 == 0 ? 8 : 2);
      if (random() % 4 == 0) guest.kick(ring);
    }
  }
  done = true;
  worker.join();
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  exchange(*port, guest, 1);
  CHECK(sessions > 10, std::to_string(sessions));
}

}  // namespace vtep::test
