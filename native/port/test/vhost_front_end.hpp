// A front-end for tests: what QEMU and the driver in its guest are together, in one process. Real
// socket, memfd, rings and eventfds; split or packed, with the features it is asked to have.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "../vhost_message.hpp"
#include "support.hpp"

namespace vtep::test {

// The driver's side of one virtqueue. `pieces` descriptors for each buffer, or an indirect table of
// so many.
class DriverRing {
 public:
  struct Memory {
    uint8_t* data;     // where we have it
    uint64_t address;  // where the guest has it
  };
  struct Used {
    uint16_t id;
    uint32_t length;
  };
  struct Piece {
    uint64_t address;
    uint32_t length;
    bool writable;
  };
  static constexpr uint64_t kBytes = 256 * 1024;  // of memory, for 1024 descriptors and more

  void open(Memory memory, uint16_t size, uint64_t features);
  void offer(uint16_t id, const Piece* pieces, unsigned count, bool indirect);
  // After offer(): whether the device wants to be told.
  bool wants_kick();
  bool take_used(Used& out);
  // Ask to be called, as a driver does before it waits; or not.
  void ask_for_calls(bool wanted);
  bool has_used() const;

  // User addresses of its parts, and the descriptors themselves, for those who mean harm.
  uint8_t* descriptors() const { return memory_.data; }
  uint8_t* available() const { return memory_.data + 64 * 1024; }
  uint8_t* used() const { return memory_.data + 128 * 1024; }
  uint8_t* table(uint16_t id) const { return memory_.data + 192 * 1024 + 64 * (id % 1024); }
  uint64_t guest_address(const uint8_t* at) const {
    return memory_.address + static_cast<uint64_t>(at - memory_.data);
  }
  uint16_t size() const { return size_; }

 private:
  void put(uint16_t index, const Piece& piece, uint16_t id, uint16_t flags);

  Memory memory_ = {};
  uint16_t size_ = 0;
  bool packed_ = false, event_index_ = false;
  uint16_t next_ = 0, told_ = 0, used_next_ = 0;
  bool wrap_ = true, used_wrap_ = true;
  std::vector<uint16_t> slots_;  // packed: ring slots of each id
  uint16_t split_next_ = 0;      // split: next descriptor, as all buffers take as many
};

struct FrontEndSetup {
  uint64_t features = vhost::kVersion1 | vhost::kMergeableBuffers | vhost::kEventIndex |
                      vhost::kIndirect | vhost::kChecksum | vhost::kGuestChecksum |
                      vhost::kHostTso4 | vhost::kHostTso6 | vhost::kGuestTso4 | vhost::kGuestTso6 |
                      vhost::kMultiQueue;
  unsigned pairs = 1;
  unsigned pieces = 1;  // descriptors of each frame that we send
  bool indirect = false;
  bool protocol_features = true;
  bool slots = false;             // ADD_MEM_REG instead of SET_MEM_TABLE
  uint32_t receive_bytes = 2048;  // of each buffer
};

class FrontEnd {
 public:
  static constexpr uint16_t kSendSlots = 256, kReceiveSlots = 1024;
  static constexpr uint64_t kGuestBase = 0x100000000;
  static constexpr uint64_t kSendRoom = 68 * 1024;

  explicit FrontEnd(const FrontEndSetup& setup) : setup_(setup) {}
  ~FrontEnd() { disconnect(); }
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  void connect(const std::string& path);
  void accept(int listener);  // the back-end is the client
  void negotiate();           // features and memory, no rings
  void start();               // the rings
  void open(const std::string& path) { connect(path), negotiate(), start(); }
  void disconnect();

  // False when the ring is full.
  bool inject(const Bytes& frame, unsigned pair = 0);
  // What has arrived.
  std::vector<Bytes> take(unsigned pair = 0);

  // The words of the protocol.
  void tell(uint32_t request, const void* body, uint32_t size,
            const std::vector<int>& descriptors = {}, uint32_t flags = 0);
  uint64_t ask(uint32_t request, const void* body = nullptr, uint32_t size = 0);
  // tell(), and wait for the acknowledgement: 0 is success.
  uint64_t acknowledged(uint32_t request, const void* body, uint32_t size,
                        const std::vector<int>& descriptors = {});
  bool thrown_out(unsigned milliseconds = 3000);
  int descriptor() const { return socket_.get(); }

  DriverRing& ring(unsigned index) { return queues_[index].ring; }
  void kick(unsigned ring);
  int call_descriptor(unsigned ring) const { return queues_[ring].call.get(); }
  uint8_t* memory() const { return memory_; }
  uint64_t memory_bytes() const { return bytes_; }
  int memory_descriptor() const { return file_.get(); }
  unsigned kicks = 0;

 private:
  struct Queue {
    DriverRing ring;
    Descriptor kick, call;
    uint8_t* buffers = nullptr;
    std::deque<uint16_t> free;
  };
  void make_memory();
  void offer_receive(unsigned pair, uint16_t slot);
  uint32_t header_bytes() const {
    return (setup_.features & (vhost::kVersion1 | vhost::kMergeableBuffers)) != 0 ? 12 : 10;
  }
  uint64_t guest_address(const uint8_t* at) const {
    return kGuestBase + static_cast<uint64_t>(at - memory_);
  }

  FrontEndSetup setup_;
  Descriptor socket_;
  Descriptor file_;
  uint8_t* memory_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<Queue> queues_;
};

// The socket of the process's own port, removed with it.
std::string vhost_socket();
std::unique_ptr<Port> open_vhost_server(unsigned queues = 1);
// Frames of many sizes in both directions, with and without offloads; they have to arrive as they
// were.
void exchange(Port& port, FrontEnd& guest, unsigned rounds);

}  // namespace vtep::test
