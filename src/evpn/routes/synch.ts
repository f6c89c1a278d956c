// Types 7 and 8, Multicast Membership Report Synch and Multicast Leave Synch: what a VTEP has heard behind a segment, for its other VTEPs
// (RFC 9251 sections 9.2 and 9.3). They go to those by the segment's ES-Import target; the EVI-RT community says which network they are about.

import { type Esi, esImportTarget } from '../../net/index.js'
import type {
  ExtendedCommunity,
  JoinSynchRoute,
  LeaveSynchRoute,
  MembershipFlags,
} from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute, Path } from '../events.js'
import { factsOf } from '../facts.js'
import type { RouteMeaning } from './meaning.js'
import type { WantedChannel } from './smet.js'

/** Of the Maximum Response Time, as in IGMPv2. */
const TENTHS = 10
const MOST_TENTHS = 255

export const joinSynch: RouteMeaning<JoinSynchRoute> = {
  byTag: true,
  targets: ({ eviTargets }) => eviTargets,
  network: {
    install({ multicast }, key, { esi, group, source, flags }, path) {
      if (isForSegment(esi, path)) multicast.join(key, { esi, group, source, flags })
      else multicast.unjoin(key)
    },
    remove({ multicast }, key) {
      multicast.unjoin(key)
    },
  },
}

export const leaveSynch: RouteMeaning<LeaveSynchRoute> = {
  byTag: true,
  targets: ({ eviTargets }) => eviTargets,
  network: {
    install({ multicast }, key, { esi, group, source, maxResponseTime }, path) {
      const seconds = maxResponseTime / TENTHS
      if (isForSegment(esi, path)) multicast.leave(key, { esi, group, source, seconds })
      else multicast.unleave(key)
    },
    remove({ multicast }, key) {
      multicast.unleave(key)
    },
  },
}

/** Other segments may share it, so that it is not all that counts. */
const isForSegment = (esi: Esi, { attributes }: Path): boolean =>
  factsOf(attributes).esImports.includes(esImportTarget(esi))

export function joinSynchRoute(
  identity: Identity,
  esi: Esi,
  { group, source }: WantedChannel,
  flags: MembershipFlags,
): OriginatedRoute & { readonly nlri: JoinSynchRoute } {
  const { rd, ethernetTag, vtep } = identity
  const channel = {
    ...(source === undefined ? {} : { source }),
    ...(group === undefined ? {} : { group }),
  }
  return {
    family: 'evpn',
    nlri: { type: 'joinSynch', rd, esi, ethernetTag, ...channel, originator: vtep, flags },
    nextHop: vtep,
    attributes: { extendedCommunities: communities(identity, esi) },
  }
}

export function leaveSynchRoute(
  identity: Identity,
  esi: Esi,
  channel: WantedChannel,
  flags: MembershipFlags,
  seconds: number,
): OriginatedRoute & { readonly nlri: LeaveSynchRoute } {
  const { nlri, ...route } = joinSynchRoute(identity, esi, channel, flags)
  const maxResponseTime = Math.min(MOST_TENTHS, Math.round(seconds * TENTHS))
  return { ...route, nlri: { ...nlri, type: 'leaveSynch', maxResponseTime } }
}

/** "Exactly one" EVI-RT (RFC 9251 sections 9.2 and 9.3): of several targets the first. */
function communities({ exportTargets }: Identity, esi: Esi): readonly ExtendedCommunity[] {
  return [
    { type: 'esImport', target: esImportTarget(esi) },
    ...exportTargets.slice(0, 1).map((target) => ({ type: 'eviRouteTarget', target }) as const),
  ]
}
