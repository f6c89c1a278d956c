// The contract of the shared segment: what is stored, what is asked (operations), what is told (events), what is counted.
// Both languages are generated from this file; its hash travels in the segment's header and every process checks it.
//
// Writers: everything is written by the dataplane process. Tables: its keeper thread. Counters: each worker its own block.
// A controller asks by operations; it never writes, so that a controller killed at any instruction cannot tear a table.

import { captureNumbers } from './records.js'
import { field, type Structure } from './schema.js'
import { listenerFields } from './views.js'

export { counters, records } from './records.js'
export { views } from './views.js'

/** Fixed capacities. Memory is reserved as address space and grows with use. */
export const limits = {
  maxWorkers: 16,
  maxPorts: 4096,
  maxNetworks: 16384,
  maxRemotes: 16384,
  maxMacs: 1 << 20,
  maxNeighbours: 1 << 20,
  maxUnderlays: 16,
  maxRoutes: 1 << 20,
  maxNextHops: 32767,
  maxGroups: 16384,
  maxMacGroups: 16384,
  maxChannels: 1 << 16,
  eventRingSlots: 65536,
} as const

/** Rows as they lie in the segment, one array or hash table each. */
export const tables: readonly Structure[] = [
  {
    name: 'port',
    doc: 'A host attachment. Array by port id; id 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('state', 'u8', 'PortState'),
      field('up', 'u8', '1 when the interface has carrier'),
      field(
        'network',
        'u16',
        'network index, 0 = detached: every frame is dropped as port_detached',
      ),
      field('ifindex', 'u32', 'kernel interface index, 0 if none'),
      field('mtu', 'u32', 'largest frame payload in bytes, 0 = unknown'),
      field('flags', 'u32', 'PortFlag bits'),
      field('mac', 'mac', 'address of the interface'),
      field('spare', 'u16', 'zero'),
      field('kind', 'text16', 'port kind, as in ports.def'),
      field('name', 'text64', 'name the operator gave'),
      field(
        'spec',
        'text256',
        'the options it was opened with, key=value lines: adoption compares them',
      ),
      field('macs', 'u32', 'MACs behind this port: a flush ends when it has found them all'),
      field('neighbours', 'u32', 'bindings learned from this port'),
      field('segmentFlags', 'u16', 'SegmentFlag bits; 0 = it leads to no Ethernet segment'),
      field('spare2', 'u16', 'zero'),
      field(
        'peers',
        'bytes32',
        'u16 each, ended by 0: remote indices of the VTEPs that lead to the segment, too',
      ),
    ],
  },
  {
    name: 'network',
    doc: 'A bridge domain (VNI). Array by network index; index 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('vni', 'u32', 'VXLAN network identifier, 0 = free row'),
      field('flags', 'u32', 'NetworkFlag bits'),
      field('agingSeconds', 'u32', 'a local MAC unseen for so long is removed; 0 = never'),
      field(
        'floodOffset',
        'u32',
        'block of the flood list in the flood arena, in units of 4 bytes; 0 = empty list',
      ),
      field('macs', 'u32', 'MACs of this network, local and remote'),
      field('neighbours', 'u32', 'bindings of this network'),
      field(
        'stormFramesPerSecond',
        'u32',
        'storm control: flooded frames per second that each of its ports may send, for each worker; 0 = off',
      ),
      field('stormBurst', 'u32', 'storm control: flooded frames at once'),
      field('routes', 'u32', 'prefixes of this network as IP-VRF'),
      field(
        'vrf',
        'u16',
        'index of the IP-VRF that packets to the router MAC are routed in, itself for an L3 VNI; 0 = none',
      ),
      field('mac', 'mac', 'router MAC: frames to it are routed; zero = none'),
      field('address4', 'ip', 'sender of ICMP errors, :: = none'),
      field('address6', 'ip', 'sender of ICMPv6 errors, :: = none'),
      field(
        'prefixLengths',
        'bytes20',
        'bit l of these 160: some prefix has l bits (IPv4: 96 more)',
      ),
      field('channels', 'u32', 'multicast channels of this network'),
      field('sourceChannels', 'u32', 'those of them that name a source'),
      field(
        'replicator',
        'u32',
        'remote index of the AR-REPLICATOR that has broadcasts of our ports in the place of all VTEPs, 0 = none',
      ),
      field('spare', 'bytes16', 'zero: a row is two cache lines'),
    ],
  },
  {
    name: 'remote',
    doc: 'A far VTEP with its header template. Array by remote index; index 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('state', 'u8', 'RemoteState'),
      field('headerLength', 'u8', 'bytes used of header: outer Ethernet, IP, UDP, VXLAN'),
      field('nextHopIndex', 'u16', 'underlay interface slot of the uplink'),
      field('references', 'u32', 'flood lists, MACs and neighbours that point here'),
      field('ifindex', 'u32', 'underlay interface of the next hop, 0 = unresolved'),
      field('mtu', 'u32', 'underlay path MTU in bytes (IP packet), 0 = unknown'),
      field('pseudoSum', 'u32', 'outer pseudo-header sum without length, for the UDP checksum'),
      field('address', 'ip', 'VTEP address'),
      field('nextHop', 'ip', 'underlay gateway or the VTEP itself'),
      field(
        'header',
        'bytes72',
        'template: VNI, lengths, source port and checksum are patched per frame',
      ),
    ],
  },
  {
    name: 'underlay',
    doc: 'An interface that the uplink sends out of. Array; row 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('ifindex', 'u32', 'kernel interface index, 0 = free row'),
      field('flags', 'u32', 'UnderlayFlag bits'),
      field('spare', 'u32', 'zero'),
    ],
  },
  {
    name: 'floodBlock',
    doc: 'Head of a flood list in the arena; the destinations follow, ports first. A list only grows in place, else it is copied.',
    fields: [
      field('capacity', 'u32', 'destinations the block has room for'),
      field(
        'counts',
        'u32',
        'local ports in the low half, remotes in the high half: one word, so that both change at once',
      ),
    ],
  },
  {
    name: 'nextHop',
    doc: 'Where a route leads. Equal ones of an IP-VRF are one row, however many routes lead there. Array; row 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('references', 'u32', 'routes and groups that point here'),
      field('identity', 'u64', 'hash of what it says, for groups'),
      field('kind', 'u8', 'RouteKind'),
      field('spare', 'u8', 'zero'),
      field('network', 'u16', 'index: of connected and gateway the network, else the IP-VRF'),
      field('remote', 'u32', 'remote index of kind remote, else 0'),
      field('vni', 'u32', 'label of kind remote, else the VNI of `network`'),
      field('mac', 'mac', 'router MAC of the remote, else zero'),
      field('spare2', 'u16', 'zero'),
      field('via', 'ip', 'VTEP of the remote, the gateway, or ::'),
      field('spare3', 'bytes12', 'zero: a row is a cache line'),
    ],
  },
  {
    name: 'group',
    doc: 'Several next hops of equal cost. Equal groups are one row. Array; row 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('references', 'u32', 'routes that point here'),
      field('count', 'u32', 'members, 2 to 16'),
      field('members', 'bytes32', 'u16 each: next hop indices, ascending'),
      field(
        'buckets',
        'bytes128',
        'by the upper 7 bits of the flow hash: which member. Rendezvous hashing, so that a member that comes or goes moves only its share',
      ),
      field('spare', 'bytes20', 'zero: a row is three cache lines'),
    ],
  },
  {
    name: 'macGroup',
    doc: 'VTEPs by which the MACs of an Ethernet segment are reached in a network; each takes its share of the flows. Array; row 0 is never used.',
    fields: [
      field('generation', 'u32', 'odd while the row is being written'),
      field('references', 'u32', 'MACs that point here'),
      field('count', 'u32', 'members, 0 to 16; none: the MACs are as good as unknown'),
      field('members', 'bytes32', 'u16 each: remote indices, in the order they were given'),
      field(
        'buckets',
        'bytes256',
        'u16 each: by the upper 7 bits of the flow hash the remote index, 0 = none; chosen as of a group',
      ),
      field('network', 'u16', 'network index, 0 = free row'),
      field('esi', 'esi', 'Ethernet segment identifier'),
      field('via', 'ip', 'of a single-active segment the VTEP that announces the MACs, else ::'),
      field('spare', 'bytes56', 'zero: a row is six cache lines'),
    ],
  },
  {
    name: 'prefixSlot',
    doc: 'A prefix of an IP-VRF. Hash slots; every length in use is looked up, the longest first.',
    fields: [
      field('target', 'u32', 'next hop index, or group index and the highest bit; 0 = free slot'),
      field('network', 'u16', 'network index of the IP-VRF'),
      field('length', 'u16', 'bits, of IPv4 96 more'),
      field('prefix', 'ip', 'address, zero behind `length`'),
    ],
  },
  {
    name: 'fdbSlot',
    doc: 'A MAC of a network. Hash slots, five to a 64-byte bucket; key is mac + network.',
    fields: [
      field('destination', 'u32', 'destination word (see DestinationWord); 0 = free slot'),
      field('mac', 'mac', 'Ethernet address'),
      field('network', 'u16', 'network index'),
    ],
  },
  {
    name: 'neighbourSlot',
    doc: 'An IP to MAC binding of a network: answers for ARP/ND suppression, and what snooping saw.',
    fields: [
      field('flags', 'u32', 'NeighbourFlag bits; 0 = free slot'),
      field('mac', 'mac', 'Ethernet address'),
      field('network', 'u16', 'network index'),
      field('ip', 'ip', 'address'),
    ],
  },
  {
    name: 'channelSlot',
    doc: 'Who wants a multicast group, from any source or from one: the multicast forwarding table. Hash slots, three to a 128-byte bucket.',
    fields: [
      field('list', 'u32', 'its destinations, a block of the flood arena; 0 = free slot'),
      field('network', 'u16', 'network index'),
      field('spare', 'u16', 'zero'),
      field('group', 'ip', 'group; 0.0.0.0 or ::: every group of that family without a slot'),
      field('source', 'ip', 'source, :: = any'),
    ],
  },
]

