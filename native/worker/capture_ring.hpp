// The memory of a capture: a memfd with a ring of records for each worker. The worker writes
// records and publishes them in batches, the other process reads and moves the tail. Neither waits:
// what finds no room is counted.
//
//   0        192         ...   4096                  4096 + kRingBytes
//   | head 0 | head 1 |  ...   | records of worker 0 | records of worker 1 | ...
//
// A record begins at a multiple of 8 and lies in one piece; a filler, whose point is `none`, takes
// up what is left before the ring's end.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "../core/bytes.hpp"
#include "../core/tables.gen.hpp"
#include "../port/descriptor.hpp"

namespace vtep {

// What the worker writes and what the reader writes lie in lines of their own.
struct CaptureRingHead {
  alignas(64) uint64_t head;  // octets published since the beginning
  uint64_t taken;             // records
  uint64_t missed_room;       // frames that were wanted and found no room
  uint64_t missed_rate;       // and those that came faster than the capture may take them
  alignas(64) uint64_t tail;  // octets read
};
static_assert(sizeof(CaptureRingHead) == 128);

class CaptureMemory {
 public:
  static constexpr size_t kRingBytes = 4 << 20;
  static constexpr size_t kHeads = 4096;
  static_assert(kHeads >= Limits::maxWorkers * sizeof(CaptureRingHead));
  static constexpr size_t bytes_needed(unsigned workers) { return kHeads + workers * kRingBytes; }

  CaptureMemory() = default;
  CaptureMemory(const CaptureMemory&) = delete;
  CaptureMemory& operator=(const CaptureMemory&) = delete;
  ~CaptureMemory();

  // Sparse, and of one size for ever: nobody can take it away under a reader or writer.
  bool create(unsigned workers, std::string& error);
  // Maps somebody's; takes the descriptor.
  bool attach(Descriptor file, unsigned workers, std::string& error);

  int descriptor() const { return file_.get(); }
  unsigned workers() const { return workers_; }
  CaptureRingHead& head(unsigned worker) const {
    return reinterpret_cast<CaptureRingHead*>(data_)[worker];
  }
  uint8_t* ring(unsigned worker) const { return data_ + kHeads + worker * kRingBytes; }

 private:
  bool map(std::string& error);

  Descriptor file_;
  uint8_t* data_ = nullptr;
  unsigned workers_ = 0;
};

// The worker's end of its ring.
class CaptureWriter {
 public:
  CaptureWriter(CaptureRingHead& head, uint8_t* ring) : head_(head), ring_(ring) {}

  // A record with room for so many octets behind it, all else zero; stays with the writer until
  // publish(). Null: no room.
  CaptureRecord* begin(uint32_t octets);
  static uint8_t* bytes(CaptureRecord* record) { return reinterpret_cast<uint8_t*>(record + 1); }
  // Readers pass over it.
  static void discard(CaptureRecord* record) { record->point = CapturePoint::none; }
  void publish(uint64_t taken);
  void missed_room() { add(head_.missed_room); }
  void missed_rate() { add(head_.missed_rate); }

 private:
  static void add(uint64_t& counter) { store_relaxed(&counter, load_relaxed(&counter) + 1); }

  CaptureRingHead& head_;
  uint8_t* const ring_;
  uint64_t written_ = 0;  // our own: what the reader could write over is not believed
  uint64_t published_ = 0;
};

// The other end, of all rings.
class CaptureReader {
 public:
  struct Missed {
    uint64_t room = 0, rate = 0;
  };
  explicit CaptureReader(const CaptureMemory& memory) : memory_(memory) {}
  // Appends whole records to `out` until it has `most` octets or more. False: the memory does not
  // hold what it should.
  bool read(std::string& out, size_t most);
  Missed missed() const;

 private:
  const CaptureMemory& memory_;
  unsigned next_ = 0;  // worker to begin with
};

}  // namespace vtep
