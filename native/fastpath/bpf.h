// What the fast path's programs are written in: sections, maps, the kernel's helpers, constants.
#pragma once
#include <linux/bpf.h>

#include "maps.h"

#define SECTION(name) __attribute__((section(name), used))
#define ALWAYS static inline __attribute__((always_inline))

// Maps: their address is replaced by a descriptor when a program is loaded.
#define MAP(name) extern char name __attribute__((section("maps")))
MAP(fast_settings);
MAP(fast_verdict);
MAP(fast_memo);
MAP(fast_ports);
MAP(fast_exits);
MAP(fast_macs);
MAP(fast_remotes);
MAP(fast_admitted);
MAP(fast_counters);
MAP(fast_flows);
MAP(fast_steering);
MAP(fast_rushes);
MAP(fast_crossing);

static void* (*const look_up)(void* map, const void* key) = (void*)BPF_FUNC_map_lookup_elem;
static long (*const load_bytes)(const void* skb, uint32_t offset, void* to,
                                uint32_t length) = (void*)BPF_FUNC_skb_load_bytes;
static long (*const store_bytes)(void* skb, uint32_t offset, const void* from, uint32_t length,
                                 uint64_t flags) = (void*)BPF_FUNC_skb_store_bytes;
static long (*const adjust_room)(void* skb, int32_t by, uint32_t mode,
                                 uint64_t flags) = (void*)BPF_FUNC_skb_adjust_room;
static long (*const redirect)(uint32_t ifindex, uint64_t flags) = (void*)BPF_FUNC_redirect;
static long (*const redirect_peer)(uint32_t ifindex,
                                   uint64_t flags) = (void*)BPF_FUNC_redirect_peer;
static long (*const load_from)(const void* skb, uint32_t offset, void* to, uint32_t length,
                               uint32_t start) = (void*)BPF_FUNC_skb_load_bytes_relative;
static long (*const tail_call)(void* skb, void* programs,
                               uint32_t index) = (void*)BPF_FUNC_tail_call;
static long (*const tell)(void* ring, void* data, uint64_t size,
                          uint64_t flags) = (void*)BPF_FUNC_ringbuf_output;
static uint32_t (*const this_cpu)(void) = (void*)BPF_FUNC_get_smp_processor_id;
static uint64_t (*const coarse_nanoseconds)(void) = (void*)BPF_FUNC_ktime_get_coarse_ns;

enum { kNext = -1, kDrop = 2 };  // TCX_NEXT, TCX_DROP
enum { kToSocket = 0x7fffffff, kNotToSocket = 0 };
enum {
  kDecapIpv6 = 1 << 8
};  // BPF_F_ADJ_ROOM_DECAP_L3_IPV6, newer than the headers this builds with
enum { kIpv4 = 0x0008, kIpv6 = 0xdd86 };  // EtherTypes as they lie in a frame
enum { kIcmp = 1, kTcp = 6, kUdp = 17 };
enum { kEncapsulated = -114 };  // EALREADY
enum { kOtherHost = 3 };
enum { kPort = 1, kRemote = 2 };  // Destination of tables.gen.hpp
