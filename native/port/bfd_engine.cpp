#include "bfd_engine.hpp"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include <vector>

#include "socket_options.hpp"

namespace vtep {

namespace {

constexpr uint16_t kSingleHopPort = 3784;  // RFC 5881 section 4
constexpr uint16_t kMultihopPort = 4784;   // RFC 5883 section 5
constexpr int kTtl = 255;
constexpr uint32_t kFirstSourcePort =
    49152;  // RFC 5881 section 4: "in the range 49152 through 65535"
constexpr int kSourcePorts = 65536 - 49152;
constexpr int kPacketsAtOnce = 64;
// Above all that shares the processor by turns; below the kernel's own threads.
constexpr int kPriority = 20;

uint64_t now_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

int open_udp(int family, Descriptor& out) {
  Descriptor made(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return errno;
  int error = 0;
  if (family == AF_INET6) error = set_option(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (error == 0) out = std::move(made);
  return error;
}

// A socket to send with: bound to our address and a port of its own, connected to the peer.
int open_sender(const BfdPath& path, uint32_t scope, std::mt19937& random, Descriptor& out) {
  const int family = path.remote.family();
  Descriptor made;
  int error = open_udp(family, made);
  if (error != 0) return error;
  error = family == AF_INET ? set_option(made.get(), IPPROTO_IP, IP_TTL, kTtl)
                            : set_option(made.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, kTtl);
  if (error != 0) return error;
  sockaddr_storage address;
  for (int attempt = 0;; attempt++) {
    const auto port = static_cast<uint16_t>(kFirstSourcePort + random() % kSourcePorts);
    const socklen_t size = path.local.socket_address(port, scope, address);
    if (bind(made.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) break;
    if (errno != EADDRINUSE || attempt == 100) return errno;
  }
  const uint16_t port = path.multihop ? kMultihopPort : kSingleHopPort;
  const socklen_t size = path.remote.socket_address(port, scope, address);
  if (connect(made.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return errno;
  out = std::move(made);
  return 0;
}

// What came with a packet.
struct Arrival {
  Address from;
  uint32_t scope = 0;
  int ttl = 0;
};

int receive_packet(int descriptor, uint8_t* packet, unsigned room, Arrival& arrival) {
  sockaddr_storage from;
  const int size = receive_with_hops(descriptor, packet, room, from, arrival.ttl);
  if (size < 0) return size;
  if (from.ss_family == AF_INET) {
    arrival.from = Address::from_v4(&reinterpret_cast<sockaddr_in*>(&from)->sin_addr);
  } else {
    const auto* six = reinterpret_cast<sockaddr_in6*>(&from);
    arrival.from = Address::from_v6(&six->sin6_addr);
    arrival.scope = six->sin6_scope_id;
  }
  return size;
}

}  // namespace

std::unique_ptr<BfdEngine> BfdEngine::start(OnState on_state, int& error) {
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    error = errno;
    return nullptr;
  }
  std::unique_ptr<BfdEngine> engine(new BfdEngine(std::move(on_state), std::move(wake)));
  engine->thread_ = std::thread([raw = engine.get()] { raw->run(); });
  const pthread_t thread = engine->thread_.native_handle();
  pthread_setname_np(thread, "vtep-bfd");
  // Without the privilege it takes its turn like everybody else.
  sched_param parameter = {};
  parameter.sched_priority = kPriority;
  pthread_setschedparam(thread, SCHED_RR, &parameter);
  return engine;
}

BfdEngine::BfdEngine(OnState on_state, Descriptor wake)
    : on_state_(std::move(on_state)), wake_(std::move(wake)) {}

BfdEngine::~BfdEngine() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

int BfdEngine::add(const std::string& id, const BfdPath& path, const BfdSettings& settings) {
  remove(id);
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint32_t scope = path.ifname.empty() ? 0 : if_nametoindex(path.ifname.c_str());
  if (!path.ifname.empty() && scope == 0) return errno;
  int error = listen(path.remote.family(), path.multihop);
  if (error != 0) return error;
  Descriptor socket;
  error = open_sender(path, scope, random_, socket);
  if (error != 0) return error;
  uint32_t discriminator = 0;
  while (discriminator == 0 || sessions_.count(discriminator) != 0)
    discriminator = static_cast<uint32_t>(random_());
  sessions_.emplace(discriminator, Session{id, path, BfdSession(settings, discriminator, now_us()),
                                           std::move(socket), scope});
  eventfd_write(wake_.get(), 1);
  return 0;
}

void BfdEngine::remove(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    if (each->second.id != id) continue;
    each->second.machine.admin_down();
    send(each->second, false);
    sessions_.erase(each);
    return;
  }
}

int BfdEngine::listen(int family, bool multihop) {
  const auto key = std::make_pair(family, multihop);
  if (listeners_.count(key) != 0) return 0;
  Descriptor socket;
  int error = open_udp(family, socket);
  if (error == 0)
    error = family == AF_INET ? set_option(socket.get(), IPPROTO_IP, IP_RECVTTL, 1)
                              : set_option(socket.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  if (error != 0) return error;
  sockaddr_storage any = {};
  any.ss_family = static_cast<sa_family_t>(family);
  const uint16_t port = htons(multihop ? kMultihopPort : kSingleHopPort);
  if (family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&any)->sin_port = port;
  else
    reinterpret_cast<sockaddr_in6*>(&any)->sin6_port = port;
  const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&any), size) != 0) return errno;
  listeners_.emplace(key, Listener{std::move(socket), multihop});
  return 0;
}

void BfdEngine::run() {
  std::vector<pollfd> polled;
  std::uniform_real_distribution<double> share(0, 1);
  for (;;) {
    uint64_t deadline = UINT64_MAX;
    polled.assign(1, {wake_.get(), POLLIN, 0});
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (ending_) return;
      for (auto& [key, listener] : listeners_) {
        receive(listener);
        polled.push_back({listener.socket.get(), POLLIN, 0});
      }
      for (auto& [discriminator, session] : sessions_) {
        const BfdState before = session.machine.state();
        if (session.machine.tick(now_us(), share(random_))) send(session, false);
        tell(session, before);
        deadline = std::min(deadline, session.machine.deadline_us());
      }
    }
    const uint64_t now = now_us();
    const uint64_t wait = deadline <= now ? 0 : deadline - now;
    const timespec timeout = {static_cast<time_t>(wait / 1000000),
                              static_cast<long>(wait % 1000000 * 1000)};
    ppoll(polled.data(), polled.size(), deadline == UINT64_MAX ? nullptr : &timeout, nullptr);
    eventfd_t count;
    eventfd_read(wake_.get(), &count);
  }
}

void BfdEngine::receive(Listener& listener) {
  for (int i = 0; i < kPacketsAtOnce; i++) {
    uint8_t packet[256];
    Arrival arrival;
    const int size = receive_packet(listener.socket.get(), packet, sizeof packet, arrival);
    if (size < 0) return;
    uint32_t yours = 0;
    if (!BfdSession::parse(packet, static_cast<unsigned>(size), yours)) continue;
    // What a router has forwarded is of nobody on the link (RFC 5881 section 5).
    if (!listener.multihop && arrival.ttl != kTtl) continue;
    Session* session = find(yours, arrival.from, arrival.scope, listener.multihop);
    if (session == nullptr) continue;
    const BfdState before = session->machine.state();
    if (session->machine.receive(packet, now_us())) send(*session, true);
    tell(*session, before);
  }
}

BfdEngine::Session* BfdEngine::find(uint32_t yours, const Address& from, uint32_t scope,
                                    bool multihop) {
  const auto fits = [&](const Session& session) {
    return session.path.remote == from && session.path.multihop == multihop &&
           (session.scope == 0 || session.scope == scope);
  };
  if (yours != 0) {
    const auto found = sessions_.find(yours);
    return found != sessions_.end() && fits(found->second) ? &found->second : nullptr;
  }
  for (auto& [discriminator, session] : sessions_)
    if (fits(session)) return &session;
  return nullptr;
}

void BfdEngine::send(Session& session, bool final) {
  uint8_t packet[kBfdPacketBytes];
  session.machine.write(packet, final);
  // One that does not leave is one that is lost: that is what the multiplier is for.
  (void)!::send(session.socket.get(), packet, sizeof packet, MSG_DONTWAIT);
}

void BfdEngine::tell(Session& session, BfdState before) {
  const BfdSession& machine = session.machine;
  if (machine.state() == before) return;
  on_state_(session.id, machine.state(),
            machine.is_stopped() ? BfdDiagnostic::admin_down : machine.diagnostic());
}

}  // namespace vtep
