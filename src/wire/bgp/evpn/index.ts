// The registry of EVPN route types, and the loops over it. A type without a row stays opaque: kept, counted,
// passed on by whoever wants to, never an error (RFC 7606 section 5.4).

import { hexFromBytes } from '../../../net/index.js'
import type { Reader, Writer } from '../../codec.js'
import { WireError } from '../../error.js'
import { ethernetAd } from './ethernet-ad.js'
import { ethernetSegment } from './ethernet-segment.js'
import { imet } from './imet.js'
import { ipPrefix } from './ip-prefix.js'
import { joinSynch } from './join-synch.js'
import { leaveSynch } from './leave-synch.js'
import { macIp } from './mac-ip.js'
import type { AnyRouteType, RouteOf, WithPathId } from './route-type.js'
import { smet } from './smet.js'

export type { EadRoute } from './ethernet-ad.js'
export type { EsRoute } from './ethernet-segment.js'
export type { ImetRoute } from './imet.js'
export type { PrefixRoute } from './ip-prefix.js'
export type { JoinSynchRoute } from './join-synch.js'
export type { LeaveSynchRoute } from './leave-synch.js'
export type { MacIpRoute } from './mac-ip.js'
export type { MembershipFlags } from './multicast.js'
export type { WithPathId } from './route-type.js'
export type { SmetRoute } from './smet.js'

/** Adding a route type is its file and one line here. */
export const routeTypes = [
  ethernetAd,
  macIp,
  imet,
  ethernetSegment,
  ipPrefix,
  smet,
  joinSynch,
  leaveSynch,
] as const

/** A route of a type without a row. `value` is the body after type and length. */
export interface OpaqueRoute extends WithPathId {
  readonly type: 'opaque'
  readonly code: number
  readonly value: Uint8Array
}

export type KnownEvpnRoute = RouteOf<(typeof routeTypes)[number]>
export type EvpnRoute = KnownEvpnRoute | OpaqueRoute

/** A route of a known type whose body is broken; `route` is opaque unless its key could be read. */
export interface BrokenRoute {
  readonly route: EvpnRoute
  readonly text: string
}

const rows: readonly AnyRouteType[] = routeTypes
const byCode = new Map(rows.map((row) => [row.code, row]))
const byName = new Map(rows.map((row) => [row.name, row]))

/**
 * Routes until the octets end. A body that is broken inside its length is given to `onBroken` and left out of the
 * result; a length that overruns the octets throws WireError, for then nothing after it can be trusted.
 */
export function decodeEvpnRoutes(
  r: Reader,
  addPath: boolean,
  onBroken: (broken: BrokenRoute) => void,
): readonly EvpnRoute[] {
  const routes: EvpnRoute[] = []
  while (r.remaining > 0) {
    const pathId = addPath ? r.u32() : undefined
    const code = r.u8()
    const body = r.sub(r.u8())
    const row = byCode.get(code)
    const route =
      row === undefined ? opaque(code, body, pathId) : known(row, body, pathId, onBroken)
    if (route !== undefined) routes.push(route)
  }
  return routes
}

/** The inverse of decodeEvpnRoutes; `pathId` defaults to 0 when `addPath`. */
export function encodeEvpnRoutes(w: Writer, routes: readonly EvpnRoute[], addPath: boolean): void {
  for (const route of routes) {
    if (addPath) w.u32(route.pathId ?? 0)
    if (route.type === 'opaque') {
      w.u8(route.code)
      w.prefixed(1, () => w.bytes(route.value))
    } else {
      const row = byName.get(route.type)!
      w.u8(row.code)
      w.prefixed(1, () => row.fields.encode(w, route))
    }
  }
}

/**
 * What tells one route from another inside the family: type and the row's key fields, never labels, ESI of a type
 * 2 or 5, gateway or path id. Equal keys are equal routes, so a withdraw with another label matches.
 */
export function evpnKey(route: EvpnRoute): string {
  if (route.type === 'opaque') return `${route.code}|${hexFromBytes(route.value)}`
  const row = byName.get(route.type)!
  const values = route as unknown as { readonly [name: string]: string | number | undefined }
  // Not added up piece by piece: a million keys would keep their pieces.
  return [row.code, ...row.key.map((name) => values[name])].join('|')
}

/** One line as FRR prints it, "[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[10.0.0.1]"; without the RD. */
export function formatEvpnRoute(route: EvpnRoute): string {
  if (route.type === 'opaque') return `[${route.code}]:[${hexFromBytes(route.value)}]`
  return byName.get(route.type)!.text(route)
}

/** The Route Type octet of a route. */
export function evpnRouteCode(route: EvpnRoute): number {
  return route.type === 'opaque' ? route.code : byName.get(route.type)!.code
}

function opaque(code: number, body: Reader, pathId: number | undefined): OpaqueRoute {
  const value = body.octets.slice(body.offset, body.end)
  return pathId === undefined
    ? { type: 'opaque', code, value }
    : { type: 'opaque', code, value, pathId }
}

function known(
  row: AnyRouteType,
  body: Reader,
  pathId: number | undefined,
  onBroken: (broken: BrokenRoute) => void,
): EvpnRoute | undefined {
  const start = body.offset
  const target: { [name: string]: unknown } = { type: row.name }
  try {
    row.fields.decodeInto(body, target)
    body.finish()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    body.offset = start
    const text = `EVPN route type ${row.code}: ${error.path === '' ? '' : `${error.path}: `}${error.reason}`
    onBroken({ route: opaque(row.code, body, pathId), text })
    return undefined
  }
  if (pathId !== undefined) target['pathId'] = pathId
  const route = target as unknown as EvpnRoute
  const text = row.check?.(route)
  if (text === undefined) return route
  onBroken({ route, text: `EVPN route type ${row.code}: ${text}` })
  return undefined
}
