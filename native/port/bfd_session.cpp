// The packet (RFC 5880 section 4.1):
//
//   | Vers, Diag | Sta P F C A D M | Detect Mult | Length |   1 octet each
//   | My Discriminator | Your Discriminator |                 4 octets each
//   | Desired Min TX | Required Min RX | Required Min Echo RX |   microseconds
#include "bfd_session.hpp"

#include <endian.h>
#include <string.h>

#include <algorithm>

namespace vtep {

namespace {

constexpr uint8_t kVersion = 1 << 5;
constexpr uint8_t kPoll = 0x20;
constexpr uint8_t kFinal = 0x10;
constexpr uint8_t kAuthentication = 0x04;
constexpr uint8_t kMultipoint = 0x01;
// "not less than one second" while the session is not up (section 6.8.3).
constexpr uint32_t kSlowUs = 1000000;
constexpr uint64_t kNever = UINT64_MAX;

uint32_t word(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return be32toh(value);
}

void put(uint8_t* at, uint32_t value) {
  value = htobe32(value);
  memcpy(at, &value, sizeof value);
}

BfdState state_of(const uint8_t* packet) { return static_cast<BfdState>(packet[1] >> 6); }

}  // namespace

BfdSession::BfdSession(const BfdSettings& settings, uint32_t discriminator, uint64_t now_us)
    : settings_(settings), discriminator_(discriminator), next_transmit_us_(now_us) {}

bool BfdSession::parse(const uint8_t* packet, unsigned size, uint32_t& your_discriminator) {
  if (size < kBfdPacketBytes || (packet[0] & 0xe0) != kVersion) return false;
  if (packet[3] < kBfdPacketBytes || packet[3] > size) return false;
  if (packet[2] == 0 || (packet[1] & (kMultipoint | kAuthentication)) != 0) return false;
  if (word(packet + 4) == 0) return false;
  your_discriminator = word(packet + 8);
  const BfdState state = state_of(packet);
  return your_discriminator != 0 || state == BfdState::down || state == BfdState::admin_down;
}

bool BfdSession::receive(const uint8_t* packet, uint64_t now_us) {
  last_received_us_ = now_us;
  remote_state_ = state_of(packet);
  remote_multiplier_ = packet[2];
  remote_discriminator_ = word(packet + 4);
  remote_transmit_us_ = word(packet + 12);
  const uint32_t before = transmit_interval_us();
  remote_receive_us_ = word(packet + 16);
  if ((packet[1] & kFinal) != 0) polling_ = false;
  // The state machine of section 6.8.6.
  if (state_ == BfdState::admin_down) return false;
  if (remote_state_ == BfdState::admin_down) {
    if (state_ != BfdState::down) enter(BfdState::down, BfdDiagnostic::neighbor_down);
  } else if (state_ == BfdState::down) {
    if (remote_state_ == BfdState::down)
      enter(BfdState::init, BfdDiagnostic::none);
    else if (remote_state_ == BfdState::init)
      enter(BfdState::up, BfdDiagnostic::none);
  } else if (state_ == BfdState::init) {
    if (remote_state_ != BfdState::down) enter(BfdState::up, BfdDiagnostic::none);
  } else if (remote_state_ == BfdState::down) {
    enter(BfdState::down, BfdDiagnostic::neighbor_down);
  }
  // Whoever wants more packets than before does not wait for the next of the old ones.
  if (transmit_interval_us() < before)
    next_transmit_us_ = std::min(next_transmit_us_, now_us + transmit_interval_us());
  return (packet[1] & kPoll) != 0;
}

bool BfdSession::tick(uint64_t now_us, double random) {
  const bool is_live = state_ == BfdState::init || state_ == BfdState::up;
  if (is_live && now_us >= last_received_us_ + detection_us()) {
    enter(BfdState::down, BfdDiagnostic::time_expired);
    remote_discriminator_ = 0;
    next_transmit_us_ = now_us;
  }
  if (now_us < next_transmit_us_) return false;
  // "the interval ... MUST be reduced by a random value of 0 to 25%", to 90 % at most of a
  // multiplier of 1 (section 6.8.7).
  const double most = settings_.multiplier == 1 ? 0.9 : 1.0;
  const double share = 0.75 + random * (most - 0.75);
  next_transmit_us_ =
      now_us + static_cast<uint64_t>(static_cast<double>(transmit_interval_us()) * share);
  return remote_receive_us_ != 0;
}

uint64_t BfdSession::deadline_us() const {
  const bool is_live = state_ == BfdState::init || state_ == BfdState::up;
  const uint64_t detect = is_live ? last_received_us_ + detection_us() : kNever;
  return std::min(detect, next_transmit_us_);
}

void BfdSession::write(uint8_t packet[kBfdPacketBytes], bool final) const {
  memset(packet, 0, kBfdPacketBytes);
  packet[0] = static_cast<uint8_t>(kVersion | static_cast<uint8_t>(diagnostic_));
  packet[1] = static_cast<uint8_t>(static_cast<uint8_t>(state_) << 6 |
                                   (final ? kFinal : (polling_ ? kPoll : 0)));
  packet[2] = settings_.multiplier;
  packet[3] = kBfdPacketBytes;
  put(packet + 4, discriminator_);
  put(packet + 8, remote_discriminator_);
  const bool up = state_ == BfdState::up;
  put(packet + 12, up ? settings_.transmit_us : std::max(kSlowUs, settings_.transmit_us));
  put(packet + 16, settings_.receive_us);
}

void BfdSession::admin_down() { enter(BfdState::admin_down, BfdDiagnostic::admin_down); }

void BfdSession::enter(BfdState state, BfdDiagnostic diagnostic) {
  // Another DesiredMinTxInterval from now on: the peer has to confirm it (section 6.8.3).
  if ((state == BfdState::up) != (state_ == BfdState::up)) polling_ = state == BfdState::up;
  state_ = state;
  diagnostic_ = diagnostic;
}

uint32_t BfdSession::transmit_interval_us() const {
  const bool up = state_ == BfdState::up;
  const uint32_t own = up ? settings_.transmit_us : std::max(kSlowUs, settings_.transmit_us);
  return std::max(own, remote_receive_us_);
}

uint64_t BfdSession::detection_us() const {
  const uint64_t interval = std::max(settings_.receive_us, remote_transmit_us_);
  return interval * remote_multiplier_;
}

}  // namespace vtep
