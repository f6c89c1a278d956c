// The Linux bridge that a port's interface is in.
#pragma once
#include <string>

#include "netlink.hpp"

namespace vtep {

// A bridge that was not there is made. It goes with this object, together with the port's
// interface, unless somebody else has put one into it by then. The keeper's thread.
class BridgeMember {
 public:
  BridgeMember() = default;
  ~BridgeMember();
  BridgeMember(const BridgeMember&) = delete;
  BridgeMember& operator=(const BridgeMember&) = delete;

  // The host's own stack says nothing on either of them: IPv6 is off there. False with one
  // sentence.
  bool join(Netlink& netlink, const std::string& bridge, const Link& member, std::string& error);

 private:
  uint32_t made_ = 0;    // ifindex of the bridge that we made
  uint32_t member_ = 0;  // ours
};

}  // namespace vtep
