// The same script through every build of the switch: the reference model, WebAssembly, the addon. Whatever comes out must be equal.

import {
  decodeEvents,
  decodeFloodViews,
  decodeListenerViews,
  decodeMacGroupViews,
  decodeMacViews,
  decodeNeighbourViews,
  decodeNetworkViews,
  decodePortViews,
  decodeRemoteViews,
  decodeRouteViews,
  dropReasons,
  type Event,
  EventKind,
  encodeOperations,
  FloodFlag,
  type ListenerView,
  MacFlag,
  MulticastRecord,
  NeighbourFlag,
  NetworkFlag,
  RouteKind,
  SegmentFlag,
  type TableOperation,
} from '../../src/fib/tables.gen.js'
import type { AddonCore } from '../../src/io/addon.js'
import { loadAddon } from '../../src/io/native.js'
import type { ViewName } from '../../src/io/rows.js'
import { WasmCore } from '../../src/io/wasm.js'
import { ipFamily, splitPrefix, ZERO_ESI } from '../../src/net/index.js'
import {
  decodeOutcomes,
  encodeOutcomes,
  encodeRun,
  type ModelEvent,
  type ModelOperation,
  type ModelOptions,
  type ModelOutcome,
  type Outcome,
  type Pruning,
  type RunFrame,
  SwitchModel,
} from '../../src/wire/frame/index.js'

/** Who the switch is. */
export type Us = Pick<ModelOptions, 'localAddress' | 'replicatorAddress' | 'udpPort'>

export const vtep: Us = { localAddress: '10.0.0.1', udpPort: 4789 }
export const vtep6: Us = { localAddress: '2001:db8::1', udpPort: 4789 }

/** Reasons that only devices give: tests of ports and workers produce them. */
export const deviceReasons: readonly string[] = [
  'none',
  'tx_queue_full',
  'tx_error',
  'rx_truncated',
  'rx_ring_full',
  'port_closed',
  'port_down',
  'backlog_full',
  'decision_stale',
]

/** One thing that happens to a switch. */
export type Step =
  | { readonly apply: readonly ModelOperation[] }
  | { readonly now: number; readonly frames: readonly RunFrame[] }
  | { readonly tick: number }

export interface Script {
  readonly vtep?: Us
  readonly steps: readonly Step[]
}

interface Leg {
  readonly name: string
  readonly core: AddonCore
}

/** Why the addon's leg is missing, or undefined. */
export const addonMissing: string | undefined = (() => {
  try {
    loadAddon()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
})()

function legs(options: Us): Leg[] {
  const wasm = { name: 'wasm', core: new WasmCore(options) }
  if (addonMissing !== undefined) return [wasm]
  return [wasm, { name: 'native', core: new (loadAddon().Core)(options) }]
}

/** One result of every step, in plain values: what the legs must agree on. */
interface Seen {
  readonly failed?: number | undefined
  readonly outcomes?: string
  readonly events: readonly unknown[]
}

/** Runs the script everywhere and throws at the first difference. Gives what the model put out, step by step. */
export function runEverywhere({ vtep: options = vtep, steps }: Script): ModelOutcome[][] {
  const model = new SwitchModel(options)
  const others = legs(options)
  return steps.map((step, index) => {
    const { seen, outcomes } = stepModel(model, step)
    for (const { name, core } of others) {
      mustEqual(`step ${index}, ${name}`, stepCore(core, step), seen)
      mustEqual(`tables after step ${index}, ${name}`, tablesOfCore(core), tablesOfModel(model))
    }
    return outcomes
  })
}

/** "emit 0 port 2", "drop 0 same_port", "drop 3 unresolved remote 1". */
export type Expected = string

const place = (word: number): string =>
  word === 0 ? '' : ` ${word >> 24 === 1 ? 'port' : 'remote'} ${word & 0xffff}`

export const summary = (outcome: ModelOutcome): Expected =>
  outcome.kind === 'emit'
    ? `emit ${outcome.input}${place(outcome.destination)}`
    : `drop ${outcome.input} ${outcome.reason}${place(outcome.destination)}`

function mustEqual(what: string, got: unknown, expected: unknown): void {
  const [left, right] = [text(got), text(expected)]
  if (left === right) return
  let at = 0
  while (left[at] === right[at]) at++
  const around = (whole: string): string => whole.slice(Math.max(0, at - 300), at + 300)
  throw new Error(`${what}: at character ${at}, expected\n${around(right)}\ngot\n${around(left)}`)
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each), 1)

