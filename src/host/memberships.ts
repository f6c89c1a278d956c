// Which routes this host asks its peers for (RFC 4684): route target memberships of our own; and which others ask for.
//
// A network or VRF with explicit route targets asks for those, and an Ethernet segment for the type 4 routes of its
// other VTEPs (RFC 7432 section 7.6). All there is, by the default membership, asks
// - one that imports by its VNI alone, as all profiles do: "any AS, this number" is no prefix of a route target;
// - who passes routes on: a reflector, or a host with an external peer and another one beside it. What these want,
//   the others' memberships would have to tell, and those change with every network of the fabric;
// - who has no network yet: it is a reflector or route server, or soon something else.

import type { LocRibEntry, OriginatedRoute } from '../bgp/index.js'
import {
  esImportTarget,
  hexFromBytes,
  hexToBytes,
  type RouteTarget,
  routeTargetFromBytes,
} from '../net/index.js'
import {
  communityOctets,
  defaultMembership,
  type ExtendedCommunity,
  type MembershipNlri,
} from '../wire/index.js'
import type { Config, Neighbor } from './config/schema.js'
import { esiOf } from './config/segments.js'

const WHOLE_BITS = 96
const [MOST_FORM, ROUTE_TARGET] = [2, 2]

/** As routes of family rtc, in the order of the configuration. */
export function memberships(config: Config): readonly OriginatedRoute[] {
  const { asn, networks, vrfs, bgp } = config
  const targets = [...networks, ...vrfs].map(({ routeTargets }) => routeTargets?.import)
  const isExplicit = targets.length > 0 && targets.every((some) => some !== undefined)
  if (!isExplicit || passesOn(bgp.neighbors, asn)) return [membership(defaultMembership)]
  const communities: ExtendedCommunity[] = [
    ...(targets.flat() as readonly string[]).map(
      (target) => ({ type: 'routeTarget', target }) as const,
    ),
    ...segmentsOf(config).map(
      (esi) => ({ type: 'esImport', target: esImportTarget(esi) }) as const,
    ),
  ]
  const octets = communities.map((community) => hexFromBytes(communityOctets(community)))
  return [...new Set(octets)].map((target) =>
    membership({ originAs: asn, target, bits: WHOLE_BITS }),
  )
}

export interface Demand {
  readonly ours: ReadonlySet<RouteTarget>
  /** And the next hops of who asks. */
  readonly theirs: ReadonlyMap<RouteTarget, ReadonlySet<string>>
  /** Somebody else asks for everything, or for a prefix: whom that is about, it does not say. */
  readonly isOpen: boolean
}

/** What the memberships of a loc-rib name. */
export function demandOf(entries: Iterable<LocRibEntry>): Demand {
  const ours = new Set<RouteTarget>()
  const theirs = new Map<RouteTarget, Set<string>>()
  let isOpen = false
  for (const { nlri, paths } of entries) {
    const { target, bits } = nlri as MembershipNlri
    if (bits !== WHOLE_BITS) {
      isOpen ||= paths.some(({ peer }) => peer !== '')
      continue
    }
    const octets = hexToBytes(target)!
    const [form = 0, subtype] = octets
    if (form > MOST_FORM || subtype !== ROUTE_TARGET) continue
    const text = routeTargetFromBytes(form, octets, 2)
    for (const { peer, nextHop } of paths) {
      if (peer === '') ours.add(text)
      else theirs.set(text, (theirs.get(text) ?? new Set()).add(nextHop))
    }
  }
  return { ours, theirs, isOpen }
}

function segmentsOf({ networks }: Config): readonly string[] {
  return networks.flatMap(({ ports }) =>
    ports.flatMap(({ ethernetSegment: segment }) => (segment && esiOf(segment)) ?? []),
  )
}

function membership(nlri: MembershipNlri): OriginatedRoute {
  return { family: 'rtc', nlri, attributes: {} }
}

function passesOn(neighbors: readonly Neighbor[], own: number): boolean {
  const peers = neighbors.filter(({ families }) => families.includes('evpn'))
  if (peers.some(({ routeReflectorClient }) => routeReflectorClient)) return true
  const external = peers.filter(({ asn }) => asn !== 'internal' && asn !== own)
  return external.some(({ range }) => range !== undefined || peers.length > 1)
}
