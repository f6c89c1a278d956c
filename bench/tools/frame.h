// The meter's test frames: Ethernet, IPv4, UDP and in its payload
//   u32 magic of the trial, u32 number of the frame, then a pattern to the end
// in big endian, all checksums right; bare or inside VXLAN. One file builds and verifies, but by
// different code: the source patches a template and its checksum, the sink sums up what has
// arrived.
#pragma once
#include <net/ethernet.h>
#include <netinet/in.h>

#include "tool.h"

enum {
  kOuter = 14 + 20 + 8 + 8,  // Ethernet, IPv4, UDP, VXLAN
  kPayload = 14 + 20 + 8,    // where the inner payload starts
  kStamp = 8,
  kMinSize = 60,
  kMaxSize = 1514,
  kSlot = 2048,  // room for one frame with its tunnel
  kSourcePort = 10000,
  kVxlanPort = 4789,
};

struct frame_options {
  unsigned size;   // octets without FCS, of the inner frame
  unsigned flows;  // UDP source ports from kSourcePort
  unsigned macs;   // source MAC addresses, counted up from `source`; 1 = one
  uint8_t destination[6], source[6];
  int tunnel;  // 1: send inside VXLAN
  int expect;  // 1: accept only what arrives inside VXLAN
  uint32_t vni;
  uint8_t outer_destination[6], outer_source[6];
  uint32_t outer_from, outer_to;  // host byte order
};

