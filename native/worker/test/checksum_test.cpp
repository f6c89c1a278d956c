// The checksum invariant (worker/README.md): between every ordered pair of port kinds, and between
// every port kind and every uplink kind over IPv4 and IPv6, in both directions, whatever a tenant
// may send arrives with right checksums, or with right metadata of partial ones. A whole dataplane,
// real interfaces; a far VTEP is the kernel's own VXLAN device in a namespace of its own.
//
// A port kind is covered by its far side (port/test/far_side.cpp), an uplink kind by its line in
// uplinks.def.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "../../core/tables.gen.hpp"
#include "../../port/namespace_scope.hpp"
#include "../../port/test/far_side.hpp"
#include "../../port/test/uplink_rig.hpp"
#include "../client.hpp"
#include "../dataplane.hpp"
#include "../ring_frames.hpp"
#include "samples.hpp"

namespace vtep::test {
namespace {

constexpr uint8_t kFarTaker[6] = {2, 0, 0, 0, 0, 3};  // behind the far VTEP
constexpr unsigned kPatience = 2000;                  // milliseconds

// A dataplane with one network, and its only controller.
class Plane {
 public:
  Plane() : path_("/tmp/vtep-checksum-test-" + std::to_string(getpid())) {
    std::string error;
    DataplaneSetup setup;
    setup.control_path = path_;
    setup.on_shutdown = [] {};
    dataplane_ = Dataplane::start(std::move(setup), error);
    CHECK(dataplane_ != nullptr, error);
    ClientSetup client;
    client.path = path_;
    client.layout_hash = kLayoutHashText;
    client.on_wake = [] {};
    client.on_closed = [](const std::string& reason) { CHECK(false, reason); };
    ClientFailure failure;
    client_ = Client::connect(std::move(client), failure);
    CHECK(client_ != nullptr, failure.sentence);
    NetworkSetOperation network = {};
    network.vni = kVni;
    apply(OperationCode::networkSet, network);
  }
  ~Plane() {
    client_.reset();
    dataplane_.reset();
    unlink(path_.c_str());
  }

  std::string ask(const char* verb, const std::string& payload) {
    std::mutex mutex;
    std::condition_variable arrived;
    bool done = false, well = false;
    std::string answer;
    client_->request(verb, payload, [&](bool ok, std::string text, Descriptor) {
      const std::lock_guard<std::mutex> guard(mutex);
      done = true, well = ok, answer = std::move(text);
      arrived.notify_one();
    });
    std::unique_lock<std::mutex> lock(mutex);
    arrived.wait(lock, [&] { return done; });
    CHECK(well, std::string(verb) + ": " + answer);
    return answer;
  }

  template <class Operation>
  void apply(uint16_t code, const Operation& operation) {
    const uint16_t head[2] = {code, sizeof operation};
    std::string bytes(reinterpret_cast<const char*>(head), sizeof head);
    bytes.append(reinterpret_cast<const char*>(&operation), sizeof operation);
    ask("apply", bytes);
  }

 private:
  std::string path_;
  std::unique_ptr<Dataplane> dataplane_;
  std::unique_ptr<Client> client_;
};

// A ring port of a dataplane, through its control socket.
class PlaneRing : public Ring {
 public:
  PlaneRing(Plane& plane, uint32_t id)
      : plane_(plane), id_(reinterpret_cast<const char*>(&id), sizeof id) {}
  bool inject(unsigned, const uint8_t* bytes, size_t length, const Meta& meta) override {
    Frame frame;
    frame.data = const_cast<uint8_t*>(bytes);
    frame.length = static_cast<uint32_t>(length);
    frame.meta = meta;
    std::string payload = id_;
    pack_ring_frame(frame, payload);
    plane_.ask("ring-send", payload);
    return true;
  }
  bool take(Frame& out) override {
    if (rest_.empty()) rest_ = received_ = plane_.ask("ring-receive", id_);
    return !rest_.empty() && unpack_ring_frame(rest_, out);
  }
  int take_descriptor() const override { return -1; }

 private:
  Plane& plane_;
  std::string id_, received_;
  std::string_view rest_;
};

// One end of a way through the dataplane: frames that are injected there come in, and what is sent
// there can be taken.
struct End {
  std::string name;
  bool carries_metadata = true;
  std::unique_ptr<FarSide> far;
  std::unique_ptr<Ring> ring;
  uint32_t port = 0;  // 0: the uplink

