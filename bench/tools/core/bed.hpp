// A switch with its tables in a sparse memfd, as the dataplane has them, filled with MACs.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "../../../native/core/checksum.hpp"
#include "../../../native/core/encap.hpp"
#include "../../../native/core/switch.hpp"
#include "../../../native/core/tables.hpp"

namespace vtep::bench {

inline constexpr uint64_t kSecond = 1000000000;
inline constexpr uint32_t kVni = 10100;
inline constexpr uint16_t kUdpPort = 4789;
inline constexpr uint8_t kLocal[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};

inline uint64_t nanoseconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * kSecond + static_cast<uint64_t>(t.tv_nsec);
}
[[noreturn]] inline void fail(const char* what) {
  fprintf(stderr, "core bench: %s\n", what);
  exit(1);
}
inline void vtep_address(uint32_t n, uint8_t out[16]) {
  copy(out, kLocal, 16);
  out[15] = static_cast<uint8_t>(2 + n);
}
// 02:KIND:xx:xx:xx:xx, n in network order: how a platform counts its MACs.
inline uint64_t mac_of(uint8_t kind, uint32_t n) {
  return 2u | uint64_t{kind} << 8 | uint64_t{__builtin_bswap32(n)} << 16;
}

// A memfd that is mapped and gone with the process.
struct Memory {
  int file;
  uint64_t size;
  uint8_t* data;
  explicit Memory(uint64_t bytes) : file(memfd_create("bench", MFD_CLOEXEC)), size(bytes) {
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) fail("memfd");
    void* map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (map == MAP_FAILED) fail("mmap");
    data = static_cast<uint8_t*>(map);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    munmap(data, size);
    close(file);
  }
};

struct Operations {
  std::vector<uint8_t> bytes;
  template <typename T>
  void add(uint16_t code, const T& operation) {
    const uint16_t head[2] = {code, sizeof operation};
    const size_t at = bytes.size();
    bytes.resize(at + sizeof head + sizeof operation);
    copy(&bytes[at], head, sizeof head);
    copy(&bytes[at + sizeof head], &operation, sizeof operation);
  }
};

inline void write_inner(uint8_t* p, uint32_t length, uint32_t flow) {
  put_net16(p + 12, 0x0800);
  uint8_t* ip = p + 14;
  ip[0] = 0x45;
  put_net16(ip + 2, static_cast<uint16_t>(length - 14));
  ip[8] = 64;
  ip[9] = 17;
  put_net32(ip + 12, 0x0a010001);
  put_net32(ip + 16, 0x0a010002 + flow);
  store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, 20, 0))));
  put_net16(ip + 20, static_cast<uint16_t>(1024 + flow));
  put_net16(ip + 22, 53);
  put_net16(ip + 24, static_cast<uint16_t>(length - 34));
}

// From VTEP 10.0.0.2 to us.
inline void write_outer(uint8_t* p, uint32_t inner) {
  put_net16(p + 12, 0x0800);
  uint8_t* ip = p + 14;
  ip[0] = 0x45;
  put_net16(ip + 2, static_cast<uint16_t>(inner + 36));
  ip[8] = 64;
  ip[9] = 17;
  put_net32(ip + 12, 0x0a000002);
  put_net32(ip + 16, 0x0a000001);
  store16(ip + 10, static_cast<uint16_t>(~checksum_fold(checksum_add(ip, 20, 0))));
  put_net16(ip + 20, 50000);
  put_net16(ip + 22, kUdpPort);
  put_net16(ip + 24, static_cast<uint16_t>(inner + 16));
  encap_vxlan(kVni, ip + 28);
}

// Ports 1 and 2 in one network, VTEPs, and MACs behind them.
struct Bed {
  SegmentConfig config;
  std::unique_ptr<Memory> memory;
  Segment segment;
  std::unique_ptr<Tables> tables;
  std::unique_ptr<Switch> sw;
  std::unique_ptr<Burst> burst = std::make_unique<Burst>();
  std::vector<uint64_t> destinations;  // MACs that frames go to
  std::vector<uint32_t> order;         // by chance
  uint32_t sources = 1;                // MACs behind port 1

  // Every one has another seed, so that no luck of a hash is in all trials.
  static SegmentConfig config_for(uint32_t macs) {
    static uint64_t seed = 0x9e3779b97f4a7c15;
    SegmentConfig out = SegmentConfig::full(1, seed += 0x9e3779b97f4a7c15);
    out.macs = macs < 1u << 20 ? 1u << 20 : macs;
    return out;
  }

  // `macs` in all: destinations, and where frames differ by source half of them are sources.
  Bed(uint32_t macs, uint32_t vteps, bool to_remote, bool many_sources)
      : config(config_for(macs)),
        memory(std::make_unique<Memory>(Segment::bytes_needed(config))),
        segment(Segment::format(memory->data, config)),
        tables(std::make_unique<Tables>(segment, TablesObserver{}, true)),
        sw(std::make_unique<Switch>(segment, 0)) {
    tables->set_time(kSecond);
    tables->set_local({kLocal, kUdpPort});
    if (many_sources) sources = macs / 2;
    Operations o;
    o.add(OperationCode::networkSet, NetworkSetOperation{kVni, 0, 300, 0, 0, 0, {}, 0, {}, {}});
    for (uint32_t port = 1; port <= 2; port++)
      o.add(OperationCode::portAttach, PortAttachOperation{port, kVni});
    for (uint32_t i = 0; i < vteps; i++) {
      FloodAddOperation flood = {kVni, 0, {}};
      vtep_address(i, flood.remote);
      o.add(OperationCode::floodAdd, flood);
      NextHopSetOperation hop = {};
      vtep_address(i, hop.remote);
      vtep_address(i, hop.nextHop);
      copy(hop.source, kLocal, 16);
      hop.ifindex = 1;
      hop.mtu = 1500;
      o.add(OperationCode::nextHopSet, hop);
    }
    for (uint32_t i = 0; i < macs - (many_sources ? sources : 0); i++) {
      const uint64_t mac = mac_of(2, i);
      destinations.push_back(mac);
      if (to_remote) {
        MacSetRemoteOperation set = {};
        set.vni = kVni;
        store_mac(set.mac, mac);
        vtep_address(i % vteps, set.remote);
        o.add(OperationCode::macSetRemote, set);
      } else {
        o.add(OperationCode::macSetLocal, local(mac, 2));
      }
    }
    for (uint32_t i = 0; i < sources; i++)
      o.add(OperationCode::macSetLocal, local(mac_of(1, i), 1));
    const ApplyResult result = tables->apply(o.bytes.data(), o.bytes.size());
    if (result.failed != 0) fail(result.reason);
    // Powers of two, so that a mask picks one.
    uint64_t state = 88172645463325252;
    order.resize(1u << 20);
    for (uint32_t& each : order) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      each = static_cast<uint32_t>(state >> 16);
    }
  }
  static MacSetLocalOperation local(uint64_t mac, uint32_t port) {
    MacSetLocalOperation set = {};
    set.vni = kVni;
    set.port = port;
    store_mac(set.mac, mac);
    return set;
  }
  uint64_t destination(uint64_t at) const {
    return destinations[order[at % order.size()] % destinations.size()];
  }
  uint64_t source(uint64_t at) const {
    return mac_of(1, sources == 1 ? 0 : order[at % order.size()] % sources);
  }
};

}  // namespace vtep::bench
