// Recorded events, and what the machine has to do for them. One JSON value per line:
//
//   {"title": "…"}            what the file shows; with "bare" without the network blue (10100) and its ports 1 and 2
//   {"event": "…", …}         any EvpnEvent as it is
//   {"seen": {"event": …}}    one event of the packet path
//   {"route": "macIp", …}     a route of another VTEP as it arrives; {"gone": …} the same withdrawn; also lists of them
//   {"expect": ["…"]}         all actions since the last expectation, as text. None is left over at the end.

import { Evpn, type EvpnAction, type EvpnEvent, type RouteChange } from '../../src/evpn/index.js'
import type { Operation } from '../../src/fib/index.js'
import { esImportTarget, ipToBytes, ipv4FromBytes, ZERO_ESI } from '../../src/net/index.js'
import {
  type EvpnRoute,
  evpnKey,
  formatEvpnRoute,
  formatExtendedCommunity,
  iana,
  type MembershipFlags,
  type PathAttributes,
  type PmsiTunnel,
  parseExtendedCommunity,
} from '../../src/wire/index.js'

export interface RouteLine {
  readonly route: 'macIp' | 'imet' | 'smet' | 'ead' | 'es' | 'prefix' | 'joinSynch' | 'leaveSynch'
  readonly vtep: string
  readonly rd?: string
  readonly mac?: string
  readonly ip?: string
  /** Of a smet or synch route; left out: all. */
  readonly group?: string
  readonly source?: string
  readonly exclude?: boolean
  /** Of a leaveSynch route. */
  readonly seconds?: number
  readonly tag?: number
  /** Default: the VNI of network blue. */
  readonly label?: number
  /** Of a macIp route that is routed. */
  readonly label2?: number
  readonly prefix?: string
  /** Segment of all but imet. */
  readonly esi?: string
  /** The ead route is about the segment as a whole, not about a network. */
  readonly whole?: boolean
  /** Instead of VXLAN and the route target of network blue. */
  readonly communities?: readonly string[]
  /** Besides those. */
  readonly mm?: string
  readonly also?: readonly string[]
  /** Of an imet route; "none" leaves the attribute out. */
  readonly pmsi?:
    | { readonly tunnelType?: number; readonly endpoint?: string; readonly flags?: number }
    | 'none'
}

type Line =
  | { readonly title: string; readonly bare?: boolean; readonly settings?: object }
  | { readonly seen: object }
  | RouteLine
  | { readonly gone: RouteLine }
  | { readonly routes: readonly (RouteLine | { readonly gone: RouteLine })[] }
  | EvpnEvent
  | { readonly expect: readonly string[] }

export interface Expectation {
  readonly line: number
  readonly expected: readonly string[]
  readonly got: readonly string[]
}

export interface Replay {
  readonly title: string
  readonly expectations: readonly Expectation[]
  /** Actions behind the last expectation. */
  readonly left: readonly string[]
}

export function replay(text: string): Replay {
  const lines = text.split('\n')
  const { title, bare, settings } = JSON.parse(lines[0]!)
  const evpn = new Evpn({
    asn: 65000,
    routerId: '10.0.0.1',
    vtep: '10.0.0.1',
    profile: 'frr',
    ...settings,
  })
  if (bare !== true) for (const event of PRELUDE) evpn.step(event)
  const expectations: Expectation[] = []
  let got: string[] = []
  for (const [i, json] of lines.entries()) {
    if (i === 0 || json === '') continue
    const line: Line = JSON.parse(json)
    if ('expect' in line) {
      expectations.push({ line: i + 1, expected: line.expect, got })
      got = []
    } else got.push(...evpn.step(eventOf(line)).flatMap(actionText))
  }
  return { title, expectations, left: got }
}

const PRELUDE: readonly EvpnEvent[] = [
  {
    event: 'networkAdded',
    network: { name: 'blue', vni: 10100, agingSeconds: 300, suppress: true },
  },
  { event: 'portBound', binding: { vni: 10100, port: 1 } },
  { event: 'portBound', binding: { vni: 10100, port: 2 } },
]

