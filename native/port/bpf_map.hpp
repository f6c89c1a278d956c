// Maps in the kernel, which programs there and we read and write, by bpf(2).
#pragma once
#include <stdint.h>

#include <string>

#include "bpf_program.hpp"

namespace vtep {

// An empty descriptor, or false, leaves errno.
Descriptor bpf_map(uint32_t type, const char* name, uint32_t key_bytes, uint32_t value_bytes,
                   uint32_t entries, uint32_t flags = 0);
bool bpf_map_set(const Descriptor& map, const void* key, const void* value);
bool bpf_map_get(const Descriptor& map, const void* key, void* value);
bool bpf_map_erase(const Descriptor& map, const void* key);
// The verifier's words about a program that it has refused.
std::string bpf_complaint(uint32_t type, const bpf_insn* instructions, size_t count);

}  // namespace vtep
