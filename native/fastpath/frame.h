// A frame as the fast path's programs read it.
#pragma once
#include "bpf.h"

// The first bytes of a frame, placed so that the IP header is aligned.
struct Head {
  uint16_t pad;
  uint8_t destination[6];
  uint8_t source[6];
  uint16_t ethertype;
  uint8_t ip[40];  // of IPv4 with the first octets behind it, the ports
} __attribute__((aligned(8)));

enum { kAddresses = 14 + 20 + 8 };  // no frame of IPv4 that is taken is shorter

// An Ethernet frame as far as the fast path cares.
struct Inner {
  uint32_t l4;      // offset of the transport header behind the Ethernet header
  uint32_t header;  // octets of all headers, of a super-frame
  uint32_t packet;  // octets that the IP header says
  uint8_t protocol;
  uint8_t fragment;
  uint8_t ipv6;
};

ALWAYS uint16_t load16(const void* p) { return *(const uint16_t*)p; }
ALWAYS uint32_t load32(const void* p) { return *(const uint32_t*)p; }
ALWAYS uint16_t swap16(uint16_t v) { return __builtin_bswap16(v); }

ALWAYS uint64_t destination_mac(const struct Head* head) {
  return (uint64_t)load16(head->destination) | (uint64_t)load32(head->destination + 2) << 16;
}
ALWAYS uint64_t source_mac(const struct Head* head) {
  return (uint64_t)load32(head->source) | (uint64_t)load16(head->source + 4) << 32;
}

// The flow hash of native/core/README.md, of frames without VLAN tags.
ALWAYS uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 29;
  h *= 0x9fb21c651e98df25;
  h ^= h >> 32;
  return h;
}

// Bytes counted from the Ethernet header. Where a packet socket's queue is chosen the frame begins
// behind it; on tcx there is no such counting, and it begins with it.
ALWAYS long fetch(struct __sk_buff* skb, int on_tcx, uint32_t offset, void* to, uint32_t length) {
  return on_tcx ? load_bytes(skb, offset, to, length)
                : load_from(skb, offset, to, length, BPF_HDR_START_MAC);
}

// Reads the IP header behind the Ethernet header at `at`. False: not for the fast path. Of IPv4
// without options and IPv6 without extension headers, only what needs no answer of ours: no ARP, no
// ND.
ALWAYS int read_inner(struct __sk_buff* skb, int on_tcx, uint32_t at, struct Head* head,
                      struct Inner* inner) {
  if (fetch(skb, on_tcx, at, head->destination, kAddresses) != 0) return 0;
  inner->fragment = 0;
  if (head->ethertype == kIpv4) {
    if (head->ip[0] != 0x45) return 0;
    inner->ipv6 = 0;
    inner->l4 = 20;
    inner->packet = swap16(load16(head->ip + 2));
    inner->protocol = head->ip[9];
    inner->fragment = (load16(head->ip + 6) & 0xff3f) != 0;
    if (inner->protocol != kTcp && inner->protocol != kUdp && inner->protocol != kIcmp) return 0;
  } else if (head->ethertype == kIpv6) {
    if (fetch(skb, on_tcx, at + kAddresses, head->destination + kAddresses, 54 - kAddresses) != 0)
      return 0;
    inner->ipv6 = 1;
    inner->l4 = 40;
    inner->packet = 40 + swap16(load16(head->ip + 4));
    inner->protocol = head->ip[6];
    if (inner->protocol != kTcp && inner->protocol != kUdp) return 0;
  } else {
    return 0;
  }
  return 1;
}

// Octets of the largest packet that a frame of `length` octets is on the wire, Ethernet header
// included; 0 = not ours.
ALWAYS uint32_t wire_length(struct __sk_buff* skb, int on_tcx, uint32_t at, uint32_t length,
                            struct Inner* inner) {
  const uint32_t segment = skb->gso_size;
  if (segment == 0) return length;
  // A super-frame is whole: else it is a train of packets that were glued together, which the
  // workers take apart.
  if (inner->fragment || inner->packet + 14 != length) return 0;
  uint32_t header = 8;
  if (inner->protocol == kTcp) {
    uint8_t offset;
    if (fetch(skb, on_tcx, at + 14 + inner->l4 + 12, &offset, 1) != 0) return 0;
    header = (offset >> 4) * 4;
  } else if (inner->protocol != kUdp) {
    return 0;
  }
  return 14 + inner->l4 + header + segment;
}

ALWAYS uint32_t flow_hash(struct __sk_buff* skb, int on_tcx, const struct Head* head,
                          const struct Inner* inner) {
  const uint64_t* words = (const uint64_t*)head;  // the IP header begins with the third
  uint64_t h = 0x7674657068617368;
  if (inner->ipv6) {
    h = mix(h ^ words[3]);
    h = mix(h ^ words[4]);
    h = mix(h ^ words[5]);
    h = mix(h ^ words[6]);
  } else {
    h = mix(h ^ ((uint64_t)load32(head->ip + 12) | (uint64_t)load32(head->ip + 16) << 32));
  }
  if (!inner->fragment) {
    uint64_t word = (uint64_t)inner->protocol << 32;
    uint32_t ports = load32(head->ip + 20);
    if (inner->protocol == kIcmp || (inner->ipv6 && fetch(skb, on_tcx, 54, &ports, 4) != 0))
      ports = 0;
    word |= ports;
    h = mix(h ^ word);
  }
  return (uint32_t)(h >> 32);
}
