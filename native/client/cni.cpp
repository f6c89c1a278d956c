// vtep-cni: a plugin of the Container Network Interface, 0.3.0 to 1.1.0. A container's interface is
// a veth whose near end is a port of the daemon, in the network of the configuration's VNI; its MAC
// and addresses are announced at once.
//   { "cniVersion": "1.1.0", "name": "blue", "type": "vtep-cni", "vni": 10100, "mtu": 1500, "ipam":
//   { "type": "host-local", … } }
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "delegate.hpp"
#include "failure.hpp"
#include "http.hpp"
#include "json.hpp"
#include "sandbox.hpp"

namespace vtep::client {
namespace {

// Oldest first.
const char* const kVersions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
constexpr int kVersion10 = 3, kVersion11 = 4;

struct Request {
  std::string command, container, netns, ifname;
  Json config;
  int version = -1;  // in kVersions

  std::string runtime_dir() const {
    const std::string& given = config.at("runtimeDir").text();
    return given.empty() ? default_runtime_dir() : given;
  }
  const std::string& ipam() const { return config.at("ipam").at("type").text(); }
};

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

uint64_t hash(const std::string& text) {
  uint64_t value = 0xcbf29ce484222325;  // FNV-1a
  for (const char letter : text) value = (value ^ static_cast<uint8_t>(letter)) * 0x100000001b3;
  return value ^ value >> 32;
}

std::string hex(uint64_t value, unsigned digits) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return std::string(text + 16 - digits, digits);
}

// Every port of a CNI network begins so; they have the names of their near ends.
std::string prefix(const Request& request) {
  return "vk" + hex(hash(request.config.at("name").text()), 5);
}

std::string attachment(const std::string& container, const std::string& ifname) {
  return hex(hash(container + "/" + ifname), 8);
}

std::string near_end(const Request& request) {
  return prefix(request) + attachment(request.container, request.ifname);
}

Failure ask(const Request& request, const char* method, const std::string& path, const Json& body,
            Json& out) {
  Answer answer;
  std::string error;
  const std::string text = body.is(Json::Kind::null) ? "" : body.print();
  if (!call(request.runtime_dir(), method, path, text, answer, error)) return {Code::later, error};
  if (!answer.good()) return {Code::refused, answer.refusal()};
  if (Json::parse(answer.body, out)) return {};
  return {Code::decode, "the daemon: expected JSON, got something else"};
}

// What the runtime says of this container beats the configuration.
std::string wanted_mac(const Request& request) {
  const std::string& given = request.config.at("runtimeConfig").at("mac").text();
  if (!given.empty()) return given;
  std::string arguments(1, ';');
  arguments += environment("CNI_ARGS");
  arguments += ';';
  const size_t at = arguments.find(";MAC=");
  return at == std::string::npos ? ""
                                 : arguments.substr(at + 5, arguments.find(';', at + 1) - at - 5);
}

bool parse_mac(const std::string& text, uint8_t out[6]) {
  unsigned octets[6];
  char more;
  if (sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", octets, octets + 1, octets + 2, octets + 3,
             octets + 4, octets + 5, &more) != 6)
    return false;
  std::copy(octets, octets + 6, out);
  return (out[0] & 1) == 0;
}

std::string mac_text(const uint8_t mac[6]) {
  char text[18];
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
           mac[4], mac[5]);
  return text;
}

Failure read_mac(const Request& request, uint8_t mac[6]) {
  const std::string given = wanted_mac(request);
  if (given.empty()) {
    // Locally administered, and of this attachment alone.
    const uint64_t value = hash(near_end(request) + "/mac/" + request.container);
    mac[0] = 2;
    memcpy(mac + 1, &value, 5);
    return {};
  }
  if (parse_mac(given, mac)) return {};
  return {Code::config, "mac: expected a unicast MAC address, got \"" + given + "\""};
}

Failure bad_result(const std::string& what, const std::string& got) {
  return {Code::decode, "result: " + what + ", got \"" + got + "\""};
}

// Addresses of a result: that of the address plugin, or prevResult.
Failure read_addresses(const Json& result, Sandbox& sandbox) {
  for (const Json& ip : result.at("ips").items()) {
    Subnet subnet;
    const std::string& text = ip.at("address").text();
    if (!Subnet::parse(text, subnet))
      return bad_result("ips: expected an address with length", text);
    sandbox.addresses.push_back(subnet);
  }
  return {};
}

