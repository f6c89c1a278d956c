// Takes the tunnel's mark off TCP that came by a tunnel. A super-frame out of which a program has
// taken the outer headers is still one of a tunnel to the kernel, which cuts it before an interface
// that can not segment tunnels: a virtual machine's tap. No program can change that, only a tunnel
// device does. So such packets take a way round: by a veth into a network namespace of our own,
// where a vxlan device takes all that comes to our VTEP address out of the tunnel, and back by the
// veth, from far end to far end without a queue (bpf_redirect_peer).
//
// What is in there ends with this object, also when the process is killed. Our end of the veth is
// seen as vtep-inN; the host's stack has no part in it.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"
#include "descriptor.hpp"

namespace vtep {

class TunnelExit {
 public:
  // `inside` runs where packets have come out of the tunnel, and sends them to far_end(); `back`
  // where they come up again, and drops what is not its own. IPv4. False with one sentence; then
  // nothing is left behind.
  bool open(const Address& address, uint16_t udp_port, const Descriptor& inside,
            const Descriptor& back, std::string& error);
  void close() { *this = TunnelExit(); }
  // Interface numbers: of our end, in our namespace, and of the other one, in the other.
  uint32_t near_end() const { return near_end_; }
  uint32_t far_end() const { return far_end_; }

 private:
  bool make(const Address& address, uint16_t udp_port, const Descriptor& inside,
            const Descriptor& back, std::string& error);

  Descriptor namespace_;
  Descriptor inside_, back_;
  uint32_t near_end_ = 0, far_end_ = 0;
};

}  // namespace vtep
