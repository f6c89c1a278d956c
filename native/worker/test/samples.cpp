#include "samples.hpp"

#include <string.h>

namespace vtep::test {
namespace {

enum class Sums { complete, partial, none };

struct Shape {
  bool v4 = true;
  uint8_t protocol = 6;
  Sums sums = Sums::complete;
  unsigned tags = 0;
  uint32_t sequence = 1000;  // and IPv4 identification
  uint8_t tcp_flags = 0x10;  // ACK
};

const char* name_of(uint8_t protocol) {
  return protocol == 6 ? "TCP" : protocol == 17 ? "UDP" : "ICMP";
}

// From the inside out: each step puts a header in front, and moves the place of a partial checksum.
class Builder {
 public:
  explicit Builder(size_t payload) {
    for (size_t i = 0; i < payload; i++)
      frame_.bytes.push_back(static_cast<uint8_t>(i * 37 + i / 253));
  }

  Builder& transport(const Shape& shape) {
    Octets header;
    if (shape.protocol == 6) {
      header = {0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0x50, 0, 0xff, 0xff, 0, 0, 0, 0};
      put16(header.data() + 4, shape.sequence >> 16);
      put16(header.data() + 6, shape.sequence & 0xffff);
      header[13] = shape.tcp_flags;
    } else if (shape.protocol == 17) {
      header = {0x30, 0x39, 0x13, 0x88, 0, 0, 0, 0};
      put16(header.data() + 4, static_cast<uint32_t>(8 + frame_.bytes.size()));
    } else {
      header = {uint8_t{shape.v4 ? uint8_t{8} : uint8_t{128}}, 0, 0, 0, 0x12, 0x34, 0, 1};
    }
    push(header);
    return *this;
  }

  // A VXLAN header with its UDP header.
  Builder& vxlan() {
    Octets header = {0xc0, 1, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0};
    put16(header.data() + 4, static_cast<uint32_t>(16 + frame_.bytes.size()));
    push(header);
    return *this;
  }

  Builder& gre(bool v4) {
    push({0, 0, uint8_t{v4 ? uint8_t{0x08} : uint8_t{0x86}},
          uint8_t{v4 ? uint8_t{0} : uint8_t{0xdd}}});
    return *this;
  }

  // Its transport checksum is done here, as the pseudo header is known now.
  Builder& ip(const Shape& shape, uint16_t fragment = 0x4000) {
    const size_t length = frame_.bytes.size();
    const bool pieces = (fragment & 0x3fff) != 0;
    Octets header;
    if (shape.v4) {
      header = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, shape.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
      put16(header.data() + 2, static_cast<uint32_t>(20 + length));
      put16(header.data() + 4, shape.sequence & 0xffff);
      put16(header.data() + 6, fragment);
      put16(header.data() + 10, static_cast<uint16_t>(~sum16(header.data(), 20)));
    } else {
      header = {0x60, 0, 0, 0, 0, 0, shape.protocol, 64};
      for (const uint8_t last : {uint8_t{1}, uint8_t{2}}) {
        const Octets address = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last};
        header.insert(header.end(), address.begin(), address.end());
      }
      if (pieces) {
        header[6] = 44;
        const auto offset = static_cast<uint16_t>((fragment & 0x1fff) << 3 | fragment >> 13);
        const Octets extension = {shape.protocol,
                                  0,
                                  static_cast<uint8_t>(offset >> 8),
                                  static_cast<uint8_t>(offset),
                                  0,
                                  0,
                                  0x12,
                                  0x34};
        header.insert(header.end(), extension.begin(), extension.end());
      }
      put16(header.data() + 4, static_cast<uint32_t>(header.size() - 40 + length));
    }
    if (!pieces) sum(shape, header);
    push(header);
    return *this;
  }

  Builder& ethernet(const Shape& shape, const uint8_t (&source)[6]) {
    Octets header(kTaker, kTaker + 6);
    header.insert(header.end(), source, source + 6);
    for (unsigned i = 0; i < shape.tags; i++)
      for (const uint8_t octet : {0x81, 0x00, 0x60, 0x07}) header.push_back(octet);
    header.push_back(shape.v4 ? 0x08 : 0x86);
    header.push_back(shape.v4 ? 0x00 : 0xdd);
    push(header);
    return *this;
  }

