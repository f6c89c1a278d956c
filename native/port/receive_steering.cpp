#include "receive_steering.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "privilege.hpp"

namespace vtep {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// As the kernel reads it: 32 CPUs in a group of hexadecimal digits, the highest first.
std::string mask_of(const std::vector<unsigned>& cpus) {
  unsigned highest = 0;
  for (const unsigned cpu : cpus) highest = std::max(highest, cpu);
  std::vector<uint32_t> groups(highest / 32 + 1);
  for (const unsigned cpu : cpus) groups[cpu / 32] |= 1u << cpu % 32;
  std::string text;
  for (size_t i = groups.size(); i-- > 0;) {
    char group[10];
    snprintf(group, sizeof group, "%08x", groups[i]);
    if (!text.empty()) text += ',';
    text += group;
  }
  return text;
}

bool is_zero(const Descriptor& mask) {
  char text[1024];
  const ssize_t size = ::pread(mask.get(), text, sizeof text, 0);
  return size > 0 &&
         std::all_of(text, text + size, [](char c) { return c == '0' || c == ',' || c == '\n'; });
}

}  // namespace

bool SysfsMount::open(std::string& error) {
  const Descriptor context(::fsopen("sysfs", FSOPEN_CLOEXEC));
  if (context && ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
    mount_.reset(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount_) error = "sysfs: " + refusal(errno, "CAP_SYS_ADMIN");
  return static_cast<bool>(mount_);
}

ReceiveSteering::~ReceiveSteering() { set({}); }

bool ReceiveSteering::open(const SysfsMount& sysfs, const std::string& interface) {
  const std::string path = "class/net/" + interface + "/queues";
  Descriptor queues(::openat(sysfs.descriptor(), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!queues) return false;
  const Directory all(::fdopendir(::fcntl(queues.get(), F_DUPFD_CLOEXEC, 0)), ::closedir);
  if (all == nullptr) return false;
  std::vector<Descriptor> masks;
  for (dirent* entry; (entry = ::readdir(all.get())) != nullptr;) {
    if (strncmp(entry->d_name, "rx-", 3) != 0) continue;
    const std::string file = std::string(entry->d_name) + "/rps_cpus";
    Descriptor mask(::openat(queues.get(), file.c_str(), O_RDWR | O_CLOEXEC));
    if (!mask || !is_zero(mask)) return false;
    masks.push_back(std::move(mask));
  }
  masks_ = std::move(masks);
  return !masks_.empty();
}

bool ReceiveSteering::set(const std::vector<unsigned>& cpus) {
  if (cpus == cpus_) return true;
  const std::string text = mask_of(cpus);
  bool well = !masks_.empty();
  for (const Descriptor& mask : masks_)
    well &= ::pwrite(mask.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  // Also where only some queues took it: they have to be given back.
  if (!masks_.empty()) cpus_ = cpus;
  return well;
}

}  // namespace vtep
