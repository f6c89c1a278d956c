// BFD sessions with their sockets on a thread of its own (RFC 5881 one hop, RFC 5883 several): no
// garbage collector and no busy event loop stands between a timer and its packet.
#pragma once
#include <stdint.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "address.hpp"
#include "bfd_session.hpp"
#include "descriptor.hpp"

namespace vtep {

struct BfdPath {
  Address local;
  Address remote;
  std::string ifname;  // of link-local addresses
  bool multihop = false;
};

class BfdEngine {
 public:
  // Called on the engine's thread.
  using OnState = std::function<void(const std::string& id, BfdState, BfdDiagnostic)>;

  // Null and errno's number when the thread can not be.
  static std::unique_ptr<BfdEngine> start(OnState on_state, int& error);
  ~BfdEngine();

  // A new session in the place of one of that id. 0 or errno: EADDRINUSE when another program has
  // BFD's port.
  int add(const std::string& id, const BfdPath& path, const BfdSettings& settings);
  // With a word to the peer, which is not to take it for a failure.
  void remove(const std::string& id);

 private:
  struct Session {
    std::string id;
    BfdPath path;
    BfdSession machine;
    Descriptor socket;
    uint32_t scope = 0;
  };
  struct Listener {
    Descriptor socket;
    bool multihop = false;
  };

  BfdEngine(OnState on_state, Descriptor wake);
  void run();
  int listen(int family, bool multihop);
  void receive(Listener& listener);
  Session* find(uint32_t your_discriminator, const Address& from, uint32_t scope, bool multihop);
  void send(Session& session, bool final);
  void tell(Session& session, BfdState before);

  const OnState on_state_;
  const Descriptor wake_;
  std::mutex mutex_;  // sessions, listeners, random
  std::map<uint32_t, Session> sessions_;
  std::map<std::pair<int, bool>, Listener> listeners_;
  std::mt19937 random_{std::random_device{}()};
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace vtep
