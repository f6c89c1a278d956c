#include "tunnel_features.hpp"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string_view>
#include <vector>

#include "descriptor.hpp"

namespace vtep {
namespace {

constexpr uint32_t kMaxFeatures = 1024;

class Ethtool {
 public:
  explicit Ethtool(const std::string& ifname)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    strncpy(request_.ifr_name, ifname.c_str(), sizeof request_.ifr_name - 1);
  }
  bool ask(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return socket_ && ::ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0;
  }

 private:
  Descriptor socket_;
  ifreq request_ = {};
};

// Room for one of the kernel's structs with `bytes` behind it, zeroed and aligned.
template <class Head>
Head* with_room(std::vector<uint64_t>& memory, size_t bytes) {
  memory.assign((sizeof(Head) + bytes + 7) / 8, 0);
  return reinterpret_cast<Head*>(memory.data());
}

}  // namespace

TunnelFeatures tunnel_features(const std::string& ifname) {
  TunnelFeatures result;
  Ethtool ethtool(ifname);
  std::vector<uint64_t> set_memory, name_memory, feature_memory;
  auto* set = with_room<ethtool_sset_info>(set_memory, sizeof(uint32_t));
  set->cmd = ETHTOOL_GSSET_INFO;
  set->sset_mask = uint64_t{1} << ETH_SS_FEATURES;
  if (!ethtool.ask(set) || set->sset_mask == 0) return result;
  const uint32_t count = set->data[0];
  if (count > kMaxFeatures) return result;

  auto* names = with_room<ethtool_gstrings>(name_memory, size_t{count} * ETH_GSTRING_LEN);
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_FEATURES;
  names->len = count;
  const uint32_t blocks = (count + 31) / 32;
  auto* features =
      with_room<ethtool_gfeatures>(feature_memory, blocks * sizeof(ethtool_get_features_block));
  features->cmd = ETHTOOL_GFEATURES;
  features->size = blocks;
  if (!ethtool.ask(names) || !ethtool.ask(features)) return result;
  for (uint32_t i = 0; i < count; i++) {
    const auto* text = reinterpret_cast<const char*>(names->data) + size_t{i} * ETH_GSTRING_LEN;
    const std::string_view name(text, strnlen(text, ETH_GSTRING_LEN));
    const bool on = (features->features[i / 32].active >> (i % 32) & 1) != 0;
    if (name == "tx-udp_tnl-segmentation") result.plain = on;
    if (name == "tx-udp_tnl-csum-segmentation") result.with_checksum = on;
    if (name == "tx-udp-segmentation") result.trains = on;
  }
  return result;
}

}  // namespace vtep
