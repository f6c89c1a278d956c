// What the kernel knew about a frame inside a datagram and a UDP socket does not tell.
//
// On a virtual wire (veth, tap) a peer's kernel does not finish what the receiver's kernel can do
// without: its VXLAN device sends frames with a partial inner checksum, and super-frames whole. A
// device that speaks virtio_net_hdr says so; a UDP socket hands over the bare bytes, and "ping
// works, TCP stalls".
#pragma once
#include "../core/frame.hpp"

namespace vtep {

// `frame` begins at the VXLAN header; `segment` is the size that UDP_GRO told, 0 if it told none.
// Writes frame.meta. A train of datagrams: kGsoUdp without kNeedsChecksum. An inner frame with work
// left to do: kNeedsChecksum, and for a super-frame its gso_type; offsets count from the VXLAN
// header. Else nothing.
void find_inner_metadata(Frame& frame, uint32_t segment);

// Finishes in place the checksum of an Ethernet frame, or of a tunnel in it, that nobody has
// finished. For devices that hand over bytes only (AF_XDP).
void finish_partial_checksum(uint8_t* frame, uint32_t length);

// The same for what the underlay delivers, from the outer Ethernet header on: the checksum of the
// inner frame is finished in place; an outer UDP checksum that is left to us is vouched for
// (kDataValid). Touches nothing that is not UDP.
void settle_outer_checksums(Frame& frame);

}  // namespace vtep
