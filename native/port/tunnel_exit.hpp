// Takes the tunnel's mark off TCP that came by a tunnel. A super-frame out of which a program has
// taken the outer headers is still one of a tunnel to the kernel, which cuts it before an interface
// that can not segment tunnels: a virtual machine's tap. No program can change that, only a tunnel
// device does. So such packets take a way round by an annex, where a vxlan device takes all that
// comes to our VTEP address out of the tunnel.
#pragma once
#include <stdint.h>

#include <string>

#include "address.hpp"
#include "annex.hpp"
#include "descriptor.hpp"

namespace vtep {

class TunnelExit {
 public:
  // `inside` runs where packets have come out of the tunnel, and sends them to the annex's far end;
  // `back` where they come up again. IPv4. False with one sentence; then nothing is left behind.
  bool open(const Address& address, uint16_t udp_port, const Descriptor& inside,
            const Descriptor& back, std::string& error);
  void close() { *this = TunnelExit(); }
  const Annex& annex() const { return annex_; }

 private:
  bool make(const Address& address, uint16_t udp_port, const Descriptor& inside,
            const Descriptor& back, std::string& error);

  Annex annex_;
  Descriptor inside_;
};

}  // namespace vtep
