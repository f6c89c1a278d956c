// The input of the targets `core` and `egress`, taken apart: u16 length of the operations, the
// operations, then the input of Core::run() (core/run.hpp). Fuzzers change it by parts, so that
// what they change gets past the first checks.
#pragma once
#include <stdint.h>

#include <vector>

#include "../core/frame.hpp"
#include "../core/segment.hpp"

namespace vtep::fuzz {

using Octets = std::vector<uint8_t>;

struct Record {
  uint8_t form = 0;
  uint32_t port = 0;
  uint8_t source[16] = {};
  Meta meta;
  Octets bytes;
};

struct Script {
  Octets operations;
  uint32_t now = 10;
  std::vector<Record> records;
};

// As much of it as can be read.
Script read(const uint8_t* data, size_t size);
Octets write(const Script& script);

// One of many changes that a clever attacker would try: tunnels in tunnels, tags, fragments, lies
// about offloads, lengths that are wrong by one.
void change(Script& script, uint64_t seed);

// A frame as a tenant might send it, whole or half a lie.
Record tenant_frame(uint64_t seed);

// The network that both targets begin with: VNI 10100 with ports 1 to 6, our address, our AR-IP and
// the addresses of two far VTEPs in it. Operations in their packed form.
constexpr uint8_t kLocal[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
constexpr uint8_t kGateway[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 4};
constexpr uint8_t kFar[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2};
constexpr uint8_t kOther[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 3};
constexpr uint8_t kReplicator[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9};
constexpr uint32_t kVni = 10100;
constexpr uint32_t kVrf = 50001;
constexpr uint16_t kUdpPort = 4789;
constexpr uint32_t kPorts = 6;
Octets network();
LocalUnderlay underlay();

}  // namespace vtep::fuzz
