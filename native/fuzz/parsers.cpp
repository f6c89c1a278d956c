// Everything else that reads a stranger's bytes: metadata of frames from UDP sockets and virtio
// headers, messages of the control socket and frames in them, options, netlink, BFD, streams of
// frames. The first octet chooses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "../client/json.hpp"
#include "../core/layers.hpp"
#include "../core/metadata.hpp"
#include "../port/bfd_session.hpp"
#include "../port/inner_metadata.hpp"
#include "../port/netlink.hpp"
#include "../port/netlink_message.hpp"
#include "../port/options.hpp"
#include "../port/stream_frames.hpp"
#include "../port/virtio_header.hpp"
#include "../worker/message.hpp"
#include "../worker/packet_filter.hpp"
#include "../worker/ring_frames.hpp"
#include "script.hpp"

namespace vtep::fuzz {
namespace {

#define MUST(condition)                                                              \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (false)

constexpr uint8_t kFilter = 249;  // as the choice; above it is JSON

// Bytes in memory of exactly their size, so that one octet too far is seen.
using Exact = std::vector<uint8_t>;

void datagram(Exact& bytes) {
  if (bytes.size() < 3) return;
  const uint16_t segment = static_cast<uint16_t>(bytes[0] | bytes[1] << 8);
  Exact payload(bytes.begin() + 2, bytes.end());
  Frame frame;
  frame.data = payload.data();
  frame.length = static_cast<uint32_t>(payload.size());
  find_inner_metadata(frame, segment);
  if ((frame.meta.flags & kNeedsChecksum) != 0)
    MUST(uint32_t{frame.meta.checksum_start} + frame.meta.checksum_offset + 2 <= frame.length);
  if (frame.meta.gso_type != kGsoNone) MUST(frame.meta.gso_size != 0);
}

void virtio(Exact& bytes) {
  if (bytes.size() < sizeof(VirtioHeader)) return;
  VirtioHeader header;
  memcpy(&header, bytes.data(), sizeof header);
  Exact payload(bytes.begin() + sizeof header, bytes.end());
  Meta meta = to_meta(header);
  Layers layers;
  const auto length = static_cast<uint32_t>(payload.size());
  if (length < kEthernetHeader || !find_layers(payload.data(), length, layers)) return;
  if (check_metadata(payload.data(), length, layers, meta) != Drop::none) return;
  // What has passed goes out again unharmed.
  const Meta again = to_meta(to_virtio(meta));
  MUST(again.flags == meta.flags && again.gso_type == meta.gso_type);
  MUST(again.checksum_start == meta.checksum_start && again.gso_size == meta.gso_size);
  (void)flow_hash(payload.data(), length, layers);
}

void message(const Exact& bytes) {
  const std::string text(bytes.begin(), bytes.end());
  Message parsed;
  std::string error, value;
  if (!parse_message(text, parsed, error)) {
    MUST(!error.empty());
    return;
  }
  MUST(format_message(parsed) == text);
  find_value(parsed.payload, "layout", value);
  MUST(quote(parsed.verb).size() < 60);
  uint64_t number;
  if (parse_decimal(parsed.payload, 1000, number)) MUST(number <= 1000);
  std::string_view rest = parsed.payload;
  Frame frame;
  std::string packed;
  while (!rest.empty() && unpack_ring_frame(rest, frame)) {
    pack_ring_frame(frame, packed);
    MUST(packed.size() <= parsed.payload.size());
  }
}

void options(const Exact& bytes) {
  static const OptionInfo declared[] = {{"name", "text", "", ""},
                                        {"size", "number", "1", ""},
                                        {"on", "flag", "yes", ""},
                                        {"mac", "mac", "", ""},
                                        {"list", "list", "", ""}};
  Options parsed, again;
  std::string error;
  if (!Options::parse(std::string(bytes.begin(), bytes.end()), parsed, error)) {
    MUST(!error.empty());
    return;
  }
  MUST(Options::parse(parsed.text(), again, error) && again.text() == parsed.text());
  if (!parsed.check("kind", declared, std::size(declared), error)) return;
  uint8_t mac[6];
  (void)parsed.number("size", 1), (void)parsed.flag("on", true), (void)parsed.mac("mac", mac);
  (void)parsed.list("list");
}

// The kernel is no stranger, but its messages grow with every version.
// What is read and written is the same from then on.
void json(const Exact& bytes) {
  const std::string text(bytes.begin(), bytes.end());
  client::Json value, again;
  if (!client::Json::parse(text, value)) return;
  const std::string printed = value.print();
  MUST(client::Json::parse(printed, again));
  MUST(again.print() == printed);
}

void netlink(Exact& bytes) {
  if (bytes.size() < sizeof(nlmsghdr)) return;
  nlmsghdr header;
  memcpy(&header, bytes.data(), sizeof header);
  header.nlmsg_len = static_cast<uint32_t>(bytes.size());  // whoever hands it over has looked
  static const uint16_t types[] = {RTM_NEWLINK,  RTM_DELLINK,  RTM_NEWADDR, RTM_DELADDR,
                                   RTM_NEWROUTE, RTM_NEWNEIGH, RTM_DELNEIGH};
  header.nlmsg_type = types[header.nlmsg_type % std::size(types)];
  memcpy(bytes.data(), &header, sizeof header);
  const auto* parsed = reinterpret_cast<const nlmsghdr*>(bytes.data());
  Link link;
  HostAddress address;
  Route route;
  Neighbour neighbour;
  Address prefix;
  uint8_t length = 0;
  std::vector<uint32_t> interfaces;
  (void)parse_link(parsed, link);
  (void)parse_address(parsed, address);
  (void)parse_route(parsed, Address{}, route);
  (void)parse_route_interfaces(parsed, interfaces);
  (void)parse_prefix(parsed, prefix, length);
  (void)parse_neighbour(parsed, neighbour);
}

// What a stranger on the link sends to a session, packet by packet, with some time in between: two
// octets of it, then the length and the octets of the packet.
void bfd(const Exact& bytes) {
  BfdSession session({50000, 50000, 3}, 11, 0);
  uint64_t now = 0;
  for (size_t at = 0; at + 3 <= bytes.size();) {
    now += (uint64_t{bytes[at]} << 8 | bytes[at + 1]) * 100;
    const size_t size = std::min<size_t>(bytes[at + 2], bytes.size() - at - 3);
    const Exact packet(bytes.begin() + at + 3, bytes.begin() + at + 3 + size);
    at += 3 + size;
    uint32_t yours;
    if (BfdSession::parse(packet.data(), static_cast<unsigned>(size), yours))
      (void)session.receive(packet.data(), now);
    if (now >= session.deadline_us()) (void)session.tick(now, bytes[0] / 256.0);
    // Or the thread that waits for it would go round without a pause.
    MUST(session.deadline_us() > now);
    uint8_t answer[kBfdPacketBytes];
    session.write(answer, true);
    MUST(BfdSession::parse(answer, sizeof answer, yours));
  }
}

// Every frame of a stream, which comes in parts of this many octets.
std::vector<Exact> frames_of(const Exact& stream, size_t part) {
  StreamFrames frames(300, 0);
  std::vector<Exact> all;
  for (size_t at = 0; at < stream.size();) {
    size_t room;
    uint8_t* space = frames.space(room);
    MUST(room > 0);
    const size_t size = std::min({part, room, stream.size() - at});
    memcpy(space, stream.data() + at, size);
    frames.arrived(size);
    at += size;
    for (Frame frame; frames.next(frame);) all.emplace_back(frame.data, frame.data + frame.length);
    if (frames.bad_length == 0) continue;
    MUST(frames.bad_length > 300);
    break;
  }
  return all;
}

// However it is cut, it is the same frames.
void stream(const Exact& bytes) {
  const auto all = frames_of(bytes, bytes.size());
  for (const size_t part : {1, 3, 100}) MUST(frames_of(bytes, part) == all);
}

// A program and a frame: an octet with how many instructions there are and whether their codes are
// taken as they are, the instructions, the frame. However the frame is cut, the answer is the same.
void filter(const Exact& bytes) {
  static const uint8_t codes[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15,
                                  0x16, 0x1d, 0x20, 0x24, 0x25, 0x28, 0x2c, 0x30, 0x34, 0x35, 0x3c,
                                  0x40, 0x44, 0x45, 0x48, 0x4c, 0x50, 0x54, 0x5c, 0x60, 0x61, 0x64,
                                  0x6c, 0x74, 0x7c, 0x80, 0x81, 0x84, 0x87, 0x94, 0x9c, 0xa4, 0xb1};
  if (bytes.empty()) return;
  const size_t count = std::min<size_t>(bytes[0] >> 1, (bytes.size() - 1) / 8);
  std::string program(bytes.begin() + 1, bytes.begin() + 1 + static_cast<ptrdiff_t>(count * 8));
  for (size_t i = 0; (bytes[0] & 1) != 0 && i < count; i++) {
    const auto code = static_cast<uint8_t>(program[i * 8]);
    program[i * 8] = static_cast<char>(codes[code % std::size(codes)]);
    program[i * 8 + 1] = 0;
  }
  PacketFilter parsed;
  std::string error;
  if (!PacketFilter::parse(program, parsed, error)) {
    MUST(!error.empty());
    return;
  }
  Exact frame(bytes.begin() + 1 + static_cast<ptrdiff_t>(count * 8), bytes.end());
  const auto length = static_cast<uint32_t>(frame.size());
  int answer = -1;
  for (const size_t part : {size_t{1}, size_t{5}, frame.size() + 1}) {
    std::vector<iovec> pieces;
    std::vector<Exact> owned;
    for (size_t at = 0; at < frame.size(); at += part)
      owned.emplace_back(frame.begin() + static_cast<ptrdiff_t>(at),
                         frame.begin() + static_cast<ptrdiff_t>(std::min(at + part, frame.size())));
    for (Exact& each : owned) pieces.push_back({each.data(), each.size()});
    for (const uint32_t skip : {0u, std::min(14u, length)}) {
      const FrameView view = {pieces.data(), static_cast<unsigned>(pieces.size()), length - skip,
                              skip};
      const bool wanted = parsed.matches(view);
      Exact copied(view.length);
      MUST(view.copy_to(copied.data(), view.length) == view.length);
      MUST(std::equal(copied.begin(), copied.end(), frame.begin() + skip));
      if (skip != 0) continue;
      MUST(answer == -1 || answer == static_cast<int>(wanted));
      answer = wanted;
    }
  }
}

}  // namespace
}  // namespace vtep::fuzz

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

