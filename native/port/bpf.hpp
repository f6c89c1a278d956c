// Programs with maps in the kernel, by bpf(2): what is more than the few instructions of
// bpf_program.hpp. No library: what is loaded here is small and complete.
#pragma once
#include <stdint.h>

#include <string>

#include "bpf_program.hpp"

namespace vtep {

// All of them: an empty descriptor, or false, leaves errno.
Descriptor bpf_load(uint32_t type, const char* name, const bpf_insn* instructions, uint32_t count);
// On the ingress of an interface, in front of all that is there. Ends with its descriptor.
Descriptor bpf_link_first(const Descriptor& program, uint32_t ifindex);
Descriptor bpf_map(uint32_t type, const char* name, uint32_t key_bytes, uint32_t value_bytes,
                   uint32_t entries, uint32_t flags);
bool bpf_map_set(const Descriptor& map, const void* key, const void* value);
bool bpf_map_get(const Descriptor& map, const void* key, void* value);
bool bpf_map_erase(const Descriptor& map, const void* key);
// Loads with the verifier's words: for an error message, after bpf_load has failed.
std::string bpf_complaint(uint32_t type, const bpf_insn* instructions, uint32_t count);

}  // namespace vtep