// A route without a gateway of its own leads to that of the addresses of its family.
Failure read_routes(const Json& result, Sandbox& sandbox) {
  for (const Json& from : result.at("routes").items()) {
    SandboxRoute route;
    const std::string& text = from.at("dst").text();
    if (!Subnet::parse(text, route.destination))
      return bad_result("routes: expected a prefix", text);
    std::string gateway = from.at("gw").text();
    for (const Json& ip : result.at("ips").items()) {
      Address address;
      const std::string& given = ip.at("gateway").text();
      if (gateway.empty() && Address::parse(given, address) &&
          address.is_v4() == route.destination.address.is_v4())
        gateway = given;
    }
    if (!gateway.empty() && !Address::parse(gateway, route.gateway))
      return bad_result("routes: expected a gateway", gateway);
    const auto number = [&from](const char* key, uint32_t& out) {
      long long value = 0;
      if (from.at(key).whole(0, UINT32_MAX, value)) out = static_cast<uint32_t>(value);
    };
    number("priority", route.priority), number("table", route.table);
    number("mtu", route.mtu), number("advmss", route.advmss);
    long long scope = 0;
    if (from.at("scope").whole(0, 255, scope)) route.scope = static_cast<int>(scope);
    sandbox.routes.push_back(route);
  }
  return {};
}

// Address plugins of the year before know no 1.1.0; what they have to say did not change.
Json for_delegate(const Request& request) {
  Json config = request.config;
  const char* version = kVersions[std::min(request.version, kVersion10)];
  config.set("cniVersion", version);
  if (!config.at("prevResult").is(Json::Kind::null)) {
    Json previous = config.at("prevResult");
    previous.set("cniVersion", version);
    config.set("prevResult", std::move(previous));
  }
  return config;
}

Failure addresses(const Request& request, const char* command, Json& result) {
  if (request.ipam().empty()) return {};
  return delegate(request.ipam(), command, for_delegate(request), result);
}

// Verbs of 1.1.0: a plugin that does not know them has nothing to say.
Failure addresses11(const Request& request, const char* command) {
  if (request.ipam().empty()) return {};
  Json known, result;
  const Failure failure = delegate(request.ipam(), "VERSION", for_delegate(request), known);
  if (failure) return failure;
  const std::vector<Json>& versions = known.at("supportedVersions").items();
  const auto is_new = [](const Json& each) { return each.text() == kVersions[kVersion11]; };
  if (std::ranges::none_of(versions, is_new)) return {};
  return delegate(request.ipam(), command, request.config, result);
}

Json result_of(const Request& request, const Sandbox& sandbox, const Json& ipam) {
  Json interface = Json::object({{"name", sandbox.ifname}, {"mac", mac_text(sandbox.mac)}});
  if (request.version >= kVersion11) interface.set("mtu", Json::number(sandbox.mtu));
  interface.set("sandbox", sandbox.netns);
  Json ips = Json::array();
  for (const Json& from : ipam.at("ips").items()) {
    Json ip = Json::object();
    const bool is_v6 = from.at("address").text().find(':') != std::string::npos;
    if (request.version < kVersion10) ip.set("version", is_v6 ? "6" : "4");
    ip.set("interface", Json::number(0));
    for (const char* key : {"address", "gateway"})
      if (!from.at(key).text().empty()) ip.set(key, from.at(key));
    ips.push(std::move(ip));
  }
  Json result = Json::object({{"cniVersion", kVersions[request.version]},
                              {"interfaces", Json::array({std::move(interface)})},
                              {"ips", std::move(ips)}});
  result.set("routes", Json::array(ipam.at("routes").items()));
  const Json& dns = request.config.at("dns");
  result.set("dns", dns.is(Json::Kind::object)              ? dns
                    : ipam.at("dns").is(Json::Kind::object) ? ipam.at("dns")
                                                            : Json::object());
  return result;
}

Failure attach(const Request& request, const Sandbox& sandbox, long long vni) {
  Json ips = Json::array(), out;
  for (const Subnet& each : sandbox.addresses) ips.push(each.address.text());
  const Json body = Json::object({{"vni", Json::number(vni)},
                                  {"name", sandbox.near},
                                  {"kind", "netdev"},
                                  {"mac", mac_text(sandbox.mac)},
                                  {"ip", std::move(ips)}});
  return ask(request, "POST", "/v1/attachments", body, out);
}

