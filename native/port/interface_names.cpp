#include "interface_names.hpp"

#include <net/if_arp.h>

#include <algorithm>

namespace vtep {
namespace {

constexpr size_t kMostNames = 6;

// Levenshtein's edit distance; names have at most 15 characters.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string no_such_interface(Netlink& netlink, const std::string& name) {
  std::vector<Link> links;
  (void)netlink.links(links);
  std::vector<std::pair<size_t, std::string>> names;
  for (const Link& link : links) names.emplace_back(distance(name, link.name), link.name);
  std::sort(names.begin(), names.end());
  const size_t near =
      static_cast<size_t>(std::count_if(names.begin(), names.end(), [&](const auto& candidate) {
        return candidate.first <= std::max<size_t>(1, name.size() / 3);
      }));
  const size_t shown = std::min(kMostNames, near > 0 ? near : names.size());
  std::string text = "there is no interface " + name + " here";
  for (size_t i = 0; i < shown; i++)
    text += (i > 0 ? ", " : near > 0 ? " (similar: " : " (there are: ") + names[i].second;
  if (shown > 0) text += near == 0 && shown < names.size() ? ", ...)" : ")";
  return text;
}

std::vector<std::string> interfaces_with(Netlink& netlink, const std::vector<Address>& wanted) {
  std::vector<HostAddress> addresses;
  (void)netlink.addresses(addresses);
  std::vector<std::string> names;
  Link link;
  for (const HostAddress& each : addresses)
    if (std::find(wanted.begin(), wanted.end(), each.address) != wanted.end() &&
        netlink.link_by_index(each.ifindex, link) == 0 && link.hardware_type == ARPHRD_ETHER &&
        std::find(names.begin(), names.end(), link.name) == names.end())
      names.push_back(link.name);
  return names;
}

std::string master_in_words(Netlink& netlink, const Link& link) {
  Link master;
  if (link.master == 0 || netlink.link_by_index(link.master, master) != 0) return "";
  return (master.kind.empty() ? "device" : master.kind) + " " + master.name;
}

}  // namespace vtep
