// The fast path in the kernel: known unicast between tenants' interfaces and VTEPs, from interface
// to interface without a copy and without a thread. Everything else is left to the workers, and so
// is every frame that these programs do not fully understand.
//
// The underlay has one program, on tcx ingress: our packet sockets stand behind it. A port's packet
// sockets are for every protocol and stand in front of tcx, so there are two programs, which see a
// frame one after the other on the same CPU. The socket filter decides: a frame that it keeps from
// the socket is the fast path's. The tcx program carries that out. Both see the tables through one
// look, so no frame is taken twice or by nobody. Nothing in between can run on that CPU: a packet
// is received with bottom halves disabled.
//
// A tap in our namespace has one program again, on tcx egress: what the host's stack sends out of
// it goes on to the workers' descriptor behind that.
//
// A tap in a tenant's namespace has a program on its egress there, which decides like all others,
// but only sends what is the fast path's into the crossing (port/crossing.hpp). Where that comes
// out at the host it is decided about once more, and carried out.
//
// Compiled by native/fastpath/generate.ts with clang; the result is programs.gen.hpp.
#include "frame.h"

// Where a program looks at a frame.
enum Site { kAtSocket, kAtIngress, kAtEgress, kAtTenant };

ALWAYS void see(struct FastMac* mac, uint64_t now) {
  const uint32_t seen = (uint32_t)(now >> FAST_SEEN_SHIFT);
  if (mac->seen != seen) mac->seen = seen;
}

ALWAYS struct FastVerdict* new_verdict(struct __sk_buff* skb, uint32_t length) {
  const uint32_t zero = 0;
  struct FastVerdict* verdict = look_up(&fast_verdict, &zero);
  if (!verdict) return 0;
  verdict->way = kFastWorkers;
  verdict->in_ifindex = skb->ifindex;
  verdict->in_length = length;
  return verdict;
}

ALWAYS const struct FastSettings* settings(void) {
  const uint32_t zero = 0;
  return look_up(&fast_settings, &zero);
}

// To another port of this host. False: to the workers. A veth's far end, and with it a crossing, is
// reached from ingress alone.
ALWAYS int deliver(enum Site site, struct FastVerdict* verdict, const struct FastMac* to,
                   uint32_t packet) {
  const uint32_t port = to->id;
  const uint64_t* exit = look_up(&fast_exits, &port);
  if (!exit) return 0;
  const uint64_t word = *exit;
  const uint32_t mtu = (uint32_t)(word >> FAST_EXIT_MTU_SHIFT) & FAST_EXIT_MTU_MASK;
  if (word == 0 || (mtu != 0 && packet > mtu)) return 0;
  if ((word & FAST_EXIT_CROSSED) && site == kAtEgress) return 0;
  verdict->to_port = port;
  verdict->out_ifindex = (uint32_t)word;
  verdict->way = word & FAST_EXIT_CROSSED   ? kFastDeliverOver
                 : word & FAST_EXIT_INGRESS ? kFastDeliverIn
                 : to->far_end              ? kFastDeliverPeer
                                            : kFastDeliver;
  verdict->unmarked = (word & FAST_EXIT_UNMARKED) != 0;
  return 1;
}

