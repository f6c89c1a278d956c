// vhost-user against a front-end of our own: every form of ring, coming and going. The contract
// that all kinds hold is in contract_test.cpp, those that mean harm in vhost_harm_test.cpp.
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "vhost_front_end.hpp"

namespace vtep::test {

using namespace vhost;

TEST(vhost_rings_of_every_form) {
  const auto port = open_vhost_server();
  for (const uint64_t packed : {uint64_t{0}, kRingPacked})
    for (const uint64_t events : {uint64_t{0}, kEventIndex})
      for (const unsigned pieces : {1u, 3u})
        for (const bool indirect : {false, true})
          for (const uint64_t without : {uint64_t{0}, kMergeableBuffers, kVersion1, kGuestChecksum,
                                         kMergeableBuffers | kVersion1}) {
            FrontEndSetup setup;
            setup.features = (setup.features & ~(without | kEventIndex)) | packed | events;
            if (without & kGuestChecksum) setup.features &= ~(kGuestTso4 | kGuestTso6);
            if (without & kMergeableBuffers) setup.receive_bytes = 68 * 1024;
            setup.pieces = pieces;
            setup.indirect = indirect;
            setup.slots = indirect;
            setup.protocol_features = indirect || pieces == 1;
            FrontEnd guest(setup);
            guest.open(vhost_socket());
            CHECK(port->carrier());
            const Abilities abilities = port->abilities();
            CHECK_EQUAL(abilities.partial_checksum, (without & kGuestChecksum) == 0);
            CHECK_EQUAL(abilities.tcp_segmentation, abilities.partial_checksum);
            // More than once around.
            exchange(*port, guest, without == 0 ? 12 : 2);
            guest.disconnect();
            CHECK(eventually([&] { return !port->carrier(); }));
          }
}

TEST(vhost_what_was_not_negotiated_is_refused) {
  const auto port = open_vhost_server();
  FrontEndSetup setup;
  setup.features = kVersion1;
  FrontEnd guest(setup);
  guest.open(vhost_socket());
  CHECK(send_one(*port, 0, tcp_frame(100, 0)).reason == Drop::bad_metadata);
  CHECK(send_one(*port, 0, tcp_frame(5000, 1000)).reason == Drop::gso_unsupported);
  // Not mergeable: a frame that exceeds one buffer.
  CHECK(send_one(*port, 0, {numbered_frame(0, 3000), {}}).reason == Drop::exceeds_mtu);
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(7, 2000), {}}).sent, 1u);
  CHECK_EQUAL(number_of(guest.take().at(0).bytes.data()), 7u);
}

// Without a front-end there is nobody to send to; when the ring is full, that is said.
TEST(vhost_carrier_and_full_rings) {
  const auto port = open_vhost_server();
  CHECK(!port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(0, 60), {}}).reason == Drop::port_down);
  FrontEnd guest{FrontEndSetup()};
  guest.open(vhost_socket());
  unsigned sent = 0;
  SendResult last;
  for (; sent < 5000; sent++) {
    last = send_one(*port, 0, {numbered_frame(sent, 60), {}});
    if (last.sent == 0) break;
  }
  CHECK_EQUAL(sent, unsigned{FrontEnd::kReceiveSlots});
  CHECK(last.reason == Drop::tx_queue_full);
  CHECK_EQUAL(guest.take().size(), size_t{FrontEnd::kReceiveSlots});
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(0, 60), {}}).sent, 1u);
  // A ring that the guest has switched off takes nothing.
  const VringState off = {0, 0}, on = {0, 1};
  CHECK_EQUAL(guest.acknowledged(kSetVringEnable, &off, 8), uint64_t{0});
  CHECK(!port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(0, 60), {}}).reason == Drop::port_down);
  CHECK_EQUAL(guest.acknowledged(kSetVringEnable, &on, 8), uint64_t{0});
  CHECK_EQUAL(send_one(*port, 0, {numbered_frame(0, 60), {}}).sent, 1u);
}