Failure detach(const Request& request, const std::string& near) {
  Json out;
  const Failure failure = ask(request, "DELETE", "/v1/attachments/" + near, {}, out);
  return failure ? failure : remove_sandbox(near);
}

Failure read_vni(const Request& request, long long& vni) {
  if (request.config.at("vni").whole(1, 0xffffff, vni)) return {};
  return {Code::config, "vni: expected 1 to 16777215, got " + request.config.at("vni").print()};
}

Failure add(const Request& request, Json& result) {
  Sandbox sandbox;
  sandbox.netns = request.netns, sandbox.ifname = request.ifname, sandbox.near = near_end(request);
  long long vni = 0, mtu = 1500;
  Failure failure = read_vni(request, vni);
  const Json& given = request.config.at("mtu");
  if (!failure && !given.is(Json::Kind::null) && !given.whole(68, 65521, mtu))
    failure = {Code::config, "mtu: expected 68 to 65521, got " + given.print()};
  sandbox.mtu = static_cast<uint32_t>(mtu);
  if (!failure) failure = read_mac(request, sandbox.mac);
  if (failure) return failure;

  Json ipam;
  failure = addresses(request, "ADD", ipam);
  if (failure) return failure;
  failure = read_addresses(ipam, sandbox);
  if (!failure) failure = read_routes(ipam, sandbox);
  if (!failure) failure = make_sandbox(sandbox);
  if (!failure && (failure = attach(request, sandbox, vni))) (void)remove_sandbox(sandbox.near);
  if (failure) {
    Json ignored;
    (void)addresses(request, "DEL", ignored);
    return failure;
  }
  result = result_of(request, sandbox, ipam);
  return {};
}

// The addresses last: while we are announced with them nobody else may get them.
Failure del(const Request& request, Json&) {
  Json ignored;
  const Failure failure = detach(request, near_end(request));
  return failure ? failure : addresses(request, "DEL", ignored);
}

Failure check(const Request& request, Json&) {
  const Json& previous = request.config.at("prevResult");
  if (!previous.is(Json::Kind::object))
    return {Code::config, "prevResult: expected the result of ADD, got nothing"};
  Sandbox sandbox;
  sandbox.netns = request.netns, sandbox.ifname = request.ifname, sandbox.near = near_end(request);
  for (const Json& each : previous.at("interfaces").items())
    if (each.at("name").text() == request.ifname && !each.at("sandbox").text().empty())
      (void)parse_mac(each.at("mac").text(), sandbox.mac);
  long long vni = 0;
  Json ports, ignored;
  Failure failure = read_vni(request, vni);
  if (!failure) failure = read_addresses(previous, sandbox);
  if (!failure) failure = check_sandbox(sandbox);
  if (!failure) failure = ask(request, "GET", "/v1/ports?ifname=" + sandbox.near, {}, ports);
  if (failure) return failure;
  long long found = 0;
  const std::string where = "port " + sandbox.near + ": ";
  if (ports.items().empty()) return {Code::differs, where + "is not there"};
  const Json& port = ports.items()[0];
  if (!port.at("vni").whole(vni, vni, found))
    return {Code::differs, where + "expected VNI " + std::to_string(vni) + ", has another"};
  if (port.at("state").text() != "up")
    return {Code::differs, where + "expected it up, is " + port.at("state").text()};
  return addresses(request, "CHECK", ignored);
}

// 51: what is there has no connectivity either, as nothing forwards.
Failure status(const Request& request, Json&) {
  Json state;
  const Failure failure = ask(request, "GET", "/v1/status", {}, state);
  if (failure) {
    const bool forwards = has_dataplane(request.runtime_dir());
    return {forwards ? Code::unavailable : Code::limited, failure.message};
  }
  if (state.at("uplink").text().empty()) return {Code::limited, "the dataplane is down"};
  return addresses11(request, "STATUS");
}

Failure gc(const Request& request, Json&) {
  std::set<std::string> valid;
  for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"})
    for (const Json& each : request.config.at(key).items())
      valid.insert(prefix(request) +
                   attachment(each.at("containerID").text(), each.at("ifname").text()));
  Json ports;
  Failure failure = ask(request, "GET", "/v1/ports", {}, ports);
  for (const Json& port : ports.items()) {
    const std::string& name = port.at("ifname").text();
    if (name.starts_with(prefix(request)) && name.size() == prefix(request).size() + 8 &&
        !valid.contains(name))
      if (const Failure one = detach(request, name)) failure = one;
  }
  return failure ? failure : addresses11(request, "GC");
}

