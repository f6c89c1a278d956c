// The packed rows of the shared segment as the values of fib's Dataplane interface, and its operations as packed bytes. Shared by the
// dataplane process (native.ts) and the core in this process (wasm.ts).

import type {
  DataplaneEvent,
  FloodState,
  ListenerState,
  MacGroupState,
  MacState,
  NeighbourState,
  NetworkFlags,
  NetworkState,
  Operation,
  PortCounters,
  PortFrame,
  PortState,
  Pruning,
  RemoteState,
  RouteState,
  Snapshot,
} from '../fib/index.js'
import {
  type DropName,
  decodeEvents,
  decodeFloodViews,
  decodeListenerViews,
  decodeMacGroupViews,
  decodeMacViews,
  decodeNeighbourViews,
  decodeNetworkViews,
  decodePortCounterss,
  decodePortViews,
  decodeRemoteViews,
  decodeRouteViews,
  decodeUnderlayViews,
  dropReasons,
  type Event,
  EventKind,
  encodeOperations,
  FloodFlag,
  type FloodView,
  type ListenerView,
  MacFlag,
  type MacGroupView,
  type MacView,
  MulticastRecord,
  macViewSize,
  NeighbourFlag,
  type NeighbourView,
  NetworkFlag,
  type NetworkView,
  neighbourViewSize,
  type PortCounters as PortCountersRow,
  type PortView,
  portCountersSize,
  RemoteState as RemoteStateCode,
  type RemoteView,
  RouteKind,
  type RouteView,
  routeViewSize,
  SegmentFlag,
  type TableOperation,
} from '../fib/tables.gen.js'
import { type Ip, ipFamily, splitPrefix, ZERO_ESI } from '../net/index.js'

/** The views of the tables, by the names that the packet path knows them by. */
export type ViewName =
  | 'port'
  | 'network'
  | 'remote'
  | 'underlay'
  | 'flood'
  | 'macGroup'
  | 'mac'
  | 'route'
  | 'neighbour'
  | 'listener'

type Views = (name: ViewName) => Uint8Array

/** Each table of a snapshot from its view. */
const tables: { readonly [Name in keyof Snapshot]: (view: Views) => Snapshot[Name] } = {
  ports: (view) => decodePortViews(view('port')).map(portState),
  networks: (view) => decodeNetworkViews(view('network')).map(networkState),
  remotes: (view) => decodeRemoteViews(view('remote')).map(remoteState),
  underlays: (view) =>
    decodeUnderlayViews(view('underlay')).map(({ ifindex, flags }) => ({ ifindex, flags })),
  floods: (view) => decodeFloodViews(view('flood')).map(floodState),
  macGroups: (view) => decodeMacGroupViews(view('macGroup')).map(macGroupState),
  listeners: (view) => decodeListenerViews(view('listener')).map(listenerState),
  macs: (view) => decodeMacViews(view('mac')).map(macState),
  neighbours: (view) => decodeNeighbourViews(view('neighbour')).map(neighbourState),
  routes: (view) => decodeRouteViews(view('route')).map(routeState),
}

/** Tables that are read in pages: their view, and the octets of a row. */
export const largeTables = {
  macs: { view: 'mac', size: macViewSize },
  neighbours: { view: 'neighbour', size: neighbourViewSize },
  routes: { view: 'route', size: routeViewSize },
} as const

export function readTable<Name extends keyof Snapshot>(name: Name, view: Views): Snapshot[Name] {
  return tables[name](view)
}

const NO_MAC = '00:00:00:00:00:00'
/** In front of an IPv4 prefix length: tables have IPv4 addresses as ::ffff:a.b.c.d. */
const IPV4_BITS = 96

/** Reads every view through `view`. Views are read one after the other, so a row may name what another view no longer has. */
export function readSnapshot(view: Views): Snapshot {
  return {
    ports: tables.ports(view),
    networks: tables.networks(view),
    remotes: tables.remotes(view),
    underlays: tables.underlays(view),
    floods: tables.floods(view),
    macGroups: tables.macGroups(view),
    listeners: tables.listeners(view),
    macs: tables.macs(view),
    neighbours: tables.neighbours(view),
    routes: tables.routes(view),
  }
}

function portState(row: PortView): PortState {
  const { id, name, kind, vni, ifindex, mtu, mac, flags, macs, neighbours } = row
  return {
    id,
    name,
    kind,
    options: keyValues(row.spec),
    vni,
    ifindex,
    mtu,
    mac,
    up: row.up === 1,
    flags,
    macs,
    neighbours,
    ...segmentOf(row),
  }
}

