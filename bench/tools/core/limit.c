#include "limit.h"

#include <stdlib.h>
#include <string.h>

enum { kBurst = 64, kOuter = 50, kPlaceholder = 1 };

struct entry {
  uint64_t key;  // MAC | network << 48; 0 = free
  uint32_t place;
  uint32_t seen;
};

struct limit {
  struct entry* table;
  uint64_t mask;
  uint32_t vni;
  uint8_t outer[kOuter];
  uint64_t frames, bytes, dropped;
  uint64_t per_place[256];
};

static uint16_t load16(const uint8_t* p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return v;
}
static uint32_t load32(const uint8_t* p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}
static uint64_t load64(const uint8_t* p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}
static void put16(uint8_t* p, uint16_t v) {
  v = __builtin_bswap16(v);
  memcpy(p, &v, 2);
}
static void put32(uint8_t* p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

static uint64_t scramble(uint64_t x) {
  x *= 0x9e3779b97f4a7c15u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  return x ^ x >> 29;
}
static uint64_t key_at(const uint8_t* mac) {
  return (load64(mac) & 0xffffffffffffu) | (uint64_t)kPlaceholder << 48;
}

struct limit* limit_new(const uint64_t* macs, uint32_t count, uint32_t vteps, uint32_t vni) {
  struct limit* limit = calloc(1, sizeof *limit);
  uint64_t size = 64;
  while (size < 2 * (uint64_t)count) size *= 2;
  if (limit == NULL || (limit->table = calloc(size, sizeof *limit->table)) == NULL) abort();
  limit->mask = size - 1;
  limit->vni = vni;
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t key = macs[i] | (uint64_t)kPlaceholder << 48;
    uint64_t at = scramble(key) & limit->mask;
    while (limit->table[at].key != 0) at = (at + 1) & limit->mask;
    limit->table[at].key = key;
    limit->table[at].place = 0x0a000002u + i % vteps;
  }
  uint8_t* p = limit->outer;
  memset(p, 2, 12);
  put16(p + 12, 0x0800);
  p[14] = 0x45;
  put16(p + 20, 0x4000);
  p[22] = 64;
  p[23] = 17;
  put32(p + 26, 0x0a000001);
  put16(p + 36, 4789);
  put32(p + 42, 0x08000000);
  put32(p + 46, vni << 8);
  return limit;
}

void limit_free(struct limit* limit) {
  free(limit->table);
  free(limit);
}

static struct entry* find(struct limit* limit, uint64_t key, uint64_t at) {
  for (;; at = (at + 1) & limit->mask) {
    struct entry* entry = &limit->table[at];
    if (entry->key == key) return entry;
    if (entry->key == 0) return NULL;
  }
}

static int is_plain_ipv4(const uint8_t* frame, uint32_t length) {
  return length >= 34 && load16(frame + 12) == 0x0008 && frame[14] == 0x45;
}

static void write_outer(const struct limit* limit, uint8_t* frame, uint32_t length,
                        uint32_t place) {
  uint8_t* out = frame - kOuter;
  const uint64_t flow =
      scramble(load64(frame + 26) ^ ((uint64_t)load32(frame + 34) << 16 ^ frame[23]));
  const uint32_t ip_length = length + 36;
  uint32_t sum =
      0x4500 + 0x4000 + 0x4011 + 0x0a00 + 0x0001 + ip_length + (place >> 16) + (place & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  memcpy(out, limit->outer, kOuter);
  put16(out + 16, (uint16_t)ip_length);
  put16(out + 24, (uint16_t)~sum);
  put32(out + 30, place);
  put16(out + 34, (uint16_t)(0xc000 | (flow & 0x3fff)));
  put16(out + 38, (uint16_t)(length + 16));
}

uint32_t limit_encapsulate(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                           uint32_t count) {
  uint64_t keys[kBurst], at[kBurst], bytes = 0;
  uint32_t forwarded = 0;
  for (uint32_t i = 0; i < count; i++) {
    keys[i] = key_at(frames[i]);
    at[i] = scramble(keys[i]) & limit->mask;
    __builtin_prefetch(&limit->table[at[i]]);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct entry* entry = is_plain_ipv4(frames[i], lengths[i]) ? find(limit, keys[i], at[i]) : NULL;
    if (entry == NULL) continue;
    write_outer(limit, frames[i], lengths[i], entry->place);
    bytes += lengths[i];
    forwarded++;
  }
  limit->frames += forwarded;
  limit->bytes += bytes;
  limit->dropped += count - forwarded;
  return forwarded;
}

uint32_t limit_encapsulate_learning(struct limit* limit, uint8_t* const* frames,
                                    const uint32_t* lengths, uint32_t count) {
  const uint32_t second = (uint32_t)(limit->frames >> 20);  // stands for a clock
  uint64_t keys[2][kBurst], at[2][kBurst], bytes = 0;
  uint32_t forwarded = 0;
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t side = 0; side < 2; side++) {
      keys[side][i] = key_at(frames[i] + 6 * side);
      at[side][i] = scramble(keys[side][i]) & limit->mask;
      __builtin_prefetch(&limit->table[at[side][i]]);
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    struct entry* source = find(limit, keys[1][i], at[1][i]);
    if (source == NULL) continue;
    if (source->seen != second) source->seen = second;
    struct entry* entry =
        is_plain_ipv4(frames[i], lengths[i]) ? find(limit, keys[0][i], at[0][i]) : NULL;
    if (entry == NULL) continue;
    write_outer(limit, frames[i], lengths[i], entry->place);
    bytes += lengths[i];
    forwarded++;
  }
  limit->frames += forwarded;
  limit->bytes += bytes;
  limit->dropped += count - forwarded;
  return forwarded;
}

