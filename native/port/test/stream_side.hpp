// The other side of a stream port, as QEMU's -netdev stream is it.
#pragma once
#include <string>
#include <vector>

#include "../stream_frames.hpp"
#include "../virtio_header.hpp"
#include "far_side.hpp"

namespace vtep::test {

class StreamSide : public FarSide {
 public:
  void connect(const std::string& path);
  // The first that calls at a listening socket.
  void accept(int listener);
  void close() { socket_.reset(); }
  int descriptor() const { return socket_.get(); }

  // As many of the octets as there is room for.
  size_t write(const std::vector<uint8_t>& octets);
  bool inject(const Bytes& frame) override;
  void poll(std::vector<Bytes>& all) override;
  // True when the port has ended the connection, and nothing is left to read.
  bool is_over();

 private:
  Descriptor socket_;
  StreamFrames frames_{kMaxFrameBytes, 1 << 20};
};

// The frame with its length in front.
std::vector<uint8_t> framed(const std::vector<uint8_t>& frame);
// A socket that listens there.
Descriptor listen_at(const std::string& path);

}  // namespace vtep::test
