// The registry of extended communities (RFC 4360), and the loops over it. Bits that a kind reserves are ignored when
// read and zero when written; every other octet survives.

import { hexFromBytes, hexToBytes, ParseError } from '../../../net/index.js'
import { type Codec, type ObjectCodec, Reader, Writer } from '../../codec.js'
import { arpNd } from './arp-nd.js'
import { color } from './color.js'
import type { CommunityOf } from './community.js'
import { defaultGateway } from './default-gateway.js'
import { dfElection } from './df-election.js'
import { encapsulation } from './encapsulation.js'
import { esImport } from './es-import.js'
import { esiLabel } from './esi-label.js'
import { eviRouteTarget } from './evi-route-target.js'
import { linkBandwidth } from './link-bandwidth.js'
import { macMobility } from './mac-mobility.js'
import { multicastFlags } from './multicast-flags.js'
import { routeOrigin } from './route-origin.js'
import { routeTarget } from './route-target.js'
import { routerMac } from './router-mac.js'

/** Adding a kind is its file and one line here. */
export const communityTypes = [
  routeTarget,
  routeOrigin,
  encapsulation,
  macMobility,
  esiLabel,
  esImport,
  routerMac,
  defaultGateway,
  dfElection,
  arpNd,
  color,
  linkBandwidth,
  multicastFlags,
  eviRouteTarget,
] as const

/** A community without a row: "0x" and its eight octets in hex. */
export interface UnknownCommunity {
  readonly type: 'unknown'
  readonly value: string
}

export type KnownCommunity = CommunityOf<(typeof communityTypes)[number]>

/** Plain data: its JSON is itself. */
export type ExtendedCommunity = KnownCommunity | UnknownCommunity

/** The community of that type: `CommunityNamed<'macMobility'>`. */
export type CommunityNamed<Name extends ExtendedCommunity['type']> = Extract<
  ExtendedCommunity,
  { type: Name }
>

interface Row {
  readonly name: string
  readonly codes: readonly number[]
  readonly octets: ObjectCodec<unknown>
  readonly word: string
  format(value: unknown): string
  parse(text: string): unknown
}

const rows: readonly Row[] = communityTypes
const byCode = new Map(rows.flatMap((row) => row.codes.map((code) => [code, row] as const)))
const byName = new Map(rows.map((row) => [row.name, row]))
const byWord = new Map(rows.map((row) => [row.word, row]))

/** Eight octets. */
export const extendedCommunity: Codec<ExtendedCommunity> = {
  shape: {
    kind: 'choice',
    of: rows.map((row) => ({ kind: 'tagged', tag: 'type', name: row.name, of: row.octets.shape })),
  },
  decode(r) {
    const at = r.take(8)
    const row = byCode.get((r.octets[at]! << 8) | r.octets[at + 1]!)
    if (row === undefined) {
      return { type: 'unknown', value: `0x${hexFromBytes(r.octets.subarray(at, at + 8))}` }
    }
    const value: { [name: string]: unknown } = { type: row.name }
    row.octets.decodeInto(new Reader(r.octets, at, at + 8), value)
    return value as unknown as ExtendedCommunity
  },
  encode(w, value) {
    if (value.type === 'unknown') w.bytes(hexToBytes(value.value.slice(2))!)
    else byName.get(value.type)!.octets.encode(w, value)
  },
}

/** One line: "rt:65000:10100", "encap:vxlan", "mm:5,sticky"; "0x..." for what has no row. */
export function formatExtendedCommunity(community: ExtendedCommunity): string {
  if (community.type === 'unknown') return community.value
  const row = byName.get(community.type)!
  const text = row.format(community)
  return text === '' ? row.word : `${row.word}:${text}`
}

/** The inverse of formatExtendedCommunity; reads hex of known kinds too. Throws ParseError. */
export function parseExtendedCommunity(text: string): ExtendedCommunity {
  const raw = /^0x[0-9a-f]{16}$/i.test(text) ? hexToBytes(text.slice(2)) : undefined
  if (raw !== undefined) return communityFromOctets(raw)
  const colon = text.indexOf(':')
  const row = byWord.get(colon < 0 ? text : text.slice(0, colon))
  const value = row?.parse(colon < 0 ? '' : text.slice(colon + 1))
  if (row === undefined || value === undefined) {
    throw new ParseError('extended community', 'a form like rt:65000:100 or encap:vxlan', text)
  }
  return { type: row.name, ...value } as ExtendedCommunity
}

/** The eight octets, which is how RFC 4684 names a route target. */
export function communityOctets(community: ExtendedCommunity): Uint8Array {
  const w = new Writer(8)
  extendedCommunity.encode(w, community)
  return w.finish()
}

/** The inverse of communityOctets. */
export function communityFromOctets(octets: Uint8Array): ExtendedCommunity {
  return extendedCommunity.decode(new Reader(octets))
}

/** False for communities that stay inside the AS (RFC 4360 section 2, the T bit). */
export function isTransitive(community: ExtendedCommunity): boolean {
  return (communityOctets(community)[0]! & 0x40) === 0
}