Failure version(const Request&, Json& result) {
  Json all = Json::array();
  for (const char* each : kVersions) all.push(each);
  result = Json::object({{"cniVersion", kVersions[kVersion11]}, {"supportedVersions", all}});
  return {};
}

struct Verb {
  const char* name;
  // Of the environment: c container, n network namespace, i interface.
  const char* needs;
  int since;
  Failure (*run)(const Request& request, Json& result);
};

const Verb kVerbs[] = {
    {"ADD", "cni", 0, add},     {"DEL", "ci", 0, del},
    {"CHECK", "cni", 2, check}, {"STATUS", "", kVersion11, status},
    {"GC", "", kVersion11, gc}, {"VERSION", "", -1, version},
};

bool is_word(const std::string& text, const char* more) {
  return !text.empty() && std::ranges::all_of(text, [more](char letter) {
    return ::isalnum(static_cast<unsigned char>(letter)) || strchr(more, letter) != nullptr;
  });
}

Failure read_environment(const Verb& verb, Request& request) {
  const std::string needs = verb.needs;
  request.container = environment("CNI_CONTAINERID");
  request.netns = environment("CNI_NETNS");
  request.ifname = environment("CNI_IFNAME");
  const auto needed = [&needs](char letter) { return needs.find(letter) != std::string::npos; };
  const auto wrong = [](const char* what) { return Failure{Code::environment, what}; };
  if (needed('c') && !is_word(request.container, "_.-"))
    return wrong("CNI_CONTAINERID: expected letters, digits, _ . and -");
  if (needed('n') && request.netns.empty()) return wrong("CNI_NETNS: expected a path, got nothing");
  if (needed('i') && (request.ifname.empty() || request.ifname.size() > 15 ||
                      request.ifname.find_first_of("/: \t\n") != std::string::npos))
    return wrong("CNI_IFNAME: expected the name of an interface");
  return {};
}

Failure read_config(const Verb& verb, Request& request) {
  std::string text;
  char part[16384];
  for (size_t size; (size = fread(part, 1, sizeof part, stdin)) > 0;) text.append(part, size);
  // Some runtimes ask for the version without a word.
  if (verb.since < 0) return {};
  if (!Json::parse(text, request.config) || !request.config.is(Json::Kind::object))
    return {Code::decode, "configuration: expected JSON on standard input, got something else"};
  const std::string& version = request.config.at("cniVersion").text();
  for (int i = 0; i < static_cast<int>(std::size(kVersions)); i++)
    if (version == kVersions[i]) request.version = i;
  if (request.version < 0 || request.version < verb.since)
    return {Code::incompatible, "cniVersion: expected one of " +
                                    std::string(kVersions[std::max(verb.since, 0)]) + " to " +
                                    kVersions[kVersion11] + ", got \"" + version + "\""};
  if (!is_word(request.config.at("name").text(), "_.-"))
    return {Code::config, "name: expected letters, digits, _ . and -"};
  return {};
}

int run() {
  Request request;
  Json result;
  Failure failure;
  const std::string command = environment("CNI_COMMAND");
  const Verb* verb =
      std::ranges::find(kVerbs, command, [](const Verb& each) { return std::string(each.name); });
  if (verb == std::end(kVerbs)) {
    failure = {
        Code::environment,
        "CNI_COMMAND: expected ADD, DEL, CHECK, STATUS, GC or VERSION, got \"" + command + "\""};
  } else {
    failure = read_config(*verb, request);
    if (!failure) failure = read_environment(*verb, request);
    if (!failure) failure = verb->run(request, result);
  }
  if (failure) {
    const std::string& given = request.config.at("cniVersion").text();
    result = Json::object({{"cniVersion", given.empty() ? kVersions[kVersion11] : given},
                           {"code", Json::number(static_cast<int>(failure.code))},
                           {"msg", "vtep: " + failure.message}});
  }
  if (!result.is(Json::Kind::null)) puts(result.print().c_str());
  return failure ? 1 : 0;
}

}  // namespace
}  // namespace vtep::client

int main() { return vtep::client::run(); }