function eventOf(line: Exclude<Line, { readonly expect: unknown }>): EvpnEvent {
  if ('event' in line) return line
  if ('seen' in line) {
    const { timeNanoseconds = 0 } = line.seen as { readonly timeNanoseconds?: number }
    const seen = { ...line.seen, timeNanoseconds: BigInt(timeNanoseconds) } as never
    return { event: 'dataplane', events: [seen] }
  }
  if ('routes' in line) return { event: 'routes', changes: line.routes.map(changeOf) }
  if ('route' in line || 'gone' in line) return { event: 'routes', changes: [changeOf(line)] }
  throw new Error(`no event: ${JSON.stringify(line)}`)
}

/** The route that a line of a replay is about. */
export function changeOf(line: RouteLine | { readonly gone: RouteLine }): RouteChange {
  const route = 'gone' in line ? line.gone : line
  const nlri = nlriOf(route)
  if ('gone' in line) return { key: evpnKey(nlri), nlri, best: undefined }
  const communities = route.communities ?? communitiesOf(route)
  const mobility = route.mm === undefined ? [] : [`mm:${route.mm}`]
  const attributes: PathAttributes = {
    extendedCommunities: [...communities, ...mobility, ...(route.also ?? [])].map(
      parseExtendedCommunity,
    ),
    ...(route.route === 'imet' && route.pmsi !== 'none' ? { pmsiTunnel: pmsiOf(route) } : {}),
  }
  return { key: evpnKey(nlri), nlri, best: { nextHop: route.vtep, attributes } }
}

/** Of a VTEP with VXLAN and the route target of network blue. */
function communitiesOf({ route, esi = ZERO_ESI }: RouteLine): readonly string[] {
  if (route !== 'joinSynch' && route !== 'leaveSynch') return ['encap:vxlan', 'rt:65000:10100']
  return [`es-import:${esImportTarget(esi)}`, 'evi-rt:65000:10100']
}

function nlriOf(line: RouteLine): EvpnRoute {
  const { route, vtep, rd, esi = ZERO_ESI, whole = false, mac, ip, label, tag = 0 } = line
  const common = { rd: rd ?? `${vtep}:${whole ? 0 : 10100}`, ethernetTag: tag }
  if (route === 'imet') return { type: 'imet', ...common, originator: vtep }
  if (route === 'es') return { type: 'es', rd: rd ?? `${vtep}:0`, esi, originator: vtep }
  if (route === 'ead' && whole) {
    return { type: 'ead', ...common, esi, ethernetTag: 0xffffffff, label: 0 }
  }
  if (route === 'ead') return { type: 'ead', ...common, esi, label: label ?? 10100 }
  if (route === 'prefix') {
    const { prefix } = line
    return { type: route, ...common, esi, prefix: prefix!, gateway: '0.0.0.0', label: label ?? 0 }
  }
  if (route === 'smet' || route === 'joinSynch' || route === 'leaveSynch') {
    const { group, source, exclude = false, seconds = 2 } = line
    const channel = {
      ...common,
      ...(source === undefined ? {} : { source }),
      ...(group === undefined ? {} : { group }),
      originator: vtep,
      flags: { v1: false, v2: true, v3: exclude, exclude, others: 0 },
    }
    if (route === 'smet') return { type: route, ...channel }
    if (route === 'joinSynch') return { type: route, esi, ...channel }
    return { type: route, esi, ...channel, maxResponseTime: seconds * 10 }
  }
  const host = {
    type: 'macIp',
    ...common,
    esi,
    mac: mac!,
    label: label ?? 10100,
    ...(line.label2 === undefined ? {} : { label2: line.label2 }),
  } as const
  return ip === undefined ? host : { ...host, ip }
}