function segmentOf({ segmentFlags, peers }: PortView): Pick<PortState, 'segment'> {
  if (segmentFlags === 0) return {}
  const designated = (segmentFlags & SegmentFlag.designated) !== 0
  const blocked = (segmentFlags & SegmentFlag.blocked) !== 0
  return { segment: { designated, blocked, peers } }
}

function macGroupState({ vni, esi, via, remotes }: MacGroupView): MacGroupState {
  return { vni, esi, ...(isUnspecified(via) ? {} : { via }), remotes }
}

const flagNames = [
  'suppressUnknown',
  'snoop',
  'advertise',
  'replicate',
] as const satisfies readonly (keyof NetworkFlags)[]

const pruningNames = ['noBroadcasts', 'noUnknown'] as const satisfies readonly (keyof Pruning)[]

function networkState({ vni, flags, agingSeconds, ...row }: NetworkView): NetworkState {
  const { stormFramesPerSecond, stormBurst } = row
  const suppress = (flags & NetworkFlag.suppress) !== 0
  const { vrf, mac, address4, address6, replicator } = row
  return {
    vni,
    suppress,
    agingSeconds,
    ...Object.fromEntries(
      flagNames.filter((name) => (flags & NetworkFlag[name]) !== 0).map((name) => [name, true]),
    ),
    stormFramesPerSecond,
    stormBurst,
    ...(vrf === 0 ? {} : { vrf }),
    ...(mac === NO_MAC ? {} : { routerMac: mac }),
    ...(isUnspecified(address4) ? {} : { address4 }),
    ...(isUnspecified(address6) ? {} : { address6 }),
    ...(isUnspecified(replicator) ? {} : { replicator }),
  }
}

function floodState({ vni, address, flags }: FloodView): FloodState {
  const pruning = pruningNames.filter((name) => (flags & FloodFlag[name]) !== 0)
  return { vni, remote: address, ...Object.fromEntries(pruning.map((name) => [name, true])) }
}

function routeState({ vrf, prefix, length, kind, vni, via, mac }: RouteView): RouteState {
  const route = { vrf, prefix: `${prefix}/${ipFamily(prefix) === 4 ? length - IPV4_BITS : length}` }
  switch (kind) {
    case RouteKind.own:
      return { ...route, kind: 'own' }
    case RouteKind.connected:
      return { ...route, kind: 'connected', vni }
    case RouteKind.gateway:
      return { ...route, kind: 'gateway', vni, via }
    case RouteKind.remote:
      return { ...route, kind: 'remote', vni, via, mac }
    default:
      return { ...route, kind: 'blackhole' }
  }
}

function listenerState({ vni, group, source, port, remote }: ListenerView): ListenerState {
  const channel = { vni, group, ...(isUnspecified(source) ? {} : { source }) }
  return port === 0 ? { ...channel, remote } : { ...channel, port }
}

function remoteState(row: RemoteView): RemoteState {
  const { address, nextHop, nextHopMac, ifindex, mtu } = row
  const resolved = row.state === RemoteStateCode.resolved
  return { address, resolved, nextHop, nextHopMac, ifindex, mtu }
}

function macState({ vni, mac, flags, ageSeconds, ...row }: MacView): MacState {
  const isLocal = (flags & MacFlag.local) !== 0
  return {
    vni,
    mac,
    origin: isLocal ? 'local' : 'remote',
    ...placeOf(row),
    static: (flags & MacFlag.static) !== 0,
    sticky: (flags & MacFlag.sticky) !== 0,
    ageSeconds,
  }
}

/** By the columns that a MAC's kind of place uses. */
function placeOf({ port, remote, esi }: Pick<MacView, 'port' | 'remote' | 'esi'>) {
  if (port !== 0) return { port }
  if (esi === ZERO_ESI) return { remote }
  return isUnspecified(remote) ? { esi } : { esi, via: remote }
}

function neighbourState({ vni, ip, mac, flags, ageSeconds }: NeighbourView): NeighbourState {
  const origin = (flags & NeighbourFlag.local) !== 0 ? 'local' : 'remote'
  return {
    vni,
    ip,
    mac,
    origin,
    router: (flags & NeighbourFlag.router) !== 0,
    ...overrideOf(flags),
    static: (flags & NeighbourFlag.static) !== 0,
    ...((flags & NeighbourFlag.gateway) === 0 ? {} : { gateway: true }),
    ageSeconds,
  }
}

