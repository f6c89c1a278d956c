// The registries of port and uplink kinds, from ports.def and uplinks.def.
#include "port.hpp"
#include "uplink.hpp"

namespace vtep {

#define PORT(kind) extern const PortKind kind##_port_kind;
#include "ports.def"
#undef PORT
#define UPLINK(kind) extern const UplinkKind kind##_uplink_kind;
#include "uplinks.def"
#undef UPLINK

const std::vector<const PortKind*>& port_kinds() {
  static const std::vector<const PortKind*> kinds = {
#define PORT(kind) &kind##_port_kind,
#include "ports.def"
#undef PORT
  };
  return kinds;
}

const std::vector<const UplinkKind*>& uplink_kinds() {
  static const std::vector<const UplinkKind*> kinds = {
#define UPLINK(kind) &kind##_uplink_kind,
#include "uplinks.def"
#undef UPLINK
  };
  return kinds;
}

// Finds a kind by name and checks the options against what it declares.
template <class Kind>
static const Kind* find_kind(const std::vector<const Kind*>& kinds, const char* what,
                             const std::string& name, const Options& options, std::string& error) {
  std::string known;
  for (const Kind* kind : kinds) {
    if (name == kind->name)
      return options.check(kind->name, kind->options, kind->option_count, error) ? kind : nullptr;
    known += (known.empty() ? "" : ", ") + std::string(kind->name);
  }
  error = std::string(what) + " \"" + name + "\": unknown; known: " + known;
  return nullptr;
}

std::unique_ptr<Port> open_port(const std::string& kind, const OpenContext& context,
                                std::string& error) {
  const PortKind* found = find_kind(port_kinds(), "port kind", kind, context.options, error);
  return found == nullptr ? nullptr : found->open(context, error);
}

std::unique_ptr<Uplink> open_uplink(const std::string& kind, const UplinkContext& context,
                                    std::string& chosen, std::string& reason, std::string& error) {
  if (kind != "auto") {
    const UplinkKind* found =
        find_kind(uplink_kinds(), "uplink kind", kind, context.options, error);
    if (found == nullptr) return nullptr;
    chosen = found->name;
    auto uplink = found->open(context, error);
    if (uplink == nullptr) return nullptr;
    const std::string text = uplink->text();
    reason = text.empty() ? "as configured" : "as configured; " + text;
    return uplink;
  }
  // The raw uplink owns its source ports and hands over super-frames whole; it needs CAP_NET_RAW
  // and Ethernet.
  std::string refused;
  for (const char* candidate : {"raw", "udp"}) {
    chosen = candidate;
    auto uplink =
        find_kind(uplink_kinds(), "uplink kind", candidate, {}, error)->open(context, error);
    if (uplink != nullptr) {
      reason = refused.empty()
                   ? "this host can send and receive on the underlay's interfaces itself"
                   : "raw can not be used: " + refused;
      return uplink;
    }
    refused = error;
  }
  return nullptr;
}

}  // namespace vtep
