#include "capture.hpp"

#include <algorithm>

#include "../core/drop.hpp"
#include "message.hpp"

namespace vtep {

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1000000000;
constexpr uint32_t kMostVni = 0xffffff;
constexpr uint32_t kBurstsPerSecond = 10;  // of the rate that may come at once

bool parse_hex(std::string_view text, std::string& out) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high << 4 | low);
  }
  return true;
}

}  // namespace

bool CaptureSpec::parse(std::string_view text, CaptureSpec& out, std::string& error) {
  uint64_t inner = 0, follow = 0, points = out.points, port = 0, vni = 0, reason = 0;
  uint64_t snap_length = out.snap_length, rate = out.rate;
  const struct {
    const char* key;
    uint64_t most;
    uint64_t& value;
  } keys[] = {
      {"points", kEveryPoint, points},
      {"port", Limits::maxPorts, port},
      {"vni", kMostVni, vni},
      {"reason", kDropCount - 1, reason},
      {"inner", 1, inner},
      {"follow", 1, follow},
      {"snapLength", kMostOctets, snap_length},
      {"frames", UINT64_MAX / 2, out.frames},
      {"rate", kMostRate, rate},
  };
  std::string value;
  for (const auto& each : keys) {
    if (!find_value(text, each.key, value)) continue;
    if (parse_decimal(value, each.most, each.value)) continue;
    error = std::string("capture: ") + each.key + ": expected 0 to " + std::to_string(each.most) +
            ", got " + quote(value);
    return false;
  }
  out.points = static_cast<uint32_t>(points) & kEveryPoint;
  out.port = static_cast<uint32_t>(port);
  out.vni = static_cast<uint32_t>(vni);
  out.reason = static_cast<uint32_t>(reason);
  out.inner = inner != 0;
  out.follow = follow != 0;
  out.snap_length = static_cast<uint32_t>(snap_length);
  out.rate = static_cast<uint32_t>(rate);
  std::string program;
  if (find_value(text, "filter", value) && !parse_hex(value, program)) {
    error = "capture: filter: expected instructions in hexadecimal, got " + quote(value);
    return false;
  }
  if (PacketFilter::parse(program, out.filter, error)) return true;
  error = "capture: " + error;
  return false;
}

std::unique_ptr<Capture> Capture::open(CaptureSpec spec, unsigned workers, uint64_t owner,
                                       std::string& error) {
  std::unique_ptr<Capture> capture(new Capture(std::move(spec), owner));
  CaptureMemory& memory = capture->memory_;
  if (!memory.create(workers, error)) return nullptr;
  for (unsigned i = 0; i < workers; i++)
    capture->seats_.push_back(std::make_unique<Seat>(memory.head(i), memory.ring(i)));
  return capture;
}

bool Capture::Seat::admit(uint32_t rate, uint64_t now) {
  if (tokens > 0) {
    tokens--;
    return true;
  }
  // A tenth of a second's records at once, at most.
  const uint64_t passed = std::min(now - filled_at, kNanosecondsPerSecond / kBurstsPerSecond);
  const uint64_t more = passed * rate / kNanosecondsPerSecond;
  if (more == 0) return false;
  filled_at = now;
  tokens = static_cast<uint32_t>(more - 1);
  return true;
}

bool Capture::take() const {
  return spec_.frames == 0 || taken_.fetch_add(1, std::memory_order_relaxed) < spec_.frames;
}

}  // namespace vtep
