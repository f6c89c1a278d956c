// Loads and stores: network order fields of frames, and the words that several threads or processes
// share.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace vtep {

// Shared words. Acquire and release are plain moves on x86 and single instructions on ARMv8.
template <typename T>
inline T load_acquire(const T* p) {
  return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
template <typename T>
inline T load_relaxed(const T* p) {
  return __atomic_load_n(p, __ATOMIC_RELAXED);
}
template <typename T>
inline void store_release(T* p, T value) {
  __atomic_store_n(p, value, __ATOMIC_RELEASE);
}
template <typename T>
inline void store_relaxed(T* p, T value) {
  __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

// What was read before, by whatever means, was read before what is read next.
inline void fence_acquire() { __atomic_thread_fence(__ATOMIC_ACQUIRE); }

inline void copy(void* to, const void* from, size_t length) { __builtin_memcpy(to, from, length); }
inline void clear(void* to, size_t length) { __builtin_memset(to, 0, length); }

inline bool equal(const void* a, const void* b, size_t length) {
  const uint8_t* left = static_cast<const uint8_t*>(a);
  const uint8_t* right = static_cast<const uint8_t*>(b);
  for (size_t i = 0; i < length; i++) {
    if (left[i] != right[i]) return false;
  }
  return true;
}

// Unaligned, host order.
inline uint16_t load16(const void* p) {
  uint16_t v;
  copy(&v, p, 2);
  return v;
}
inline uint32_t load32(const void* p) {
  uint32_t v;
  copy(&v, p, 4);
  return v;
}
inline uint64_t load64(const void* p) {
  uint64_t v;
  copy(&v, p, 8);
  return v;
}
inline void store16(void* p, uint16_t v) { copy(p, &v, 2); }
inline void store32(void* p, uint32_t v) { copy(p, &v, 4); }
inline void store64(void* p, uint64_t v) { copy(p, &v, 8); }

// Unaligned, network order. All builds are little-endian.
inline uint16_t net16(const void* p) { return __builtin_bswap16(load16(p)); }
inline uint32_t net32(const void* p) { return __builtin_bswap32(load32(p)); }
inline uint64_t net64(const void* p) { return __builtin_bswap64(load64(p)); }
inline void put_net16(void* p, uint16_t v) { store16(p, __builtin_bswap16(v)); }
inline void put_net32(void* p, uint32_t v) { store32(p, __builtin_bswap32(v)); }

// A MAC as the low 48 bits of a word, first octet lowest.
inline uint64_t load_mac(const void* p) {
  return load32(p) | static_cast<uint64_t>(load16(static_cast<const uint8_t*>(p) + 4)) << 32;
}
inline void store_mac(void* p, uint64_t mac) {
  store32(p, static_cast<uint32_t>(mac));
  store16(static_cast<uint8_t*>(p) + 4, static_cast<uint16_t>(mac >> 32));
}
// Of a word that begins with a MAC, where two octets more can be read.
inline constexpr uint64_t kMacMask = 0xffffffffffff;
inline bool is_group(uint64_t mac) { return (mac & 1) != 0; }

// Addresses are 16 bytes; IPv4 lies as ::ffff:a.b.c.d.
inline bool is_ipv4(const uint8_t* ip) { return load64(ip) == 0 && load32(ip + 8) == 0xffff0000; }
inline bool is_unspecified(const uint8_t* ip) {
  return load64(ip) == 0 && (load64(ip + 8) == 0 || (is_ipv4(ip) && load32(ip + 12) == 0));
}
inline bool same_ip(const uint8_t* a, const uint8_t* b) {
  return load64(a) == load64(b) && load64(a + 8) == load64(b + 8);
}
// The address as it lies in a packet.
inline void store_mapped_ipv4(uint8_t* ip, uint64_t address) {
  // In halves, as they are read again.
  store64(ip, 0);
  store64(ip + 8, 0xffff0000 | address << 32);
}
inline void map_ipv4(uint8_t* ip, const void* octets) { store_mapped_ipv4(ip, load32(octets)); }
// An address that a single host may have: neither unspecified nor multicast nor limited broadcast.
inline bool is_unicast_ip(const uint8_t* ip) {
  if (is_unspecified(ip)) return false;
  return is_ipv4(ip) ? ip[12] < 224 : ip[0] != 0xff;
}

}  // namespace vtep