function pmsiOf({ pmsi, vtep, label = 10100 }: RouteLine): PmsiTunnel {
  const { ingressReplication } = iana.pmsiTunnelType
  const given = pmsi === 'none' ? {} : pmsi
  const { tunnelType = ingressReplication, endpoint = vtep, flags = 0 } = given ?? {}
  const tunnel = { flags, tunnelType, label }
  return tunnelType === ingressReplication
    ? { ...tunnel, endpoint }
    : { ...tunnel, identifier: ipToBytes(endpoint) }
}

/** One line per operation, route or notice. */
export function actionText(action: EvpnAction): readonly string[] {
  switch (action.do) {
    case 'apply':
      return action.operations.map(operationText)
    case 'originate':
      return action.routes.map(({ nlri, nextHop, attributes }) => {
        const { extendedCommunities, pmsiTunnel } = attributes
        const communities = (extendedCommunities ?? []).map(formatExtendedCommunity).join(' ')
        const pmsi = pmsiTunnel === undefined ? '' : pmsiText(pmsiTunnel)
        const labelled = 'label' in nlri ? `label ${nlri.label}` : pmsi
        const segment = nlri.type === 'macIp' && nlri.esi !== ZERO_ESI ? `esi ${nlri.esi}` : ''
        const flags = 'flags' in nlri ? flagsOf(nlri) : ''
        const within = nlri.type === 'leaveSynch' ? `within ${nlri.maxResponseTime / 10}` : ''
        const parts = [`via ${nextHop}`, labelled, segment, flags, within, communities]
        const path = parts.filter((part) => part !== '').join(' ')
        return `originate ${formatEvpnRoute(nlri)} rd ${rdOf(nlri)} ${path}`
      })
    case 'withdraw':
      return action.routes.map(({ nlri }) => `withdraw ${formatEvpnRoute(nlri)} rd ${rdOf(nlri)}`)
    case 'startTimer':
      return [`startTimer ${action.timer} ${action.seconds}`]
    case 'queryMembership': {
      const { ports, group, maxResponseSeconds } = action
      return [`query ${group} at ${ports.join(' and ')} within ${maxResponseSeconds}`]
    }
    case 'advertiseRouter': {
      const { ports, advertisement } = action
      const { ip, lifetimeSeconds, prefixes } = advertisement
      const said = prefixes.map(({ prefix, autonomous }) => `${prefix}${autonomous ? ' auto' : ''}`)
      const where = ports.join(' and ')
      return [`advertise ${ip} for ${lifetimeSeconds} s at ${where}: ${said.join(', ')}`]
    }
    case 'reportMembership':
      return action.records.map(
        ({ record, group, source = '*' }) =>
          `report ${record} ${source} ${group} at ${action.ports.join()} version ${action.version}`,
      )
    case 'readSnapshot':
      return ['readSnapshot']
    case 'event':
      return [`event ${action.kind}: ${action.text}`]
  }
}

function pmsiText({ flags, tunnelType, label, endpoint, identifier }: PmsiTunnel): string {
  const place = endpoint ?? ipv4FromBytes(identifier!, 0)
  return `pmsi ${tunnelType} ${place} label ${label}${flags === 0 ? '' : ` flags ${flags}`}`
}

function flagsOf({ flags }: { readonly flags: MembershipFlags }): string {
  return `flags ${Object.entries(flags)
    .filter(([, is]) => is)
    .map(([name]) => name)
    .join(',')}`
}

function rdOf(nlri: EvpnRoute): string {
  return nlri.type === 'opaque' ? '' : nlri.rd
}

/** Values in their order; what is true by its name, and that an answer overrides nothing. */
function operationText(operation: Operation): string {
  const keeps =
    operation.op === 'neighbourSet' && operation.override === false ? ' no override' : ''
  return `${Object.entries(operation)
    .flatMap(([name, value]) => (typeof value === 'boolean' ? (value ? [name] : []) : [value]))
    .map((value) => (Array.isArray(value) ? `[${value.join(' ')}]` : value))
    .join(' ')}${keeps}`
}
