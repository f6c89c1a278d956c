// The underlay side: like a port, but what is sent has a destination VTEP, and what is received is
// an encapsulated frame.
#pragma once
#include <stdint.h>
#include <sys/uio.h>

#include <memory>
#include <string>
#include <vector>

#include "../core/frame.hpp"
#include "address.hpp"
#include "options.hpp"
#include "port.hpp"

namespace vtep {

// Where the bytes of a frame begin, in both directions.
enum class UplinkForm : uint8_t {
  vxlan,     // at the VXLAN header; the kernel has the outer headers. Frame.source is the sender
  ethernet,  // at the outer Ethernet header
};

struct UplinkAbilities {
  // kNeedsChecksum is honoured: form ethernet only, anywhere in the frame (the inner checksum while
  // the outer one is zero, or the outer).
  bool partial_checksum = false;
  // Takes a train: datagrams of one size (the last may be shorter) to one VTEP in one send.
  bool trains = false;
  uint32_t max_datagrams = 1;       // in a train
  uint32_t max_train_bytes = 1472;  // sum of the UDP payloads of a train
  // Takes encapsulated super-frames whole, on interfaces where takes_whole() says so. Form ethernet
  // only.
  bool tunnel_segmentation = false;
};

// A datagram to a VTEP, or a train of them: meta.gso_type == kGsoUdp, meta.gso_size is the UDP
// payload of each datagram but the last.
//
// form vxlan: the pieces are VXLAN header and inner frame, and again for each datagram of a train.
// The rest of `meta` is not looked at. form ethernet: pieces[0] begins with the outer headers (all
// of them in this piece). A train has them once, with the lengths of the whole train, and meta has
// kNeedsChecksum, header_length = outer_length, checksum_start = that of the outer UDP header,
// checksum_offset = 6, and the pseudo-header sum of the whole train is in the UDP checksum field.
//
// Or an encapsulated super-frame, with all headers once: inner_network is set, meta is that of the
// inner frame with offsets from pieces[0], the outer UDP checksum is zero over IPv4 and the
// pseudo-header sum of the whole over IPv6. It has at most kMaxWholeBytes.
struct UplinkGather : Gather {
  uint32_t ifindex = 0;      // form ethernet: interface of the next hop; 0 = unresolved: goes out
                             // through the kernel, which resolves it
  uint16_t source_port = 0;  // outer UDP source port, from the inner flow hash; a `udp` uplink maps
                             // it on its pool
  uint16_t outer_length = 0;   // octets in front of the first VXLAN header: 42 or 62 (with a VLAN
                               // tag 46 or 66); 0 in form vxlan
  uint16_t inner_network = 0;  // where the inner IP header begins; 0 = not a whole super-frame
  Address destination;         // VTEP

  // Lengths of IP and UDP are of 16 bits, behind an Ethernet header.
  static constexpr uint32_t kMaxWholeBytes = 14 + 65535;
};

class Uplink {
 public:
  virtual ~Uplink() = default;
  virtual UplinkForm form() const = 0;
  virtual UplinkAbilities abilities() const = 0;
  // As in Port.
  virtual int wait_descriptor(unsigned queue) const = 0;
  // What a frame may be besides a single datagram:
  //
  // A train, meta.gso_type == kGsoUdp: datagrams of gso_size octets one behind the other, VXLAN
  // header first, the last may be shorter. In form ethernet checksum_start is that of the outer UDP
  // header, behind which they begin; in form vxlan kNeedsChecksum is not set.
  //
  // A frame of the kernel's own VXLAN with work left to do, perhaps a super-frame that is
  // encapsulated once: meta is that of the inner frame, kNeedsChecksum set and checksum_start at
  // the inner transport header.
  virtual unsigned receive(unsigned queue, Frame* frames, unsigned max) = 0;
  virtual SendResult send(unsigned queue, const UplinkGather* items, unsigned count) = 0;
  // Worker thread of the queue. Whether encapsulated super-frames go out of this interface whole,
  // now: it may change while the uplink is open. `v4`: over IPv4.
  virtual bool takes_whole(unsigned queue, uint32_t ifindex, bool v4) const {
    (void)queue, (void)ifindex, (void)v4;
    return false;
  }
  virtual unsigned take_losses(unsigned queue, Loss* losses, unsigned max) = 0;
  virtual void set_busy(unsigned queue, bool busy) { (void)queue, (void)busy; }

  // Keeper thread. What is to be known about how it works, for the operator; may be empty.
  virtual std::string text() const { return {}; }
  // Keeper thread. form ethernet: a route leads out of this interface. True if it is in use (now);
  // else `error` says why not.
  virtual bool ensure_interface(uint32_t ifindex, std::string& error) {
    (void)ifindex, (void)error;
    return true;
  }
  // Keeper thread. The same, of either family, to be told to the operator.
  virtual bool offers_whole(uint32_t ifindex) const {
    (void)ifindex;
    return false;
  }
  // Keeper thread: netlink said something about the interface; its offloads may be others now.
  virtual void interface_changed(uint32_t ifindex) { (void)ifindex; }
  // Keeper thread: the interface has gone.
  virtual void forget_interface(uint32_t ifindex) { (void)ifindex; }
  // Keeper thread. As in Port: on all its interfaces, also those that it comes to use later.
  virtual bool join_fast_path(const FastPrograms& programs, std::string& error) {
    (void)programs;
    error = "its packets do not pass packet sockets";
    return false;
  }
};

struct UplinkContext {
  // Packets to all of these are ours.
  std::vector<Address> addresses() const {
    return replicator.is_zero() ? std::vector{address} : std::vector{address, replicator};
  }

  Address address;           // our VTEP address
  Address replicator;        // our AR-IP (RFC 9574), zero = none; of the same family
  uint16_t udp_port = 4789;  // VXLAN
  std::vector<std::string>
      interfaces;  // underlay interfaces by name; empty: those that ensure_interface names
  Options options;
  unsigned queues = 1;              // one per worker
  std::vector<int> cpus = {};       // as in OpenContext
  const void* dataplane = nullptr;  // as in OpenContext
};

struct UplinkKind {
  const char* name;
  const char* summary;
  const OptionInfo* options;
  unsigned option_count;
  std::unique_ptr<Uplink> (*open)(const UplinkContext& context, std::string& error);
};

const std::vector<const UplinkKind*>& uplink_kinds();  // from uplinks.def

// `kind` may be "auto". On success `chosen` is the kind's name and `reason` says in words why it
// was chosen.
std::unique_ptr<Uplink> open_uplink(const std::string& kind, const UplinkContext& context,
                                    std::string& chosen, std::string& reason, std::string& error);

}  // namespace vtep
