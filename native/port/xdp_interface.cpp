#include "xdp_interface.hpp"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "privilege.hpp"

namespace vtep {
namespace {

constexpr uint32_t kChunks = 2048, kChunksOfMany = 512;

// Zero copy takes the driver's own queue. Drivers have crashed hosts with it, so only those are
// asked that have had it for years, from a kernel on that has its repairs.
struct ZeroCopyDriver {
  const char* name;
  long major, minor;
};
constexpr ZeroCopyDriver kZeroCopyDrivers[] = {{"i40e", 6, 1}, {"ixgbe", 6, 1}};

bool ask_driver(const std::string& name, void* request) {
  const Descriptor socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq argument = {};
  if (!socket_ || name.size() >= sizeof argument.ifr_name) return false;
  memcpy(argument.ifr_name, name.c_str(), name.size());
  argument.ifr_data = static_cast<char*>(request);
  return ::ioctl(socket_.get(), SIOCETHTOOL, &argument) == 0;
}

// As `ethtool -l` shows; 0 when the driver does not tell.
uint32_t receive_queues(const std::string& name) {
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  return ask_driver(name, &channels) ? channels.rx_count + channels.combined_count : 0;
}

bool may_zero_copy(const std::string& name) {
  ethtool_drvinfo driver = {};
  driver.cmd = ETHTOOL_GDRVINFO;
  utsname system = {};
  if (!ask_driver(name, &driver) || ::uname(&system) != 0) return false;
  char* rest = nullptr;
  const long major = ::strtol(system.release, &rest, 10);
  const long minor = *rest == '.' ? ::strtol(rest + 1, nullptr, 10) : 0;
  for (const ZeroCopyDriver& each : kZeroCopyDrivers)
    if (strcmp(driver.driver, each.name) == 0)
      return major > each.major || (major == each.major && minor >= each.minor);
  return false;
}

}  // namespace

bool XdpSetup::read(const Options& options, std::string& error) {
  const std::string word = options.string("mode", "auto");
  busy_poll = options.flag("busyPoll", false);
  if (word == "auto")
    mode = Mode::automatic;
  else if (word == "native")
    mode = Mode::native;
  else if (word == "generic")
    mode = Mode::generic;
  else if (word == "zerocopy")
    mode = Mode::zero_copy;
  else
    return error = "af_xdp: option mode: expected auto, native, generic or zerocopy, got \"" +
                   word + "\"",
           false;
  return true;
}

std::unique_ptr<XdpInterface> XdpInterface::open(const Link& link, const XdpSetup& setup,
                                                 std::string& error) {
  using Mode = XdpSetup::Mode;
  std::unique_ptr<XdpInterface> interface(new XdpInterface(setup.workers));
  interface->ifindex_ = link.ifindex;
  error = foreign_xdp_program(link);
  if (!error.empty()) return nullptr;
  VxlanFilter filter;
  if (setup.filter != nullptr) filter = *setup.filter;
  filter.mtu = link.mtu;
  if (!interface->program_.load(setup.filter != nullptr ? &filter : nullptr, error)) return nullptr;

  bool zero_copy =
      setup.mode == Mode::zero_copy || (setup.mode == Mode::automatic && may_zero_copy(link.name));
  if (!interface->open_sockets(link, setup, zero_copy, error)) {
    if (!zero_copy || setup.mode == Mode::zero_copy) return nullptr;
    interface->sockets_.clear();
    zero_copy = false;
    if (!interface->open_sockets(link, setup, zero_copy, error)) return nullptr;
  }
  interface->set_mtu(link.mtu);

  // Last, when every queue has its socket: until then frames go the way they went before.
  std::string why;
  const bool generic = setup.mode == Mode::generic;
  if (generic || !interface->program_.attach(link, XdpMode::native, error)) {
    if (setup.mode == Mode::native || zero_copy) return nullptr;
    if (!generic) why = " (" + error + ")";
    if (!interface->program_.attach(link, XdpMode::generic, error)) return nullptr;
    interface->mode_ = XdpMode::generic;
  }
  error.clear();
  const size_t queues = interface->sockets_.size();
  interface->text_ = (interface->mode_ == XdpMode::native ? "native XDP" : "generic XDP") + why +
                     ", " + (zero_copy ? "zero copy" : "copied") + ", " + std::to_string(queues) +
                     (queues == 1 ? " queue" : " queues");
  return interface;
}

bool XdpInterface::open_sockets(const Link& link, const XdpSetup& setup, bool zero_copy,
                                std::string& error) {
  const uint32_t known = receive_queues(link.name);
  if (known > XdpProgram::kMaxQueues) {
    error = link.name + ": expected at most " + std::to_string(XdpProgram::kMaxQueues) +
            " receive queues, got " + std::to_string(known) + "; ethtool -L " + link.name +
            " combined " + std::to_string(XdpProgram::kMaxQueues);
    return false;
  }
  XdpSocketSetup each;
  each.ifindex = link.ifindex;
  each.chunks = known > 2 * setup.workers ? kChunksOfMany : kChunks;
  each.zero_copy = zero_copy;
  each.busy_poll = setup.busy_poll;
  each.dataplane = setup.dataplane;
  const uint32_t most = known != 0 ? known : XdpProgram::kMaxQueues;
  for (uint32_t queue = 0; queue < most; queue++) {
    each.queue = queue;
    each.worker = queue % workers_;
    auto socket_ = std::make_unique<XdpSocket>();
    std::string what;
    int code = socket_->open(each, what);
    // A driver that does not tell how many queues it has refuses the one behind the last.
    if (code == EINVAL && known == 0 && queue > 0) break;
    if (code == 0) {
      what = "XSKMAP";
      code = program_.set_socket(queue, socket_->descriptor());
    }
    if (code != 0) {
      error = link.name + ": " + what + ": " +
              (zero_copy && code == EOPNOTSUPP ? "the driver has no zero copy"
               : code == EBUSY                 ? "another program uses this queue by AF_XDP"
                                               : refusal(code, "CAP_NET_RAW"));
      return false;
    }
    sockets_.push_back(std::move(socket_));
  }
  return true;
}

void XdpInterface::set_mtu(uint32_t mtu) {
  for (const auto& socket_ : sockets_) socket_->set_mtu(mtu);
}

std::vector<int> XdpInterface::descriptors(unsigned worker) const {
  std::vector<int> all;
  for (size_t queue = worker; queue < sockets_.size(); queue += workers_)
    all.push_back(sockets_[queue]->descriptor());
  return all;
}

unsigned XdpInterface::receive(unsigned worker, Frame* frames, unsigned max) {
  const auto queues = static_cast<unsigned>(sockets_.size());
  if (worker >= queues) return 0;
  const unsigned own = (queues - worker + workers_ - 1) / workers_;
  const unsigned first = next_[worker].queue;
  unsigned filled = 0;
  for (unsigned i = 0; i < own; i++) {
    const unsigned turn = (first + i) % own;
    const unsigned got = sockets_[worker + turn * workers_]->receive(frames + filled, max - filled);
    if (got != 0) next_[worker].queue = (turn + 1) % own;
    filled += got;
  }
  return filled;
}

unsigned XdpInterface::take_losses(unsigned worker, Loss* losses, unsigned max) {
  unsigned rows = 0;
  for (size_t queue = worker; queue < sockets_.size() && rows < max; queue += workers_)
    rows += sockets_[queue]->take_losses(losses + rows, max - rows);
  return rows;
}

}  // namespace vtep
