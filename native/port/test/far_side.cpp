#include "far_side.hpp"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "stream_side.hpp"
#include "vhost_front_end.hpp"

namespace vtep::test {
namespace {

// The far end of a veth goes with the near one.
class VethSide : public InterfaceSide {
 public:
  explicit VethSide(const std::string& number) : InterfaceSide("b" + number), near_("a" + number) {}
  ~VethSide() override {
    if (if_nametoindex(near_.c_str()) != 0) run("ip link del " + near_);
  }

 private:
  std::string near_;
};

class RingSide : public FarSide {
 public:
  explicit RingSide(Ring& ring) : ring_(ring) {}
  bool inject(const Bytes& frame) override {
    return ring_.inject(0, frame.bytes.data(), frame.bytes.size(), frame.meta);
  }
  void poll(std::vector<Bytes>& all) override {
    Frame frame;
    while (ring_.take(frame)) all.push_back({{frame.data, frame.data + frame.length}, frame.meta});
  }

 private:
  Ring& ring_;
};

std::string scratch_file(const char* direction, const std::string& number) {
  return "/tmp/vtep-port-test-" + std::to_string(getpid()) + "-" + direction + number;
}

constexpr uint32_t kFileHeader[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1};

class FileSide : public FarSide {
 public:
  explicit FileSide(const std::string& number)
      : in_(scratch_file("in", number)), out_(scratch_file("out", number)) {}
  ~FileSide() override { unlink(in_.c_str()), unlink(out_.c_str()); }

  bool inject(const Bytes& frame) override {
    FILE* file = fopen(in_.c_str(), "ae");
    const auto length = static_cast<uint32_t>(frame.bytes.size());
    const uint32_t record[4] = {1, 2, length, length};
    fwrite(record, sizeof record, 1, file);
    fwrite(frame.bytes.data(), length, 1, file);
    fclose(file);
    return true;
  }
  void poll(std::vector<Bytes>& all) override {
    FILE* file = fopen(out_.c_str(), "re");
    CHECK(file != nullptr);
    fseek(file, read_, SEEK_SET);
    for (uint32_t record[4]; fread(record, sizeof record, 1, file) == 1;) {
      Bytes frame;
      frame.bytes.resize(record[2]);
      // The port may be in the middle of writing it.
      if (fread(frame.bytes.data(), frame.bytes.size(), 1, file) != 1) break;
      CHECK_EQUAL(record[2], record[3]);
      read_ = ftell(file);
      all.push_back(std::move(frame));
    }
    fclose(file);
  }

 private:
  std::string in_, out_;
  long read_ = sizeof kFileHeader;
};

class FrontEndSide : public FarSide {
 public:
  FrontEndSide(const std::string& path, const FrontEndSetup& setup) : guest_(setup) {
    guest_.open(path);
  }
  bool inject(const Bytes& frame) override { return guest_.inject(frame); }
  void poll(std::vector<Bytes>& all) override {
    for (Bytes& frame : guest_.take()) all.push_back(std::move(frame));
  }

