// Which events somebody wants to see.

import { type Static, Type } from '@sinclair/typebox'
import { checkValue, type Schema, unplaced } from '../config/index.js'
import { text, words } from '../config/schema-parts.js'
import type { EventLevel, HostEvent } from '../events.js'
import { Refusal } from '../refusal.js'

export const eventLevels = ['debug', 'info', 'warn', 'error'] as const

export interface EventFilter {
  /** Only events with a greater sequence number. */
  readonly after?: number | undefined
  /** Only events at or after this time, RFC 3339 in UTC with milliseconds as events have it. */
  readonly from?: string | undefined
  readonly kinds?: readonly string[] | undefined
  /** This important or more. */
  readonly level?: EventLevel | undefined
  readonly mac?: string | undefined
  /** Of a host, a VTEP or a peer. */
  readonly ip?: string | undefined
  readonly network?: NetworkName | undefined
}

/** Events name a network by one or the other. */
export interface NetworkName {
  readonly name: string | undefined
  readonly vni: number | undefined
}

/** A network by its name or VNI; one that is gone may still be in events. */
export function networkName(
  networks: readonly { readonly name: string; readonly vni: number }[],
  given: string,
): NetworkName {
  const isVni = /^\d{1,8}$/.test(given)
  const found = networks.find(({ name, vni }) => name === given || (isVni && vni === Number(given)))
  if (found !== undefined) return { name: found.name, vni: found.vni }
  return isVni ? { name: undefined, vni: Number(given) } : { name: given, vni: undefined }
}

/** Keys whose value is an address. */
const addressKeys = ['ip', 'dst', 'peer', 'from', 'to', 'address', 'static', 'claimed'] as const

export function matches(event: HostEvent, filter: EventFilter): boolean {
  const { after, from, kinds, level, mac, ip, network } = filter
  const { fields } = event
  if (after !== undefined && event.sequence <= after) return false
  if (from !== undefined && event.time < from) return false
  if (level !== undefined && rank(event.level) < rank(level)) return false
  if (kinds !== undefined && !kinds.includes(event.kind)) return false
  if (mac !== undefined && fields['mac'] !== mac) return false
  if (ip !== undefined && !addressKeys.some((key) => fields[key] === ip)) return false
  return network === undefined || isOf(network, fields)
}

const rank = (level: EventLevel): number => eventLevels.indexOf(level)

function isOf({ name, vni }: NetworkName, fields: HostEvent['fields']): boolean {
  return (
    (name !== undefined && fields['network'] === name) ||
    (vni !== undefined && fields['vni'] === vni)
  )
}

/** Newest events that are given at once, at most, and when nobody says how many. */
const MOST_EVENTS = 100_000
const USUAL_EVENTS = 8192

/** What can be asked of the event log, by API and command line. */
export const EventsQuery = Type.Object(
  {
    since: Type.Optional(
      words(
        'Only events after this sequence number, or since this time: RFC 3339, or how long ago, as 90s, 10m, 2h, 7d.',
        64,
      ),
    ),
    kind: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        description: 'Only events of this kind; may be repeated.',
      }),
    ),
    level: Type.Optional(
      Type.Unsafe<EventLevel>({
        type: 'string',
        enum: eventLevels,
        description: 'Only events of this level and above.',
      }),
    ),
    mac: Type.Optional(text('mac', 'Only events of this MAC.')),
    ip: Type.Optional(text('ip', 'Only events of this address: of a host, a VTEP or a peer.')),
    network: Type.Optional(words('Only events of this network: its name or VNI.')),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MOST_EVENTS,
        description: `At most so many, the newest. Default: ${USUAL_EVENTS}.`,
      }),
    ),
  },
  { additionalProperties: false },
)

export type EventsQuery = Static<typeof EventsQuery>

export interface ReadQuery {
  readonly filter: EventFilter
  readonly limit: number
}

/** Throws Refusal. `vniOf` knows the networks that there are. */
export function readEventsQuery(
  input: unknown,
  now: number,
  vniOf: (network: string) => NetworkName,
): ReadQuery {
  const { value, findings } = checkValue<EventsQuery>(EventsQuery as Schema, input)
  if (findings.length > 0)
    throw new Refusal(
      'invalid',
      findings.map((finding) => unplaced(finding)),
    )
  const { since, kind, level, mac, ip, network, limit = USUAL_EVENTS } = value
  return {
    filter: {
      ...sinceOf(since, now),
      kinds: kind,
      level,
      mac,
      ip,
      network: network === undefined ? undefined : vniOf(network),
    },
    limit,
  }
}

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function sinceOf(text: string | undefined, now: number): Pick<EventFilter, 'after' | 'from'> {
  if (text === undefined) return {}
  if (/^\d{1,15}$/.test(text)) return { after: Number(text) }
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const time =
    unit === undefined ? rfc3339(text) : now - Number(count) * 1000 * (seconds[unit] ?? 0)
  const date = new Date(time ?? Number.NaN)
  if (!Number.isNaN(date.getTime())) return { from: date.toISOString() }
  const expected = 'a sequence number, a time like 2026-01-31T12:00:00Z, or how long ago like 10m'
  throw new Refusal('invalid', [unplaced({ path: ['since'], expected, got: JSON.stringify(text) })])
}

function rfc3339(text: string): number | undefined {
  const isTime = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i.test(text)
  return isTime ? Date.parse(text.replace(' ', 'T')) : undefined
}
