// What the fast path's programs in the kernel (programs.c) and its owner (fast_path.cpp) share: the
// maps, and what lies in them. C and C++.
#pragma once
#include <stdint.h>

// By their place in the list of maps that the owner makes.
enum FastMap {
  kFastSettings,  // array of one FastSettings
  kFastVerdict,   // for each CPU: what the socket filter has decided about the frame at hand
  kFastMemo,      // for each CPU an array: what was looked up for the frame before
  kFastPorts,     // hash: ifindex, or FAST_CROSSED and that of a crossing's end -> FastPort
  kFastExits,     // array by port id: FastExit word, 0 = not by the fast path
  kFastMacs,      // hash: FastMacKey -> FastMac
  kFastRemotes,   // hash: remote index -> FastRemote
  kFastAdmitted,  // hash: FastAdmission -> network index
  kFastCounters,  // for each CPU an array by port id (0 = uplink): FastCounters
  kFastSteering,  // programs by port id: which worker's socket a frame is for
  kFastFlows,     // array by flow hash: FastFlow
  kFastRushes,    // ring: FastRush
  kFastCrossing,  // array of one FastCrossing; each crossing has its own
  kFastMapCount,
};

struct FastSettings {
  uint32_t address;   // of our VTEP, IPv4, as it lies in a packet
  uint16_t udp_port;  // VXLAN, as it lies in a packet
  uint16_t enabled;   // 0: every frame goes to the workers
  // Interfaces of the way out of the tunnel's mark (port/tunnel_exit.hpp): ours, and the one at its
  // other end; 0 = there is none.
  uint32_t exit_near, exit_far;
  uint32_t cross_near, cross_far;  // of the annex for crossings (port/crossing.hpp)
  // Another number whenever something has left the maps, or is another there.
  uint32_t generation;
};

// Where frames of an interface belong.
struct FastPort {
  uint32_t id;
  uint32_t network;
  uint32_t vni;
  uint32_t spare;
};

// An interface in another namespace goes by the number of its crossing's end in the annex.
#define FAST_CROSSED 0x80000000u

struct FastCrossing {
  uint32_t annex_end, tenant_end, interface;
};

// FastExit: ifindex, the port's MTU (0 = unknown) from bit 32, whether frames come up in the
// interface instead of leaving by it, whether super-frames must not have a tunnel's mark, and
// whether it is the number of a crossing's end. One word, so that it is never torn.
#define FAST_EXIT_MTU_SHIFT 32
#define FAST_EXIT_MTU_MASK 0xffffff
#define FAST_EXIT_INGRESS ((uint64_t)1 << 63)
#define FAST_EXIT_UNMARKED ((uint64_t)1 << 62)
#define FAST_EXIT_CROSSED ((uint64_t)1 << 61)

// FastMacKey: the MAC's octets, first octet lowest, and the network index from bit 48.
#define FAST_NETWORK_SHIFT 48

// CLOCK_MONOTONIC, nanoseconds shifted by this: a little more than seconds, and no division.
#define FAST_SEEN_SHIFT 30

struct FastMac {
  uint32_t kind;     // as in a destination word: 1 port, 2 remote
  uint32_t id;       // port id or remote index
  uint32_t seen;     // when, by FAST_SEEN_SHIFT, it was source (of a local one) or destination
  uint32_t far_end;  // 1: the MAC of the other end of a veth, in another namespace
};

#define FAST_HEADER 50  // Ethernet, IPv4, UDP, VXLAN

struct FastRemote {
  uint32_t ifindex;
  uint32_t mtu;  // of the path, IP packet; 0 = unknown
  uint8_t header[56];
};

// Frames come in bursts from one to another: what the maps said of them holds for the next frame
// of that interface, in the same second (so that MACs are seen) and generation.
struct FastMemo {
  uint64_t to_mac;
  uint64_t from;  // MAC; of a packet of the underlay the FastAdmission
  uint32_t ifindex, second, generation;
  struct FastPort port;  // of the frame; not of a packet
  struct FastMac to;
  struct FastRemote remote;  // if `to` is one
};

#define FAST_MEMOS 8  // an interface's is that of its number, modulo

struct FastAdmission {
  uint32_t vni;
  uint32_t address;  // VTEP, IPv4, as it lies in a packet
};

// `segments`: of TCP, with payload, sent here; `repeated`: of those, not for the first time.
struct FastCounters {
  uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
  uint64_t segments, repeated;
  uint64_t lost;               // in a crossing
  uint32_t window, in_window;  // of received frames: number of the window, frames in it
};

// So many frames that came in at one port (0 = uplink) on one CPU within one window of 34 ms,
// nanoseconds shifted by this, are a rush, which the keeper is told once in a window: 150000 in a
// second, a third of what a CPU can carry.
#define FAST_WINDOW_SHIFT 25
#define FAST_RUSH_FRAMES 5000
#define FAST_RUSH_RING 4096

struct FastRush {
  uint32_t id;
  uint32_t cpu;
};

#define FAST_FLOWS 1024

// How far a TCP flow has come. Flows that meet here push each other out.
struct FastFlow {
  uint32_t hash;
  uint32_t next;  // sequence number behind the last octet
};

enum FastWay {
  kFastWorkers,
  kFastEncapsulate,
  kFastDeliver,
  kFastDeliverPeer,  // to the far end of a veth
  kFastDeliverIn,    // as if it had come in there
  kFastDeliverOver,  // by a crossing
};

struct FastVerdict {
  uint32_t way;         // FastWay
  uint32_t in_ifindex;  // the frame that it is about: a verdict is not taken for another one
  uint32_t in_length;
  uint32_t out_ifindex;
  uint32_t from_port, to_port;  // for the counters
  uint32_t window;              // FAST_WINDOW_SHIFT
  uint32_t unmarked;            // FAST_EXIT_UNMARKED
  uint8_t bytes[64];            // to write: outer headers and inner Ethernet header
};

// SO_MARK value of a frame that may leave by an isolated interface (port/host_isolation.hpp), and
// of one that came back because the kernel could not carry it out: it is the workers'.
#define FAST_MARK_LEAVE 0x76746570
#define FAST_MARK_WORKERS 0x76746577
// In the mark of a frame on its way round by the tunnel's exit, beside the number of the interface
// that it is for: it comes up there.
#define FAST_MARK_IN 0x80000000u
// In the mark of a frame in the annex for crossings, beside the number of the crossing's end there:
// it goes to the tenant, or comes from there.
#define FAST_MARK_OVER 0x40000000u
#define FAST_MARK_FROM 0x20000000u
#define FAST_MARK_NUMBER 0x1fffffffu
