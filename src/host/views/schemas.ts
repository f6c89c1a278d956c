// The shapes of what can be read, row by row: behind every show verb, GET /v1/... and OpenAPI. Keys are a contract and
// use iproute2's words (mac, dst, vni, ifname); nothing is renamed or removed.

import { type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { Config } from '../config/schema.js'
import type { ViewName } from './catalogue.js'

const row = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false })
const text = (description: string) => Type.String({ description })
const count = (description: string) => Type.Integer({ minimum: 0, description })
const yes = (description: string) => Type.Boolean({ description })
const texts = (description: string) => Type.Array(Type.String(), { description })
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const HealthView = row({
  code: text('Stable name of the finding, such as mtu or peerDown.'),
  severity: Type.Union([Type.Literal('warning'), Type.Literal('error')]),
  text: text('One sentence.'),
})

export const OffloadView = row({
  name: text('Name of the offload.'),
  state: Type.Union(
    [Type.Literal('on'), Type.Literal('off'), Type.Literal('trial'), Type.Literal('none')],
    {
      description:
        'off: switched off, as it does not work. trial: off for some seconds, on suspicion. none: not to be had.',
    },
  ),
  reason: text('Why it is off; else empty.'),
})

export const StatusView = row({
  version: text('Version of vtep.'),
  asn: count('Our AS number.'),
  routerId: text('Our BGP identifier.'),
  vtep: text('Our VTEP address.'),
  uplink: text('Uplink kind in use; empty while the dataplane is down.'),
  fastPath: text(
    'on: known unicast goes between ports and underlay in the kernel. Else why it does not.',
  ),
  underlays: Type.Array(
    row({
      ifname: text('Interface that the uplink sends out of.'),
      offloads: Type.Array(OffloadView, {
        description: 'checksum (outer), tunnel (super-frames whole), uso (trains of datagrams).',
      }),
    }),
    { description: 'Interfaces of the underlay that lead to VTEPs.' },
  ),
  peers: row({ established: count('Sessions that are up.'), total: count('Peers known.') }),
  networks: count('Networks.'),
  macs: row({ local: count('MACs behind our ports.'), remote: count('MACs behind VTEPs.') }),
  audit: row({
    rounds: count('How often routes, image and tables were compared.'),
    repaired: count('Differences that were found and repaired.'),
  }),
  health: Type.Array(HealthView, { description: 'What is not as it should be; empty is good.' }),
})

export const PeerView = row({
  peer: text('Address of the peer, or its interface.'),
  asn: count('AS number of the peer; 0 while it is not known.'),
  state: text('FSM state, RFC 4271.'),
  uptimeSeconds: count('Since the session was established; 0 when it is not.'),
  families: texts('Families in use; configured ones while not established.'),
  received: count('Routes received and kept.'),
  sent: count('Routes advertised.'),
  bfd: text('State of BFD beside the session (RFC 5880): down, init or up; empty without one.'),
})

export const NetworkView = row({
  name: text('Name.'),
  vni: count('VNI.'),
  rd: text('Route distinguisher.'),
  routeTargets: row({ import: texts('Imported.'), export: texts('Exported.') }),
  ports: texts('Names of its ports.'),
  vteps: texts('VTEPs of its flood list, and AR-IPs of replicators.'),
  macs: row({ local: count('Behind our ports.'), remote: count('Behind VTEPs.') }),
  suppress: yes('ARP and ND requests are answered on the spot where the answer is known.'),
  suppressUnknown: yes('Where it is not known they are not flooded.'),
  agingSeconds: count('0 = never.'),
  ethernetTag: orNull(count('Of a VLAN-aware bundle.')),
  multicast: row({
    snooping: yes('Multicast groups go to those that want them.'),
    querier: text('auto: hosts are asked for their groups; off: they are not.'),
  }),
  vrf: orNull(text('VRF that its hosts are routed in.')),
  gateway: texts('Our addresses in it.'),
  routerAdvertisements: yes('The gateway tells hosts of IPv6 of itself.'),
  stormControl: row({
    framesPerSecond: count('Flooded frames of each port and worker; 0 = any number.'),
    burst: count('Flooded frames at once.'),
  }),
  assistedReplication: orNull(
    row({
      role: text('leaf: a replicator gets our broadcasts, and serves the other VTEPs.'),
      replicator: orNull(text('Of a leaf: the AR-IP in use; null: we replicate ourselves.')),
    }),
  ),
  prunedFloodLists: row({
    broadcasts: yes('Others are asked to send us no broadcast and multicast.'),
    unknownUnicast: yes('Nor unknown unicast.'),
  }),
  source: Type.Union([Type.Literal('config'), Type.Literal('added')], {
    description: 'From the configuration file, or added at run time.',
  }),
})

