// What is at the other end of the wire of a port: one for every kind in ports.def. The contract test
// and the checksum matrix (worker/test) go through all of them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../packet_socket.hpp"
#include "../ring.hpp"
#include "support.hpp"

namespace vtep::test {

class FarSide {
 public:
  virtual ~FarSide() = default;
  virtual bool inject(const Bytes& frame) = 0;
  // Appends what has come since the last call; does not wait. The kernel's own chatter (neighbour
  // discovery) is left out: frames of tests go to addresses that begin with 02.
  virtual void poll(std::vector<Bytes>& all) = 0;
  // Waits for so many, some seconds at most.
  std::vector<Bytes> take(size_t count);
};

// The other end of a veth, or a tap's interface: its kernel side by AF_PACKET.
class InterfaceSide : public FarSide {
 public:
  // `everything`: also frames to other addresses.
  explicit InterfaceSide(const std::string& name, bool everything = false);
  bool inject(const Bytes& frame) override;
  void poll(std::vector<Bytes>& all) override;

 private:
  bool everything_;
  PacketSocket socket_;
};

// What is asked of open_port for a far side to be there.
struct PortWish {
  std::string name;
  std::string options;  // key=value lines
};

struct FarKind {
  const char* kind;     // of ports.def
  const char* variant;  // what sets it apart from others of the kind, for people; may be empty
  // Whether offload metadata goes along, in and out: a capture file has none.
  bool carries_metadata;
  // Makes what has to be there before the port is opened. `number` sets several of them apart.
  PortWish (*prepare)(const std::string& number);
  // The port is open; `ring` is that of ring ports.
  std::unique_ptr<FarSide> (*attach)(const std::string& number, Ring* ring);
};

// In the order of ports.def, the plain variant of each kind first. Fails and names the kind that has
// no far side.
const std::vector<FarKind>& far_kinds();

}  // namespace vtep::test
