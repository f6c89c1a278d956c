// One receive queue of one interface by AF_XDP, with the transmit queue of the same number. Plain
// system calls on memory-mapped rings.
#pragma once
#include <stdint.h>

#include <atomic>
#include <memory>
#include <vector>

#include "descriptor.hpp"
#include "port.hpp"
#include "xdp_memory.hpp"

namespace vtep {

struct XdpSocketSetup {
  uint32_t ifindex = 0;
  uint32_t queue = 0;
  uint32_t chunks = 2048;           // that it receives into; a power of two
  bool zero_copy = false;           // ask for it; fails where the driver has none
  bool busy_poll = false;           // the worker drives the driver's receive queue
  const void* dataplane = nullptr;  // whose sockets share memory
  unsigned worker = 0;
};

class XdpSocket {
 public:
  XdpSocket() = default;
  ~XdpSocket();
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;

  // 0 or an errno, and what failed. Waits up to two seconds for a queue that was in use until now.
  int open(const XdpSocketSetup& setup, std::string& what);
  int descriptor() const { return socket_.get(); }
  bool zero_copy() const { return zero_copy_; }

  // The worker that owns the queue. See Port for the contract.
  unsigned receive(Frame* frames, unsigned max);
  // Any worker. Checksums are finished here. Item: Gather or UplinkGather, without gso_type.
  //
  // A frame whose bytes lie in the memory of this socket, and in front of which there is room for
  // the header (one piece, or header and frame), is sent where it is. Others are copied.
  template <class Item>
  SendResult send(const Item* items, unsigned count);
  unsigned take_losses(Loss* losses, unsigned max);

  // Keeper thread: what is longer, behind the Ethernet header, is refused.
  void set_mtu(uint32_t mtu) { mtu_.store(mtu, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kTransmit = 2048;  // ring sizes: powers of two
  static constexpr unsigned kLargeFrames = 16;

  // Single producer, single consumer; one end is the kernel.
  struct Ring {
    uint32_t* producer = nullptr;
    uint32_t* consumer = nullptr;
    const uint32_t* flags = nullptr;
    void* entries = nullptr;
    void* memory = nullptr;
    size_t bytes = 0;
    uint32_t size = 0;
    ~Ring();
    uint32_t produced() const { return __atomic_load_n(producer, __ATOMIC_ACQUIRE); }
    uint32_t consumed() const { return __atomic_load_n(consumer, __ATOMIC_ACQUIRE); }
  };
  struct Parts;

  int register_memory(std::string& what);
  int map_rings(std::string& what);
  int bind_socket(const XdpSocketSetup& setup, std::string& what);
  void set_busy_poll();
  void give_back();
  void refill();
  void reclaim();
  bool collect(Frame& frame, uint32_t& at, uint32_t end);
  template <class Item>
  bool send_in_place(const Item& item);
  template <class Item>
  Drop send_copy(const Item& item);
  void put_transmit(uint64_t address, uint32_t length, bool more);
  bool is_too_long(const Gather& item) const;
  int kick();
  uint32_t take_back(uint32_t limit);
  void clear_error();

  std::shared_ptr<XdpMemory> memory_;
  Descriptor socket_;
  uint8_t number_ = 0;  // in the memory
  bool zero_copy_ = false;
  bool busy_poll_ = false;
  uint32_t chunks_ = 0;
  Ring fill_, completion_, receive_, transmit_;
  uint32_t filled_ = 0;     // producer of fill_
  uint32_t submitted_ = 0;  // producer of transmit_
  std::vector<uint32_t> lent_;
  std::vector<uint8_t> large_;  // frames of several chunks, put together; made when first needed
  unsigned large_used_ = 0;
  unsigned empty_handed_ = 0;
  std::atomic<uint32_t> mtu_{1500};
  std::atomic<uint64_t> refused_{0};
  uint64_t truncated_ = 0;
  struct Told {
    uint64_t dropped, ring_full, fill_empty, invalid;
  } told_ = {};
};

}  // namespace vtep