// To a VTEP: the headers as native/core/encap.cpp writes them.
ALWAYS int encapsulate(struct __sk_buff* skb, int on_tcx, uint32_t length,
                       struct FastVerdict* verdict, const struct FastRemote* remote, uint32_t vni,
                       uint32_t wire, const struct Head* head, const struct Inner* inner) {
  if (remote->mtu != 0 && wire + FAST_HEADER - 14 > remote->mtu) return 0;
  const uint32_t total = length + FAST_HEADER - 14;
  if (total > 65535) return 0;
  uint8_t* out = verdict->bytes;
  __builtin_memcpy(out, remote->header, 56);
  const uint16_t field = swap16((uint16_t)total);
  *(uint16_t*)(out + 16) = field;
  // The template's sum is that of a packet of length 0 (RFC 1624).
  uint32_t sum = (uint16_t)~load16(out + 24);
  sum += field;
  sum = (sum & 0xffff) + (sum >> 16);
  *(uint16_t*)(out + 24) = (uint16_t)~sum;
  *(uint16_t*)(out + 34) = swap16((uint16_t)(49152 + flow_hash(skb, on_tcx, head, inner) % 16384));
  *(uint16_t*)(out + 38) = swap16((uint16_t)(total - 20));
  const uint32_t identifier = __builtin_bswap32(vni << 8);
  *(uint16_t*)(out + 46) = (uint16_t)identifier;
  *(uint16_t*)(out + 48) = (uint16_t)(identifier >> 16);
  for (int i = 0; i < 14; i += 2)
    *(uint16_t*)(out + FAST_HEADER + i) = *(const uint16_t*)(head->destination + i);
  verdict->to_port = 0;
  verdict->out_ifindex = remote->ifindex;
  verdict->way = kFastEncapsulate;
  return 1;
}

// Notes whether a TCP segment was sent before, for where it goes to. The kernel's own hash would
// not do: a sender takes another one with every timeout.
ALWAYS void watch(struct __sk_buff* skb, int on_tcx, const struct FastVerdict* verdict,
                  const struct Head* head, const struct Inner* inner) {
  if (inner->protocol != kTcp || inner->fragment) return;
  struct {
    uint32_t ports, sequence, acknowledgement;
    uint8_t offset;
  } tcp;
  if (fetch(skb, on_tcx, 14 + inner->l4, &tcp, 13) != 0) return;
  const uint32_t octets = inner->packet - inner->l4 - (tcp.offset >> 4) * 4;
  const uint32_t source = load32(inner->ipv6 ? head->ip + 20 : head->ip + 12);
  const uint32_t destination = load32(inner->ipv6 ? head->ip + 36 : head->ip + 16);
  const uint32_t hash = (uint32_t)mix(tcp.ports ^ (uint64_t)(source * 3 + destination) << 32) | 1;
  const uint32_t place = hash / 2 % FAST_FLOWS;
  struct FastFlow* flow = look_up(&fast_flows, &place);
  struct FastCounters* counters = look_up(&fast_counters, &verdict->to_port);
  if (!flow || !counters || (int32_t)octets <= 0) return;
  const uint32_t sequence = __builtin_bswap32(tcp.sequence);
  counters->segments++;
  if (flow->hash == hash && (int32_t)(sequence - flow->next) < 0) {
    counters->repeated++;
    return;
  }
  flow->hash = hash;
  flow->next = sequence + octets;
}

ALWAYS struct FastMemo* memo_of(uint32_t ifindex) {
  const uint32_t place = ifindex % FAST_MEMOS;
  return look_up(&fast_memo, &place);
}

ALWAYS int remembers(const struct FastMemo* memo, uint32_t ifindex, uint64_t to_mac, uint64_t from,
                     uint32_t second, uint32_t generation) {
  return memo->to_mac == to_mac && memo->from == from && memo->ifindex == ifindex &&
         memo->second == second && memo->generation == generation;
}

// `generation` was read before anything was looked up.
ALWAYS void remember(struct FastMemo* memo, uint32_t ifindex, uint64_t to_mac, uint64_t from,
                     const struct FastMac* to, uint32_t second, uint32_t generation) {
  memo->to_mac = to_mac;
  memo->from = from;
  memo->ifindex = ifindex;
  memo->second = second;
  memo->to = *to;
  memo->generation = generation;
}