function stepModel(model: SwitchModel, step: Step): { seen: Seen; outcomes: ModelOutcome[] } {
  let outcomes: ModelOutcome[] = []
  let failed: number | undefined
  if ('apply' in step) failed = model.apply(step.apply)[0]
  else if ('tick' in step) model.tick(step.tick)
  else outcomes = model.run(step)
  const events = model.takeEvents().map(modelEvent).sort(byText)
  const octets = encodeOutcomes(outcomes.map(numbered))
  return { seen: { failed, outcomes: readable(octets), events }, outcomes }
}

function stepCore(core: AddonCore, step: Step): Seen {
  let octets = encodeOutcomes([])
  let failed: number | undefined
  if ('apply' in step) failed = applyTo(core, step.apply)
  else if ('tick' in step) core.tick(step.tick)
  else octets = core.run(encodeRun(step))
  const { events, lost } = core.drainEvents()
  if (lost) throw new Error('events were lost')
  return {
    failed,
    outcomes: readable(octets),
    events: decodeEvents(events).map(coreEvent).sort(byText),
  }
}

/** Octets in hexadecimal, and what they mean beside them: equal octets give equal text. */
const readable = (octets: Uint8Array): string =>
  [
    ...decodeOutcomes(octets).map((outcome) => JSON.stringify(named(outcome), hexBytes)),
    Buffer.from(octets).toString('hex'),
  ].join('\n')

const hexBytes = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value

const numbered = (outcome: ModelOutcome): Outcome =>
  outcome.kind === 'emit' ? outcome : { ...outcome, reason: reasonNumber(outcome.reason) }

const named = (outcome: Outcome): object =>
  outcome.kind === 'emit' ? outcome : { ...outcome, reason: dropReasons[outcome.reason]?.name }

export function reasonNumber(name: string): number {
  const index = dropReasons.findIndex((reason) => reason.name === name)
  if (index < 0) throw new Error(`no drop reason ${name}`)
  return index
}

/** Index of the first operation that failed. */
export function applyTo(
  core: AddonCore,
  operations: readonly ModelOperation[],
): number | undefined {
  try {
    core.apply(encodeOperations(operations.map(tableOperation)))
    return undefined
  } catch (error) {
    const index = /^operation (\d+) /.exec(String((error as Error).message))
    if (index === null) throw error
    return Number(index[1])
  }
}

const placement = ({ static: fixed, sticky }: { static: boolean; sticky: boolean }): number =>
  (fixed ? MacFlag.static : 0) | (sticky ? MacFlag.sticky : 0)

export function tableOperation(operation: ModelOperation): TableOperation {
  switch (operation.op) {
    case 'networkSet': {
      const { op, vni, suppress, agingSeconds } = operation
      const { stormFramesPerSecond = 0, stormBurst = 0 } = operation
      const { vrf = 0, routerMac: mac = '00:00:00:00:00:00' } = operation
      const { address4 = '::', address6 = '::' } = operation
      const flags =
        (suppress ? NetworkFlag.suppress : 0) |
        (operation.suppressUnknown === true ? NetworkFlag.suppressUnknown : 0) |
        (operation.snoop === true ? NetworkFlag.snoop : 0) |
        (operation.advertise === true ? NetworkFlag.advertise : 0) |
        (operation.replicate === true ? NetworkFlag.replicate : 0)
      const router = { vrf, mac, address4, address6 }
      return { op, vni, agingSeconds, flags, stormFramesPerSecond, stormBurst, ...router }
    }
    case 'floodAdd':
      return { ...operation, flags: pruningFlags(operation) }
    case 'replicatorSet':
      return { remote: '::', ...operation }
    case 'portSegmentSet':
      return { ...operation, flags: segmentFlags(operation) }
    case 'macSetGroup':
    case 'macSetPeer':
    case 'macSetRemote':
      return {
        ...operation,
        flags: placement(operation) | (operation.override ? MacFlag.override : 0),
      }
    case 'macSetLocal':
      return { ...operation, flags: placement(operation) }
    case 'macRemove':
      return { ...operation, flags: MacFlag[operation.origin] }
    case 'neighbourSet':
      return {
        ...operation,
        flags:
          NeighbourFlag[operation.origin] |
          (operation.static ? NeighbourFlag.static : 0) |
          (operation.router ? NeighbourFlag.router : 0) |
          (operation.gateway ? NeighbourFlag.gateway : 0) |
          (operation.override ? 0 : NeighbourFlag.noOverride),
      }
    case 'neighbourRemove':
      return { ...operation, flags: NeighbourFlag[operation.origin] }
    case 'routeAdd':
    case 'routeRemove': {
      const { address, length } = splitPrefix(operation.prefix)
      const bits = ipFamily(address) === 4 ? length + 96 : length
      return { ...operation, kind: RouteKind[operation.kind], prefix: address, length: bits }
    }
    case 'listenerAdd':
    case 'listenerRemove':
      return { port: 0, source: '::', remote: '::', ...operation }
    default:
      return operation
  }
}

