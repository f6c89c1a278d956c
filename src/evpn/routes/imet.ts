// Type 3, Inclusive Multicast Ethernet Tag: a VTEP wants the broadcasts of a network (RFC 7432 sections 7.3 and 11,
// RFC 8365 section 9). Each VTEP gets its own copy, by ingress replication, or by a replicator that says so with a route of its own
// beside the other (Replicator-AR, RFC 9574 section 4).

import type { Pruning } from '../../fib/index.js'
import { type Ip, ipToBytes } from '../../net/index.js'
import { type ImetRoute, iana, type PmsiTunnel } from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute, Path } from '../events.js'
import { factsOf } from '../facts.js'
import type { MacVrf } from '../mac-vrf.js'
import { communitiesOf } from './communities.js'
import type { RouteMeaning } from './meaning.js'
import { refusal, refuse, type Tunnel, tunnelRefusal } from './refusal.js'

export const imet: RouteMeaning<ImetRoute> = {
  byTag: true,
  bySite: true,
  network: {
    install(vrf, key, _route, path) {
      const pmsi = path.attributes.pmsiTunnel
      if (pmsi?.tunnelType === iana.pmsiTunnelType.assistedReplication) {
        installReplicator(vrf, key, path, pmsi)
        return
      }
      vrf.replication.delete(key)
      const tunnel = tunnelOf(vrf, path)
      const { endpoint } = tunnel
      if (endpoint === vrf.vtep) {
        vrf.flood.delete(key)
        return
      }
      const facts = factsOf(path.attributes)
      const reason = noIngressReplication(pmsi) ?? refusal(vrf, facts, tunnel)
      const wish = { proxy: facts.multicastProxy, ...pruningOf(pmsi) }
      if (reason === undefined) vrf.flood.set(key, endpoint, wish)
      else {
        vrf.flood.delete(key)
        refuse(vrf, 'IMET', tunnel, reason)
      }
    },
    remove(vrf, key) {
      vrf.flood.delete(key)
      vrf.replication.delete(key)
    },
    refusal(vrf, _route, path) {
      const pmsi = path.attributes.pmsiTunnel
      if (pmsi?.tunnelType === iana.pmsiTunnelType.assistedReplication) return noReplicator(pmsi)
      const facts = factsOf(path.attributes)
      return noIngressReplication(pmsi) ?? tunnelRefusal(vrf, facts, tunnelOf(vrf, path))
    },
  },
}

/**
 * "the Tunnel Identifier [is] the unicast tunnel endpoint IP address of the PE" (RFC 6514 section 5); a zero one leaves
 * it to the next hop.
 */
function tunnelOf(vrf: MacVrf, { nextHop, attributes }: Path): Tunnel {
  const { pmsiTunnel: pmsi } = attributes
  const endpoint = isSpecified(pmsi?.endpoint) ? pmsi.endpoint : nextHop
  return { endpoint, label: pmsi?.label ?? vrf.vni }
}

/** Nothing is flooded to an AR-IP, but frames may come from there. Whatever the tunnel identifier is, the next hop is the AR-IP. */
function installReplicator(
  vrf: MacVrf,
  key: string,
  { nextHop, attributes }: Path,
  pmsi: PmsiTunnel,
) {
  const tunnel = { endpoint: nextHop, label: pmsi.label }
  const reason = refusal(vrf, factsOf(attributes), tunnel)
  if (reason === undefined) vrf.flood.set(key, nextHop, NOTHING)
  else vrf.flood.delete(key)
  const unusable = reason ?? noReplicator(pmsi)
  if (unusable === undefined) {
    vrf.replication.set(key, nextHop)
    return
  }
  vrf.replication.delete(key)
  refuse(vrf, 'Replicator-AR', tunnel, unusable)
}

const NOTHING = { proxy: { igmp: true, mld: true }, noBroadcasts: true, noUnknown: true } as const

/** Selective ones (RFC 9574 section 6) serve those leaves that have joined them. */
function noReplicator({ flags }: PmsiTunnel): string | undefined {
  if ((flags & iana.pmsiFlag.role) !== iana.pmsiFlag.replicator)
    return `expected the role AR-REPLICATOR in the PMSI tunnel, got flags ${flags}`
  if ((flags & iana.pmsiFlag.leafInformationRequired) === 0) return undefined
  return 'it replicates selectively'
}

/** The parts of the flood lists that the VTEP asks to be left out of (RFC 9574 section 7). */
function pruningOf(pmsi: PmsiTunnel | undefined): Pruning {
  const flags = pmsi?.flags ?? 0
  return {
    ...((flags & iana.pmsiFlag.pruneBroadcasts) === 0 ? {} : { noBroadcasts: true }),
    ...((flags & iana.pmsiFlag.pruneUnknown) === 0 ? {} : { noUnknown: true }),
  }
}

/** The Replicator-AR route, where we are one: our AR-IP makes it another route than the one beside it. */
export function replicatorRoute(identity: Identity): OriginatedRoute | undefined {
  const { vni, replicator } = identity
  if (replicator === undefined) return undefined
  return typeThree(identity, replicator, {
    flags: iana.pmsiFlag.replicator,
    tunnelType: iana.pmsiTunnelType.assistedReplication,
    label: vni,
    identifier: ipToBytes(replicator),
  })
}

export function imetRoute(identity: Identity): OriginatedRoute {
  const { vni, vtep, pmsiFlags } = identity
  return typeThree(identity, vtep, {
    flags: pmsiFlags,
    tunnelType: iana.pmsiTunnelType.ingressReplication,
    label: vni,
    endpoint: vtep,
  })
}

function typeThree(identity: Identity, address: Ip, pmsiTunnel: PmsiTunnel): OriginatedRoute {
  const { rd, ethernetTag, multicastProxy } = identity
  const proxy = multicastProxy ? [MULTICAST_PROXY] : []
  return {
    family: 'evpn',
    nlri: { type: 'imet', rd, ethernetTag, originator: address },
    nextHop: address,
    attributes: { extendedCommunities: [...communitiesOf(identity), ...proxy], pmsiTunnel },
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