// Where a frame comes from and goes to, of which `id` is the port, 0 = not known. Null: not for the
// fast path.
ALWAYS const struct FastMemo* know(const struct FastSettings* set, uint32_t ifindex,
                                   const struct Head* head, uint64_t now, uint32_t* id) {
  const uint32_t second = (uint32_t)(now >> FAST_SEEN_SHIFT), generation = set->generation;
  struct FastMemo* memo = memo_of(ifindex);
  if (!memo) return 0;
  const uint64_t to_mac = destination_mac(head), from_mac = source_mac(head);
  if (remembers(memo, ifindex, to_mac, from_mac, second, generation)) {
    *id = memo->port.id;
    return memo;
  }
  const struct FastPort* port = look_up(&fast_ports, &ifindex);
  if (!port) return 0;
  *id = port->id;
  if (port->network == 0) return 0;
  const uint64_t network = (uint64_t)port->network << FAST_NETWORK_SHIFT;
  // No group address is in the table, nor a source that has not been learned here.
  uint64_t key = to_mac | network;
  struct FastMac* to = look_up(&fast_macs, &key);
  if (!to) return 0;
  key = from_mac | network;
  struct FastMac* from = look_up(&fast_macs, &key);
  if (!from || from->kind != kPort || from->id != port->id) return 0;
  memo->generation = 0;
  if (to->kind == kRemote) {
    const struct FastRemote* remote = look_up(&fast_remotes, &to->id);
    if (!remote) return 0;
    memo->remote = *remote;
  }
  see(from, now);
  see(to, now);
  memo->port = *port;
  remember(memo, ifindex, to_mac, from_mac, to, second, generation);
  return memo;
}

// Decides about a frame of a tenant, `length` octets long, of the port that `key` names in the map.
// True: it is the fast path's. `id` is the port's, 0 = not known.
ALWAYS int decide(struct __sk_buff* skb, enum Site site, uint32_t length, uint32_t key,
                  uint32_t* id) {
  const int on_tcx = site != kAtSocket;
  struct FastVerdict* verdict = new_verdict(skb, length);
  const struct FastSettings* set = settings();
  struct Head head;
  struct Inner inner;
  if (!verdict || !set || !set->enabled || skb->vlan_present || skb->mark == FAST_MARK_WORKERS ||
      !read_inner(skb, on_tcx, 0, &head, &inner))
    return 0;
  const uint64_t now = coarse_nanoseconds();
  const struct FastMemo* memo = know(set, key, &head, now, id);
  if (!memo) return 0;
  const uint32_t wire = wire_length(skb, on_tcx, 0, length, &inner);
  if (wire == 0) return 0;
  verdict->from_port = memo->port.id;
  if (memo->to.kind == kRemote) {
    if (!encapsulate(skb, on_tcx, length, verdict, &memo->remote, memo->port.vni, wire, &head,
                     &inner))
      return 0;
  } else if (memo->to.id == memo->port.id || !deliver(site, verdict, &memo->to, wire - 14)) {
    return 0;
  }
  // There it is not the end of the matter.
  if (site == kAtTenant) {
    verdict->way = kFastWorkers;
    return 1;
  }
  watch(skb, on_tcx, verdict, &head, &inner);
  verdict->window = (uint32_t)(now >> FAST_WINDOW_SHIFT);
  return 1;
}

// At a port with one packet socket.
SECTION("socket/port_filter") int port_filter(struct __sk_buff* skb) {
  uint32_t id = 0;
  return decide(skb, kAtSocket, skb->len, skb->ifindex, &id) ? kNotToSocket : kToSocket;
}

// At a port with several: where the socket is chosen. What is for the workers goes on to the
// program that spreads frames over them (port/steering.hpp).
SECTION("socket/port_steer") int port_steer(struct __sk_buff* skb) {
  uint32_t id = 0;
  const uint32_t ifindex = skb->ifindex;
  if (decide(skb, kAtSocket, skb->len + 14, ifindex, &id)) return 0;
  const struct FastPort* port = id == 0 ? look_up(&fast_ports, &ifindex) : 0;
  tail_call(skb, &fast_steering, port ? port->id : id);
  return 0;
}

// Behind that, at the socket.
SECTION("socket/port_passed") int port_passed(struct __sk_buff* skb) {
  (void)skb;
  const uint32_t zero = 0;
  const struct FastVerdict* verdict = look_up(&fast_verdict, &zero);
  return verdict && verdict->way != kFastWorkers ? kNotToSocket : kToSocket;
}

