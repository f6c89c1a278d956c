// The stream kind: octets that come in any cut, receivers that are slow, and sides that come and
// go. The contract that all kinds hold is in contract_test.cpp, the socket's file in
// vhost_test.cpp.
#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "stream_side.hpp"

namespace vtep::test {
namespace {

std::string stream_socket() { return "/tmp/vtep-stream-test-" + std::to_string(getpid()); }

std::unique_ptr<Port> open_stream(const std::string& more = "", unsigned queues = 1) {
  return open_or_fail("stream", "s", "socket=" + stream_socket() + "\n" + more, queues);
}

// What a worker does once.
void look(Port& port) {
  Frame none[1];
  CHECK_EQUAL(port.receive(0, none, 1), 0u);
}

void exchange(Port& port, StreamSide& side) {
  for (uint32_t i = 0; i < 60; i++) CHECK(side.inject({numbered_frame(i, 60 + i * 24), {}}));
  const auto received = receive_all(port, 0, 60);
  CHECK_EQUAL(received.size(), size_t{60});
  for (uint32_t i = 0; i < 60; i++) CHECK(received[i].bytes == numbered_frame(i, 60 + i * 24));
  for (uint32_t i = 0; i < 60; i++)
    CHECK_EQUAL(send_one(port, 0, {numbered_frame(i, 60 + i * 24), {}}).sent, 1u);
  const auto taken = side.take(60);
  CHECK_EQUAL(taken.size(), size_t{60});
  for (uint32_t i = 0; i < 60; i++) CHECK(taken[i].bytes == numbered_frame(i, 60 + i * 24));
}

}  // namespace

TEST(stream_octets_come_in_any_cut) {
  std::mt19937 random(1);
  const auto port = open_stream();
  StreamSide side;
  side.connect(stream_socket());
  std::vector<std::vector<uint8_t>> frames;
  std::vector<uint8_t> octets;
  for (uint32_t i = 0; i < 400; i++) {
    const size_t length = i % 50 == 7 ? kMaxFrameBytes - i : i % 50 == 8 ? 0 : 60 + random() % 1500;
    frames.push_back(length == 0 ? std::vector<uint8_t>() : numbered_frame(i, length));
    const auto one = framed(frames.back());
    octets.insert(octets.end(), one.begin(), one.end());
  }
  std::vector<std::vector<uint8_t>> got;
  for (size_t at = 0; at < octets.size();) {
    const size_t most = random() % 3 == 0 ? 5 : random() % 2 == 0 ? 1000 : 90000;
    const size_t end = std::min(octets.size(), at + 1 + random() % most);
    const std::vector<uint8_t> part(octets.begin() + static_cast<long>(at),
                                    octets.begin() + static_cast<long>(end));
    at += side.write(part);
    Frame some[7];
    while (const unsigned count = port->receive(0, some, 7))
      for (unsigned i = 0; i < count; i++)
        got.emplace_back(some[i].data, some[i].data + some[i].length);
    CHECK(!readable(port->wait_descriptor(0), 0));
  }
  CHECK(got == frames, std::to_string(got.size()));
}

// What was taken arrives, though the receiver stood still; what was not is told.
TEST(stream_slow_receiver) {
  const auto port = open_stream();
  StreamSide side;
  side.connect(stream_socket());
  look(*port);
  uint32_t sent = 0, number = 0;
  size_t most = 1;
  std::vector<Bytes> arrived;
  std::vector<uint32_t> taken;
  for (unsigned round = 0; round < 40; round++) {
    // A burst of ever larger frames, until it is full.
    for (bool full = false; !full;) {
      std::vector<std::vector<uint8_t>> frames;
      std::vector<iovec> pieces;
      Gather items[30];
      for (uint32_t i = 0; i < 30; i++)
        frames.push_back(numbered_frame(number + i, 60 + (number + i) * 977 % most));
      for (auto& frame : frames) {
        pieces.push_back({frame.data(), 20});
        pieces.push_back({frame.data() + 20, frame.size() - 20});
      }
      for (uint32_t i = 0; i < 30; i++) {
        items[i].pieces = &pieces[2 * i], items[i].count = 2;
        items[i].length = static_cast<uint32_t>(frames[i].size());
      }
      const SendResult result = port->send(0, items, 30);
      for (uint32_t i = 0; i < result.sent; i++) taken.push_back(number + i);
      number += 30, sent += result.sent;
      full = result.sent < 30;
      if (full) CHECK(result.reason == Drop::tx_queue_full, drop_name(result.reason));
    }
    most = std::min<size_t>(60000, most * 2);
    // It reads again. The end of the last frame comes without another one behind it.
    side.poll(arrived);
    while (arrived.size() < sent) {
      CHECK(readable(port->wait_descriptor(0), 1000), std::to_string(arrived.size()));
      look(*port);
      side.poll(arrived);
    }
    CHECK(!readable(port->wait_descriptor(0), 0));
  }
  CHECK_EQUAL(arrived.size(), taken.size());
  for (size_t i = 0; i < taken.size(); i++)
    CHECK_EQUAL(number_of(arrived[i].bytes.data()), taken[i]);
}

TEST(stream_many_queues_send) {
  constexpr uint32_t kEach = 3000;
  const auto port = open_stream("", 3);
  CHECK_EQUAL(port->wait_descriptor(1), -1);
  StreamSide side;
  side.connect(stream_socket());
  look(*port);
  std::vector<std::thread> workers;
  for (uint32_t queue = 0; queue < 3; queue++)
    workers.emplace_back([&, queue] {
      for (uint32_t i = 0; i < kEach;) {
        const Bytes frame = {numbered_frame(queue * kEach + i, 60 + i % 1400), {}};
        i += send_one(*port, queue, frame).sent;
      }
    });
  std::vector<Bytes> all;
  CHECK(eventually(
      [&] {
        side.poll(all);
        look(*port);
        return all.size() == size_t{3} * kEach;
      },
      20000));
  for (std::thread& worker : workers) worker.join();
  uint32_t next[3] = {};
  for (const Bytes& frame : all) {
    const uint32_t number = number_of(frame.bytes.data());
    CHECK_EQUAL(number % kEach, next[number / kEach]++);
    CHECK(frame.bytes == numbered_frame(number, 60 + number % kEach % 1400));
  }
}

TEST(stream_sides_come_and_go) {
  const auto port = open_stream();
  CHECK(!port->carrier());
  CHECK(send_one(*port, 0, {numbered_frame(0, 60), {}}).reason == Drop::port_down);
  CHECK(!readable(port->wait_descriptor(0), 0));
  for (unsigned round = 0; round < 3; round++) {
    StreamSide side, other;
    side.connect(stream_socket());
    CHECK(readable(port->wait_descriptor(0), 1000));
    look(*port);
    CHECK(port->carrier());
    // One at a time: who comes second has its turn when the first has gone.
    other.connect(stream_socket());
    CHECK(other.inject({numbered_frame(9, 60), {}}));
    exchange(*port, side);
    CHECK(!readable(port->wait_descriptor(0), 0));
    // In the middle of a frame, both ways.
    CHECK_EQUAL(side.write({0, 0, 5, 220, 1, 2, 3}), size_t{7});
    while (send_one(*port, 0, {numbered_frame(0, 60000), {}}).sent == 1) {
    }
    side.close();
    CHECK(readable(port->wait_descriptor(0), 1000));
    look(*port);
    CHECK(!port->carrier());
    const auto got = receive_all(*port, 0, 1);
    CHECK_EQUAL(got.size(), size_t{1});
    CHECK(got[0].bytes == numbered_frame(9, 60));
    exchange(*port, other);
    other.close();
    look(*port);
    CHECK(send_one(*port, 0, {numbered_frame(0, 60), {}}).reason == Drop::port_down);
  }
}

TEST(stream_client_calls_again) {
  const std::string path = stream_socket();
  const auto port = open_stream("mode=client\n");
  CHECK(readable(port->wait_descriptor(0), 100));
  look(*port);
  CHECK(!port->carrier());
  for (unsigned round = 0; round < 2; round++) {
    const Descriptor listener = listen_at(path);
    for (unsigned call = 0; call < 2; call++) {
      CHECK(readable(port->wait_descriptor(0), 1500));
      look(*port);
      CHECK(port->carrier());
      StreamSide side;
      side.accept(listener.get());
      exchange(*port, side);
      side.close();
      CHECK(readable(port->wait_descriptor(0), 1000));
      look(*port);
      CHECK(!port->carrier());
    }
    unlink(path.c_str());
  }
}

TEST(stream_that_breaks_the_rules_ends) {
  const auto port = open_stream();
  for (const uint32_t length : {kMaxFrameBytes + 1, 0xffffffffu}) {
    StreamSide side;
    side.connect(stream_socket());
    CHECK(side.inject({numbered_frame(1, 60), {}}));
    (void)side.write({static_cast<uint8_t>(length >> 24), static_cast<uint8_t>(length >> 16),
                      static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length), 1, 2, 3});
    const auto got = receive_all(*port, 0, 1);
    CHECK(got.size() == 1 && got[0].bytes == numbered_frame(1, 60));
    look(*port);
    CHECK(side.is_over());
    CHECK(!port->carrier());
    StreamSide next;
    next.connect(stream_socket());
    look(*port);
    exchange(*port, next);
    next.close();
    look(*port);
  }
}

TEST(stream_options) {
  const std::string path = stream_socket();
  const auto port = open_stream();
  CHECK(has(open_error("stream", "t", "socket=" + path), "another program listens there"));
  CHECK(has(open_error("stream", "t"), "stream t: option socket: expected an absolute path"));
}

}  // namespace vtep::test