  Builder& super(uint8_t type, uint16_t size, uint16_t transport_header) {
    frame_.meta.gso_type = type;
    frame_.meta.gso_size = size;
    frame_.meta.header_length =
        static_cast<uint16_t>(frame_.meta.checksum_start + transport_header);
    return *this;
  }

  Bytes done() const { return frame_; }

 private:
  void push(const Octets& header) {
    frame_.bytes.insert(frame_.bytes.begin(), header.begin(), header.end());
    if (frame_.meta.flags != 0)
      frame_.meta.checksum_start =
          static_cast<uint16_t>(frame_.meta.checksum_start + header.size());
  }

  // A UDP checksum around a frame whose own is partial is made as if that were finished already:
  // the kernel's "local checksum offload".
  void sum(const Shape& shape, const Octets& ip) {
    uint8_t* l4 = frame_.bytes.data();
    const size_t length = frame_.bytes.size();
    if (shape.protocol == 47) return;
    uint8_t* field = l4 + (shape.protocol == 6 ? 16 : shape.protocol == 17 ? 6 : 2);
    const uint16_t pseudo =
        shape.protocol == 1 ? uint16_t{0} : pseudo_sum(ip.data(), shape.protocol, length);
    if (shape.sums == Sums::none) return;
    if (shape.sums == Sums::partial) {
      put16(field, pseudo);
      frame_.meta.flags = kNeedsChecksum;
      frame_.meta.checksum_start = 0;
      frame_.meta.checksum_offset = static_cast<uint16_t>(field - l4);
      return;
    }
    Octets inside = frame_.bytes;
    if (frame_.meta.flags != 0) {
      const size_t at = frame_.meta.checksum_start;
      put16(inside.data() + at + frame_.meta.checksum_offset,
            static_cast<uint16_t>(~sum16(inside.data() + at, inside.size() - at)));
    }
    const auto whole = static_cast<uint16_t>(~sum16(inside.data(), length, pseudo));
    put16(field, whole == 0 ? 0xffff : whole);
  }

  Bytes frame_;
};

class Collection {
 public:
  std::vector<Sample> all;

  void add(const std::string& name, bool has_metadata, std::vector<Bytes> frames) {
    Sample sample;
    sample.name = name;
    sample.has_metadata = has_metadata;
    sample.frames = std::move(frames);
    for (Bytes& frame : sample.frames) frame.bytes[11] = static_cast<uint8_t>(all.size());
    all.push_back(std::move(sample));
  }

  void plain(Shape shape, size_t payload) {
    const std::string what = std::string(name_of(shape.protocol)) +
                             (shape.v4 ? " over IPv4" : " over IPv6") +
                             (shape.tags == 0   ? ""
                              : shape.tags == 1 ? ", tagged"
                                                : ", tagged twice");
    for (const Sums sums : {Sums::complete, Sums::partial}) {
      shape.sums = sums;
      const bool partial = sums == Sums::partial;
      add(what + (partial ? ", partial" : ", complete"), partial, {packet(shape, payload).done()});
    }
  }

  // Several segments in a row, as a receiver's GRO likes them; the last one is short.
  void segments(Shape shape, bool partial) {
    shape.sums = partial ? Sums::partial : Sums::complete;
    std::vector<Bytes> frames;
    for (uint32_t i = 0; i < 5; i++) {
      const bool last = i == 4;
      Shape one = shape;
      one.sequence = shape.sequence + i;  // of the identification
      Bytes frame = packet(one, last ? 333 : 1000, shape.sequence + i * 1000,
                           last ? uint8_t{0x18} : uint8_t{0x10})
                        .done();
      frames.push_back(std::move(frame));
    }
    add(std::string("TCP segments over ") + (shape.v4 ? "IPv4" : "IPv6") +
            (partial ? ", partial" : ", complete"),
        partial, std::move(frames));
  }

