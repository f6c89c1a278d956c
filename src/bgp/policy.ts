// What is told to whom: the iBGP rule and reflection (RFC 4456), the operator's filter, and how attributes change at the
// border of the AS (RFC 4271 section 5). Pure functions of settings and path.

import { type Ip, ipFamily, type RouteTarget } from '../net/index.js'
import {
  type AsPath,
  type ExtendedCommunity,
  iana,
  isTransitive,
  type PathAttributes,
  type UnknownAttribute,
  type WireContext,
  withAs4,
} from '../wire/index.js'
import type { AttributeSet, AttributeSets } from './attribute-set.js'
import { DEFAULT_LOCAL_PREF } from './decision.js'
import type { Filter } from './filter.js'
import { clusterIdOf } from './import-policy.js'
import type { Path, PathSource } from './path.js'
import { markedOut } from './role.js'
import type { Role, SessionFamily, SpeakerSettings } from './settings.js'

const { partial } = iana.attributeFlag

/** What was exported last: routes of one VTEP come one after the other, and have the same attributes. */
interface Exported {
  readonly set: AttributeSet
  readonly source: PathSource
  readonly family: SessionFamily
  readonly result: AttributeSet
}

/** The receiving end of an export: one peer, or many that are told the same. */
export interface ExportTarget {
  last?: Exported
  readonly kind: 'ibgp' | 'ebgp'
  readonly isClient: boolean
  /** Our address of the session. */
  readonly localAddress: Ip
  readonly nextHopSelf: boolean
  /** What the peer can read. */
  readonly context: WireContext
  readonly filter?: Filter | undefined
  readonly siteOfOrigin?: RouteTarget | undefined
  /** The peer's AS where ours takes its place in the path. */
  readonly overridden?: number | undefined
  /** Ours, over eBGP. */
  readonly role?: Role | undefined
  /** IPv4 prefixes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop?: boolean
  /** The peer knows what a last resort is (RFC 9494). */
  readonly knowsStale?: boolean
}

const { noAdvertise, noExport, noExportSubconfed } = iana.wellKnownCommunity

/** Whether the peer is to know the path, unless it comes from there. */
export function mayExport(path: Path, family: SessionFamily, to: ExportTarget): boolean {
  const { source, set } = path
  // A host forwards no packets of the underlay: what one leaf tells us of it no other leaf is to send here. And who
  // passes routes of evpn on asks for all of them itself.
  if (family !== 'evpn' && source.kind !== 'local') return false
  const { communities, extendedCommunities } = set.attributes
  if (to.siteOfOrigin !== undefined) {
    const isOrigin = (one: ExtendedCommunity): boolean =>
      one.type === 'routeOrigin' && one.origin === to.siteOfOrigin
    if (extendedCommunities?.some(isOrigin)) return false
  }
  if (family !== 'rtc' && to.filter?.refuses(path.nlri, set) !== undefined) return false
  if (communities?.includes(noAdvertise)) return false
  // "SHOULD NOT be advertised to any neighbor from which the capability has not been received" (RFC 9494 section 4.3).
  if (set.isStale && to.knowsStale !== true) return false
  if (to.kind === 'ebgp') {
    return !communities?.some((one) => one === noExport || one === noExportSubconfed)
  }
  return source.kind !== 'ibgp' || source.isClient || to.isClient
}

/** Works out exported sets, once for each set and kind of receiver: clients of a reflector share theirs. */
export class Exporter {
  readonly #speaker: SpeakerSettings
  readonly #sets: AttributeSets
  readonly #known = new WeakMap<AttributeSet, Map<string, AttributeSet>>()

  constructor(speaker: SpeakerSettings, sets: AttributeSets) {
    this.#speaker = speaker
    this.#sets = sets
  }

