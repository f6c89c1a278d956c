#include "dataplane.hpp"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <vector>

#include "keeper.hpp"
#include "memory.hpp"

namespace vtep {

// In the order of construction; destruction goes the other way, after the threads have ended.
struct Dataplane::Parts {
  Memory memory;
  Shared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Keeper> keeper;

  ~Parts() {
    if (keeper != nullptr) keeper->stop();
    for (const auto& worker : workers) worker->stop();
  }
};

Dataplane::Dataplane(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Dataplane::~Dataplane() = default;

uint64_t Dataplane::beats() const { return parts_->keeper->beats(); }

std::unique_ptr<Dataplane> Dataplane::start(DataplaneSetup setup, std::string& error) {
  if (setup.workers < 1 || setup.workers > Limits::maxWorkers) {
    error = "workers: expected 1 to " + std::to_string(Limits::maxWorkers) + ", got " +
            std::to_string(setup.workers);
    return nullptr;
  }
  const std::vector<int> usable = usable_cpus();
  error = check_cpus(setup.cpus, usable);
  if (!error.empty()) return nullptr;
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    error = std::string("getrandom: ") + strerror(errno);
    return nullptr;
  }
  auto parts = std::make_unique<Parts>();
  // One block of counters more: the fast path counts like a worker.
  const SegmentConfig config = SegmentConfig::full(setup.workers + 1, seed);
  if (!parts->memory.create(Segment::bytes_needed(config), error)) return nullptr;
  const Segment segment = Segment::format(parts->memory.data(), config);
  // The ring of events is filled once in any case, by the first burst of new MACs: which shall not
  // wait for the kernel to find a page with every 73rd.
  parts->memory.populate(segment.header().events, uint64_t{config.eventSlots} * sizeof(Event));
  parts->shared.placements = place_workers(setup.workers, setup.cpus, usable);
  parts->shared.cpus = usable;
  for (unsigned i = 0; i < setup.workers; i++) {
    const NumaScope near(parts->shared.placements[i].cpu);
    parts->workers.push_back(std::make_unique<Worker>(segment, parts->shared, i, setup.polling));
  }

  Keeper::Setup keeper;
  keeper.control_path = std::move(setup.control_path);
  keeper.memory = &parts->memory;
  keeper.segment = segment;
  keeper.shared = &parts->shared;
  keeper.workers = &parts->workers;
  keeper.fast_path = setup.fast_path;
  keeper.on_shutdown = std::move(setup.on_shutdown);
  parts->keeper = std::make_unique<Keeper>(std::move(keeper));
  for (const auto& worker : parts->workers)
    if (!worker->start(error)) return nullptr;
  if (!parts->keeper->start(error)) return nullptr;
  return std::unique_ptr<Dataplane>(new Dataplane(std::move(parts)));
}

}  // namespace vtep
