// A device that frames come from and go to: one interface for host attachments and for uplinks, with a queue per worker.
#pragma once
#include <stdint.h>
#include <sys/uio.h>

#include <memory>
#include <string>
#include <vector>

#include "../core/drop.hpp"
#include "../core/frame.hpp"

namespace vtep {

// key=value options as the operator gave them, already checked against the kind's declaration.
class Options {
 public:
  static bool parse(const std::string& text, Options& out, std::string& error);
  const std::string* find(const char* key) const;
  std::string text() const;  // canonical form: adoption compares it

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

struct OptionInfo {
  const char* name;
  const char* type;  // "text", "number", "flag", "mac", "list"
  const char* fallback;
  const char* help;
};

// A frame to send: pieces of memory that together are the bytes, headers first. The pieces belong to the caller, as an encapsulated
// super-frame needs two or three for every segment (kGsoUdp: gso_size bytes of UDP payload per segment, the last may be shorter).
struct Gather {
  static constexpr unsigned kMaxPieces = 256;
  const iovec* pieces = nullptr;
  unsigned count = 0;
  uint32_t length = 0;
  Meta meta;
};

// What a device can take as it is; the worker prepares everything else in software before it calls send.
struct Abilities {
  bool partial_checksum = false;  // honours kNeedsChecksum
  bool tcp_segmentation = false;  // honours kGsoTcp4/6
  bool udp_segmentation = false;  // honours kGsoUdp
};

struct SendResult {
  uint32_t sent = 0;
  Drop reason = Drop::none;  // of the frames that were not sent
};

class Port {
 public:
  virtual ~Port() = default;
  // Descriptor that becomes readable when receive(queue) has work; -1 if the queue only sends. Any thread.
  virtual int wait_descriptor(unsigned queue) const = 0;
  // Worker thread that owns `queue`. Fills up to `max` frames, which stay valid until the next receive on this queue.
  virtual unsigned receive(unsigned queue, Frame* frames, unsigned max) = 0;
  // Worker thread that owns `queue`. Sends in order; bytes are free to reuse on return.
  virtual SendResult send(unsigned queue, const Gather* frames, unsigned count) = 0;
  virtual Abilities abilities() const = 0;
  // Keeper thread.
  virtual uint32_t ifindex() const { return 0; }
  virtual uint32_t mtu() const { return 0; }
  virtual const uint8_t* mac() const { return nullptr; }
  virtual uint32_t flags() const { return 0; }  // PortFlag bits
};

struct OpenContext {
  std::string name;   // operator's name of the port
  Options options;
  unsigned queues;    // one per worker
};

struct PortKind {
  const char* name;
  const char* summary;
  const OptionInfo* options;
  unsigned option_count;
  // Returns null and one clear sentence in `error`: what, where, expected, got. Leaves nothing behind then.
  std::unique_ptr<Port> (*open)(const OpenContext& context, std::string& error);
};

const std::vector<PortKind>& port_kinds();  // from ports.def

}  // namespace vtep