  /** The attributes and next hop to send, or undefined when the peer is not to know the path. */
  export(path: Path, family: SessionFamily, to: ExportTarget): AttributeSet | undefined {
    if (!mayExport(path, family, to)) return undefined
    const nextHop = nextHopFor(path, family, to)
    if (nextHop === undefined) return undefined
    const { source, set } = path
    const { last } = to
    if (last?.set === set && last.source === source && last.family === family) return last.result
    const { kind, context, overridden, role } = to
    const key = `${kind} ${context.fourOctetAs} ${overridden} ${role} ${family} ${source.kind} ${source.routerId} ${nextHop}`
    let known = this.#known.get(set)
    if (known === undefined) this.#known.set(set, (known = new Map()))
    let exported = known.get(key)
    if (exported === undefined) {
      const marked = markedOut(set.attributes, family, role, this.#speaker.asn)
      if (marked === undefined) return undefined
      const changed = this.#change(marked, source, to)
      exported = this.#sets.intern(withAs4(changed, to.context), nextHop)
      known.set(key, exported)
    }
    to.last = { set, source, family, result: exported }
    return exported
  }

  #change(attributes: PathAttributes, source: PathSource, to: ExportTarget): PathAttributes {
    const passed = source.kind === 'local' ? attributes : markPartial(attributes)
    if (to.kind === 'ebgp') {
      return toExternal(passed, source, this.#speaker.asn, to.overridden)
    }
    if (source.kind === 'ibgp') return reflected(passed, source, clusterIdOf(this.#speaker))
    // "MUST include the LOCAL_PREF attribute" towards internal peers (RFC 4271 section 5.1.5).
    return { ...passed, localPref: passed.localPref ?? DEFAULT_LOCAL_PREF }
  }
}

/**
 * EVPN next hops are VTEPs and stay, also over eBGP; a reflector changes none (RFC 4456 section 10). Of other families
 * we tell our own routes only.
 */
function nextHopFor(path: Path, family: SessionFamily, to: ExportTarget): Ip | undefined {
  const { nextHop } = path.set
  if (nextHop === SELF) return canBeReachedAt(to, family) ? to.localAddress : undefined
  const { kind } = path.source
  const passesOn = kind !== 'local' && !(kind === 'ibgp' && to.kind === 'ibgp')
  return to.nextHopSelf && passesOn ? to.localAddress : nextHop
}

/** Next hop of a route of our own that is reached at whatever address the session has. */
export const SELF: Ip = '0.0.0.0'

/** A unicast prefix has a next hop of its own version, unless both sides can do otherwise. */
function canBeReachedAt(to: ExportTarget, family: SessionFamily): boolean {
  if (family === 'evpn' || family === 'rtc') return true
  if (family === 'ipv4' && to.extendedNextHop === true) return true
  return family === `ipv${ipFamily(to.localAddress)}`
}

/** What we pass on without having understood it says so (RFC 4271 section 5). */
function markPartial(attributes: PathAttributes): PathAttributes {
  if (attributes.unknown === undefined) return attributes
  const mark = (one: UnknownAttribute) => ({ ...one, flags: one.flags | partial })
  return { ...attributes, unknown: attributes.unknown.map(mark) }
}

/** RFC 4456 section 8: who originated it, and our cluster in front. */
function reflected(attributes: PathAttributes, source: PathSource, cluster: Ip): PathAttributes {
  return {
    ...attributes,
    originatorId: attributes.originatorId ?? source.routerId,
    clusterList: [cluster, ...(attributes.clusterList ?? [])],
  }
}

/** What stays inside an AS is left out: LOCAL_PREF, a neighbour's MED, reflection, non-transitive communities. */
function toExternal(
  attributes: PathAttributes,
  source: PathSource,
  asn: number,
  overridden: number | undefined,
): PathAttributes {
  const { localPref: _, originatorId: __, clusterList: ___, med, ...rest } = attributes
  const { extendedCommunities, ...others } = rest
  const outside = extendedCommunities?.filter(crossesBorder) ?? []
  return {
    ...others,
    asPath: prepend(replaced(attributes.asPath ?? [], overridden, asn), asn),
    ...(outside.length > 0 ? { extendedCommunities: outside } : {}),
    // "MUST NOT be propagated to other neighboring autonomous systems" (section 5.1.4): our own may.
    ...(med !== undefined && source.kind === 'local' ? { med } : {}),
  }
}

function crossesBorder(community: ExtendedCommunity): boolean {
  return isTransitive(community)
}

function replaced(path: AsPath, old: number | undefined, asn: number): AsPath {
  if (old === undefined) return path
  return path.map(({ type, asns }) => ({
    type,
    asns: asns.map((one) => (one === old ? asn : one)),
  }))
}

/** Our AS in front (RFC 4271 section 5.1.2 b). */
export function prepend(path: AsPath, asn: number): AsPath {
  const [first, ...rest] = path
  if (first?.type === 'sequence' && first.asns.length < 255) {
    return [{ type: 'sequence', asns: [asn, ...first.asns] }, ...rest]
  }
  return [{ type: 'sequence', asns: [asn] }, ...path]
}
