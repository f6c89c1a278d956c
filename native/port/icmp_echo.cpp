#include "icmp_echo.hpp"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <vector>

#include "../core/checksum.hpp"
#include "socket_options.hpp"

namespace vtep {

namespace {

constexpr int kIcmpFilter = 1;  // ICMP_FILTER of linux/icmp.h, which glibc's headers do not go with
constexpr unsigned kIpv4Header = 20;
constexpr unsigned kIpv6Header = 40;
// How many datagrams of others are passed over at once.
constexpr int kStrangers = 64;

// What an echo carries: both headers are alike in their first eight octets.
struct Echo {
  uint8_t type;
  uint8_t code;
  uint16_t checksum;
  uint16_t identifier;
  uint16_t number;
  uint64_t token;
  uint64_t sent_ns;
  uint32_t sequence;
};
constexpr unsigned kEchoBytes = 28;

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// The DF bit, on every packet, whatever is known of the path.
int forbid_fragments(int descriptor, bool is_v4) {
  if (is_v4) return set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  const int error = set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  return error != 0 ? error : set_option(descriptor, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

int only_replies(int descriptor, bool is_v4) {
  if (is_v4) {
    const uint32_t blocked = ~(1u << ICMP_ECHOREPLY);
    return set_option(descriptor, SOL_RAW, kIcmpFilter, &blocked, sizeof blocked);
  }
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  return set_option(descriptor, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

}  // namespace

int EchoSocket::open(const Address& source) {
  is_v4_ = source.is_v4();
  const int protocol = is_v4_ ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  Descriptor made(socket(source.family(), SOCK_RAW | flags, protocol));
  const bool is_raw = static_cast<bool>(made);
  if (!is_raw) made = Descriptor(socket(source.family(), SOCK_DGRAM | flags, protocol));
  if (!made) return errno;
  has_ip_header_ = is_raw && is_v4_;
  int error = is_raw ? only_replies(made.get(), is_v4_) : 0;
  if (error == 0) error = forbid_fragments(made.get(), is_v4_);
  if (error != 0) return error;
  sockaddr_storage own;
  const socklen_t length = source.socket_address(0, 0, own);
  if (bind(made.get(), reinterpret_cast<sockaddr*>(&own), length) != 0) return errno;
  if (getrandom(&token_, sizeof token_, 0) != sizeof token_) return EIO;
  socket_ = std::move(made);
  return 0;
}

int EchoSocket::send(const Address& target, uint32_t sequence, unsigned bytes) {
  if (!socket_) return EBADF;
  if (target.is_v4() != is_v4_) return EAFNOSUPPORT;
  const unsigned header = is_v4_ ? kIpv4Header : kIpv6Header;
  const unsigned size = std::clamp(bytes, kEchoLeastBytes, kEchoMostBytes) - header;
  std::vector<uint8_t> packet(size);
  Echo echo = {};
  echo.type = static_cast<uint8_t>(is_v4_ ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
  echo.identifier = static_cast<uint16_t>(token_);
  echo.number = htons(static_cast<uint16_t>(sequence));
  echo.token = token_;
  echo.sequence = sequence;
  echo.sent_ns = now_ns();
  memcpy(packet.data(), &echo, kEchoBytes);
  // Over ICMPv6 the kernel sums, as it alone knows the pseudo header.
  if (is_v4_) {
    const uint16_t sum =
        static_cast<uint16_t>(~checksum_fold(checksum_add(packet.data(), packet.size(), 0)));
    memcpy(packet.data() + offsetof(Echo, checksum), &sum, sizeof sum);
  }
  sockaddr_storage to;
  const socklen_t length = target.socket_address(0, 0, to);
  const ssize_t sent = sendto(socket_.get(), packet.data(), packet.size(), 0,
                              reinterpret_cast<sockaddr*>(&to), length);
  return sent >= 0 ? 0 : errno;
}

bool EchoSocket::receive(EchoReply& out) {
  for (int i = 0; i < kStrangers && socket_; i++) {
    // The rest of a large one is of no interest, but its length is.
    uint8_t data[60 + kEchoBytes];
    sockaddr_storage from;
    socklen_t length = sizeof from;
    const ssize_t got = recvfrom(socket_.get(), data, sizeof data, MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0) return false;
    const size_t held = std::min(static_cast<size_t>(got), sizeof data);
    const size_t skip = has_ip_header_ && held > 0 ? (data[0] & 0x0fu) * 4u : 0;
    if (held < skip + kEchoBytes) continue;
    Echo echo;
    memcpy(&echo, data + skip, kEchoBytes);
    const uint8_t reply = static_cast<uint8_t>(is_v4_ ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
    const uint64_t now = now_ns();
    if (echo.type != reply || echo.token != token_ || echo.sent_ns > now) continue;
    const unsigned header = has_ip_header_ ? 0 : is_v4_ ? kIpv4Header : kIpv6Header;
    out.source = is_v4_ ? Address::from_v4(&reinterpret_cast<sockaddr_in&>(from).sin_addr)
                        : Address::from_v6(&reinterpret_cast<sockaddr_in6&>(from).sin6_addr);
    out.sequence = echo.sequence;
    out.bytes = static_cast<unsigned>(got) + header;
    out.round_trip_ns = now - echo.sent_ns;
    return true;
  }
  return false;
}

}  // namespace vtep