// `frames[i]` begins with the outer Ethernet header.
uint32_t limit_decapsulate(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                           uint32_t count) {
  uint64_t keys[kBurst], at[kBurst], bytes = 0;
  uint32_t forwarded = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t* p = frames[i];
    const int ours = lengths[i] >= kOuter + 14 && is_plain_ipv4(p, lengths[i]) && p[23] == 17 &&
                     load32(p + 30) == __builtin_bswap32(0x0a000001) &&
                     load16(p + 36) == __builtin_bswap16(4789) &&
                     load32(p + 46) == __builtin_bswap32(limit->vni << 8);
    keys[i] = ours ? key_at(p + kOuter) : 0;
    at[i] = scramble(keys[i]) & limit->mask;
    __builtin_prefetch(&limit->table[at[i]]);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct entry* entry = keys[i] != 0 ? find(limit, keys[i], at[i]) : NULL;
    if (entry == NULL) continue;
    limit->per_place[entry->place & 0xff]++;
    bytes += lengths[i] - kOuter;
    forwarded++;
  }
  limit->frames += forwarded;
  limit->bytes += bytes;
  limit->dropped += count - forwarded;
  return forwarded;
}

uint32_t limit_bridge(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                      uint32_t count) {
  uint64_t keys[kBurst], at[kBurst], bytes = 0;
  uint32_t forwarded = 0;
  for (uint32_t i = 0; i < count; i++) {
    keys[i] = key_at(frames[i]);
    at[i] = scramble(keys[i]) & limit->mask;
    __builtin_prefetch(&limit->table[at[i]]);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct entry* entry = find(limit, keys[i], at[i]);
    if (entry == NULL) continue;
    limit->per_place[entry->place & 0xff]++;
    bytes += lengths[i];
    forwarded++;
  }
  limit->frames += forwarded;
  limit->bytes += bytes;
  limit->dropped += count - forwarded;
  return forwarded;
}

uint32_t limit_route(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                     uint32_t count) {
  uint64_t keys[kBurst], at[kBurst];
  uint32_t done = 0;
  for (uint32_t i = 0; i < count; i++) {
    keys[i] = load32(frames[i] + 30) | (uint64_t)kPlaceholder << 48;
    at[i] = scramble(keys[i]) & limit->mask;
    __builtin_prefetch(&limit->table[at[i]]);
  }
  for (uint32_t i = 0; i < count; i++) {
    uint8_t* frame = frames[i];
    if (!is_plain_ipv4(frame, lengths[i]) || frame[22] < 2) continue;
    const struct entry* entry = find(limit, keys[i], at[i]);
    if (entry == NULL) continue;
    memcpy(frame, limit->outer, 12);
    frame[22]--;
    const uint32_t sum = (uint32_t)__builtin_bswap16(load16(frame + 24)) + 0x100;
    put16(frame + 24, (uint16_t)(sum + (sum >> 16)));
    write_outer(limit, frame, lengths[i], entry->place);
    limit->frames++;
    limit->bytes += lengths[i];
    done++;
  }
  return done;
}