  End(Plane& plane, const FarKind& kind, const std::string& number)
      : name(std::string(kind.kind) + (kind.variant[0] == 0 ? "" : " ") + kind.variant),
        carries_metadata(kind.carries_metadata),
        plane_(&plane) {
    const PortWish wish = kind.prepare(number);
    port = static_cast<uint32_t>(strtoul(
        plane.ask("port-open", "name=" + wish.name + "\nkind=" + kind.kind + "\n" + wish.options)
            .c_str(),
        nullptr, 10));
    plane.apply(OperationCode::portAttach, PortAttachOperation{port, kVni});
    if (strcmp(kind.kind, "ring") == 0 || strcmp(kind.kind, "fault") == 0)
      ring = std::make_unique<PlaneRing>(plane, port);
    far = kind.attach(number, ring.get());
  }
  End(std::string what, std::unique_ptr<FarSide> side)
      : name(std::move(what)), far(std::move(side)) {}
  ~End() {
    if (port == 0) return;
    plane_->ask("port-close", std::to_string(port));
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

 private:
  Plane* plane_ = nullptr;
};

void take_at(Plane& plane, const End& end) {
  if (end.port == 0) return;
  MacSetLocalOperation mac = {};
  mac.vni = kVni;
  mac.port = end.port;
  mac.flags = MacFlag::fixed;
  memcpy(mac.mac, kTaker, sizeof mac.mac);
  plane.apply(OperationCode::macSetLocal, mac);
}

Bytes addressed(Bytes frame, const uint8_t (&destination)[6]) {
  memcpy(frame.bytes.data(), destination, sizeof destination);
  return frame;
}

// Until nothing has come for a while.
void drain(End& end) {
  std::vector<Bytes> seen;
  do {
    seen.clear();
    ::poll(nullptr, 0, 50);
    end.far->poll(seen);
  } while (!seen.empty());
}

std::string first_difference(const Octets& got, const Octets& expected) {
  size_t at = 0;
  while (at < got.size() && at < expected.size() && got[at] == expected[at]) at++;
  return "differs at octet " + std::to_string(at) + ", " + std::to_string(got.size()) +
         " octets, " + std::to_string(expected.size()) + " expected";
}

std::string compare(const std::vector<Octets>& got, const std::vector<Octets>& expected) {
  if (got.size() != expected.size())
    return std::to_string(got.size()) + " frames arrive, expected " +
           std::to_string(expected.size());
  for (size_t i = 0; i < expected.size(); i++)
    if (got[i] != expected[i])
      return "frame " + std::to_string(i) + " " + first_difference(got[i], expected[i]);
  return {};
}

// Sends every sample one way, and holds what arrives against what a receiver must see. Answers a
// line for each sample that is wrong.
std::vector<std::string> send_all_samples(End& from, End& to, const uint8_t (&taker)[6]) {
  std::vector<std::vector<Octets>> expected(samples().size()), got(samples().size());
  std::vector<std::string> wrong(samples().size());
  size_t missing = 0;
  for (size_t i = 0; i < samples().size(); i++) {
    const Sample& sample = samples()[i];
    if (sample.has_metadata && !from.carries_metadata) continue;
    for (const Bytes& frame : sample.frames) {
      const Bytes sent = addressed(frame, taker);
      Finished finished = finish(sent);
      CHECK(finished.problem.empty(), sample.name + ": " + finished.problem);
      for (Octets& one : finished.frames) expected[i].push_back(std::move(one));
      if (!from.far->inject(sent)) wrong[i] = "can not be injected";
    }
    for (const Octets& one : expected[i]) missing += stream_octets(one);
  }
  std::vector<Bytes> arrived;
  size_t read = 0;
  eventually(
      [&] {
        to.far->poll(arrived);
        for (; read < arrived.size(); read++) {
          const size_t i = sample_of(arrived[read].bytes);
          if (i == SIZE_MAX) continue;
          Finished finished = finish(arrived[read]);
          if (!finished.problem.empty()) wrong[i] = "arrives with " + finished.problem;
          for (Octets& one : finished.frames) {
            missing -= std::min(missing, stream_octets(one));
            got[i].push_back(std::move(one));
          }
        }
        return missing == 0;
      },
      kPatience);
  std::vector<std::string> lines;
  for (size_t i = 0; i < samples().size(); i++) {
    if (wrong[i].empty())
      wrong[i] = compare(joined(std::move(got[i])), joined(std::move(expected[i])));
    if (!wrong[i].empty())
      lines.push_back(from.name + " to " + to.name + ": " + samples()[i].name + ": " + wrong[i]);
  }
  return lines;
}

class Verdict {
 public:
  void add(const std::vector<std::string>& lines) {
    ways_++;
    for (const std::string& line : lines) text_ += "\n  " + line;
  }
  void say() const {
    CHECK(text_.empty(), std::to_string(ways_) + " ways, wrong:" + text_);
    printf("%u ways, %zu samples each\n", ways_, samples().size());
  }