// Frames come from the generator of scripts now and then: blind changes find no checksum that is
// left to do.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  using namespace vtep::fuzz;
  if (seed % 4 != 0) return LLVMFuzzerMutate(data, size, most);
  const Record frame = tenant_frame(seed);
  Octets out;
  if (seed % 8 == 0) {
    const uint8_t head[11] = {0, static_cast<uint8_t>(seed >> 8),
                              static_cast<uint8_t>(seed >> 20 & 7),
                              8};  // the choice, UDP_GRO's size, a VXLAN header
    out.assign(head, head + sizeof head);
  } else {
    const vtep::VirtioHeader header = vtep::to_virtio(frame.meta);
    out.push_back(1);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
    out.insert(out.end(), bytes, bytes + sizeof header);
  }
  out.insert(out.end(), frame.bytes.begin(), frame.bytes.end());
  if (out.size() > most) return LLVMFuzzerMutate(data, size, most);
  memcpy(data, out.data(), out.size());
  return out.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtep::fuzz;
  if (size == 0) return 0;
  Exact bytes(data + 1, data + size);
  switch (data[0] < kFilter ? data[0] % 7 : data[0] == kFilter ? 8 : 7) {
    case 0:
      datagram(bytes);
      break;
    case 1:
      virtio(bytes);
      break;
    case 2:
      message(bytes);
      break;
    case 3:
      options(bytes);
      break;
    case 4:
      netlink(bytes);
      break;
    case 5:
      bfd(bytes);
      break;
    case 6:
      stream(bytes);
      break;
    case 8:
      filter(bytes);
      break;
    default:
      json(bytes);
  }
  return 0;
}
