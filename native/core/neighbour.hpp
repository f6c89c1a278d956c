// ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861): what a tenant's frame says about
// addresses, and the answer to its question.
#pragma once
#include "frame.hpp"
#include "layers.hpp"
#include "tables.gen.hpp"

namespace vtep {

struct NeighbourTalk {
  bool tells = false;  // the sender says it owns `sender`; its MAC is the frame's source
  bool asks = false;   // who has `target`?
  uint32_t flags = 0;  // NeighbourFlag.router, .noOverride
  uint8_t sender[16] = {};
  uint8_t target[16] = {};
};

// Looks at untagged ARP and ND frames only. A frame that says nothing, or something that does not
// add up, gives neither tells nor asks.
NeighbourTalk read_neighbour_talk(const uint8_t* data, uint32_t length, const Layers& layers,
                                  const Meta& meta);

// Whether a host looks for a router (RFC 4861 section 6.1.1); `ip`: the host, :: while it has no
// address.
bool is_router_solicitation(const uint8_t* data, uint32_t length, const Layers& layers,
                            const Meta& meta, uint8_t ip[16]);

// The answer to a frame that asks: `mac` has the address. `flags`: NeighbourFlag.router,
// .noOverride. Gives its length.
uint32_t write_neighbour_answer(const uint8_t* question, const Layers& layers, uint64_t mac,
                                uint32_t flags, uint8_t* out);

}  // namespace vtep
