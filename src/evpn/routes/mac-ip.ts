// Type 2, MAC/IP Advertisement: a MAC, or a MAC with one of its addresses, is behind a VTEP (RFC 7432 sections 7.2
// and 10, RFC 8365 section 5.1.3). Each of the routes of a MAC is a claim of its own.

import {
  type Esi,
  type Ip,
  ipFamily,
  isMulticastMac,
  isSegment,
  isVni,
  type Mac,
  ZERO_ESI,
} from '../../net/index.js'
import type { MacIpRoute } from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute, Path } from '../events.js'
import { factsOf } from '../facts.js'
import { hostPrefix, type IpVrf } from '../ip-vrf.js'
import type { AnswerFlags } from '../mac-claims.js'
import { rankOf } from '../preference.js'
import { isHostAddress } from '../suppress.js'
import { communitiesOf } from './communities.js'
import type { RouteMeaning } from './meaning.js'
import {
  refusal,
  refuse,
  refuseRouted,
  routedRefusal,
  tunnelRefusal,
  unreachableTunnel,
} from './refusal.js'

const ZERO_MAC = '00:00:00:00:00:00'

export const macIp: RouteMeaning<MacIpRoute> = {
  byTag: true,
  bySite: true,
  network: {
    install(vrf, key, route, path) {
      const { nextHop } = path
      const facts = factsOf(path.attributes)
      const tunnel = { endpoint: nextHop, label: route.label }
      const reason = noHost(route) ?? refusal(vrf, facts, tunnel)
      if (reason !== undefined) {
        vrf.unclaim(key)
        refuse(vrf, 'MAC/IP', tunnel, reason)
        return
      }
      vrf.claim(key, {
        vtep: nextHop,
        sequence: facts.sequence,
        // A gateway is never a host that moves (RFC 9135 section 4.2).
        sticky: facts.sticky || facts.gateway,
        esi: isSegment(route.esi) ? route.esi : ZERO_ESI,
        mac: route.mac,
        ip: route.ip,
        router: facts.router,
        override: facts.override,
        macSlot: 0,
        ipSlot: 0,
      })
    },
    remove(vrf, key) {
      vrf.unclaim(key)
    },
    refusal(vrf, route, { nextHop: endpoint, attributes }) {
      const tunnel = { endpoint, label: route.label }
      return noHost(route) ?? tunnelRefusal(vrf, factsOf(attributes), tunnel)
    },
  },
  // A host route, where there is a label to route on (RFC 9135 section 5).
  vrf: {
    install(vrf, key, route, path) {
      const { ip, label2 } = route
      const facts = factsOf(path.attributes)
      if (ip === undefined) {
        setRouter(vrf, key, route, path)
        return
      }
      if (label2 === undefined || isLinkLocal(ip)) {
        vrf.unclaim(key)
        return
      }
      const tunnel = { endpoint: path.nextHop, label: label2 }
      const reason = noHost(route) ?? routedRefusal(vrf, facts, tunnel)
      if (reason !== undefined) {
        vrf.unclaim(key)
        refuseRouted(vrf, `MAC/IP ${ip}`, tunnel, reason)
        return
      }
      const by = { kind: 'remote', vni: label2, via: path.nextHop, mac: facts.routerMac! } as const
      // The last move decides, as in the network of the host (RFC 7432 section 15).
      const rank = [1, facts.sequence, ...rankOf(path.attributes)]
      const segment = { segment: route.esi, by, network: route.label }
      vrf.claim(key, { prefix: hostPrefix(ip), hop: isSegment(route.esi) ? segment : by, rank })
    },
    remove(vrf, key) {
      vrf.unclaim(key)
      vrf.overlay.deleteRouter(key)
    },
    refusal(vrf, route, { nextHop: endpoint, attributes }) {
      const { ip, label2: label } = route
      if (ip === undefined || label === undefined || isLinkLocal(ip)) return undefined
      return noHost(route) ?? routedRefusal(vrf, factsOf(attributes), { endpoint, label })
    },
  },
}

/** Whoever has this MAC may be named by prefixes (RFC 9136 section 4.4.3). */
function setRouter(vrf: IpVrf, key: string, { mac, label }: MacIpRoute, path: Path): void {
  const { nextHop: vtep, attributes } = path
  const facts = factsOf(attributes)
  const isReachable = unreachableTunnel(vrf.vtep, facts, vtep) === undefined && isVni(label)
  if (isReachable) vrf.overlay.setRouter(key, { mac, vtep, vni: label, sequence: facts.sequence })
  else vrf.overlay.deleteRouter(key)
}

const isLinkLocal = (ip: Ip): boolean => /^fe[89ab]/.test(ip) || ip.startsWith('169.254.')

function noHost({ mac, ip }: MacIpRoute): string | undefined {
  if (isMulticastMac(mac) || mac === ZERO_MAC) return `${mac} is no host's MAC`
  return ip === undefined || isHostAddress(ip) ? undefined : `${ip} is no host's address`
}

/** What a type 2 route of ours says beyond its MAC and IP. */
export interface Announcement extends AnswerFlags {
  readonly sequence: number
  readonly sticky: boolean
  /** Segment that it is behind, or ZERO_ESI. */
  readonly esi: Esi
}

export function macIpRoute(
  identity: Identity,
  mac: Mac,
  ip: Ip | undefined,
  { sequence, sticky, router, override, esi }: Announcement,
): OriginatedRoute & { readonly nlri: MacIpRoute } {
  const { rd, vni, ethernetTag, vtep, exportTargets } = identity
  const host = { type: 'macIp', rd, esi, ethernetTag, mac, label: vni } as const
  // Only what can be routed to has a label, targets and a router MAC of the IP-VRF.
  const routed = ip === undefined || isLinkLocal(ip) ? undefined : identity.routed
  const extendedCommunities = communitiesOf(identity)
  for (const target of routed?.exportTargets ?? []) {
    if (!exportTargets.includes(target)) extendedCommunities.push({ type: 'routeTarget', target })
  }
  if (routed !== undefined) extendedCommunities.push({ type: 'routerMac', mac: routed.routerMac })
  // "the very first" advertisement has no community, and none means 0 (RFC 7432 section 15).
  if (sequence > 0 || sticky) extendedCommunities.push({ type: 'macMobility', sequence, sticky })
  // Without it an ordinary host is meant. What is static may not change its MAC, either (RFC 9047 section 2).
  if (ip !== undefined && (sticky || (ipFamily(ip) === 6 && (router || !override)))) {
    const flags = ipFamily(ip) === 6 ? { router, override } : { router: false, override: false }
    extendedCommunities.push({ type: 'arpNd', ...flags, immutable: sticky })
  }
  return {
    family: 'evpn',
    nlri: {
      ...host,
      ...(ip === undefined ? {} : { ip }),
      ...(routed === undefined ? {} : { label2: routed.vni }),
    },
    nextHop: vtep,
    attributes: { extendedCommunities },
  }
}
