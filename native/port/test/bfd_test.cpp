// Two BFD sessions on a wire and a clock that exist in memory.
#include <string.h>

#include <random>
#include <vector>

#include "../bfd_session.hpp"
#include "support.hpp"

namespace vtep::test {

namespace {

constexpr uint64_t kMillisecond = 1000;
constexpr uint64_t kDelayUs = 500;

struct Wire {
  struct Flying {
    uint64_t at;
    int to;
    uint8_t packet[kBfdPacketBytes];
  };

  BfdSession sides[2];
  uint64_t now = 0;
  bool cut[2] = {false, false};  // what a side sends is lost
  std::vector<uint64_t> sent[2];
  std::vector<Flying> flying;
  std::mt19937 random{7};

  Wire(const BfdSettings& a, const BfdSettings& b)
      : sides{BfdSession(a, 11, 0), BfdSession(b, 22, 0)} {}

  void send(int from, bool final) {
    Flying flown = {now + kDelayUs, 1 - from, {}};
    sides[from].write(flown.packet, final);
    sent[from].push_back(now);
    if (!cut[from]) flying.push_back(flown);
  }

  // Until `end`, or until `done` holds.
  template <typename Done>
  bool run(uint64_t end, Done done) {
    std::uniform_real_distribution<double> share(0, 1);
    for (; now <= end; now += 100) {
      for (size_t i = 0; i < flying.size(); i++) {
        if (flying[i].at > now) continue;
        const Flying flown = flying[i];
        flying.erase(flying.begin() + static_cast<long>(i--));
        uint32_t yours = 0;
        CHECK(BfdSession::parse(flown.packet, kBfdPacketBytes, yours));
        CHECK(yours == 0 || yours == sides[flown.to].discriminator());
        if (sides[flown.to].receive(flown.packet, now)) send(flown.to, true);
      }
      for (int side = 0; side < 2; side++) {
        if (sides[side].deadline_us() > now) continue;
        if (sides[side].tick(now, share(random))) send(side, false);
      }
      if (done()) return true;
    }
    return false;
  }
  bool run(uint64_t end) {
    return run(end, [] { return false; });
  }
  bool both(BfdState state) const { return sides[0].state() == state && sides[1].state() == state; }
};

const BfdSettings kFast = {50 * kMillisecond, 50 * kMillisecond, 3};
const BfdSettings kSlow = {50 * kMillisecond, 200 * kMillisecond, 5};

uint64_t longest_gap(const std::vector<uint64_t>& times, uint64_t since) {
  uint64_t longest = 0;
  for (size_t i = 1; i < times.size(); i++)
    if (times[i - 1] >= since) longest = std::max(longest, times[i] - times[i - 1]);
  return longest;
}

}  // namespace

TEST(bfd_meets_and_keeps_its_intervals) {
  Wire wire(kFast, kFast);
  CHECK(wire.run(3000 * kMillisecond, [&] { return wire.both(BfdState::up); }));
  const uint64_t up = wire.now;
  wire.run(up + 1000 * kMillisecond);  // polls are over
  const uint64_t since = wire.now;
  wire.run(since + 10000 * kMillisecond);
  CHECK(wire.both(BfdState::up));
  for (const auto& times : wire.sent) {
    size_t count = 0;
    for (const uint64_t time : times) count += time >= since;
    // Every 37.5 to 50 ms.
    CHECK(count >= 195 && count <= 270, std::to_string(count));
    CHECK(longest_gap(times, since) <= 51 * kMillisecond);
  }
}

TEST(bfd_sends_no_more_than_the_peer_wants) {
  Wire wire(kFast, kSlow);
  CHECK(wire.run(3000 * kMillisecond, [&] { return wire.both(BfdState::up); }));
  wire.run(wire.now + 2000 * kMillisecond);
  const uint64_t since = wire.now;
  const size_t before = wire.sent[0].size();
  wire.run(since + 10000 * kMillisecond);
  const size_t count = wire.sent[0].size() - before;
  CHECK(count >= 49 && count <= 68, std::to_string(count));
  CHECK(wire.both(BfdState::up));
}

TEST(bfd_notices_silence_in_time) {
  Wire wire(kFast, kFast);
  CHECK(wire.run(3000 * kMillisecond, [&] { return wire.both(BfdState::up); }));
  wire.run(wire.now + 2000 * kMillisecond);
  wire.cut[0] = true;
  const uint64_t cut = wire.now;
  const auto lost = [&] { return wire.sides[1].state() == BfdState::down; };
  CHECK(wire.run(cut + 1000 * kMillisecond, lost));
  const uint64_t took = wire.now - cut;
  CHECK(took >= 100 * kMillisecond && took <= 151 * kMillisecond, std::to_string(took));
  CHECK(wire.sides[1].diagnostic() == BfdDiagnostic::time_expired);
  const auto told = [&] { return wire.sides[0].state() == BfdState::down; };
  CHECK(wire.run(wire.now + 1500 * kMillisecond, told));
  CHECK(wire.sides[0].diagnostic() == BfdDiagnostic::neighbor_down);
  wire.cut[0] = false;
  CHECK(wire.run(wire.now + 5000 * kMillisecond, [&] { return wire.both(BfdState::up); }));
}

TEST(bfd_that_is_stopped_has_not_failed) {
  Wire wire(kFast, kFast);
  CHECK(wire.run(3000 * kMillisecond, [&] { return wire.both(BfdState::up); }));
  CHECK(!wire.sides[1].is_stopped());
  wire.sides[0].admin_down();
  wire.send(0, false);
  wire.run(wire.now + 10 * kMillisecond);
  CHECK(wire.sides[1].state() == BfdState::down && wire.sides[1].is_stopped());
}

TEST(bfd_takes_no_packet_that_is_none) {
  const BfdSession session(kFast, 11, 0);
  uint8_t good[kBfdPacketBytes];
  session.write(good, false);
  uint32_t yours = 1;
  CHECK(BfdSession::parse(good, sizeof good, yours) && yours == 0);
  const auto spoilt = [&](unsigned at, uint8_t value) {
    uint8_t packet[kBfdPacketBytes];
    memcpy(packet, good, sizeof packet);
    packet[at] = value;
    return BfdSession::parse(packet, sizeof packet, yours);
  };
  CHECK(!BfdSession::parse(good, kBfdPacketBytes - 1, yours));
  CHECK(!spoilt(0, 0));     // version 0
  CHECK(!spoilt(2, 0));     // multiplier 0
  CHECK(!spoilt(3, 23));    // shorter than a packet is
  CHECK(!spoilt(3, 25));    // longer than this one
  CHECK(!spoilt(1, 0x44));  // authentication, which we have none of
  CHECK(!spoilt(1, 0x41));  // multipoint
  CHECK(!spoilt(7, 0));     // no discriminator
  CHECK(!spoilt(1, 0xc0));  // up, and of nobody
  std::mt19937 random(3);
  for (int i = 0; i < 100000; i++) {
    uint8_t packet[64];
    for (uint8_t& octet : packet) octet = static_cast<uint8_t>(random());
    const unsigned size = random() % sizeof packet;
    if (!BfdSession::parse(packet, size, yours)) continue;
    BfdSession any(kFast, 11, 0);
    any.receive(packet, random());
    any.tick(random(), 0.5);
    any.write(packet, true);
  }
}

}  // namespace vtep::test
