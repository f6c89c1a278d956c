#include "placement.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace vtep {

namespace {

constexpr int kMaxNodes = 1024;

}  // namespace

std::vector<Placement> place_workers(unsigned workers, const std::vector<int>& cpus,
                                     const std::vector<int>& usable) {
  std::vector<Placement> out(workers);
  for (unsigned i = 0; i < workers; i++) {
    if (!cpus.empty()) {
      out[i] = {cpus[i % cpus.size()], true};
    } else if (usable.size() == workers) {
      out[i] = {usable[i], false};
    }
  }
  return out;
}

std::vector<int> usable_cpus() {
  std::vector<int> out;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return out;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  return out;
}

std::string check_cpus(const std::vector<int>& cpus, const std::vector<int>& usable) {
  for (const int cpu : cpus) {
    if (std::find(usable.begin(), usable.end(), cpu) != usable.end()) continue;
    std::string list;
    for (const int each : usable) list += (list.empty() ? "" : ", ") + std::to_string(each);
    return "cpus: expected numbers of CPUs that this process may use (" + list + "), got " +
           std::to_string(cpu);
  }
  return {};
}

void run_on(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  // A CPU may have been taken away meanwhile: then the thread runs where it may.
  (void)sched_setaffinity(0, sizeof set, &set);
}

void ThreadAccount::open() {
  file_.reset(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
}

CpuAccount ThreadAccount::read() const {
  CpuAccount out;
  char text[80];
  const ssize_t size = file_ ? pread(file_.get(), text, sizeof text - 1, 0) : -1;
  if (size <= 0) return out;
  text[size] = 0;
  constexpr const char* kFields = "%" SCNu64 " %" SCNu64 " %" SCNu64;
  if (sscanf(text, kFields, &out.ran, &out.waited, &out.times) != 3) return {};
  return out;
}

int numa_node_of(int cpu) {
  const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return -1;
  int node = -1;
  while (const dirent* entry = readdir(directory))
    if (strncmp(entry->d_name, "node", 4) == 0) node = atoi(entry->d_name + 4);
  closedir(directory);
  return node;
}

NumaScope::NumaScope(int cpu) {
  const int node = cpu < 0 ? -1 : numa_node_of(cpu);
  if (node < 0 || node >= kMaxNodes || access("/sys/devices/system/node/node1", F_OK) != 0) return;
  constexpr int kBits = 8 * sizeof(unsigned long);
  unsigned long nodes[kMaxNodes / kBits] = {};
  nodes[node / kBits] = 1UL << (node % kBits);
  changed_ = syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes, kMaxNodes) == 0;
}

NumaScope::~NumaScope() {
  if (changed_) (void)syscall(SYS_set_mempolicy, MPOL_DEFAULT, nullptr, 0);
}

}  // namespace vtep