// What the filter has decided about this very frame, once; null: it is not the fast path's.
ALWAYS struct FastVerdict* take_verdict(struct __sk_buff* skb) {
  const uint32_t zero = 0;
  struct FastVerdict* verdict = look_up(&fast_verdict, &zero);
  if (!verdict || verdict->way == kFastWorkers) return 0;
  if (verdict->in_ifindex != skb->ifindex || verdict->in_length != skb->len) return 0;
  return verdict;
}

ALWAYS void count(const struct FastVerdict* verdict, uint32_t received, uint32_t sent) {
  struct FastCounters* counters = look_up(&fast_counters, &verdict->from_port);
  if (counters) {
    counters->rx_frames++;
    counters->rx_bytes += received;
    if (counters->window != verdict->window) {
      counters->window = verdict->window;
      counters->in_window = 0;
    }
    if (++counters->in_window == FAST_RUSH_FRAMES) {
      struct FastRush rush = {verdict->from_port, this_cpu()};
      tell(&fast_rushes, &rush, sizeof rush, 0);
    }
  }
  counters = look_up(&fast_counters, &verdict->to_port);
  if (counters) {
    counters->tx_frames++;
    counters->tx_bytes += sent;
  }
}

// The kernel can not carry it out, for example because the frame is marked as encapsulated already:
// once more from the start, for the workers this time.
ALWAYS int hand_back(struct __sk_buff* skb) {
  skb->mark = FAST_MARK_WORKERS;
  return (int)redirect(skb->ifindex, BPF_F_INGRESS);
}

ALWAYS int leave(struct __sk_buff* skb, enum Site site, const struct FastVerdict* verdict,
                 uint32_t way) {
  if (way == kFastDeliverPeer && site != kAtEgress)
    return (int)redirect_peer(verdict->out_ifindex, 0);
  if (way == kFastDeliverOver) {
    const struct FastSettings* set = settings();
    if (!set) return kDrop;
    skb->mark = FAST_MARK_OVER | verdict->out_ifindex;
    return (int)redirect_peer(set->cross_near, 0);
  }
  skb->mark = way == kFastDeliverIn ? 0 : FAST_MARK_LEAVE;
  return (int)redirect(verdict->out_ifindex, way == kFastDeliverIn ? BPF_F_INGRESS : 0);
}

static const uint64_t kEncapsulation = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
                                       BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2(14) |
                                       BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

ALWAYS int carry_out(struct __sk_buff* skb, enum Site site, struct FastVerdict* verdict) {
  const uint32_t way = verdict->way;
  verdict->way = kFastWorkers;
  const uint32_t length = skb->len;
  if (way != kFastEncapsulate) {
    count(verdict, length, length);
    return leave(skb, site, verdict, way);
  }
  if (adjust_room(skb, FAST_HEADER, BPF_ADJ_ROOM_MAC, kEncapsulation) != 0)
    return site == kAtIngress ? hand_back(skb) : site == kAtEgress ? kNext : kDrop;
  if (store_bytes(skb, 0, verdict->bytes, FAST_HEADER + 14, 0) != 0) return kDrop;
  count(verdict, length, length + FAST_HEADER);
  skb->mark = 0;
  return (int)redirect(verdict->out_ifindex, 0);
}

SECTION("tcx/port_forward") int port_forward(struct __sk_buff* skb) {
  struct FastVerdict* verdict = take_verdict(skb);
  return verdict ? carry_out(skb, kAtIngress, verdict) : kNext;
}

// What the host's stack sends out of a tap.
SECTION("tcx/tap_forward") int tap_forward(struct __sk_buff* skb) {
  uint32_t id = 0;
  if (!decide(skb, kAtEgress, skb->len, skb->ifindex, &id)) return kNext;
  struct FastVerdict* verdict = take_verdict(skb);
  return verdict ? carry_out(skb, kAtEgress, verdict) : kNext;
}