const pruningFlags = ({ noBroadcasts = false, noUnknown = false }: Pruning): number =>
  (noBroadcasts ? FloodFlag.noBroadcasts : 0) | (noUnknown ? FloodFlag.noUnknown : 0)

const segmentFlags = ({ designated, blocked }: { designated: boolean; blocked: boolean }): number =>
  SegmentFlag.member |
  (designated ? SegmentFlag.designated : 0) |
  (blocked ? SegmentFlag.blocked : 0)

const byText = (a: unknown, b: unknown): number => (text(a) < text(b) ? -1 : 1)

/** Order among events of one step is a matter of the hash table, so both sides are sorted. */
function coreEvent({ kind, vni, port, mac, ip, source, flags }: Event): unknown {
  const event = Object.entries(EventKind).find(([, number]) => number === kind)?.[0]
  const isHeard = kind === EventKind.multicastReport || kind === EventKind.multicastQuery
  return { event, vni, port, mac, ip, ...(isHeard ? { source, flags } : {}) }
}

function modelEvent(event: ModelEvent): unknown {
  const none = { vni: 0, port: 0, mac: '00:00:00:00:00:00', ip: '::' }
  if (event.event === 'multicastQuery') {
    const { vni, port, querier, version } = event
    const said = { ip: querier, source: '::', flags: version << 8 }
    return { event: event.event, ...none, vni, port, ...said }
  }
  if (event.event === 'multicastReport') {
    const { vni, port, group, source = '::', record, version } = event
    const said = { ip: group, source, flags: MulticastRecord[record] | (version << 8) }
    return { event: event.event, ...none, vni, port, ...said }
  }
  if (event.event === 'routerSolicited') {
    const { vni, port, host } = event
    return { event: event.event, ...none, vni, port, ip: host }
  }
  if ('remote' in event) return { event: event.event, ...none, ip: event.remote }
  const { event: name, vni, port, mac } = event
  const ip = 'ip' in event ? event.ip : (event.previous ?? '::')
  return { event: name, vni, port, mac, ip }
}

/** Every view, sorted. */
function tablesOfCore(core: AddonCore): unknown {
  const rows = <T>(view: ViewName, decode: (packed: Uint8Array) => T[]): T[] =>
    decode(core.snapshot(view))
  return {
    ports: rows('port', decodePortViews).map(({ id, vni, segmentFlags: flags, peers }) => ({
      id,
      vni,
      flags,
      peers,
    })),
    networks: rows('network', decodeNetworkViews)
      .map((row) => ({ ...row, address4: known(row.address4), address6: known(row.address6) }))
      .sort(byText),
    remotes: rows('remote', decodeRemoteViews)
      .map(({ address, ifindex, mtu, nextHop, nextHopMac }) => ({
        address,
        ifindex,
        mtu,
        nextHop,
        nextHopMac,
      }))
      .sort(byText),
    floods: rows('flood', decodeFloodViews).sort(byText),
    macGroups: rows('macGroup', decodeMacGroupViews).sort(byText),
    listeners: rows('listener', decodeListenerViews).map(knownListener).sort(byText),
    macs: rows('mac', decodeMacViews).sort(byText),
    neighbours: rows('neighbour', decodeNeighbourViews).sort(byText),
    routes: rows('route', decodeRouteViews).sort(byText),
  }
}

const knownListener = ({ vni, port, group, source, remote }: ListenerView) => ({
  vni,
  port,
  group,
  source: known(source),
  remote: known(remote),
})

const NONE = '00:00:00:00:00:00'
const known = (ip: string | undefined): string => (ip === '0.0.0.0' ? '::' : (ip ?? '::'))