 private:
  FrontEnd guest_;
};

PortWish vhost_wish(const std::string& number) {
  return {"v" + number, "socket=" + scratch_file("socket", number) + "\n"};
}

std::unique_ptr<FarSide> ring_side(const std::string&, Ring* ring) {
  CHECK(ring != nullptr);
  return std::make_unique<RingSide>(*ring);
}

PortWish make_veth(const std::string& number) {
  run("ip link add a" + number + " type veth peer name b" + number);
  run("ip link set a" + number + " up; ip link set b" + number + " up");
  return {"a" + number, ""};
}

std::unique_ptr<FarSide> veth_side(const std::string& number, Ring*) {
  return std::make_unique<VethSide>(number);
}

// A far side for each kind of ports.def, and for variants that are worth a look of their own.
const FarKind kFarKinds[] = {
    {"netdev", "", true, make_veth, veth_side},
    {"tap", "", true,
     [](const std::string& number) -> PortWish {
       return {"t" + number, ""};
     },
     [](const std::string& number, Ring*) -> std::unique_ptr<FarSide> {
       return std::make_unique<InterfaceSide>("t" + number);
     }},
    {"ring", "", true,
     [](const std::string& number) -> PortWish {
       return {"r" + number, ""};
     },
     ring_side},
    {"ring", "without offloads", true,
     [](const std::string& number) -> PortWish {
       return {"o" + number, "offloads=no\n"};
     },
     ring_side},
    {"fault", "", true,
     [](const std::string& number) -> PortWish {
       return {"f" + number, "wraps=ring\n"};
     },
     ring_side},
    {"pcap", "", false,
     [](const std::string& number) -> PortWish {
       const std::string in = scratch_file("in", number), out = scratch_file("out", number);
       FILE* file = fopen(in.c_str(), "we");
       fwrite(kFileHeader, sizeof kFileHeader, 1, file);
       fclose(file);
       // The delay gives time to put frames into the file.
       return {"p" + number, "read=" + in + "\nwrite=" + out + "\ndelay=300\n"};
     },
     [](const std::string& number, Ring*) -> std::unique_ptr<FarSide> {
       return std::make_unique<FileSide>(number);
     }},
    {"vhost-user", "", true, vhost_wish,
     [](const std::string& number, Ring*) -> std::unique_ptr<FarSide> {
       return std::make_unique<FrontEndSide>(scratch_file("socket", number), FrontEndSetup());
     }},
    {"vhost-user", "packed, without offloads", true, vhost_wish,
     [](const std::string& number, Ring*) -> std::unique_ptr<FarSide> {
       FrontEndSetup setup;
       setup.features = vhost::kVersion1 | vhost::kMergeableBuffers | vhost::kRingPacked;
       return std::make_unique<FrontEndSide>(scratch_file("socket", number), setup);
     }},
    {"stream", "", false,
     [](const std::string& number) -> PortWish {
       return {"s" + number, "socket=" + scratch_file("stream", number) + "\n"};
     },
     [](const std::string& number, Ring*) -> std::unique_ptr<FarSide> {
       auto side = std::make_unique<StreamSide>();
       side->connect(scratch_file("stream", number));
       return side;
     }},
    {"af_xdp", "", true, make_veth, veth_side},
};

}  // namespace

std::vector<Bytes> FarSide::take(size_t count) {
  std::vector<Bytes> all;
  eventually([&] {
    poll(all);
    return all.size() >= count;
  });
  return all;
}

InterfaceSide::InterfaceSide(const std::string& name, bool everything) : everything_(everything) {
  PacketSetup setup;
  setup.ifindex = if_nametoindex(name.c_str());
  setup.slots = 2048;
  int group = -1;
  const char* what = "";
  const int code = socket_.open(setup, group, what);
  CHECK(code == 0, std::string(what) + ": " + strerror(code));
}

bool InterfaceSide::inject(const Bytes& frame) {
  const iovec piece = {const_cast<uint8_t*>(frame.bytes.data()), frame.bytes.size()};
  Gather gather;
  gather.pieces = &piece;
  gather.count = 1;
  gather.length = static_cast<uint32_t>(frame.bytes.size());
  gather.meta = frame.meta;
  return socket_.send(&gather, 1).sent == 1;
}

void InterfaceSide::poll(std::vector<Bytes>& all) {
  Frame frames[64];
  while (const unsigned got = socket_.receive(frames, 64))
    for (unsigned i = 0; i < got; i++) {
      const uint8_t* data = frames[i].data;
      if (everything_ || data[0] == 2)
        all.push_back({{data, data + frames[i].length}, frames[i].meta});
    }
}

const std::vector<FarKind>& far_kinds() {
  static const std::vector<FarKind> all = [] {
    std::vector<FarKind> out;
    for (const PortKind* kind : port_kinds()) {
      const size_t before = out.size();
      for (const FarKind& far : kFarKinds)
        if (strcmp(far.kind, kind->name) == 0) out.push_back(far);
      CHECK(out.size() > before, std::string("no far side for kind ") + kind->name);
    }
    return out;
  }();
  return all;
}

}  // namespace vtep::test
