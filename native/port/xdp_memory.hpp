// The memory (umem) of AF_XDP sockets: chunks of 2 KiB that hold a frame each. The sockets of one
// worker share one, so that a frame goes from one to another without being copied.
//
// A chunk is at most with one socket that receives (waiting for a frame, or lent out with one) and
// one that sends; it is free when it is with none.
#pragma once
#include <stdint.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace vtep {

class XdpMemory {
 public:
  static constexpr uint32_t kChunkBytes = 2048;
  // In front of a received frame; the kernel's XDP_PACKET_HEADROOM.
  static constexpr uint32_t kHeadroom = 256;
  static constexpr uint32_t kChunks = 8192;  // 16 MiB
  static constexpr uint32_t kNone = UINT32_MAX;

  // Memory with room for a socket that receives into `chunks` of them: that of the worker, or new.
  // `dataplane` null: new, and nobody else's. Keeper thread.
  static std::shared_ptr<XdpMemory> find(const void* dataplane, unsigned worker, uint32_t chunks,
                                         std::string& error);
  ~XdpMemory();
  XdpMemory(const XdpMemory&) = delete;
  XdpMemory& operator=(const XdpMemory&) = delete;

  uint8_t* base() const { return base_; }
  static constexpr uint64_t bytes() { return uint64_t{kChunks} * kChunkBytes; }
  bool contains(const void* data) const {
    return static_cast<const uint8_t*>(data) - base_ >= 0 &&
           static_cast<const uint8_t*>(data) - base_ < static_cast<ptrdiff_t>(bytes());
  }
  uint32_t chunk_of(const void* data) const {
    return static_cast<uint32_t>((static_cast<const uint8_t*>(data) - base_) / kChunkBytes);
  }

  // A socket that is bound, for another one to share the memory with; -1: be the first, and
  // register it. Keeper thread.
  int bound_socket() const { return bound_.empty() ? -1 : bound_.back(); }
  // Answers the socket's number here, not 0. Keeper thread, as leave().
  uint8_t join(int bound_socket, uint32_t chunks);
  // After the socket has been closed: what it held is free.
  void leave(uint8_t number, int bound_socket, uint32_t chunks);

  // Everything below under this lock. A worker takes it once for a burst, and nobody else does but
  // while sockets come and go, or when there are more workers than queues.
  std::mutex& lock() { return lock_; }
  uint32_t take() {
    if (free_.empty()) return kNone;
    const uint32_t chunk = free_.back();
    free_.pop_back();
    return chunk;
  }
  void set_receiver(uint32_t chunk, uint8_t number) { chunks_[chunk].receiver = number; }
  void set_sender(uint32_t chunk, uint8_t number) { chunks_[chunk].sender = number; }
  bool is_sent(uint32_t chunk) const { return chunks_[chunk].sender != 0; }
  void end_receive(uint32_t chunk) {
    chunks_[chunk].receiver = 0;
    if (chunks_[chunk].sender == 0) free_.push_back(chunk);
  }
  void end_send(uint32_t chunk) {
    chunks_[chunk].sender = 0;
    if (chunks_[chunk].receiver == 0) free_.push_back(chunk);
  }

 private:
  struct Chunk {
    uint8_t receiver = 0;
    uint8_t sender = 0;
  };
  XdpMemory() = default;
  bool open(std::string& error);

  uint8_t* base_ = nullptr;
  std::mutex lock_;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_;
  std::vector<int> bound_;
  uint32_t promised_ = 0;  // chunks that sockets receive into
  uint8_t last_number_ = 0;
};

}  // namespace vtep