ALWAYS const struct FastCrossing* crossing(void) {
  const uint32_t zero = 0;
  return look_up(&fast_crossing, &zero);
}

// What a tenant's stack sends out of a tap in its namespace. What came through a tunnel can not be
// encapsulated once more, which a try of no octets tells.
SECTION("tcx/crossing_leave") int crossing_leave(struct __sk_buff* skb) {
  uint32_t id = 0;
  const struct FastCrossing* over = crossing();
  if (!over || !decide(skb, kAtTenant, skb->len, FAST_CROSSED | over->annex_end, &id)) return kNext;
  if (adjust_room(skb, 0, BPF_ADJ_ROOM_MAC, kEncapsulation) == kEncapsulated) return kNext;
  return (int)redirect(over->tenant_end, 0);
}

// Where that has come into the annex.
SECTION("tcx/crossing_out") int crossing_out(struct __sk_buff* skb) {
  const struct FastSettings* set = settings();
  if (!set) return kDrop;
  skb->mark = FAST_MARK_FROM | skb->ifindex;
  return (int)redirect_peer(set->cross_far, 0);
}

// And where it has come out of it.
SECTION("tcx/crossing_back") int crossing_back(struct __sk_buff* skb) {
  const uint32_t mark = skb->mark;
  if (!(mark & FAST_MARK_FROM)) return kDrop;
  skb->mark = 0;
  uint32_t id = 0;
  struct FastVerdict* verdict =
      decide(skb, kAtIngress, skb->len, FAST_CROSSED | (mark & FAST_MARK_NUMBER), &id)
          ? take_verdict(skb)
          : 0;
  if (verdict) return carry_out(skb, kAtTenant, verdict);
  struct FastCounters* counters = look_up(&fast_counters, &id);
  if (counters) counters->lost++;
  return kDrop;
}

// At the annex's other end: what is for a tenant goes to its crossing.
SECTION("tcx/crossing_in") int crossing_in(struct __sk_buff* skb) {
  if (!(skb->mark & FAST_MARK_OVER)) return kDrop;
  return (int)redirect_peer(skb->mark & FAST_MARK_NUMBER, 0);
}

// And has arrived: it comes up in the tap.
SECTION("tcx/crossing_arrive") int crossing_arrive(struct __sk_buff* skb) {
  const struct FastCrossing* over = crossing();
  if (!over) return kDrop;
  skb->mark = 0;
  return (int)redirect(over->interface, BPF_F_INGRESS);
}

// Where the frame in a packet of the underlay goes: a port, or null.
ALWAYS const struct FastMac* know_inner(const struct FastSettings* set, uint32_t ifindex,
                                        const struct FastAdmission* admission, uint64_t to_mac,
                                        uint64_t now) {
  const uint32_t second = (uint32_t)(now >> FAST_SEEN_SHIFT), generation = set->generation;
  const uint64_t from = (uint64_t)admission->vni << 32 | admission->address;
  struct FastMemo* memo = memo_of(ifindex);
  if (!memo) return 0;
  if (remembers(memo, ifindex, to_mac, from, second, generation)) return &memo->to;
  const uint32_t* network = look_up(&fast_admitted, admission);
  if (!network) return 0;
  const uint64_t key = to_mac | (uint64_t)*network << FAST_NETWORK_SHIFT;
  struct FastMac* to = look_up(&fast_macs, &key);
  if (!to || to->kind != kPort) return 0;
  see(to, now);
  remember(memo, ifindex, to_mac, from, to, second, generation);
  return to;
}