/** Packed events in their order. A kind that this program does not know can not occur: the layout hash covers the list. */
export function readEvents(packed: Uint8Array): DataplaneEvent[] {
  return decodeEvents(packed).map(dataplaneEvent)
}

const recordNames = Object.fromEntries(
  Object.entries(MulticastRecord).map(([name, record]) => [record, name]),
) as Readonly<Record<number, keyof typeof MulticastRecord>>

const eventNames = Object.fromEntries(
  Object.entries(EventKind).map(([name, kind]) => [kind, name]),
) as Readonly<Record<number, keyof typeof EventKind>>

function dataplaneEvent(row: Event): DataplaneEvent {
  const event = eventNames[row.kind]
  const { vni, mac, port, ip, timeNanoseconds } = row
  switch (event) {
    case 'macLearned':
    case 'macMoved': {
      const previous = isUnspecified(ip) ? {} : { previousRemote: ip }
      return { event, vni, mac, port, ...previous, timeNanoseconds }
    }
    case 'macAged':
    case 'macFlushed':
      return { event, vni, mac, port }
    case 'neighbourLearned':
    case 'neighbourMoved':
      return {
        event,
        vni,
        ip,
        mac,
        port,
        router: (row.flags & NeighbourFlag.router) !== 0,
        ...overrideOf(row.flags),
      }
    case 'neighbourAged':
      return { event, vni, ip, mac }
    case 'multicastReport': {
      const source = isUnspecified(row.source) ? {} : { source: row.source }
      const record = recordNames[row.flags & 0xff]!
      return { event, vni, port, group: ip, ...source, record, version: row.flags >> 8 }
    }
    case 'multicastQuery': {
      const place = port === 0 ? {} : { port }
      return { event, vni, ...place, querier: ip, version: row.flags >> 8 }
    }
    case 'routerSolicited':
      return { event, vni, port, host: ip, timeNanoseconds }
    case 'portUp':
    case 'portDown':
    case 'portGone':
      return { event, port }
    case 'portOffloads':
      return { event, port, flags: row.flags }
    case 'underlayOffloads':
      return { event, ifindex: port, flags: row.flags }
    case 'remoteResolved':
    case 'remoteUnresolved':
      return { event, remote: ip }
    default:
      throw new RangeError(`event ${row.sequence}: kind ${row.kind} is not in the layout`)
  }
}

const overrideOf = (flags: number): { readonly override?: false } =>
  (flags & NeighbourFlag.noOverride) === 0 ? {} : { override: false }

const isUnspecified = (ip: Ip): boolean => ip === '::' || ip === '0.0.0.0'

/** Operations as the packet path takes them. */
export function packOperations(operations: readonly Operation[]): Uint8Array {
  return encodeOperations(operations.map(tableOperation))
}

