// The words of the vhost-user protocol: requests, their bodies and the feature bits
// (https://qemu-project.gitlab.io/qemu/interop/vhost-user.html, VIRTIO 1.2 sections 5.1.3 and 6).
// Everything is in the byte order of the host, which virtio 1 fixes as little-endian.
#pragma once
#include <stdint.h>

#include <bit>

namespace vtep {

static_assert(std::endian::native == std::endian::little);

namespace vhost {

enum Request : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kResetDevice = 34,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
};

enum MessageFlag : uint32_t {
  kVersionMask = 3,
  kVersion = 1,
  kReply = 1 << 2,
  kNeedReply = 1 << 3,
};

struct Header {
  uint32_t request;
  uint32_t flags;
  uint32_t size;  // of the body
};

struct RegionBody {
  uint64_t guest_address;
  uint64_t size;
  uint64_t user_address;  // where the front-end has it
  uint64_t file_offset;
};

struct VringState {
  uint32_t index;
  uint32_t number;
};

struct VringAddress {
  uint32_t index;
  uint32_t flags;
  uint64_t descriptors, used, available;  // user addresses
  uint64_t log;
};

constexpr unsigned kMaxTableRegions = 8;
constexpr unsigned kMaxDescriptors = 8;  // passed with one message
constexpr uint64_t kVringIndexMask = 0xff, kVringNoDescriptor = 0x100;

union Body {
  uint64_t value;
  VringState state;
  VringAddress address;
  struct {
    uint32_t count, padding;
    RegionBody regions[kMaxTableRegions];
  } table;
  struct {
    uint64_t padding;
    RegionBody region;
  } slot;
};

constexpr uint64_t bit(unsigned number) { return uint64_t{1} << number; }

// Feature bits of the device.
constexpr uint64_t kChecksum = bit(0), kGuestChecksum = bit(1), kGuestTso4 = bit(7),
                   kGuestTso6 = bit(8), kGuestEcn = bit(9), kHostTso4 = bit(11),
                   kHostTso6 = bit(12), kHostEcn = bit(13), kMergeableBuffers = bit(15),
                   kMultiQueue = bit(22), kAnyLayout = bit(27), kIndirect = bit(28),
                   kEventIndex = bit(29), kProtocolFeatures = bit(30), kVersion1 = bit(32),
                   kRingPacked = bit(34), kGuestUso4 = bit(54), kGuestUso6 = bit(55),
                   kHostUso = bit(56);

constexpr uint64_t kOfferedFeatures =
    kChecksum | kGuestChecksum | kGuestTso4 | kGuestTso6 | kGuestEcn | kHostTso4 | kHostTso6 |
    kHostEcn | kMergeableBuffers | kMultiQueue | kAnyLayout | kIndirect | kEventIndex |
    kProtocolFeatures | kVersion1 | kRingPacked | kGuestUso4 | kGuestUso6 | kHostUso;

// Feature bits of the protocol.
constexpr uint64_t kProtocolMultiQueue = bit(0), kProtocolReplyAck = bit(3),
                   kProtocolResetDevice = bit(13), kProtocolMemSlots = bit(15);
constexpr uint64_t kOfferedProtocol =
    kProtocolMultiQueue | kProtocolReplyAck | kProtocolResetDevice | kProtocolMemSlots;

}  // namespace vhost
}  // namespace vtep
