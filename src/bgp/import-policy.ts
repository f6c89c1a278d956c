// What is taken from a peer, and as what: loops (RFC 4271 section 9.1.2, RFC 4456), the operator's filter, leaks
// (RFC 9234). Pure functions of settings and route.

import type { Ip, RouteTarget } from '../net/index.js'
import { iana, type PathAttributes } from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import type { Filter } from './filter.js'
import { leakOf, markedIn } from './role.js'
import type { Role, SessionFamily, SpeakerSettings } from './settings.js'

/** The sending end of an import. */
export interface ImportSource {
  readonly peerAsn: number
  /** How often our AS may be in the path. */
  readonly allowAsIn: number
  readonly filter: Filter | undefined
  readonly siteOfOrigin: RouteTarget | undefined
  /** Ours, over eBGP. */
  readonly role: Role | undefined
}

/** Attributes as they are kept: "unrecognized non-transitive attributes MUST be quietly ignored" (section 5). */
export function importAttributes(
  attributes: PathAttributes,
  family: SessionFamily,
  { siteOfOrigin, role, peerAsn }: ImportSource,
): PathAttributes {
  const { unknown, ...rest } = attributes
  const kept = unknown?.filter(({ flags }) => (flags & iana.attributeFlag.transitive) !== 0) ?? []
  const plain = kept.length === 0 ? rest : { ...rest, unknown: kept }
  return markedIn(withOrigin(plain, siteOfOrigin), family, role, peerAsn)
}

/** A route that says where it comes from keeps what it says. */
function withOrigin(attributes: PathAttributes, origin: RouteTarget | undefined): PathAttributes {
  const { extendedCommunities = [] } = attributes
  if (origin === undefined || extendedCommunities.some(({ type }) => type === 'routeOrigin')) {
    return attributes
  }
  const community = { type: 'routeOrigin', origin } as const
  return { ...attributes, extendedCommunities: [...extendedCommunities, community] }
}

/** Why a path must not be used, or undefined. The same set and key always have the same answer. */
export function refusalOf(
  nlri: RouteNlri,
  set: AttributeSet,
  family: SessionFamily,
  from: ImportSource,
  speaker: SpeakerSettings,
): string | undefined {
  const { filter, role, peerAsn, allowAsIn } = from
  const loop = loopOf(set, speaker, allowAsIn) ?? leakOf(set.attributes, family, role, peerAsn)
  if (loop !== undefined || family === 'rtc') return loop
  const rule = filter?.refuses(nlri, set)
  return rule === undefined ? undefined : `rule ${rule} of the filter refuses it`
}

export function loopOf(
  { attributes }: AttributeSet,
  speaker: SpeakerSettings,
  allowAsIn = 0,
): string | undefined {
  const { asPath = [], originatorId, clusterList } = attributes
  const own = asPath.reduce(
    (count, { asns }) => count + asns.filter((asn) => asn === speaker.asn).length,
    0,
  )
  if (own > allowAsIn) return `AS path has our AS ${speaker.asn}`
  if (originatorId === speaker.routerId) return `originator id is our own ${originatorId}`
  const cluster = clusterIdOf(speaker)
  if (clusterList?.includes(cluster)) return `cluster list has our cluster ${cluster}`
  return undefined
}

export function clusterIdOf(speaker: SpeakerSettings): Ip {
  return speaker.clusterId ?? speaker.routerId
}
