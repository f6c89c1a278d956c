// fault: another kind with an offload that does not work, or that loses frames, by plan. For tests
// of what finds such devices.
#include <string.h>

#include "../core/checksum.hpp"
#include "../core/segmentation.hpp"
#include "port.hpp"

namespace vtep {
namespace {

const OptionInfo kOptions[] = {
    {"wraps", "text", "ring", "port kind that does the work"},
    {"with", "list", "", "its options, as key=value,key=value"},
    {"checksum", "flag", "no", "finish partial checksums wrong"},
    {"segmentation", "flag", "no", "cut super-frames into segments with wrong checksums"},
    {"drop", "number", "0", "lose every so many-th frame, offloaded or not; 0 = none"},
};

class FaultPort : public Port {
 public:
  bool open(const OpenContext& context, std::string& error) {
    const Options& options = context.options;
    checksum_ = options.flag("checksum", false);
    segmentation_ = options.flag("segmentation", false);
    drop_ = options.number("drop", 0);
    sent_ = std::vector<uint64_t>(context.queues);
    OpenContext inner = context;
    std::string text;
    for (const std::string& line : options.list("with")) text += line + "\n";
    if (!Options::parse(text, inner.options, error)) return false;
    const std::string kind = options.string("wraps", "ring");
    if (kind == "fault") {
      error = "fault " + context.name + ": option wraps: expected another kind, got fault";
      return false;
    }
    port_ = open_port(kind, inner, error);
    return port_ != nullptr;
  }

  int wait_descriptor(unsigned queue) const override { return port_->wait_descriptor(queue); }
  unsigned receive(unsigned queue, Frame* frames, unsigned max) override {
    return port_->receive(queue, frames, max);
  }
  SendResult send(unsigned queue, const Gather* frames, unsigned count) override {
    SendResult result;
    for (; result.sent < count; result.sent++) {
      const Gather& frame = frames[result.sent];
      if (drop_ != 0 && ++sent_[queue] % drop_ == 0) continue;
      const bool partial = (frame.meta.flags & kNeedsChecksum) != 0;
      const bool super = frame.meta.gso_type != kGsoNone;
      if (partial && (checksum_ || (super && segmentation_))) {
        spoil(queue, frame);
        continue;
      }
      const SendResult one = port_->send(queue, &frame, 1);
      if (one.sent == 1) continue;
      result.reason = one.reason;
      break;
    }
    return result;
  }
  unsigned take_losses(unsigned queue, Loss* losses, unsigned max) override {
    return port_->take_losses(queue, losses, max);
  }
  Abilities abilities() const override { return port_->abilities(); }
  bool refresh() override { return port_->refresh(); }
  bool carrier() const override { return port_->carrier(); }
  uint32_t ifindex() const override { return port_->ifindex(); }
  uint32_t mtu() const override { return port_->mtu(); }
  const uint8_t* mac() const override { return port_->mac(); }
  uint32_t flags() const override { return port_->flags(); }
  Ring* ring() override { return port_->ring(); }

 private:
  // What the device was to finish is finished, and one bit of each checksum is wrong.
  void spoil(unsigned queue, const Gather& gather) {
    std::vector<uint8_t> bytes;
    for (unsigned i = 0; i < gather.count; i++) {
      const auto* piece = static_cast<const uint8_t*>(gather.pieces[i].iov_base);
      bytes.insert(bytes.end(), piece, piece + gather.pieces[i].iov_len);
    }
    Frame frame;
    frame.data = bytes.data();
    frame.length = static_cast<uint32_t>(bytes.size());
    frame.meta = gather.meta;
    const size_t place = size_t{frame.meta.checksum_start} + frame.meta.checksum_offset;
    if (frame.meta.gso_type == kGsoNone) {
      complete(frame);
      bytes[place] ^= 1;
      pass(queue, bytes);
      return;
    }
    Segmenter segmenter;
    if (segmenter.open(frame, Segmenter::Checksums::complete) != Drop::none) return;
    for (Piece piece; segmenter.next(piece);) {
      std::vector<uint8_t> segment(piece.header, piece.header + piece.header_length);
      segment.insert(segment.end(), piece.payload, piece.payload + piece.payload_length);
      segment[place] ^= 1;
      pass(queue, segment);
    }
  }

  void pass(unsigned queue, std::vector<uint8_t>& bytes) {
    const iovec piece = {bytes.data(), bytes.size()};
    Gather gather;
    gather.pieces = &piece;
    gather.count = 1;
    gather.length = static_cast<uint32_t>(bytes.size());
    (void)port_->send(queue, &gather, 1);
  }

  std::unique_ptr<Port> port_;
  bool checksum_ = false, segmentation_ = false;
  uint64_t drop_ = 0;
  std::vector<uint64_t> sent_;  // by queue
};

std::unique_ptr<Port> open_fault(const OpenContext& context, std::string& error) {
  auto port = std::make_unique<FaultPort>();
  if (!port->open(context, error)) return nullptr;
  return port;
}

}  // namespace

extern const PortKind fault_port_kind;
const PortKind fault_port_kind = {"fault", "another kind that does harm by plan, for tests",
                                  kOptions, std::size(kOptions), open_fault};

}  // namespace vtep