static inline void put16(uint8_t* at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline void put32(uint8_t* at, uint32_t value) {
  put16(at, (uint16_t)(value >> 16));
  put16(at + 2, (uint16_t)value);
}
static inline uint16_t get16(const uint8_t* at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline uint32_t get32(const uint8_t* at) {
  return (uint32_t)get16(at) << 16 | get16(at + 2);
}
static inline uint8_t pattern(unsigned position) { return (uint8_t)(position * 37 + 11); }

// One's complement sum of big-endian words, RFC 1071; not yet folded.
static inline uint32_t sum_up(const uint8_t* at, unsigned length, uint32_t sum) {
  for (; length > 1; length -= 2, at += 2) sum += get16(at);
  return length ? sum + (uint32_t)(at[0] << 8) : sum;
}
static inline uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}
// Sum of the pseudo-header of the IPv4 header at `ip` for UDP of this length.
static inline uint32_t pseudo(const uint8_t* ip, unsigned length) {
  return sum_up(ip + 12, 8, IPPROTO_UDP + length);
}

struct template {
  uint8_t bytes[kSlot];
  unsigned length;  // with the tunnel
  unsigned inner;   // where the inner frame starts
  uint32_t sum;     // of the inner UDP packet with port, number and checksum zero
};

static void put_ip(uint8_t* ip, unsigned length, uint32_t from, uint32_t to) {
  ip[0] = 0x45;
  put16(ip + 2, (uint16_t)length);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  put32(ip + 12, from);
  put32(ip + 16, to);
  put16(ip + 10, (uint16_t)~fold(sum_up(ip, 20, 0)));
}

static void make_template(struct template* t, const struct frame_options* o, uint32_t magic) {
  memset(t, 0, sizeof *t);
  t->inner = o->tunnel ? kOuter : 0;
  t->length = t->inner + o->size;
  if (o->tunnel) {
    uint8_t *ip = t->bytes + 14, *udp = ip + 20, *vxlan = udp + 8;
    memcpy(t->bytes, o->outer_destination, 6);
    memcpy(t->bytes + 6, o->outer_source, 6);
    put16(t->bytes + 12, ETHERTYPE_IP);
    put_ip(ip, o->size + kOuter - 14, o->outer_from, o->outer_to);
    put16(udp + 2, kVxlanPort);
    put16(udp + 4, (uint16_t)(o->size + 16));
    vxlan[0] = 0x08;
    put32(vxlan + 4, o->vni << 8);
  }
  uint8_t *frame = t->bytes + t->inner, *ip = frame + 14, *udp = ip + 20;
  memcpy(frame, o->destination, 6);
  memcpy(frame + 6, o->source, 6);
  put16(frame + 12, ETHERTYPE_IP);
  // 198.18.0.0/15 is for benchmarks, RFC 2544.
  put_ip(ip, o->size - 14, 0xc6120001, 0xc6120002);
  put16(udp + 2, 9);
  put16(udp + 4, (uint16_t)(o->size - 34));
  put32(frame + kPayload, magic);
  for (unsigned i = kPayload + kStamp; i < o->size; i++) frame[i] = pattern(i);
  t->sum = sum_up(udp, o->size - 34, pseudo(ip, o->size - 34));
}

// Makes frame `number` out of a copy of the template.
static inline void stamp(uint8_t* bytes, const struct template* t, const struct frame_options* o,
                         uint32_t number) {
  uint8_t *frame = bytes + t->inner, *udp = frame + 34;
  uint32_t flow = number % o->flows;
  if (o->tunnel) put16(bytes + 34, (uint16_t)(49152 + flow * 131 % 16384));
  if (o->macs > 1) {
    uint32_t mac = number % o->macs;
    frame[9] = (uint8_t)(o->source[3] + (mac >> 16));
    put16(frame + 10, (uint16_t)mac);
  }
  uint16_t port = (uint16_t)(kSourcePort + flow);
  put16(udp, port);
  put32(frame + kPayload + 4, number);
  uint16_t check = (uint16_t)~fold(t->sum + port + (number >> 16) + (number & 0xffff));
  put16(udp + 6, check == 0 ? 0xffff : check);
}

enum verdict { kGood, kForeign, kStale, kCorrupt, kCorruptOuter };

// What has arrived: is it ours, whole, and which one? `partial`: the kernel says that the outermost
// UDP checksum is yet to be completed by a device.
static enum verdict examine(const uint8_t* frame, unsigned length, int partial,
                            const struct frame_options* o, uint32_t magic, uint32_t* number,
                            uint16_t* outer_port) {
  if (length < kMinSize || get16(frame + 12) != ETHERTYPE_IP || frame[23] != IPPROTO_UDP)
    return kForeign;
  if (o->expect) {
    if (length < kOuter + kMinSize || get16(frame + 36) != kVxlanPort) return kForeign;
    const uint8_t *ip = frame + 14, *udp = ip + 20, *vxlan = udp + 8;
    unsigned udp_length = length - 34;
    int good = ip[0] == 0x45 && get16(ip + 2) == length - 14 && fold(sum_up(ip, 20, 0)) == 0xffff &&
               get16(udp + 4) == udp_length && vxlan[0] == 0x08 && vxlan[7] == 0 &&
               get32(vxlan + 4) >> 8 == o->vni;
    // Zero says: none, RFC 7348 section 5.
    if (good && get16(udp + 6) != 0 && !partial)
      good = fold(sum_up(udp, udp_length, pseudo(ip, udp_length))) == 0xffff;
    if (!good) return kCorruptOuter;
    *outer_port = get16(udp);
    frame += kOuter;
    length -= kOuter;
    if (get16(frame + 12) != ETHERTYPE_IP || frame[23] != IPPROTO_UDP) return kForeign;
  }
  const uint8_t *ip = frame + 14, *udp = ip + 20;
  uint32_t got = get32(frame + kPayload);
  if (get16(udp + 2) != 9) return kForeign;
  if (got != magic) return (got ^ magic) >> 12 == 0 ? kStale : kForeign;
  unsigned size = get16(ip + 2) + 14u;
  if (ip[0] != 0x45 || size != o->size || size > length || fold(sum_up(ip, 20, 0)) != 0xffff)
    return kCorrupt;
  if (memcmp(frame, o->destination, 6) != 0) return kCorrupt;
  if (fold(sum_up(udp, size - 34, pseudo(ip, size - 34))) != 0xffff) return kCorrupt;
  for (unsigned i = kPayload + kStamp; i < size; i++)
    if (frame[i] != pattern(i)) return kCorrupt;
  *number = get32(frame + kPayload + 4);
  return get16(udp) == kSourcePort + *number % o->flows ? kGood : kCorrupt;
}
