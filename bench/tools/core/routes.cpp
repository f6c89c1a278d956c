// Routing by so many prefixes: longest prefix match, TTL, addresses of the link, and the header to
// one of 64 VTEPs.
#include "routes.hpp"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>

#include "../../../native/core/prefixes.hpp"
#include "bed.hpp"
#include "limit.h"

namespace vtep::bench {
namespace {

constexpr uint32_t kVteps = 64;
constexpr uint32_t kLength = 60;
constexpr uint32_t kBursts = 20000;
constexpr uint8_t kRouter[6] = {2, 0x76, 0, 0, 0, 1};

double now_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// A bijection, so that addresses differ.
uint32_t address_of(uint32_t n) { return (n * 2654435761u & 0x00ffffff) | 0x64000000 | n >> 24; }

struct Router {
  Bed bed{256, kVteps, true, false};
  uint32_t routes;
  bool mixed;
  std::vector<uint64_t> destinations;

  Router(uint32_t count, bool with_prefixes) : routes(count), mixed(with_prefixes) {
    Operations o;
    NetworkSetOperation settings = {};
    settings.vni = settings.vrf = kVni;
    copy(settings.mac, kRouter, 6);
    o.add(OperationCode::networkSet, settings);
    for (uint32_t i = 0; i < routes; i++) {
      // Of ten: nine hosts, and a subnet of 16 that holds the tenth.
      const bool subnet = mixed && i % 10 == 9;
      const uint32_t address = address_of(i);
      add(o, subnet ? address & ~15u : address, subnet ? 28 : 32, i);
      uint8_t ip[4];
      put_net32(ip, address);
      destinations.push_back(load32(ip));
    }
    if (mixed) {
      add(o, 0x64000000, 8, 0);
      add(o, 0x64800000, 16, 1);
      add(o, 0, 0, 2);
    }
    apply(o);
  }
  void add(Operations& o, uint32_t address, uint32_t bits, uint32_t via) {
    RouteAddOperation route = {};
    route.vrf = route.vni = kVni;
    uint8_t ip[4];
    put_net32(ip, address);
    map_ipv4(route.prefix, ip);
    route.length = static_cast<uint16_t>(kIpv4Length + bits);
    route.kind = RouteKind::remote;
    vtep_address(via % kVteps, route.via);
    route.mac[0] = 2;
    route.mac[5] = static_cast<uint8_t>(via % kVteps);
    o.add(OperationCode::routeAdd, route);
  }
  void apply(const Operations& o) {
    const ApplyResult result = bed.tables->apply(o.bytes.data(), o.bytes.size());
    if (result.failed != 0) fail(result.reason);
  }
};

struct Frames {
  std::vector<uint8_t> memory = std::vector<uint8_t>(kBurst * 448 + 64);
  Frame ours[kBurst];
  uint8_t* starts[kBurst];
  uint32_t lengths[kBurst];

  Frames() {
    for (uint32_t i = 0; i < kBurst; i++) {
      starts[i] = memory.data() + 64 + i * 448 + 128;
      lengths[i] = kLength;
      ours[i].data = starts[i];
      ours[i].length = kLength;
      ours[i].headroom = 64;
    }
  }
  // New packets, as a device brings them.
  void fill(const Router& router, uint64_t at) {
    for (uint32_t i = 0; i < kBurst; i++) {
      uint8_t* p = starts[i];
      copy(p, kRouter, 6);
      store_mac(p + 6, mac_of(1, 0));
      write_inner(p, kLength, i);
      const auto& order = router.bed.order;
      const uint64_t destination =
          router.destinations[order[(at + i) % order.size()] % router.destinations.size()];
      store32(p + 30, static_cast<uint32_t>(destination));
      store16(p + 24, 0);
      store16(p + 24, static_cast<uint16_t>(~checksum_fold(checksum_add(p + 14, 20, 0))));
    }
  }
};

template <typename Forward>
double measure(const Router& router, Frames& frames, uint64_t& at, Forward forward) {
  double spent = 0;
  for (uint32_t i = 0; i < kBursts; i++, at += kBurst) {
    frames.fill(router, at);
    const double start = now_nanoseconds();
    forward();
    spent += now_nanoseconds() - start;
  }
  return spent / (double{kBursts} * kBurst);
}

void print(const char* name, const std::vector<double>& values) {
  printf("%s\t", name);
  for (const double value : values) printf("%.3f ", value);
}

}  // namespace

void measure_routes(uint32_t routes, unsigned trials) {
  for (const bool mixed : {false, true}) {
    Router router(routes, mixed);
    limit* table = limit_new(router.destinations.data(), routes, kVteps, kVni);
    Frames frames;
    uint64_t emitted = 0, limited = 0, at = 0;
    struct Take {
      Router& router;
      uint64_t& emitted;
      RemoteCache remotes = {};
      uint8_t headers[kBurst][128] = {};
      Meta metas[kBurst] = {};
    } take{router, emitted};
    Burst& burst = *router.bed.burst;
    burst.context = &take;
    burst.flush = [](void* context, Burst& full) {
      Take& self = *static_cast<Take*>(context);
      for (unsigned i = 0; i < full.emit_count; i++) {
        const Emit& emit = full.emits[i];
        const RemoteSnapshot* remote =
            self.remotes.find(self.router.bed.segment, destination_id(emit.destination));
        if (remote == nullptr) fail("a VTEP without a row");
        encap_frame(*remote, emit.vni, emit.hash, full.frames[emit.frame], self.headers[i % kBurst],
                    self.metas[i % kBurst]);
      }
      self.emitted += full.emit_count;
    };
    std::vector<double> ours, limits;
    for (unsigned trial = 0; trial <= trials; trial++) {
      const double mine = measure(router, frames, at, [&] {
        router.bed.sw->from_port(1, frames.ours, kBurst, 2000000000, burst);
      });
      const double theirs = measure(router, frames, at, [&] {
        limited += limit_route(table, frames.starts, frames.lengths, kBurst);
      });
      if (trial == 0) continue;  // it warms up
      ours.push_back(mine);
      limits.push_back(theirs);
    }
    limit_free(table);
    const uint64_t expected = uint64_t{trials + 1} * kBursts * kBurst;
    if (emitted != expected || limited != expected) fail("frames that did not go out");
    print(mixed ? "route, prefixes of five lengths" : "route, host routes", ours);
    print("", limits);
    printf("\n");
    fflush(stdout);
  }
}

void measure_route_table(uint32_t routes) {
  const auto resident = [](const Router& router) {
    struct stat status;
    if (fstat(router.bed.memory->file, &status) != 0) fail("fstat");
    return static_cast<double>(status.st_blocks) * 512;
  };
  std::vector<double> octets, rates;
  for (int trial = 0; trial < 3; trial++) {
    Router few(1000, false);
    const double before = resident(few);
    const double start = now_nanoseconds();
    Router many(routes, false);
    rates.push_back(routes / ((now_nanoseconds() - start) / 1e9));
    octets.push_back((resident(many) - before) / (routes - 1000));
  }
  print("memory of a route", octets);
  print("\nroutes added", rates);
  printf("\n");
}

}  // namespace vtep::bench