export const VrfView = row({
  name: text('Name.'),
  vni: count('L3 VNI.'),
  rd: text('Route distinguisher.'),
  routeTargets: row({ import: texts('Imported.'), export: texts('Exported.') }),
  routerMac: text('Our MAC as router towards other VTEPs.'),
  networks: texts('Networks that are routed in it.'),
  prefixes: count('Prefixes.'),
  paths: count('Paths of all prefixes.'),
  source: Type.Union([Type.Literal('config'), Type.Literal('added')]),
})

export const PrefixView = row({
  vrf: text('Name of the VRF.'),
  prefix: text('Prefix.'),
  kind: Type.Union(
    (['own', 'connected', 'gateway', 'remote', 'blackhole'] as const).map((kind) =>
      Type.Literal(kind),
    ),
    {
      description:
        'own: an address of ours. connected: the hosts of a network. gateway: by way of a host. remote: routed by a VTEP.',
    },
  ),
  network: orNull(text('Network of connected and gateway.')),
  via: orNull(text('Host of kind gateway.')),
  dst: orNull(text('VTEP of kind remote.')),
  vni: orNull(count('Label of kind remote.')),
  mac: orNull(text('Router MAC of kind remote.')),
})

export const VtepView = row({
  dst: text('VTEP address.'),
  vnis: Type.Array(Type.Integer(), { description: 'Networks that replicate to it.' }),
  macs: count('MACs behind it.'),
  resolved: yes('The underlay knows the way.'),
  via: text('Underlay next hop; empty when unresolved.'),
  lladdr: text('Link address of the next hop; empty when unresolved.'),
  ifname: text('Underlay interface; empty when unresolved.'),
  mtu: count('Largest IP packet on the way, in bytes; 0 when unknown.'),
})

export const MacView = row({
  network: text('Name of the network.'),
  vni: count('VNI.'),
  mac: text('MAC address.'),
  ips: texts('Addresses known for it.'),
  kind: Type.Union([Type.Literal('local'), Type.Literal('remote')]),
  ifname: orNull(text('Port of a local MAC.')),
  dst: orNull(text('VTEP of a remote MAC.')),
  sequence: count('MAC mobility sequence number, RFC 7432 section 7.7.'),
  sticky: yes('May not move.'),
  duplicate: yes('Moves too often: neither announced nor installed for now.'),
  esi: orNull(text('Ethernet segment that it is behind.')),
})

export const SegmentView = row({
  esi: text('Ethernet segment identifier.'),
  kind: Type.Union([Type.Literal('local'), Type.Literal('remote')], {
    description: 'local: ports of ours lead to it.',
  }),
  mode: Type.Union([Type.Literal('all-active'), Type.Literal('single-active')]),
  state: Type.Union(
    [Type.Literal('up'), Type.Literal('waiting'), Type.Literal('down'), Type.Literal('remote')],
    {
      description:
        'Of a local one: up, waiting for others before a forwarder is elected, down with all of its ports.',
    },
  ),
  algorithm: orNull(text('DF algorithm in use: that of all VTEPs, or modulo.')),
  preference: orNull(count('Preference that we announce.')),
  networks: Type.Array(
    row({
      network: text('Name of the network.'),
      vni: count('VNI.'),
      ifname: text('Port that leads to the segment.'),
      up: yes('The port is up.'),
      df: orNull(text('Designated forwarder; null while it is not elected.')),
      designated: yes('It is us.'),
      blocked: yes('Nothing passes the port, as another VTEP is active.'),
    }),
    { description: 'Networks of a local one.' },
  ),
  members: Type.Array(
    row({
      dst: text('VTEP address.'),
      active: yes('It is connected: hosts are reached by it.'),
      algorithm: orNull(text('DF algorithm that it asks for; null where it takes no part.')),
      preference: orNull(count('Its preference.')),
    }),
    { description: 'Other VTEPs of it.' },
  ),
})

export const GroupView = row({
  network: text('Name of the network.'),
  vni: count('VNI.'),
  group: text('Multicast group; * where a multicast router wants all.'),
  source: text('Source; * = any.'),
  ports: texts('Ports whose hosts want it.'),
  vteps: texts('VTEPs that want it.'),
})