// What frames are there at GET_VRING_BASE is not lost: the ring goes on where it was.
TEST(vhost_rings_stop_and_go_on) {
  for (const uint64_t packed : {uint64_t{0}, kRingPacked}) {
    const auto port = open_vhost_server();
    FrontEndSetup setup;
    setup.features |= packed;
    FrontEnd guest(setup);
    guest.open(vhost_socket());
    exchange(*port, guest, 1);
    const VringState one = {1, 0};
    const uint64_t answer = guest.ask(kGetVringBase, &one, 8);
    const auto base = static_cast<uint32_t>(answer >> 32);
    // Whole rounds of 62 frames; what is taken is used.
    CHECK_EQUAL(base, packed != 0 ? 0x80008000u + 62 * 0x10001u : 62u);
    CHECK(!port->carrier());
    CHECK(guest.inject({numbered_frame(1234, 60), {}}));
    CHECK_EQUAL(receive_all(*port, 0, 1, 50).size(), size_t{0});
    const VringState again = {1, base};
    CHECK_EQUAL(guest.acknowledged(kSetVringBase, &again, 8), uint64_t{0});
    const Descriptor kick(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const uint64_t index = 1;
    CHECK_EQUAL(guest.acknowledged(kSetVringKick, &index, 8, {kick.get()}), uint64_t{0});
    const auto got = receive_all(*port, 0, 1);
    CHECK_EQUAL(got.size(), size_t{1});
    CHECK_EQUAL(number_of(got[0].bytes.data()), 1234u);
  }
}

// Neither side tells the other for each frame.
TEST(vhost_notifications_are_suppressed) {
  for (const uint64_t packed : {uint64_t{0}, kRingPacked}) {
    for (const uint64_t events : {uint64_t{0}, kEventIndex}) {
      const auto port = open_vhost_server();
      FrontEndSetup setup;
      setup.features = (setup.features & ~kEventIndex) | packed | events;
      FrontEnd guest(setup);
      guest.open(vhost_socket());
      Frame frames[64];
      CHECK_EQUAL(port->receive(0, frames, 64), 0u);
      // The first wakes us; while we are busy nothing more is told.
      guest.kicks = 0;
      CHECK(guest.inject({numbered_frame(0, 60), {}}));
      CHECK_EQUAL(guest.kicks, 1u);
      CHECK(readable(port->wait_descriptor(0), 1000));
      CHECK_EQUAL(port->receive(0, frames, 64), 1u);
      for (uint32_t i = 0; i < 100; i++) CHECK(guest.inject({numbered_frame(i, 60), {}}));
      CHECK_EQUAL(guest.kicks, 1u);
      CHECK_EQUAL(receive_all(*port, 0, 100).size(), size_t{100});
      CHECK_EQUAL(port->receive(0, frames, 64), 0u);
      CHECK(!readable(port->wait_descriptor(0), 0));
      CHECK(guest.inject({numbered_frame(0, 60), {}}));
      CHECK_EQUAL(guest.kicks, 2u);

      // One call for a batch; none when the driver looks by itself.
      eventfd_t calls = 0;
      (void)eventfd_read(guest.call_descriptor(0), &calls);
      std::vector<uint8_t> bytes = numbered_frame(0, 60);
      const iovec piece = {bytes.data(), bytes.size()};
      std::vector<Gather> batch(32);
      for (Gather& each : batch) each.pieces = &piece, each.count = 1, each.length = 60;
      guest.ring(0).ask_for_calls(true);
      CHECK_EQUAL(port->send(0, batch.data(), 32).sent, 32u);
      CHECK_EQUAL(eventfd_read(guest.call_descriptor(0), &calls), 0);
      CHECK_EQUAL(calls, eventfd_t{1});
      guest.ring(0).ask_for_calls(false);
      for (unsigned i = 0; i < 10; i++) CHECK_EQUAL(port->send(0, batch.data(), 32).sent, 32u);
      CHECK(eventfd_read(guest.call_descriptor(0), &calls) != 0);
      CHECK_EQUAL(guest.take().size(), size_t{352});
    }
  }
}

TEST(vhost_pairs_are_spread_over_queues) {
  for (const unsigned queues : {1u, 2u, 3u}) {
    for (const unsigned pairs : {1u, 2u, 4u}) {
      const auto port = open_vhost_server(queues);
      FrontEndSetup setup;
      setup.pairs = pairs;
      FrontEnd guest(setup);
      guest.open(vhost_socket());
      for (unsigned pair = 0; pair < pairs; pair++) {
        CHECK(guest.inject({numbered_frame(pair, 60), {}}, pair));
        CHECK(readable(port->wait_descriptor(pair % queues), 1000));
        const auto got = receive_all(*port, pair % queues, 1);
        CHECK_EQUAL(got.size(), size_t{1});
        CHECK_EQUAL(number_of(got[0].bytes.data()), pair);
      }
      // Every worker reaches the guest, each by a pair of its own if there is one.
      for (unsigned queue = 0; queue < queues; queue++) {
        CHECK_EQUAL(send_one(*port, queue, {numbered_frame(queue, 60), {}}).sent, 1u);
        const auto got = guest.take(queue % pairs);
        CHECK_EQUAL(got.size(), size_t{1});
        CHECK_EQUAL(number_of(got[0].bytes.data()), queue);
      }
      guest.disconnect();
    }
  }
}

// Workers move frames while front-ends come and go, change their memory, and are thrown out.
TEST(vhost_front_ends_come_and_go_under_traffic) {
  const auto port = open_vhost_server(2);
  std::atomic<bool> done = false;
  std::vector<std::thread> workers;
  for (unsigned queue = 0; queue < 2; queue++)
    workers.emplace_back([&, queue] {
      Frame frames[64];
      const Bytes frame = tcp_frame(20000, 1460);
      while (!done) {
        const unsigned got = port->receive(queue, frames, 64);
        // What is read of a memory that is gone is zeros.
        for (unsigned i = 0; i < got; i++) CHECK(frames[i].data[0] == 2 || frames[i].data[0] == 0);
        (void)send_one(*port, queue, frame);
        if (got == 0) readable(port->wait_descriptor(queue), 1);
      }
    });
  for (unsigned round = 0; round < 60; round++) {
    FrontEndSetup setup;
    setup.pairs = 1 + round % 3;
    setup.features |= round % 2 != 0 ? kRingPacked : 0;
    FrontEnd guest(setup);
    guest.open(vhost_socket());
    unsigned taken = 0;
    CHECK(eventually([&] {
      for (unsigned pair = 0; pair < setup.pairs; pair++) {
        (void)guest.inject({numbered_frame(round, 700), {}}, pair);
        for (const Bytes& frame : guest.take(pair)) {
          CHECK_EQUAL(frame.bytes.size(), size_t{20054});
          taken++;
        }
      }
      return taken > 10;
    }));
    // Some end in the middle: the memory is gone while rings run.
    if (round % 4 == 3) CHECK(ftruncate(guest.memory_descriptor(), 0) == 0);
  }
  done = true;
  for (std::thread& worker : workers) worker.join();
}

TEST(vhost_client_waits_for_the_server) {
  const std::string path = vhost_socket();
  const auto port = open_or_fail("vhost-user", "v", "socket=" + path + "\nmode=client");
  const Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  CHECK(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(listen(listener.get(), 1) == 0);
  for (unsigned round = 0; round < 2; round++) {
    CHECK(readable(listener.get(), 3000));
    FrontEnd guest{FrontEndSetup()};
    guest.accept(listener.get());
    guest.negotiate();
    guest.start();
    exchange(*port, guest, 1);
  }
  unlink(path.c_str());
}

TEST(vhost_socket_file) {
  const std::string path = vhost_socket(), option = "socket=" + path;
  {
    const auto port = open_or_fail("vhost-user", "v", option + "\npermissions=0600\nowner=nobody");
    struct stat status;
    CHECK(stat(path.c_str(), &status) == 0);
    CHECK_EQUAL(status.st_mode & 0777u, 0600u);
    CHECK(status.st_uid != 0);
    CHECK(has(open_error("vhost-user", "w", option), "another program listens there"));
  }
  CHECK(access(path.c_str(), F_OK) != 0);
  {
    // What a crash leaves.
    const Descriptor dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    CHECK(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  CHECK(access(path.c_str(), F_OK) == 0);
  (void)open_or_fail("vhost-user", "v", option);
  CHECK(access(path.c_str(), F_OK) != 0);
  run("echo precious > " + path);
  CHECK(has(open_error("vhost-user", "v", option), "expected no file or an old socket"));
  CHECK(has(output_of("cat " + path), "precious"));
  unlink(path.c_str());
  CHECK(has(open_error("vhost-user", "v"), "expected an absolute path, got \"\""));
  CHECK(has(open_error("vhost-user", "v", option + "\nmode=both"), "expected server or client"));
  CHECK(has(open_error("vhost-user", "v", option + "\npermissions=0999"), "octal"));
  CHECK(has(open_error("vhost-user", "v", option + "\nowner=no.such.user"), "no.such.user"));
  CHECK(has(open_error("vhost-user", "v", option + "\nmode=client\nowner=root"), "only with mode"));
}

}  // namespace vtep::test
