// What is read of the shared segment: rows of the tables in the words of the outside. Part of the contract in layout.ts.

import { field, type Structure } from './schema.js'

/** Who wants a multicast channel. */
export const listenerFields = [
  field('vni', 'u32', 'VNI'),
  field('port', 'u32', 'port id, 0 = a remote'),
  field('group', 'ip', 'group; 0.0.0.0 or ::: every group of that family without a channel'),
  field('source', 'ip', 'source, :: = any'),
  field('remote', 'ip', 'VTEP address, :: = a port'),
]

/** Rows as readers get them: indices resolved to the words people use. */
export const views: readonly Structure[] = [
  {
    name: 'portView',
    doc: 'A port as it is.',
    fields: [
      field('id', 'u32', 'port id'),
      field('vni', 'u32', '0 = detached'),
      field('ifindex', 'u32', 'kernel interface index'),
      field('mtu', 'u32', 'bytes, 0 = unknown'),
      field('flags', 'u32', 'PortFlag bits'),
      field('state', 'u8', 'PortState'),
      field('up', 'u8', '1 = carrier'),
      field('mac', 'mac', 'address of the interface'),
      field('kind', 'text16', 'port kind'),
      field('name', 'text64', 'name'),
      field('spec', 'text256', 'options'),
      field('segmentFlags', 'u16', 'SegmentFlag bits; 0 = it leads to no Ethernet segment'),
      field('spare', 'u16', 'zero'),
      field('macs', 'u32', 'MACs behind it'),
      field('neighbours', 'u32', 'bindings learned from it'),
      field('peers', 'ips16', 'VTEPs that lead to the segment, too'),
    ],
  },
  {
    name: 'networkView',
    doc: 'A network as it is.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'NetworkFlag bits'),
      field('agingSeconds', 'u32', '0 = never'),
      field('ports', 'u32', 'local ports in the flood list'),
      field('remotes', 'u32', 'remotes in the flood list'),
      field('stormFramesPerSecond', 'u32', 'storm control of each port, 0 = off'),
      field('stormBurst', 'u32', 'flooded frames at once'),
      field('vrf', 'u32', 'L3 VNI of its IP-VRF, 0 = none'),
      field('routes', 'u32', 'prefixes of this network as IP-VRF'),
      field('mac', 'mac', 'router MAC, zero = none'),
      field('spare', 'u16', 'zero'),
      field('address4', 'ip', 'sender of ICMP errors, :: = none'),
      field('address6', 'ip', 'sender of ICMPv6 errors, :: = none'),
      field('replicator', 'ip', 'AR-IP of the AR-REPLICATOR in use, :: = none'),
    ],
  },
  {
    name: 'routeView',
    doc: 'One path of a route as it is.',
    fields: [
      field('vrf', 'u32', 'L3 VNI'),
      field('prefix', 'ip', 'address'),
      field('length', 'u16', 'bits, of IPv4 96 more'),
      field('kind', 'u8', 'RouteKind'),
      field('spare', 'u8', 'zero'),
      field('vni', 'u32', 'label of kind remote; network of connected and gateway'),
      field('via', 'ip', 'VTEP, gateway, or ::'),
      field('mac', 'mac', 'router MAC of the remote, else zero'),
      field('spare2', 'u16', 'zero'),
    ],
  },
  {
    name: 'remoteView',
    doc: 'A far VTEP as it is.',
    fields: [
      field('address', 'ip', 'VTEP address'),
      field('nextHop', 'ip', 'underlay next hop'),
      field('nextHopMac', 'mac', 'its link address, zero = unresolved'),
      field('state', 'u8', 'RemoteState'),
      field('spare', 'u8', 'zero'),
      field('ifindex', 'u32', 'underlay interface'),
      field('mtu', 'u32', 'bytes'),
      field('references', 'u32', 'uses'),
    ],
  },
  {
    name: 'underlayView',
    doc: 'An interface that the uplink sends out of, as it is.',
    fields: [
      field('ifindex', 'u32', 'kernel interface index'),
      field('flags', 'u32', 'UnderlayFlag bits'),
    ],
  },
  {
    name: 'floodView',
    doc: 'One remote in the flood list of a network.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'FloodFlag bits'),
      field('address', 'ip', 'VTEP address'),
    ],
  },
  {
    name: 'macGroupView',
    doc: 'A group of MACs as it is.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('spare', 'u16', 'zero'),
      field('esi', 'esi', 'Ethernet segment identifier'),
      field('via', 'ip', 'VTEP that announces the MACs, or ::'),
      field('remotes', 'ips16', 'members'),
    ],
  },
  {
    name: 'macView',
    doc: 'A MAC as it is.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('port', 'u32', 'port id of a local MAC, or of one that a peer told of; else 0'),
      field('ageSeconds', 'u32', 'since a local MAC was last seen'),
      field('mac', 'mac', 'Ethernet address'),
      field('flags', 'u8', 'MacFlag bits'),
      field('spare', 'u8', 'zero'),
      field('remote', 'ip', 'VTEP of a remote MAC, `via` of its group, else ::'),
      field('esi', 'esi', 'of its group, else zero'),
      field('spare2', 'u16', 'zero'),
    ],
  },
  {
    name: 'neighbourView',
    doc: 'An IP binding as it is.',
    fields: [
      field('vni', 'u32', 'VNI'),
      field('flags', 'u32', 'NeighbourFlag bits'),
      field('ageSeconds', 'u32', 'since a snooped binding was last seen'),
      field('mac', 'mac', 'Ethernet address'),
      field('spare', 'u16', 'zero'),
      field('ip', 'ip', 'address'),
    ],
  },
  {
    name: 'listenerView',
    doc: 'One destination of a multicast channel.',
    fields: listenerFields,
  },
]
