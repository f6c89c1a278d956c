#include "bpf_map.hpp"

#include <vector>

namespace vtep {
namespace {

int element(int command, const Descriptor& map, const void* key, const void* value) {
  bpf_attr attributes = {};
  attributes.map_fd = static_cast<uint32_t>(map.get());
  attributes.key = reinterpret_cast<uintptr_t>(key);
  attributes.value = reinterpret_cast<uintptr_t>(value);
  return bpf(command, attributes);
}

}  // namespace

Descriptor bpf_map(uint32_t type, const char* name, uint32_t key_bytes, uint32_t value_bytes,
                   uint32_t entries, uint32_t flags) {
  bpf_attr attributes = {};
  attributes.map_type = type;
  attributes.key_size = key_bytes;
  attributes.value_size = value_bytes;
  attributes.max_entries = entries;
  attributes.map_flags = flags;
  strncpy(attributes.map_name, name, sizeof attributes.map_name - 1);
  return Descriptor(bpf(BPF_MAP_CREATE, attributes));
}

bool bpf_map_set(const Descriptor& map, const void* key, const void* value) {
  return element(BPF_MAP_UPDATE_ELEM, map, key, value) == 0;
}

bool bpf_map_get(const Descriptor& map, const void* key, void* value) {
  return element(BPF_MAP_LOOKUP_ELEM, map, key, value) == 0;
}

bool bpf_map_erase(const Descriptor& map, const void* key) {
  return element(BPF_MAP_DELETE_ELEM, map, key, nullptr) == 0;
}

std::string bpf_complaint(uint32_t type, const bpf_insn* instructions, size_t count) {
  std::vector<char> log(1 << 20);
  bpf_attr attributes = {};
  attributes.prog_type = type;
  attributes.insns = reinterpret_cast<uintptr_t>(instructions);
  attributes.insn_cnt = static_cast<uint32_t>(count);
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  attributes.log_buf = reinterpret_cast<uintptr_t>(log.data());
  attributes.log_size = static_cast<uint32_t>(log.size());
  attributes.log_level = 1;
  const Descriptor loaded(bpf(BPF_PROG_LOAD, attributes));
  std::string text(log.data());
  // The last line but the statistics says why.
  const size_t statistics = text.rfind("\nprocessed ");
  if (statistics != std::string::npos) text.resize(statistics);
  const size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace vtep
