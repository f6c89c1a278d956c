#include "device_features.hpp"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
  // Answers not negative when it was done, perhaps with a difference.
  int ask(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return socket_ ? ::ioctl(socket_.get(), SIOCETHTOOL, &request_) : -1;
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

bool DeviceFeatures::read(const std::string& ifname) {
  Ethtool ethtool(ifname);
  std::vector<uint64_t> set_memory, name_memory, feature_memory;
  auto* set = with_room<ethtool_sset_info>(set_memory, sizeof(uint32_t));
  set->cmd = ETHTOOL_GSSET_INFO;
  set->sset_mask = uint64_t{1} << ETH_SS_FEATURES;
  if (ethtool.ask(set) < 0 || set->sset_mask == 0) return false;
  const uint32_t count = set->data[0];
  if (count > kMaxFeatures) return false;

  auto* names = with_room<ethtool_gstrings>(name_memory, size_t{count} * ETH_GSTRING_LEN);
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_FEATURES;
  names->len = count;
  const uint32_t blocks = (count + 31) / 32;
  auto* features =
      with_room<ethtool_gfeatures>(feature_memory, blocks * sizeof(ethtool_get_features_block));
  features->cmd = ETHTOOL_GFEATURES;
  features->size = blocks;
  if (ethtool.ask(names) < 0 || ethtool.ask(features) < 0) return false;
  names_.clear(), on_.clear();
  for (uint32_t i = 0; i < count; i++) {
    const auto* text = reinterpret_cast<const char*>(names->data) + size_t{i} * ETH_GSTRING_LEN;
    names_.emplace_back(text, strnlen(text, ETH_GSTRING_LEN));
  }
  for (uint32_t i = 0; i < blocks; i++) on_.push_back(features->features[i].active);
  return true;
}

bool DeviceFeatures::is_on(std::string_view name) const {
  for (size_t i = 0; i < names_.size(); i++)
    if (names_[i] == name) return bit(i);
  return false;
}

bool DeviceFeatures::write_sending(const std::string& ifname) const {
  std::vector<uint64_t> memory;
  auto* wanted =
      with_room<ethtool_sfeatures>(memory, on_.size() * sizeof(ethtool_set_features_block));
  wanted->cmd = ETHTOOL_SFEATURES;
  wanted->size = static_cast<uint32_t>(on_.size());
  // A NIC that sums one family of addresses is, for what we send, as one that sums all.
  const bool sums = is_on("tx-checksum-ipv4") || is_on("tx-checksum-ipv6");
  for (size_t i = 0; i < names_.size(); i++) {
    if (!names_[i].starts_with("tx-")) continue;
    ethtool_set_features_block& block = wanted->features[i / 32];
    const uint32_t mask = 1u << i % 32;
    block.valid |= mask;
    if (bit(i) || (sums && names_[i] == "tx-checksum-ip-generic")) block.requested |= mask;
  }
  return Ethtool(ifname).ask(wanted) >= 0;
}

std::string DeviceFeatures::sending() const {
  std::string out;
  for (size_t i = 0; i < names_.size(); i++)
    if (names_[i].starts_with("tx-") && bit(i)) out += names_[i] + " ";
  return out;
}

bool takes_tunnels_at(const std::string& ifname) {
  DeviceFeatures features;
  return !features.read(ifname) || features.is_on("tx-udp_tnl-segmentation");
}

}  // namespace vtep
