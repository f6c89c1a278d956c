// IP packets as a router sees them: what it checks (RFC 1812 section 5.2.2, RFC 8200), what it
// changes, and what it says of those it can not forward (RFC 792, RFC 4443).
#pragma once
#include "frame.hpp"
#include "layers.hpp"

namespace vtep {

struct Packet {
  bool v4;
  uint8_t ttl;      // or hop limit
  uint16_t header;  // octets of the IPv4 header with options, or 40
  uint8_t source[16];
  uint8_t destination[16];
};

// False: no packet that may be routed. Link-local IPv6 addresses are let through: what is ours may
// be one.
bool read_packet(const uint8_t* data, uint32_t length, const Layers& layers, Packet& out);

bool is_link_local(const uint8_t ip[16]);

// One hop further: TTL or hop limit less by one, and the addresses of the link.
void pass_on(uint8_t* data, const Packet& packet, uint64_t destination_mac, uint64_t source_mac);

// Makes the answer of a whole ICMP or ICMPv6 echo request in place; false: it is none.
bool answer_echo(Frame& frame, const Layers& layers, const Packet& packet, uint64_t source_mac);

enum class IcmpError : uint8_t { ttl_exceeded, no_route, too_big, no_service };

// Whether anybody may be told of it (RFC 1122 section 3.2.2, RFC 4443 section 2.4): no errors about
// errors, and none about later fragments.
bool may_report(const uint8_t* data, uint32_t length, const Layers& layers, const Packet& packet);

// An error about the packet to whoever sent it, from `source`; addressed on the link to where the
// frame came from. `mtu`: of `too_big`. Gives its length, at most `room`.
uint32_t write_icmp_error(const uint8_t* data, uint32_t length, const Packet& packet,
                          IcmpError error, uint32_t mtu, const uint8_t source[16],
                          uint64_t source_mac, uint8_t* out, uint32_t room);

// Who has `target`? ARP, or a neighbour solicitation to its group. Gives the length.
uint32_t write_neighbour_question(const uint8_t target[16], const uint8_t source[16],
                                  uint64_t source_mac, uint8_t* out);

}  // namespace vtep
