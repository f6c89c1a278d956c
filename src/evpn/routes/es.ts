// Type 4, Ethernet Segment: a VTEP is attached to a segment and takes part in the election of its forwarder (RFC 7432
// sections 7.4 and 8.5). For the other VTEPs of the segment alone: they import it by a target made of the ESI.

import {
  type Esi,
  esImportTarget,
  type Ip,
  isSegment,
  type RouteDistinguisher,
} from '../../net/index.js'
import { type EsRoute, type ExtendedCommunity, iana } from '../../wire/index.js'
import { AC_INFLUENCED, type Candidacy, DONT_PREEMPT, dfAlgorithms } from '../df-election.js'
import type { OriginatedRoute } from '../events.js'
import { factsOf } from '../facts.js'
import type { RouteMeaning } from './meaning.js'

export const es: RouteMeaning<EsRoute> = {
  segments: {
    install(segments, key, { esi, originator }, { nextHop: vtep, attributes }) {
      const { esImports, election } = factsOf(attributes)
      const isOfSegment = isSegment(esi) && esImports.includes(esImportTarget(esi))
      if (!isOfSegment || !segments.isReachable(vtep)) {
        segments.forget(key)
        return
      }
      segments.setMember(key, esi, { address: originator, vtep, ...candidacyOf(election) })
    },
    remove(segments, key) {
      segments.forget(key)
    },
  },
}

/** Without the community: the algorithm of RFC 7432 (RFC 8584 section 2.2). */
function candidacyOf(election: ReturnType<typeof factsOf>['election']): Candidacy {
  const { algorithm, bitmap, preference } = election ?? {
    algorithm: dfAlgorithms.modulo,
    bitmap: 0,
    preference: 0,
  }
  const dontPreempt = (bitmap & DONT_PREEMPT) !== 0
  return { algorithm, preference, dontPreempt, acInfluenced: (bitmap & AC_INFLUENCED) !== 0 }
}

/**
 * RFC 7432's algorithm goes without the community of RFC 8584, which says as much: GoBGP, for one, treats a route as
 * withdrawn that has a community it does not know.
 */
export function esRoute(
  { vtep, rdOf }: { readonly vtep: Ip; readonly rdOf: (number: number) => RouteDistinguisher },
  esi: Esi,
  { algorithm, preference, dontPreempt, acInfluenced }: Candidacy,
): OriginatedRoute {
  const bitmap = (dontPreempt ? DONT_PREEMPT : 0) | (acInfluenced ? AC_INFLUENCED : 0)
  const extendedCommunities: readonly ExtendedCommunity[] = [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    { type: 'esImport', target: esImportTarget(esi) },
    ...(algorithm === dfAlgorithms.modulo
      ? []
      : [{ type: 'dfElection', algorithm, bitmap, preference } as const]),
  ]
  return {
    family: 'evpn',
    nlri: { type: 'es', rd: rdOf(0), esi, originator: vtep },
    nextHop: vtep,
    attributes: { extendedCommunities },
  }
}