function tablesOfModel({ tables }: SwitchModel): unknown {
  const networks = [...tables.networks]
  const age = (lastSeen: number): number => Math.max(0, tables.now - lastSeen)
  return {
    ports: [...tables.ports]
      .map(([id, vni]) => {
        const segment = tables.segments.get(id)
        const flags = segment === undefined ? 0 : segmentFlags(segment)
        return { id, vni, flags, peers: segment?.peers ?? [] }
      })
      .sort((a, b) => a.id - b.id),
    networks: networks
      .map(([vni, { suppress, suppressUnknown, snoop, advertise, replicate, ...storm }]) => ({
        vni,
        flags:
          (suppress ? NetworkFlag.suppress : 0) |
          (suppressUnknown ? NetworkFlag.suppressUnknown : 0) |
          (snoop ? NetworkFlag.snoop : 0) |
          (advertise ? NetworkFlag.advertise : 0) |
          (replicate ? NetworkFlag.replicate : 0),
        agingSeconds: storm.agingSeconds,
        ports: storm.ports.length,
        remotes: storm.remotes.length,
        stormFramesPerSecond: storm.stormFramesPerSecond,
        stormBurst: storm.stormBurst,
        vrf: storm.vrf,
        routes: storm.routes.size,
        mac: storm.routerMac ?? NONE,
        address4: storm.address4 ?? '::',
        address6: storm.address6 ?? '::',
        replicator: storm.replicator ?? '::',
      }))
      .sort(byText),
    remotes: [...tables.remotes]
      .map(([address, { nextHop }]) => ({
        address,
        ifindex: nextHop?.ifindex ?? 0,
        mtu: nextHop?.mtu ?? 0,
        nextHop: nextHop?.nextHop ?? '::',
        nextHopMac: nextHop?.ifindex ? nextHop.mac : '00:00:00:00:00:00',
      }))
      .sort(byText),
    floods: networks
      .flatMap(([vni, { remotes, pruned }]) =>
        remotes.map((address) => ({ vni, flags: pruningFlags(pruned.get(address)!), address })),
      )
      .sort(byText),
    macGroups: networks
      .flatMap(([vni, { groups }]) => [...groups.values()].map((group) => ({ vni, ...group })))
      .sort(byText),
    listeners: networks
      .flatMap(([vni, { channels }]) =>
        [...channels].flatMap(([key, { ports, remotes }]) => {
          const [group, source] = key.split(' ')
          const channel = { vni, group: group!, source: source || '::' }
          return [
            ...ports.map((port) => ({ ...channel, port, remote: '::' })),
            ...remotes.map((remote) => ({ ...channel, port: 0, remote })),
          ]
        }),
      )
      .map(knownListener)
      .sort(byText),
    macs: networks
      .flatMap(([vni, { macs }]) =>
        [...macs].map(([mac, entry]) => ({
          vni,
          port: 'port' in entry ? entry.port : 0,
          ageSeconds: entry.origin === 'local' ? age(entry.lastSeen) : 0,
          mac,
          flags:
            MacFlag[entry.origin] |
            placement(entry) |
            (entry.origin === 'remote' && 'port' in entry ? MacFlag.peer : 0),
          remote: 'remote' in entry ? entry.remote : 'via' in entry ? entry.via : '::',
          esi: 'esi' in entry ? entry.esi : ZERO_ESI,
        })),
      )
      .sort(byText),
    neighbours: networks
      .flatMap(([vni, { bindings }]) =>
        [...bindings].map(([ip, { mac, origin, lastSeen, ...binding }]) => ({
          vni,
          flags:
            NeighbourFlag[origin] |
            (binding.static ? NeighbourFlag.static : 0) |
            (binding.router ? NeighbourFlag.router : 0) |
            (binding.override ? 0 : NeighbourFlag.noOverride) |
            (binding.gateway ? NeighbourFlag.gateway : 0),
          ageSeconds: origin === 'local' && !binding.static ? age(lastSeen) : 0,
          mac,
          ip,
        })),
      )
      .sort(byText),
    routes: networks
      .flatMap(([vrf, { routes }]) =>
        routes.entries().map(([prefix, { kind, vni, via, mac }]) => {
          const { address, length } = splitPrefix(prefix)
          const uses = { via: kind === 'remote' || kind === 'gateway', mac: kind === 'remote' }
          return {
            vrf,
            prefix: address,
            length: ipFamily(address) === 4 ? length + 96 : length,
            kind: RouteKind[kind],
            vni: kind === 'own' || kind === 'blackhole' ? 0 : vni,
            via: uses.via ? via : '::',
            mac: uses.mac ? mac : NONE,
          }
        }),
      )
      .sort(byText),
  }
}
