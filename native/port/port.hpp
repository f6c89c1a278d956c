// A device that frames come from and go to: one interface for host attachments, with a queue per
// worker. Uplinks: uplink.hpp.
#pragma once
#include <stdint.h>
#include <sys/uio.h>

#include <memory>
#include <string>
#include <vector>

#include "../core/drop.hpp"
#include "../core/frame.hpp"
#include "crossing.hpp"
#include "netlink.hpp"
#include "options.hpp"

namespace vtep {

class Descriptor;
class Ring;

// A frame to send: pieces of memory that together are the bytes, headers first. The pieces belong
// to the caller, as an encapsulated super-frame needs two or three for every segment (kGsoUdp:
// gso_size bytes of UDP payload per segment, the last may be shorter).
struct Gather {
  static constexpr unsigned kMaxPieces = 256;
  const iovec* pieces = nullptr;
  unsigned count = 0;
  uint32_t length = 0;
  Meta meta;
};

// What a device can take as it is; the worker prepares everything else in software before it calls
// send.
struct Abilities {
  bool partial_checksum = false;  // honours kNeedsChecksum
  bool tcp_segmentation = false;  // honours kGsoTcp4/6
  bool udp_segmentation = false;  // honours kGsoUdp
  bool operator==(const Abilities&) const = default;
};

// Sending stops at the first frame that is refused: frames[0..sent) are gone, frames[sent] is lost
// for `reason`, and what is behind it was not tried. send_all() below goes on behind it.
struct SendResult {
  uint32_t sent = 0;
  Drop reason = Drop::none;
};

// Frames that the device lost before receive() could hand them over.
struct Loss {
  Drop reason;
  uint64_t frames;
};

// The fast path's programs for an interface (native/fastpath): what runs on its ingress and, where
// our packet sockets stand in front of that, a filter for one of them, or for several a program
// that chooses among them with the filter behind it; what runs on its egress, where a descriptor of
// ours stands behind that.
struct FastPrograms {
  const Descriptor* forward = nullptr;
  const Descriptor* filter = nullptr;
  const Descriptor* steer = nullptr;
  const Descriptor* passed = nullptr;
  const Descriptor* egress = nullptr;
  CrossingSource* crossings = nullptr;
};

// Where a program goes on an interface.
struct ProgramPlace {
  const Descriptor* program = nullptr;
  uint32_t ifindex = 0, attach_type = 0, flags = 0;
};

class Port {
 public:
  virtual ~Port() = default;
  // Descriptor that is readable (level-triggered) while receive(queue) has work; -1 if the queue
  // only sends. Any thread.
  virtual int wait_descriptor(unsigned queue) const = 0;
  // Worker thread that owns `queue`. Fills up to `max` frames, which stay valid until the next
  // receive on this queue. Call it until it answers 0 before sleeping: that call gives the last
  // frames back to the device.
  virtual unsigned receive(unsigned queue, Frame* frames, unsigned max) = 0;
  // Worker thread that owns `queue`. Sends in order, never blocks; bytes are free to reuse on
  // return.
  virtual SendResult send(unsigned queue, const Gather* frames, unsigned count) = 0;
  // Worker thread that owns `queue`, about once a second: what was lost since the last call. Fills
  // up to `max` rows.
  virtual unsigned take_losses(unsigned queue, Loss* losses, unsigned max) {
    (void)queue, (void)losses, (void)max;
    return 0;
  }
  // Worker thread that owns `queue`: it has more to do than it can (or not any more); flows that
  // can should go to other queues.
  virtual void set_busy(unsigned queue, bool busy) { (void)queue, (void)busy; }
  // Keeper thread, all of the following. The workers get abilities anew within a second of a
  // change; until then send() refuses what the device does not take any more.
  virtual Abilities abilities() const = 0;
  // refresh() reads the device's state again (after a netlink
  // event, and about once a second for devices that live in another network namespace); false when
  // the device has gone for good.
  virtual bool refresh() { return true; }
  virtual bool carrier() const { return true; }
  virtual uint32_t ifindex() const { return 0; }  // in our network namespace, else 0
  virtual uint32_t mtu() const {
    return 0;
  }  // largest payload behind the Ethernet header, 0 = unknown
  virtual const uint8_t* mac() const { return nullptr; }
  virtual uint32_t flags() const { return 0; }  // PortFlag bits
  // What is sent leaves by the kernel's way out of the interface, as that is written in its
  // features (device_features.hpp).
  virtual bool sends_by_interface() const { return false; }
  virtual Ring* ring() { return nullptr; }  // the far side of a `ring` port
  // The programs see every frame from now on, until the port is destroyed or moves to another
  // network namespace. False: not of this port, and `error` says why; nothing has changed then.
  virtual bool join_fast_path(const FastPrograms& programs, std::string& error) {
    (void)programs;
    error = "its frames do not pass the kernel's ingress";
    return false;
  }
  // Where the one program goes that join_fast_path() is about; false: there is more to it. Somebody
  // else may put it there then, aside, and hand over what keeps it there.
  virtual bool fast_path_place(const FastPrograms& programs, ProgramPlace& out) const {
    (void)programs, (void)out;
    return false;
  }
  virtual void keep_fast_path(Descriptor link) { (void)link; }
  // How often the interface has come to be somewhere else, where it is to join again.
  virtual uint32_t moves() const { return 0; }
  // Where the fast path reaches an interface that is in another namespace; null: not at all.
  virtual const CrossingEnds* crossing() const { return nullptr; }
  // The host's own stack is behind it: what is for it comes up in the interface.
  virtual bool faces_host() const { return false; }
  // What the kernel sends there need not be cut though it came by a tunnel, or may be in one.
  virtual bool takes_tunnels() const { return true; }
  // What the kernel says about this link may change what the port answers.
  virtual bool depends_on(const Link& link) const { return link.ifindex == ifindex(); }
  // What spreads the frames that the fast path leaves over the queues; -1 = none.
  virtual int steering_program() const { return -1; }
  // A veth whose other end is in another namespace and has this MAC: the kernel can hand frames for
  // it over there at once.
  virtual bool is_far_end(const uint8_t mac_address[6]) const {
    (void)mac_address;
    return false;
  }
};

struct OpenContext {
  std::string name;  // operator's name of the port
  Options options;
  unsigned queues;             // one per worker
  std::vector<int> cpus = {};  // where each worker lives, -1 for anywhere; may be empty
  // Devices with the same one are served by the same workers, and may share memory from queue to
  // queue of one number; null: with nobody.
  const void* dataplane = nullptr;
};

struct PortKind {
  const char* name;
  const char* summary;
  const OptionInfo* options;
  unsigned option_count;
  // Returns null and one clear sentence in `error`: what, where, expected, got. Leaves nothing
  // behind then.
  std::unique_ptr<Port> (*open)(const OpenContext& context, std::string& error);
};

const std::vector<const PortKind*>& port_kinds();  // from ports.def

// Finds the kind, checks the options against its declaration and opens. The one door for the
// keeper.
std::unique_ptr<Port> open_port(const std::string& kind, const OpenContext& context,
                                std::string& error);

// Sends everything that can be sent. `lost(index, reason)` is called for each frame that was not.
// Device: Port or Uplink.
template <class Device, class Item, class Lost>
uint32_t send_all(Device& device, unsigned queue, const Item* items, uint32_t count, Lost lost) {
  uint32_t done = 0, sent = 0;
  while (done < count) {
    const SendResult result = device.send(queue, items + done, count - done);
    done += result.sent, sent += result.sent;
    if (done == count) break;
    lost(done++, result.reason);
    // A device that is full, down or gone will not take the next frame either.
    if (result.reason == Drop::tx_queue_full || result.reason == Drop::port_down ||
        result.reason == Drop::port_closed)
      while (done < count) lost(done++, result.reason);
  }
  return sent;
}

}  // namespace vtep
