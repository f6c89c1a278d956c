// One BFD session in asynchronous mode (RFC 5880): packets and time in, packets and states out. No
// clock, no socket.
#pragma once
#include <stdint.h>

namespace vtep {

constexpr unsigned kBfdPacketBytes = 24;

enum class BfdState : uint8_t { admin_down = 0, down = 1, init = 2, up = 3 };

// RFC 5880 section 4.1, those that we give.
enum class BfdDiagnostic : uint8_t {
  none = 0,
  time_expired = 1,
  neighbor_down = 3,
  admin_down = 7
};

struct BfdSettings {
  uint32_t transmit_us = 0;  // DesiredMinTxInterval while up
  uint32_t receive_us = 0;   // RequiredMinRxInterval
  uint8_t multiplier = 0;
};

class BfdSession {
 public:
  BfdSession(const BfdSettings& settings, uint32_t discriminator, uint64_t now_us);

  BfdState state() const { return state_; }
  BfdDiagnostic diagnostic() const { return diagnostic_; }
  // The peer has been stopped by its operator: its session is over, and nothing has failed (RFC 5882 section 3.2).
  bool is_stopped() const { return remote_state_ == BfdState::admin_down; }
  uint32_t discriminator() const { return discriminator_; }

  // Whether it can be of any session at all, and whose: YourDiscriminator, 0 for "by address".
  static bool parse(const uint8_t* packet, unsigned size, uint32_t& your_discriminator);
  // A packet that `parse` has taken. True when an answer has to leave at once (section 6.8.7).
  bool receive(const uint8_t* packet, uint64_t now_us);
  // What time brings about. True when a packet is due; `random` in [0, 1) shortens the time to the
  // next.
  bool tick(uint64_t now_us, double random);
  // The next moment that `tick` has to see.
  uint64_t deadline_us() const;
  // The packet to send now, `final` as the answer to a poll.
  void write(uint8_t packet[kBfdPacketBytes], bool final) const;
  // Says goodbye: the peer is not to take our silence for a failure.
  void admin_down();

 private:
  void enter(BfdState state, BfdDiagnostic diagnostic);
  uint32_t transmit_interval_us() const;
  uint64_t detection_us() const;

  BfdSettings settings_;
  uint32_t discriminator_;
  BfdState state_ = BfdState::down;
  BfdDiagnostic diagnostic_ = BfdDiagnostic::none;
  bool polling_ = false;
  uint64_t next_transmit_us_;
  uint64_t last_received_us_ = 0;
  // Of the peer, as of its last packet.
  BfdState remote_state_ = BfdState::down;
  uint32_t remote_discriminator_ = 0;
  uint32_t remote_transmit_us_ = 0;
  uint32_t remote_receive_us_ = 1;
  uint8_t remote_multiplier_ = 0;
};

}  // namespace vtep