  void super(Shape shape, size_t payload, uint16_t size) {
    shape.sums = Sums::partial;
    const bool tcp = shape.protocol == 6;
    const uint8_t type = !tcp ? kGsoUdp : shape.v4 ? kGsoTcp4 : kGsoTcp6;
    Builder one = packet(shape, payload, 7000, 0x18);
    one.super(type, size, tcp ? 20 : 8);
    add(std::string(name_of(shape.protocol)) + " super-frame over " + (shape.v4 ? "IPv4" : "IPv6") +
            (shape.tags == 0 ? "" : ", tagged"),
        true, {one.done()});
  }

  void fragments(Shape shape) {
    shape.protocol = 17;
    const std::string over = shape.v4 ? " over IPv4" : " over IPv6";
    add("a first fragment" + over, false,
        {Builder(800).transport(shape).ip(shape, 0x2000).ethernet(shape, kSource).done()});
    add("a later fragment" + over, false,
        {Builder(777).ip(shape, 101).ethernet(shape, kSource).done()});
  }

  void tunnels(Shape shape) {
    const std::string over = shape.v4 ? " over IPv4" : " over IPv6";
    for (const Sums sums : {Sums::complete, Sums::partial}) {
      const bool partial = sums == Sums::partial;
      const std::string how = partial ? ", partial" : ", complete";
      Shape inner = shape, udp = shape, gre = shape;
      inner.sums = sums;
      udp.protocol = 17;
      gre.protocol = 47;
      for (const Sums outer : {Sums::none, Sums::complete}) {
        udp.sums = outer;
        const std::string summed = outer == Sums::none ? " without" : " with";
        add("TCP in VXLAN" + summed + " checksum" + over + how, partial,
            {Builder(901)
                 .transport(inner)
                 .ip(inner)
                 .ethernet(inner, kSource)
                 .vxlan()
                 .ip(udp)
                 .ethernet(udp, kSource)
                 .done()});
      }
      add("TCP in GRE" + over + how, partial,
          {Builder(902)
               .transport(inner)
               .ip(inner)
               .gre(shape.v4)
               .ip(gre)
               .ethernet(gre, kSource)
               .done()});
    }
  }

  void without_checksum() {
    Shape shape;
    shape.protocol = 17;
    shape.sums = Sums::none;
    add("UDP over IPv4 without checksum", false, {packet(shape, 301).done()});
  }

 private:
  static constexpr uint8_t kSource[6] = {2, 0, 0, 0, 1, 0};

  static Builder packet(Shape shape, size_t payload, uint32_t sequence = 1000,
                        uint8_t flags = 0x10) {
    Shape transport = shape;
    transport.sequence = sequence;
    transport.tcp_flags = flags;
    Builder out(payload);
    out.transport(transport).ip(shape).ethernet(shape, kSource);
    return out;
  }
};

std::vector<Sample> make() {
  Collection out;
  for (const bool v4 : {true, false}) {
    Shape shape;
    shape.v4 = v4;
    for (const uint8_t protocol :
         {uint8_t{6}, uint8_t{17}, uint8_t{v4 ? uint8_t{1} : uint8_t{58}}}) {
      shape.protocol = protocol;
      out.plain(shape, 0);
      out.plain(shape, 1001);
      shape.tags = 1;
      out.plain(shape, 700);
      shape.tags = 0;
    }
    shape.protocol = 6;
    shape.tags = 2;
    out.plain(shape, 600);
    shape.tags = 0;
    out.segments(shape, false);
    out.segments(shape, true);
    out.super(shape, 40000, 1300);
    out.super(shape, 3000, 1000);
    shape.protocol = 17;
    out.super(shape, 20001, 1200);
    shape.protocol = 6;
    shape.tags = 1;
    out.super(shape, 9999, 1300);
    shape.tags = 0;
    out.fragments(shape);
    out.tunnels(shape);
  }
  out.without_checksum();
  return std::move(out.all);
}

}  // namespace

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = make();
  return all;
}

size_t sample_of(const Octets& frame) {
  const uint8_t source[5] = {2, 0, 0, 0, 1};
  if (frame.size() < 14 || memcmp(frame.data() + 6, source, sizeof source) != 0) return SIZE_MAX;
  return frame[11] < samples().size() ? frame[11] : SIZE_MAX;
}

}  // namespace vtep::test