/** One path of a route. */
const pathFields = [
  field('vrf', 'u32', 'L3 VNI of the IP-VRF'),
  field('prefix', 'ip', 'address, zero behind `length`'),
  field('length', 'u16', 'bits, of IPv4 96 more'),
  field('kind', 'u8', 'RouteKind'),
  field('spare', 'u8', 'zero'),
  field('vni', 'u32', 'label of kind remote; network of connected and gateway; else 0'),
  field('via', 'ip', 'VTEP, gateway, or ::'),
  field('mac', 'mac', 'router MAC of the remote, else zero'),
  field('spare2', 'u16', 'zero'),
]

/** What a controller asks for. Keys are the words of the outside (VNI, address, MAC), so every operation is idempotent. */
export const operations: readonly Structure[] = [
  {
    name: 'networkSet',
    doc: 'Create a network or change its settings.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'NetworkFlag bits'),
      field('agingSeconds', 'u32', '0 = never'),
      field('stormFramesPerSecond', 'u32', 'storm control of each port and worker, 0 = off'),
      field('stormBurst', 'u32', 'flooded frames at once'),
      field('vrf', 'u32', 'L3 VNI of the IP-VRF it routes in: its own makes it one; 0 = none'),
      field('mac', 'mac', 'router MAC, zero = none'),
      field('spare', 'u16', 'zero'),
      field('address4', 'ip', 'sender of ICMP errors, :: = none'),
      field('address6', 'ip', 'sender of ICMPv6 errors, :: = none'),
    ],
  },
  {
    name: 'networkRemove',
    doc: 'Remove a network with all that belongs to it; its ports are detached.',
    fields: [field('vni', 'u32', 'VNI')],
  },
  {
    name: 'portAttach',
    doc: 'Put a port into a network, or detach it (vni 0). Its MACs are flushed when the network changes.',
    fields: [field('port', 'u32', 'port id'), field('vni', 'u32', 'VNI or 0')],
  },
  {
    name: 'floodAdd',
    doc: 'Add a VTEP to the flood list (EVPN type 3, or configured), or change what it gets.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'FloodFlag bits'),
      field('remote', 'ip', 'VTEP address'),
    ],
  },
  {
    name: 'floodRemove',
    doc: 'Remove a VTEP from the flood list.',
    fields: [field('vni', 'u32', 'VNI'), field('remote', 'ip', 'VTEP address')],
  },
  {
    name: 'macSetRemote',
    doc: 'A MAC lives behind a VTEP. Replaces a local entry only with MacFlag.override.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u16', 'MacFlag bits'),
      field('mac', 'mac', 'Ethernet address'),
      field('remote', 'ip', 'VTEP address'),
    ],
  },
  {
    name: 'macSetLocal',
    doc: 'A MAC is bound to a port by configuration: it does not age.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('port', 'u32', 'port id'),
      field('flags', 'u16', 'MacFlag bits'),
      field('mac', 'mac', 'Ethernet address'),
    ],
  },
  {
    name: 'macRemove',
    doc: 'Remove a MAC of the given origin; an entry of the other origin stays.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u16', 'MacFlag.local or MacFlag.remote'),
      field('mac', 'mac', 'Ethernet address'),
    ],
  },
  {
    name: 'neighbourSet',
    doc: 'An answer for ARP/ND suppression.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'NeighbourFlag bits'),
      field('mac', 'mac', 'Ethernet address'),
      field('spare', 'u16', 'zero'),
      field('ip', 'ip', 'address'),
    ],
  },
  {
    name: 'neighbourRemove',
    doc: 'Remove a binding of the given origin.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'NeighbourFlag.local or .remote'),
      field('ip', 'ip', 'address'),
    ],
  },
  {
    name: 'routeAdd',
    doc: 'One more path of a route. Paths of a route share the flows.',
    fields: pathFields,
  },
  {
    name: 'routeRemove',
    doc: 'Remove this path; the route goes with its last one.',
    fields: pathFields,
  },
  {
    name: 'listenerAdd',
    doc: 'A port or VTEP wants a multicast channel.',
    fields: listenerFields,
  },
  {
    name: 'listenerRemove',
    doc: 'It wants the channel no more; the channel goes with the last one.',
    fields: listenerFields,
  },
  {
    name: 'nextHopSet',
    doc: 'Underlay next hop of a VTEP. Normally the dataplane follows the kernel itself; tests and the WebAssembly core use this.',
    fields: [
      field('remote', 'ip', 'VTEP address'),
      field('nextHop', 'ip', 'gateway'),
      field('source', 'ip', 'our VTEP address'),
      field('ifindex', 'u32', 'interface, 0 = unresolved'),
      field('mtu', 'u32', 'bytes'),
      field('mac', 'mac', 'link address of the next hop'),
      field('sourceMac', 'mac', 'link address of our interface'),
    ],
  },
  {
    name: 'macGroupSet',
    doc: 'All members of a group at once; made where it is not there.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('spare', 'u16', 'zero'),
      field('esi', 'esi', 'Ethernet segment identifier'),
      field('via', 'ip', 'VTEP that announces the MACs, or ::'),
      field('remotes', 'ips16', 'members; may be none'),
    ],
  },
  {
    name: 'macGroupRemove',
    doc: 'Remove a group that no MAC leads to.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('spare', 'u16', 'zero'),
      field('esi', 'esi', 'Ethernet segment identifier'),
      field('via', 'ip', 'VTEP that announces the MACs, or ::'),
    ],
  },
  {
    name: 'macSetGroup',
    doc: 'A MAC lives behind a group. Replaces a local entry only with MacFlag.override.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u16', 'MacFlag bits'),
      field('mac', 'mac', 'Ethernet address'),
      field('esi', 'esi', 'Ethernet segment identifier'),
      field('spare', 'u16', 'zero'),
      field('via', 'ip', 'VTEP that announces the MACs, or ::'),
    ],
  },
  {
    name: 'macSetPeer',
    doc: 'A MAC lives behind a port, as another VTEP of its segment says: of remote origin until the port sees it. Replaces a local entry only with MacFlag.override.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('port', 'u32', 'port id'),
      field('flags', 'u16', 'MacFlag bits'),
      field('mac', 'mac', 'Ethernet address'),
    ],
  },
  {
    name: 'portSegmentSet',
    doc: 'A port leads to an Ethernet segment: what passes it, and who else leads there.',
    fields: [
      field('port', 'u32', 'port id'),
      field('flags', 'u16', 'SegmentFlag bits'),
      field('spare', 'u16', 'zero'),
      field('peers', 'ips16', 'VTEPs that lead to the segment, too'),
    ],
  },
  {
    name: 'portSegmentClear',
    doc: 'A port leads to no segment.',
    fields: [field('port', 'u32', 'port id')],
  },
  {
    name: 'replicatorSet',
    doc: 'Broadcasts of the ports of a network go to this VTEP alone, which replicates them (RFC 9574).',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('remote', 'ip', 'its AR-IP, :: = none: to all of the flood list'),
    ],
  },
]

