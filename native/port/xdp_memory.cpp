#include "xdp_memory.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>

namespace vtep {
namespace {

// For frames on their way out, and those that are lent.
constexpr uint32_t kSpare = 2048;
constexpr uint8_t kMaxSockets = 200;

using Key = std::pair<const void*, unsigned>;

struct Registry {
  std::mutex lock;
  std::map<Key, std::vector<std::weak_ptr<XdpMemory>>> memories;
};

Registry& registry() {
  static Registry all;
  return all;
}

}  // namespace

std::shared_ptr<XdpMemory> XdpMemory::find(const void* dataplane, unsigned worker, uint32_t chunks,
                                           std::string& error) {
  Registry& all = registry();
  const std::lock_guard lock(all.lock);
  for (auto& [key, memories] : all.memories)
    std::erase_if(memories, [](const auto& each) { return each.expired(); });
  std::erase_if(all.memories, [](const auto& entry) { return entry.second.empty(); });
  if (const auto found = all.memories.find({dataplane, worker}); found != all.memories.end())
    for (const auto& each : found->second)
      if (auto memory = each.lock(); memory != nullptr &&
                                     memory->promised_ + chunks + kSpare <= kChunks &&
                                     memory->last_number_ < kMaxSockets)
        return memory;
  std::shared_ptr<XdpMemory> memory(new XdpMemory);
  if (!memory->open(error)) return nullptr;
  if (dataplane != nullptr) all.memories[{dataplane, worker}].push_back(memory);
  return memory;
}

bool XdpMemory::open(std::string& error) {
  void* memory =
      ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    error = "memory for AF_XDP: " + std::string(strerror(errno));
    return false;
  }
  base_ = static_cast<uint8_t*>(memory);
  // The kernel has the pages pinned; a child process must not make them copy-on-write.
  (void)::madvise(memory, bytes(), MADV_DONTFORK);
  chunks_.resize(kChunks);
  free_.reserve(kChunks);
  for (uint32_t i = kChunks; i > 0; i--) free_.push_back(i - 1);
  return true;
}

XdpMemory::~XdpMemory() {
  if (base_ != nullptr) ::munmap(base_, bytes());
}

uint8_t XdpMemory::join(int bound_socket, uint32_t chunks) {
  bound_.push_back(bound_socket);
  promised_ += chunks;
  return ++last_number_;
}

void XdpMemory::leave(uint8_t number, int bound_socket, uint32_t chunks) {
  std::erase(bound_, bound_socket);
  promised_ -= chunks;
  const std::lock_guard lock(lock_);
  for (uint32_t i = 0; i < kChunks; i++) {
    const bool sends = chunks_[i].sender == number;
    if (chunks_[i].receiver == number) end_receive(i);
    if (sends) end_send(i);
  }
}

}  // namespace vtep
