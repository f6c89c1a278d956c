// Type 3, Inclusive Multicast Ethernet Tag: a VTEP wants the broadcasts of a network (RFC 7432 sections 7.3 and 11,
// RFC 8365 section 9). Only ingress replication: each VTEP gets its own copy.

import { type ExtendedCommunity, type ImetRoute, iana, type PmsiTunnel } from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute } from '../events.js'
import { factsOf } from '../facts.js'
import type { RouteMeaning } from './meaning.js'
import { refusal, refuse } from './refusal.js'

export const imet: RouteMeaning<ImetRoute> = {
  byTag: true,
  network: {
    install(vrf, key, _route, path) {
      const { nextHop } = path
      const pmsi = path.attributes.pmsiTunnel
      // "the Tunnel Identifier [is] the unicast tunnel endpoint IP address of the PE" (RFC 6514 section 5); a zero one
      // leaves it to the next hop.
      const endpoint = isSpecified(pmsi?.endpoint) ? pmsi.endpoint : nextHop
      // A replicator says with another route that it takes broadcasts itself; this one is for those that let it replicate theirs
      // (RFC 9574 section 4).
      const isReplicator = pmsi?.tunnelType === iana.pmsiTunnelType.assistedReplication
      if (endpoint === vrf.vtep || isReplicator) {
        vrf.flood.delete(key)
        return
      }
      const tunnel = { endpoint, label: pmsi?.label ?? vrf.vni }
      const facts = factsOf(path.attributes)
      const reason = noIngressReplication(pmsi) ?? refusal(vrf, facts, tunnel)
      if (reason === undefined) vrf.flood.set(key, endpoint, facts.multicastProxy)
      else {
        vrf.flood.delete(key)
        refuse(vrf, 'IMET', tunnel, reason)
      }
    },
    remove(vrf, key) {
      vrf.flood.delete(key)
    },
  },
}

export function imetRoute(identity: Identity): OriginatedRoute {
  const { rd, vni, ethernetTag, vtep, exportTargets } = identity
  const extendedCommunities: readonly ExtendedCommunity[] = [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    ...exportTargets.map((target) => ({ type: 'routeTarget', target }) as const),
    ...(identity.multicastProxy ? [MULTICAST_PROXY] : []),
  ]
  return {
    family: 'evpn',
    nlri: { type: 'imet', rd, ethernetTag, originator: vtep },
    nextHop: vtep,
    attributes: {
      extendedCommunities,
      pmsiTunnel: {
        flags: 0,
        tunnelType: iana.pmsiTunnelType.ingressReplication,
        label: vni,
        endpoint: vtep,
      },
    },
  }
}

/** We tell which groups we want, of both families. */
const MULTICAST_PROXY = { type: 'multicastFlags', igmp: true, mld: true, others: 0 } as const

function noIngressReplication(pmsi: PmsiTunnel | undefined): string | undefined {
  if (pmsi?.tunnelType === iana.pmsiTunnelType.ingressReplication) return undefined
  const got = pmsi === undefined ? 'none' : `type ${pmsi.tunnelType}`
  return `expected a PMSI tunnel of ingress replication, got ${got}`
}

function isSpecified(ip: string | undefined): ip is string {
  return ip !== undefined && ip !== '0.0.0.0' && ip !== '::'
}