/** What the dataplane tells. The ring is broadcast: a reader that falls behind sees a gap and re-reads the tables. */
export const events: readonly Structure[] = [
  {
    name: 'event',
    doc: 'One fact, in the order in which it became true.',
    fields: [
      field('sequence', 'u64', 'counts from 1; the slot of sequence s is s modulo eventRingSlots'),
      field('timeNanoseconds', 'u64', 'CLOCK_MONOTONIC when the cause was seen'),
      field('kind', 'u16', 'EventKind'),
      field('spare', 'u16', 'zero'),
      field('vni', 'u32', 'VNI or 0'),
      field('port', 'u32', 'port id or 0; of underlayOffloads the interface index'),
      field('flags', 'u32', 'of the row concerned'),
      field('mac', 'mac', 'Ethernet address'),
      field('spare2', 'u16', 'zero'),
      field(
        'ip',
        'ip',
        'bound address; the remote the MAC was at before it moved here; a multicast group; a querier',
      ),
      field('source', 'ip', 'of a multicast channel, :: = any'),
    ],
  },
]

/** Named numbers of both languages. */
export const constants = {
  /** `router`: the frame is to be routed; never in the FDB's snapshots. `group`: a macGroup, never where frames go out. */
  Destination: { none: 0, port: 1, remote: 2, router: 3, group: 4 },
  /**
   * Destination << kindShift | MacFlag.static, .sticky or .peer, or in a flood list FloodFlag << flagShift | port id, remote or group
   * index.
   */
  DestinationWord: { kindShift: 24, flagShift: 16, idMask: 0xffff },
  PortState: { free: 0, open: 1, closing: 2, failed: 3 },
  /**
   * `xdp…` say how an AF_XDP port takes its frames. `checksum`, `tso` and `uso`: what the device takes as it is. `…Off`: switched off,
   * as it did not work; `offloadTrial`: on suspicion; `offloadSelfTest`: a self-test found it.
   */
  PortFlag: {
    hostIsolated: 1,
    vnetHeader: 2,
    tso: 4,
    hasWire: 8,
    fastPath: 16,
    xdpNative: 32,
    xdpGeneric: 64,
    xdpZeroCopy: 128,
    checksum: 256,
    uso: 512,
    checksumOff: 1024,
    tsoOff: 2048,
    offloadTrial: 4096,
    offloadSelfTest: 8192,
    usoOff: 16384,
  },
  /**
   * What the uplink leaves to an underlay interface: `tunnel` super-frames whole, `trains` of datagrams (USO), outer `checksum`s. The
   * rest as in PortFlag.
   */
  UnderlayFlag: {
    tunnel: 1,
    trains: 2,
    checksum: 4,
    tunnelOff: 8,
    trainsOff: 16,
    checksumOff: 32,
    offloadTrial: 64,
    offloadSelfTest: 128,
  },
  /**
   * `snoop`: IGMP and MLD are heard, and multicast goes to who wants it. `suppressUnknown`: ARP and ND requests for what nobody is
   * known to have are not flooded. `advertise`: hosts that ask for a router are told of. `replicate`: broadcasts that come to our AR-IP
   * go on to the other VTEPs.
   */
  NetworkFlag: {
    suppress: 1,
    learnRemote: 2,
    snoop: 4,
    suppressUnknown: 8,
    advertise: 16,
    replicate: 32,
  },
  /** What a VTEP of the flood list does not get: broadcast and multicast, unknown unicast (RFC 9574 section 7). */
  FloodFlag: { noBroadcasts: 1, noUnknown: 2 },
  RemoteState: { free: 0, unresolved: 1, resolved: 2 },
  /** `peer`: of remote origin, behind a port of ours that leads to the same segment. */
  MacFlag: { local: 1, remote: 2, static: 4, sticky: 8, override: 16, peer: 32 },
  /**
   * `member`: it leads to a segment. `designated`: broadcasts from VTEPs are delivered. `blocked`: nothing passes, in either direction.
   */
  SegmentFlag: { member: 1, designated: 2, blocked: 4 },
  /**
   * `router` and `noOverride` are the R flag and the negated O flag of an answer (RFC 9047, RFC 4861 section 4.4). `gateway`: it is our
   * own address in this network, answered whether or not requests are suppressed.
   */
  NeighbourFlag: { local: 1, remote: 2, static: 4, router: 8, noOverride: 16, gateway: 32 },
  /**
   * `own`: our address. `connected`: hosts of a network, by their bindings. `gateway`: by way of a host of a network. `remote`: routed
   * by a VTEP, on its label and router MAC (RFC 9135 section 4). `blackhole`: nowhere.
   */
  RouteKind: { own: 1, connected: 2, gateway: 3, remote: 4, blackhole: 5 },
  EventKind: {
    macLearned: 1,
    macMoved: 2,
    macAged: 3,
    macFlushed: 4,
    neighbourLearned: 5,
    neighbourMoved: 6,
    neighbourAged: 7,
    portUp: 8,
    portDown: 9,
    portGone: 10,
    remoteResolved: 11,
    remoteUnresolved: 12,
    portOffloads: 13,
    underlayOffloads: 14,
    multicastReport: 15,
    multicastQuery: 16,
    routerSolicited: 17,
  },
  /**
   * What a record of a report says, in the low octet of an event's flags; above it the version of IGMP, or of MLD and one more, so
   * that versions of equal power are equal. `join` and `leave` are about a group (exclude and include mode of RFC 3376), `include` and
   * `block` about one of its sources. A query of version 0 is another sign of a router (PIM).
   */
  MulticastRecord: { join: 1, leave: 2, include: 3, block: 4 },
  ...captureNumbers,
} as const
