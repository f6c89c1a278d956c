// Two VTEPs on a veth pair, and what a worker would send and make of what it receives.
#pragma once
#include "../next_hop.hpp"
#include "../uplink.hpp"
#include "support.hpp"

namespace vtep::test {

constexpr uint32_t kVni = 4711;

// Opened and seen by its workers once. `interface` empty: the one that has the address.
std::unique_ptr<Uplink> open_uplink_or_fail(const char* kind, const std::string& address,
                                            unsigned queues = 1, const std::string& interface = "");
std::string uplink_error(const char* kind, const std::string& address,
                         const std::string& interface = "");

// What a worker would send: datagrams of VXLAN header and inner frame, with outer headers for a raw
// uplink.
struct Datagrams {
  std::vector<uint8_t> bytes;
  std::vector<iovec> pieces;
  UplinkGather item;

  Datagrams(const Uplink& uplink, const Address& local, const Address& remote, const NextHop& hop,
            const std::vector<std::vector<uint8_t>>& inner, const Meta& inner_meta = {});
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

 private:
  void write_outer(const Address& local, const Address& remote, const NextHop& hop, size_t payload,
                   bool train);
};

// Inner frames of what an uplink received, whatever its form; trains taken apart.
std::vector<Bytes> inner_frames(const Uplink& uplink, const Bytes& received);

Address parse_address_or_fail(const std::string& text);

// 10.1.0.1 or fd01::1 here on w0; the other VTEP has a namespace of its own.
struct Underlay {
  Tenant far;
  Address here, there;
  NextHop hop;

  explicit Underlay(bool v4, bool resolve = true);
  ~Underlay();
};

}  // namespace vtep::test
