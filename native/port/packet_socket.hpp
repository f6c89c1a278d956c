// One queue of one interface by AF_PACKET with offload metadata. netdev ports and the raw uplink
// are made of these.
//
// Receiving: a TPACKET_V2 ring of 2 KiB slots, in which the kernel puts ordinary frames, one
// wake-up per frame at once. A frame that does not fit (a super-frame of up to 64 KiB, a jumbo
// frame) is marked TP_STATUS_COPY in its slot and waits whole in the socket's queue; it is fetched
// by recvmsg when its slot has its turn, so order is kept. A ring of 64 KiB slots would take 64 MiB
// for the same number of frames; TPACKET_V3 hands over blocks late and cuts what does not fit.
#pragma once
#include <linux/filter.h>
#include <stdint.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "descriptor.hpp"
#include "port.hpp"
#include "steering.hpp"

namespace vtep {

struct PacketSetup {
  uint32_t ifindex = 0;
  uint32_t slots = 1024;  // a power of two, at least 32
  // EtherType in host order; 0 = all. Sockets for all see a frame in front of tcx programs on
  // ingress, others behind them.
  uint16_t protocol = 0;
  bool promiscuous = false;
  const sock_fprog* filter = nullptr;  // null: every frame
  bool fanout = false;                 // several queues share the interface's frames by flow
  unsigned queue = 0;
  Steering* steering = nullptr;  // says which; null: the kernel's hash. Outlives the socket
  uint32_t mark = 0;             // SO_MARK of what is sent
};

class PacketSocket {
 public:
  PacketSocket() = default;
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  // `fanout_group`: -1 for the first queue, which chooses the group; the others join it. Answers 0
  // or an errno, and what failed.
  int open(const PacketSetup& setup, int& fanout_group, const char*& what);
  int descriptor() const { return socket_.get(); }
  // This program decides from now on what is received, in place of the filter. Answers 0 or an
  // errno.
  int set_program(const Descriptor& program);
  // This program chooses from now on among the sockets of a fanout group that has a steering
  // program. Answers 0 or an errno.
  int set_fanout_program(const Descriptor& program);

  // See Port for the contract of these three. Item: Gather or UplinkGather.
  unsigned receive(Frame* frames, unsigned max);
  template <class Item>
  SendResult send(const Item* items, unsigned count);
  unsigned take_losses(Loss* losses, unsigned max);

 private:
  static constexpr uint32_t kSlotBytes = 2048;
  static constexpr uint32_t kBlockBytes = 65536;
  static constexpr unsigned kLargeFrames = 16;   // whole super-frames in one burst
  static constexpr unsigned kSendMessages = 64;  // in one system call
  static constexpr unsigned kSendPieces = 1024;

  uint8_t* slot(uint32_t number) const { return ring_ + size_t{number} * kSlotBytes; }
  void release();
  void clear_error();
  bool fetch_large(Frame& frame);
  struct Outgoing;

  unsigned read_ring(Frame* frames, unsigned max);

  Descriptor socket_;
  Steering* steering_ = nullptr;
  unsigned queue_ = 0;
  uint8_t* ring_ = nullptr;
  uint32_t slots_ = 0;
  uint32_t head_ = 0;      // next slot to read
  uint32_t released_ = 0;  // first slot that is not given back yet
  std::vector<uint8_t> large_;
  unsigned large_used_ = 0;
  unsigned empty_handed_ = 0;  // receives in a row that found nothing
  uint64_t ring_full_ = 0;
  uint64_t truncated_ = 0;
  std::vector<uint8_t> outgoing_;  // scratch of send
};

}  // namespace vtep
