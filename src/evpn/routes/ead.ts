// Type 1, Ethernet Auto-Discovery (RFC 7432 sections 7.1 and 8, RFC 8365 section 8). Per ES: a VTEP is connected to an
// Ethernet segment; its withdrawal ends every MAC behind it at once. Per EVI: it is so in this network, whoever of the
// segment announces the MACs. Per EVI of an IP-VRF: the same of what is routed.

import {
  type Esi,
  type Ip,
  isSegment,
  isVni,
  type Mac,
  type RouteDistinguisher,
  type RouteTarget,
} from '../../net/index.js'
import { type EadRoute, type ExtendedCommunity, iana } from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute, Path } from '../events.js'
import { factsOf } from '../facts.js'
import type { IpVrf } from '../ip-vrf.js'
import type { RouteMeaning } from './meaning.js'
import { refusal, refuse, unreachableTunnel } from './refusal.js'

/** MAX-ET: the route is about the segment as a whole (RFC 7432 section 8.2.1). */
const WHOLE_SEGMENT = 0xffffffff

/** So many route targets fit into the smallest largest message, beside whatever reflectors add. */
const TARGETS_PER_ROUTE = 256

export const ead: RouteMeaning<EadRoute> = {
  segments: {
    install(segments, key, { esi, ethernetTag }, { nextHop: vtep, attributes }) {
      const { encapsulation, singleActive } = factsOf(attributes)
      const isReachable = encapsulation !== 'other' && segments.isReachable(vtep)
      if (ethernetTag === WHOLE_SEGMENT && isSegment(esi) && isReachable)
        segments.setConnection(key, esi, { vtep, singleActive })
      else segments.forget(key)
    },
    remove(segments, key) {
      segments.forget(key)
    },
  },
  network: {
    install(vrf, key, { esi, ethernetTag, label }, path) {
      if (ethernetTag === WHOLE_SEGMENT) return
      // Of a bundle, it may be about all networks at once.
      const isGeneral = ethernetTag === 0 && vrf.tag !== undefined
      if (!isGeneral && !vrf.hasTag(ethernetTag)) {
        vrf.groups.deleteCircuit(key)
        return
      }
      // Some leave the label out, as nothing is sent by it that MAC routes do not say.
      const tunnel = { endpoint: path.nextHop, label: isGeneral || label === 0 ? vrf.vni : label }
      const reason = isSegment(esi)
        ? refusal(vrf, factsOf(path.attributes), tunnel)
        : 'it has no ESI'
      if (reason === undefined) vrf.groups.setCircuit(key, esi, path.nextHop)
      else {
        vrf.groups.deleteCircuit(key)
        refuse(vrf, 'Ethernet A-D', tunnel, reason)
      }
    },
    remove(vrf, key) {
      vrf.groups.deleteCircuit(key)
    },
  },
  vrf: {
    install: installCircuit,
    remove(vrf, key) {
      vrf.overlay.deleteCircuit(key)
    },
  },
}

/** In an IP-VRF (draft-ietf-bess-evpn-ip-aliasing): a VTEP routes to what is behind the segment, on the label. */
function installCircuit(vrf: IpVrf, key: string, route: EadRoute, path: Path): void {
  const { esi, ethernetTag, label: vni } = route
  if (ethernetTag === WHOLE_SEGMENT) return
  const { nextHop: vtep, attributes } = path
  const facts = factsOf(attributes)
  const isUsable = isSegment(esi) && isVni(vni)
  if (isUsable && unreachableTunnel(vrf.vtep, facts, vtep) === undefined) {
    vrf.overlay.setCircuit(key, { esi, vtep, vni, mac: facts.routerMac })
  } else vrf.overlay.deleteCircuit(key)
}

/** With ESI Label community, whose label VXLAN does not use (RFC 8365 section 8.3.1), and the targets of all networks. */
export function eadPerSegmentRoutes(
  { vtep, rdOf }: { readonly vtep: Ip; readonly rdOf: (number: number) => RouteDistinguisher },
  esi: Esi,
  singleActive: boolean,
  targets: readonly RouteTarget[],
): OriginatedRoute[] {
  const routes: OriginatedRoute[] = []
  const count = Math.max(1, Math.ceil(targets.length / TARGETS_PER_ROUTE))
  for (let i = 0; i < count; i++) {
    const some = targets.slice(i * TARGETS_PER_ROUTE, (i + 1) * TARGETS_PER_ROUTE)
    const extendedCommunities: readonly ExtendedCommunity[] = [
      { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
      { type: 'esiLabel', singleActive, label: 0 },
      ...some.map((target) => ({ type: 'routeTarget', target }) as const),
    ]
    const nlri = { type: 'ead', rd: rdOf(i), esi, ethernetTag: WHOLE_SEGMENT, label: 0 } as const
    routes.push({ family: 'evpn', nlri, nextHop: vtep, attributes: { extendedCommunities } })
  }
  return routes
}

interface Circuit extends Pick<Identity, 'rd' | 'vni' | 'ethernetTag' | 'vtep' | 'exportTargets'> {
  /** Of an IP-VRF. */
  readonly routerMac?: Mac
}

export function eadPerEviRoute(
  { rd, vni, ethernetTag, vtep, exportTargets, routerMac }: Circuit,
  esi: Esi,
): OriginatedRoute {
  const extendedCommunities: readonly ExtendedCommunity[] = [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    ...exportTargets.map((target) => ({ type: 'routeTarget', target }) as const),
    ...(routerMac === undefined ? [] : [{ type: 'routerMac', mac: routerMac } as const]),
  ]
  return {
    family: 'evpn',
    nlri: { type: 'ead', rd, esi, ethernetTag, label: vni },
    nextHop: vtep,
    attributes: { extendedCommunities },
  }
}
