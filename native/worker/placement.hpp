// Where the threads of the workers run.
#pragma once
#include <string>
#include <vector>

#include "../port/descriptor.hpp"
#include "polling.hpp"

namespace vtep {

struct Placement {
  int cpu = -1;        // where the worker lives; -1 anywhere
  bool fixed = false;  // it stays there also under load
};

// `cpus`: those that the operator named, worker i takes the one at i (and again from the front).
// None named, and as many workers as CPUs that we may use: each lives on one, and leaves it under
// load. Else anywhere.
std::vector<Placement> place_workers(unsigned workers, const std::vector<int>& cpus,
                                     const std::vector<int>& usable);

// CPUs that this thread may run on, in order.
std::vector<int> usable_cpus();
// One sentence when a CPU is named that we can not use; else empty.
std::string check_cpus(const std::vector<int>& cpus, const std::vector<int>& usable);

// Puts the calling thread on these CPUs.
void run_on(const std::vector<int>& cpus);

// The scheduler's account of one thread.
class ThreadAccount {
 public:
  // Of the calling thread.
  void open();
  // Zeros when the kernel keeps none (CONFIG_SCHED_INFO).
  CpuAccount read() const;

 private:
  Descriptor file_;
};

// While it lives, memory that this thread touches first comes from the NUMA node of the CPU, if it
// has room. Does nothing on a machine of one node, or for CPU -1.
class NumaScope {
 public:
  explicit NumaScope(int cpu);
  NumaScope(const NumaScope&) = delete;
  NumaScope& operator=(const NumaScope&) = delete;
  ~NumaScope();

 private:
  bool changed_ = false;
};

// The node of a CPU; -1 when the kernel does not say.
int numa_node_of(int cpu);

}  // namespace vtep