/** Besides these, a row has the NLRI's fields by RFC name and the path attributes. */
export const RouteView = Type.Object({
  family: Type.Union([
    Type.Literal('evpn'),
    Type.Literal('ipv4'),
    Type.Literal('ipv6'),
    Type.Literal('rtc'),
  ]),
  type: Type.Union([Type.Integer(), Type.String()], {
    description:
      'EVPN route type, 1 to 255; "ipv4" or "ipv6" for a prefix, "rtc" for a route target that somebody wants.',
  }),
  rd: Type.Optional(text('Route distinguisher.')),
  esi: Type.Optional(text('Ethernet segment identifier.')),
  ethernetTag: Type.Optional(count('Ethernet tag.')),
  mac: Type.Optional(text('Type 2.')),
  ip: Type.Optional(text('Type 2.')),
  group: Type.Optional(text('Types 6 to 8; left out: all.')),
  source: Type.Optional(text('Types 6 to 8; left out: any.')),
  originator: Type.Optional(text('Types 3, 4 and 6 to 8.')),
  prefix: Type.Optional(text('Type 5, and families ipv4 and ipv6.')),
  originAs: Type.Optional(count('Family rtc: AS that wants the routes.')),
  target: Type.Optional(text('Family rtc: the route target, its first octets in hex, or "every".')),
  label: Type.Optional(count('First label: the VNI. Of type 3 that of the PMSI tunnel.')),
  labels: Type.Optional(Type.Array(Type.Integer(), { description: 'All labels.' })),
  nextHop: text('VTEP.'),
  routeTargets: texts('Route targets.'),
  best: yes('The path in use.'),
  peer: text('Who sent it; "local" for our own.'),
  attributes: Type.Record(Type.String(), Type.Unknown(), {
    description: 'Path attributes by name.',
  }),
})

export const PortView = row({
  ifname: text('Name of the port.'),
  kind: text('Port kind.'),
  network: text('Name of the network.'),
  vni: count('VNI.'),
  state: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('missing')], {
    description: 'down: no carrier. missing: could not be opened; text says why.',
  }),
  text: text('Why it is missing, or how an af_xdp port takes its frames; else empty.'),
  ifindex: count('Kernel interface index; 0 if none.'),
  mac: text('Address of the interface; empty if none.'),
  mtu: count('In bytes; 0 when unknown.'),
  path: Type.Union([Type.Literal('kernel'), Type.Literal('workers')], {
    description: 'kernel: known unicast goes the fast path. workers: every frame is theirs.',
  }),
  offloads: Type.Array(OffloadView, {
    description: 'checksum, tso (TCP super-frames), uso (UDP super-frames).',
  }),
  rxFrames: count('Frames from the tenant.'),
  rxBytes: count('Bytes from the tenant.'),
  txFrames: count('Frames to the tenant.'),
  txBytes: count('Bytes to the tenant.'),
  rxDropped: count('Frames from the tenant that were dropped.'),
  txDropped: count('Frames to the tenant that were dropped.'),
  suppressed: count('ARP and ND requests answered on the spot.'),
  flooded: count('Frames replicated.'),
  source: Type.Union([Type.Literal('config'), Type.Literal('added')]),
})

export const DropView = row({
  reason: text('Name.'),
  text: text('Sentence.'),
  count: count('Frames since the dataplane started.'),
})

export const EventView = row({
  sequence: count('Counts from 1; over restarts, too, where events are kept on disk.'),
  time: text('RFC 3339, UTC.'),
  level: text('debug, info, warn or error.'),
  kind: text('One word.'),
  text: text('One sentence.'),
  fields: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
})

export type HealthView = Static<typeof HealthView>
export type OffloadView = Static<typeof OffloadView>
export type StatusView = Static<typeof StatusView>
/** As in the file, with every default. */
export type ConfigView = Config
export type PeerView = Static<typeof PeerView>
export type NetworkView = Static<typeof NetworkView>
export type VrfView = Static<typeof VrfView>
export type PrefixView = Static<typeof PrefixView>
export type VtepView = Static<typeof VtepView>
export type MacView = Static<typeof MacView>
export type SegmentView = Static<typeof SegmentView>
export type GroupView = Static<typeof GroupView>
export type RouteView = Static<typeof RouteView>
export type PortView = Static<typeof PortView>
export type DropView = Static<typeof DropView>
export type EventView = Static<typeof EventView>

/** Schema of one row of each view; of the whole, where the view is a single thing. */
export const viewSchemas = {
  status: StatusView,
  config: Config,
  peers: PeerView,
  networks: NetworkView,
  vrfs: VrfView,
  prefixes: PrefixView,
  vteps: VtepView,
  macs: MacView,
  segments: SegmentView,
  groups: GroupView,
  routes: RouteView,
  ports: PortView,
  drops: DropView,
} as const satisfies Record<ViewName, TSchema>
