// The frames of copies.c: a TCP super-frame for somebody else, behind a virtio_net_hdr; the payload
// of a train of datagrams is the same octets. Each carries its number in front and at its end.
#pragma once
#include <arpa/inet.h>
#include <linux/virtio_net.h>

#include "tool.h"

enum {
  kHeaders = 14 + 20 + 32,
  kSegments = 45,
  kTcpSegment = 1448,
  kFrame = kHeaders + kSegments * kTcpSegment,
  kDatagram = 1400,
  kTrain = kSegments * kDatagram,
  kSlot = 68 << 10,  // memory of a frame
  // Where in it the virtio_net_hdr is: beside the frame, as the worker has it.
  kSlotHeader = kSlot - 64,
};

static uint32_t sent, taken;  // numbers of frames
static int thorough;          // compare every octet

static uint8_t* slot(uint8_t* memory, unsigned i) { return memory + (size_t)i * kSlot; }

static void wrong(const char* what) {
  fprintf(stderr, "copies: %s\n", what);
  exit(1);
}

static void fill_frame(uint8_t* frame) {
  static const uint8_t start[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0};
  for (unsigned i = 0; i < kSlotHeader; i++) frame[i] = (uint8_t)(i * 7 + i / 251);
  memset(frame, 0, kHeaders);
  memcpy(frame, start, sizeof start);
  uint16_t length = htons(kFrame - 14);
  memcpy(frame + 16, &length, sizeof length);
  frame[22] = 64;
  frame[23] = IPPROTO_TCP;
  memcpy(frame + 26, (uint8_t[]){10, 9, 0, 1, 10, 9, 0, 2}, 8);
  frame[34 + 12] = 32 / 4 << 4;
  struct virtio_net_hdr* header = (void*)(frame + kSlotHeader);
  *header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                    .hdr_len = kHeaders,
                                    .gso_size = kTcpSegment,
                                    .csum_start = 34,
                                    .csum_offset = 16};
}

static void stamp(uint8_t* frame, unsigned length) {
  memcpy(frame + kHeaders, &sent, sizeof sent);
  memcpy(frame + length - sizeof sent, &sent, sizeof sent);
  sent++;
}

static void check(const uint8_t* frame, unsigned length, const uint8_t* original) {
  uint32_t numbers[2];
  memcpy(&numbers[0], frame + kHeaders, sizeof numbers[0]);
  memcpy(&numbers[1], frame + length - sizeof numbers[1], sizeof numbers[1]);
  if (numbers[0] != taken || numbers[1] != taken) wrong("a frame is not the one that was sent");
  if (thorough && memcmp(frame, original, length) != 0) wrong("a frame is not what was sent");
  taken++;
}