 private:
  unsigned ways_ = 0;
  std::string text_;
};

// The kernel's VXLAN device at the far end of the underlay, and what passes on the wire before it.
class FarVtep {
 public:
  FarVtep(const Underlay& underlay, bool v4) {
    const std::string local = underlay.there.text(), remote = underlay.here.text();
    underlay.far.run("ip link add vxlan0 type vxlan id " + std::to_string(kVni) + " local " +
                     local + " remote " + remote + " dstport 4789 dev eth0 nolearning" +
                     (v4 ? "" : " udp6zerocsumrx noudp6zerocsumtx"));
    underlay.far.run("ip link set vxlan0 addrgenmode none; ip link set vxlan0 up");
    std::string error;
    const Descriptor there =
        open_namespace("/proc/" + std::to_string(underlay.far.process()) + "/ns/net", error);
    NamespaceScope scope;
    CHECK(there && scope.enter(there) == 0, error);
    tenant = std::make_unique<InterfaceSide>("vxlan0");
    wire_ = std::make_unique<InterfaceSide>("eth0", true);
  }

  std::unique_ptr<FarSide> tenant;

  // What has crossed the wire towards the far VTEP: right in itself, outer headers and all.
  std::vector<std::string> check_wire(const std::string& name) {
    std::vector<Bytes> seen;
    wire_->poll(seen);
    std::vector<std::string> lines;
    if (seen.empty()) lines.push_back(name + ": nothing on the wire");
    for (const Bytes& frame : seen)
      if (const Finished finished = finish(frame); !finished.problem.empty())
        lines.push_back(name + ": on the wire, " + std::to_string(frame.bytes.size()) +
                        " octets with " + finished.problem);
    return lines;
  }

 private:
  std::unique_ptr<InterfaceSide> wire_;
};

void check_uplink(const char* kind, bool v4, Verdict& verdict) {
  const Underlay underlay(v4, false);
  Plane plane;
  plane.ask("configure", "address=" + underlay.here.text() + "\nudpPort=4789\nuplink=" + kind +
                             "\ninterfaces=\n");
  MacSetRemoteOperation mac = {};
  mac.vni = kVni;
  memcpy(mac.mac, kFarTaker, sizeof mac.mac);
  memcpy(mac.remote, underlay.there.bytes, sizeof mac.remote);
  plane.apply(OperationCode::macSetRemote, mac);
  FarVtep vtep(underlay, v4);
  const std::string name = std::string(kind) + (v4 ? " over IPv4" : " over IPv6");
  End uplink(name, std::move(vtep.tenant));
  bool first = true;
  for (const FarKind& far : far_kinds()) {
    End port(plane, far, "1");
    take_at(plane, port);
    // The first frames go while the next hop is not known yet: the kernel may lose some of them.
    if (first) {
      const Bytes probe = addressed(samples()[0].frames[0], kFarTaker);
      CHECK(eventually([&] {
              std::vector<Bytes> seen;
              port.far->inject(probe);
              uplink.far->poll(seen);
              return !seen.empty();
            }),
            name + ": nothing gets through");
      drain(uplink);
      first = false;
    }
    verdict.add(send_all_samples(port, uplink, kFarTaker));
    verdict.add(vtep.check_wire(port.name + " to " + name));
    verdict.add(send_all_samples(uplink, port, kTaker));
  }
}

void check_uplinks(bool v4) {
  Verdict verdict;
  for (const UplinkKind* kind : uplink_kinds()) check_uplink(kind->name, v4, verdict);
  verdict.say();
}

}  // namespace

TEST(checksums_between_ports) {
  Plane plane;
  Verdict verdict;
  for (const FarKind& left : far_kinds())
    for (const FarKind& right : far_kinds()) {
      End from(plane, left, "1"), to(plane, right, "2");
      take_at(plane, to);
      verdict.add(send_all_samples(from, to, kTaker));
    }
  verdict.say();
}

TEST(checksums_over_uplinks_ipv4) { check_uplinks(true); }
TEST(checksums_over_uplinks_ipv6) { check_uplinks(false); }

}  // namespace vtep::test