// Packets of the underlay. Our packet sockets there are bound to IPv4 and so stand behind tcx: what
// this program takes they do not see, and it needs no filter in front of it.
SECTION("tcx/uplink_forward") int uplink_forward(struct __sk_buff* skb) {
  const struct FastSettings* set = settings();
  if (!set || !set->enabled || skb->vlan_present || skb->pkt_type == kOtherHost) return kNext;
  struct {
    uint16_t pad;
    uint8_t macs[12];
    uint16_t ethertype;
    uint8_t ip[20];
    uint8_t udp[8];
    uint8_t vxlan[8];
    uint8_t end[2];
  } __attribute__((aligned(8))) outer;
  if (load_bytes(skb, 0, outer.macs, FAST_HEADER) != 0) return kNext;
  if (outer.ethertype != kIpv4 || outer.ip[0] != 0x45 || outer.ip[9] != kUdp ||
      load32(outer.ip + 16) != set->address || load16(outer.udp + 2) != set->udp_port)
    return kNext;
  // No fragments, nothing behind the packet, the I flag, and no flag that means another format.
  const uint32_t length = skb->len;
  const uint32_t total = swap16(load16(outer.ip + 2));
  if ((load16(outer.ip + 6) & 0xff3f) != 0 || total + 14 != length ||
      swap16(load16(outer.udp + 4)) + 20u != total || (outer.vxlan[0] & 0x3d) != 0x08)
    return kNext;
  const struct FastAdmission admission = {__builtin_bswap32(load32(outer.vxlan + 4)) >> 8,
                                          load32(outer.ip + 12)};
  struct Head head;
  struct Inner inner;
  if (!read_inner(skb, 1, FAST_HEADER, &head, &inner)) return kNext;
  const uint64_t now = coarse_nanoseconds();
  const struct FastMac* to = know_inner(set, skb->ifindex, &admission, destination_mac(&head), now);
  if (!to) return kNext;
  // The kernel would take the UDP header of a decapsulated super-frame for a tunnel's and drop it.
  if (skb->gso_size != 0 && inner.protocol != kTcp) return kNext;
  const uint32_t wire = wire_length(skb, 1, FAST_HEADER, length - FAST_HEADER, &inner);
  struct FastVerdict verdict;
  if (wire == 0 || !deliver(kAtIngress, &verdict, to, wire - 14)) return kNext;
  verdict.from_port = 0;
  verdict.window = (uint32_t)(now >> FAST_WINDOW_SHIFT);
  // All of TCP, as the order of a flow is to hold.
  if (verdict.unmarked && inner.protocol == kTcp) {
    if (!set->exit_near) return kNext;
    count(&verdict, length, length - FAST_HEADER);
    skb->mark = verdict.out_ifindex | (verdict.way == kFastDeliverIn ? FAST_MARK_IN : 0);
    return (int)redirect_peer(set->exit_near, 0);
  }
  // Without NO_CSUM_RESET: what a NIC has said was about the outer checksum.
  uint64_t flags = BPF_F_ADJ_ROOM_FIXED_GSO;
  if (inner.ipv6) flags |= kDecapIpv6;
  if (adjust_room(skb, -FAST_HEADER, BPF_ADJ_ROOM_MAC, flags) != 0) return kNext;
  if (store_bytes(skb, 0, head.destination, 14, 0) != 0) return kDrop;
  count(&verdict, length, length - FAST_HEADER);
  return leave(skb, kAtIngress, &verdict, verdict.way);
}

// At the tunnel device in the other namespace: what was sent there by the program above, without
// the outer headers and the tunnel's mark.
SECTION("tcx/exit_inside") int exit_inside(struct __sk_buff* skb) {
  (void)skb;
  const struct FastSettings* set = settings();
  return set ? (int)redirect_peer(set->exit_far, 0) : kDrop;
}

// And where it is back. Nothing else has an interface's number on it, and numbers are not used
// again: what comes late comes to nobody else.
SECTION("tcx/exit_back") int exit_back(struct __sk_buff* skb) {
  const struct FastVerdict verdict = {.out_ifindex = skb->mark & ~FAST_MARK_IN};
  if (verdict.out_ifindex == 0) return kDrop;
  return leave(skb, kAtIngress, &verdict, skb->mark & FAST_MARK_IN ? kFastDeliverIn : kFastDeliver);
}