function tableOperation(operation: Operation): TableOperation {
  switch (operation.op) {
    case 'networkSet': {
      const { op, vni, suppress, agingSeconds } = operation
      const { stormFramesPerSecond = 0, stormBurst = 0 } = operation
      const { vrf = 0, routerMac: mac = NO_MAC, address4 = '::', address6 = '::' } = operation
      let flags = suppress ? NetworkFlag.suppress : 0
      for (const name of flagNames) if (operation[name] === true) flags |= NetworkFlag[name]
      const storm = { stormFramesPerSecond, stormBurst }
      return { op, vni, flags, agingSeconds, ...storm, vrf, mac, address4, address6 }
    }
    case 'floodAdd': {
      const { op, vni, remote } = operation
      let flags = 0
      for (const name of pruningNames) if (operation[name] === true) flags |= FloodFlag[name]
      return { op, vni, flags, remote }
    }
    case 'replicatorSet':
      return { remote: '::', ...operation }
    case 'macSetRemote': {
      const { op, vni, mac, remote, sticky, override } = operation
      const flags = (sticky ? MacFlag.sticky : 0) | (override ? MacFlag.override : 0)
      return { op, vni, flags, mac, remote }
    }
    case 'macGroupSet':
    case 'macGroupRemove':
      return { via: '::', ...operation }
    case 'macSetGroup': {
      const { op, vni, mac, esi, via = '::', sticky, override } = operation
      const flags = (sticky ? MacFlag.sticky : 0) | (override ? MacFlag.override : 0)
      return { op, vni, flags, mac, esi, via }
    }
    case 'macSetPeer': {
      const { op, vni, mac, port, sticky, override } = operation
      const flags = (sticky ? MacFlag.sticky : 0) | (override ? MacFlag.override : 0)
      return { op, vni, port, flags, mac }
    }
    case 'portSegmentSet': {
      const { op, port, designated, blocked, peers } = operation
      const passes = (designated ? SegmentFlag.designated : 0) | (blocked ? SegmentFlag.blocked : 0)
      return { op, port, flags: passes | SegmentFlag.member, peers }
    }
    case 'macSetLocal': {
      const { op, vni, mac, port, sticky } = operation
      return { op, vni, port, flags: MacFlag.static | (sticky ? MacFlag.sticky : 0), mac }
    }
    case 'macRemove': {
      const { op, vni, mac, origin } = operation
      return { op, vni, flags: MacFlag[origin], mac }
    }
    case 'neighbourSet': {
      const { op, vni, ip, mac, origin, router, override = true, gateway = false } = operation
      // What a controller says of a local binding comes from the platform, not from snooping: it does not age.
      const held = origin === 'local' ? NeighbourFlag.static : 0
      const says = (router ? NeighbourFlag.router : 0) | (gateway ? NeighbourFlag.gateway : 0)
      const keeps = override ? 0 : NeighbourFlag.noOverride
      return { op, vni, flags: NeighbourFlag[origin] | held | says | keeps, mac, ip }
    }
    case 'routeAdd':
    case 'routeRemove': {
      const { op, vrf, kind } = operation
      const { address, length } = splitPrefix(operation.prefix)
      const bits = ipFamily(address) === 4 ? length + IPV4_BITS : length
      const hop = { vni: 0, via: '::', mac: NO_MAC, ...operation, kind: RouteKind[kind] }
      return { ...hop, op, vrf, prefix: address, length: bits }
    }
    case 'listenerAdd':
    case 'listenerRemove':
      return { port: 0, source: '::', remote: '::', ...operation }
    case 'neighbourRemove': {
      const { op, vni, ip, origin } = operation
      return { op, vni, flags: NeighbourFlag[origin], ip }
    }
    default:
      return operation
  }
}

/** Frames for tenants, each behind its port and length. */
export function packPortFrames(frames: readonly PortFrame[]): Uint8Array {
  const out = new Uint8Array(frames.reduce((size, { bytes }) => size + 8 + bytes.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const { port, bytes } of frames) {
    view.setUint32(at, port, true)
    view.setUint32(at + 4, bytes.length, true)
    out.set(bytes, at + 8)
    at += 8 + bytes.length
  }
  return out
}

/** Drop counters by name, in the order of the list; a reason that never occurred is 0. */
export function namedDrops(
  counts: readonly (bigint | number)[],
): Readonly<Record<DropName, number>> {
  return Object.fromEntries(
    dropReasons.map(({ name }, index) => [name, Number(counts[index] ?? 0)]),
  ) as Record<DropName, number>
}

/** Counter rows, each behind the port's id as a u32; the uplink has id 0. */
export function readPortCounters(packed: Uint8Array): PortCounters[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const out: PortCounters[] = []
  for (let at = 0; at < packed.length; at += 4 + portCountersSize) {
    const row = decodePortCounterss(packed.subarray(at + 4, at + 4 + portCountersSize))[0]!
    const counts = Object.fromEntries(
      Object.entries(row).map(([name, count]) => [name, Number(count)]),
    ) as Record<keyof PortCountersRow, number>
    out.push({ port: view.getUint32(at, true), ...counts })
  }
  return out
}

/** key=value lines as a record. */
export function keyValues(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').filter((line) => line.includes('='))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

/** A record as key=value lines. Throws RangeError where a key or value would break the lines. */
export function formatKeyValues(record: Readonly<Record<string, string>>): string {
  return Object.entries(record)
    .map(([key, value]) => {
      if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(key)) {
        throw new RangeError(`option '${key}': expected a name of letters, digits and dashes`)
      }
      if (/[\n\0]/.test(value)) {
        throw new RangeError(
          `option ${key}: expected one line of text, got ${JSON.stringify(value)}`,
        )
      }
      return `${key}=${value}\n`
    })
    .join('')
}
