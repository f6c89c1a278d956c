// Type 5, IP Prefix: a prefix of an IP-VRF is behind a VTEP (RFC 9136). Interface-less (section 4.4.1): routed on the
// label, to the router MAC of the community. With an overlay index (section 3.2) it leads by way of what that names: a
// gateway address, a segment, or without a label the MAC of a router (section 4.4.3).

import {
  type Ip,
  ipFamily,
  isMulticastMac,
  isSegment,
  type Mac,
  type Prefix,
  type RouteDistinguisher,
  type RouteTarget,
  ZERO_ESI,
} from '../../net/index.js'
import { type ExtendedCommunity, iana, type PrefixRoute } from '../../wire/index.js'
import type { OriginatedRoute, Path } from '../events.js'
import { factsOf } from '../facts.js'
import type { Leads } from '../overlay.js'
import { rankOf } from '../preference.js'
import type { RouteMeaning } from './meaning.js'
import { refuseRouted, routedRefusal } from './refusal.js'

export const prefix: RouteMeaning<PrefixRoute> = {
  vrf: {
    install(vrf, key, route, path) {
      if (path.nextHop === vrf.vtep) {
        // Another IP-VRF of ours: there is no tunnel, and no longer way than by ourselves.
        vrf.claim(key, { prefix: route.prefix, hop: { origin: route.rd }, rank: [1] })
        return
      }
      const facts = factsOf(path.attributes)
      const tunnel = { endpoint: path.nextHop, label: route.label }
      const index = overlayIndex(route, path)
      const reason =
        typeof index === 'string'
          ? index
          : index === undefined
            ? routedRefusal(vrf, facts, tunnel)
            : undefined
      if (reason !== undefined) {
        vrf.unclaim(key)
        refuseRouted(vrf, `prefix ${route.prefix}`, tunnel, reason)
        return
      }
      const { label: vni } = route
      const direct = { kind: 'remote', vni, via: path.nextHop, mac: facts.routerMac! } as const
      const hop = (index as Leads | undefined) ?? direct
      // Behind hosts: a type 2 route knows of moves.
      vrf.claim(key, { prefix: route.prefix, hop, rank: [0, 0, ...rankOf(path.attributes)] })
    },
    remove(vrf, key) {
      vrf.unclaim(key)
    },
  },
}

/** RFC 9136 section 3.2, table 1; undefined: it has none. A text: why it makes no sense. */
function overlayIndex(route: PrefixRoute, path: Path): Leads | string | undefined {
  const { esi, gateway, label } = route
  const { routerMac: mac } = factsOf(path.attributes)
  const isNobody = mac === undefined || isMulticastMac(mac) || mac === '00:00:00:00:00:00'
  if (esi !== ZERO_ESI) {
    if (!isSegment(esi)) return `${esi} is no segment`
    if (!isZero(gateway)) return 'it has two overlay indices, an ESI and a gateway address'
    return { segment: esi, teller: path.nextHop, mac: isNobody ? undefined : mac }
  }
  if (!isZero(gateway)) return { gateway }
  return label === 0 && !isNobody ? { router: mac } : undefined
}

/** What all type 5 routes of an IP-VRF have in common. */
export interface VrfIdentity {
  readonly vni: number
  readonly vtep: Ip
  readonly rd: RouteDistinguisher
  readonly exportTargets: readonly RouteTarget[]
  readonly routerMac: Mac
}

export function prefixRoute(
  identity: VrfIdentity,
  of: Prefix,
): OriginatedRoute & { readonly nlri: PrefixRoute } {
  const { rd, vni, vtep, exportTargets, routerMac } = identity
  const extendedCommunities: readonly ExtendedCommunity[] = [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    ...exportTargets.map((target) => ({ type: 'routeTarget', target }) as const),
    { type: 'routerMac', mac: routerMac },
  ]
  const gateway = ipFamily(of.slice(0, of.indexOf('/'))) === 4 ? '0.0.0.0' : '::'
  return {
    family: 'evpn',
    nlri: { type: 'prefix', rd, esi: ZERO_ESI, ethernetTag: 0, prefix: of, gateway, label: vni },
    nextHop: vtep,
    attributes: { extendedCommunities },
  }
}

const isZero = (ip: Ip): boolean => ip === '0.0.0.0' || ip === '::'
