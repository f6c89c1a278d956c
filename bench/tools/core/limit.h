// The least that a VXLAN switch has to do for a frame, in plain C: what native/core is measured
// against. One table, one template, no checks but those without which the answer would be wrong.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct limit;

// MACs are `first` + i for i below `macs`, as the low 48 bits of a word (first octet lowest); i
// goes to VTEP 10.0.0.0 + i % `vteps`, and its network is `vni`.
struct limit* limit_new(const uint64_t* macs, uint32_t count, uint32_t vteps, uint32_t vni);
void limit_free(struct limit* limit);

// Each gives the frames that were forwarded. `frames[i]` is Ethernet from its first octet, with 64
// octets of room before it; IPv4 without options, UDP or TCP.
uint32_t limit_encapsulate(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                           uint32_t count);
// The same, and sources are learned: each is looked up in the same table, too, and the second in
// which it spoke is noted. Sources that are not among `macs` are not forwarded.
uint32_t limit_encapsulate_learning(struct limit* limit, uint8_t* const* frames,
                                    const uint32_t* lengths, uint32_t count);
uint32_t limit_decapsulate(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                           uint32_t count);
// The same as limit_encapsulate() behind a router that has host routes only: `macs` of limit_new()
// are IPv4 addresses as they lie in a packet.
uint32_t limit_route(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                     uint32_t count);
uint32_t limit_bridge(struct limit* limit, uint8_t* const* frames, const uint32_t* lengths,
                      uint32_t count);

#ifdef __cplusplus
}
#endif
