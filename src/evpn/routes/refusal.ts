// What all routes with a VXLAN tunnel have to fulfil.

import { type Ip, ipFamily, isMulticastMac, isVni } from '../../net/index.js'
import type { Facts } from '../facts.js'
import type { IpVrf } from '../ip-vrf.js'
import type { MacVrf } from '../mac-vrf.js'

export interface Tunnel {
  /** Where the far VTEP is. */
  readonly endpoint: Ip
  /** The 24-bit VNI of the label field (RFC 8365 section 5.1.3). */
  readonly label: number
}

/** Why no tunnel leads there, or undefined. */
export function unreachableTunnel(
  vtep: Ip,
  { encapsulation }: Facts,
  endpoint: Ip,
): string | undefined {
  if (encapsulation === 'other') return 'its encapsulation is not VXLAN'
  if (ipFamily(endpoint) === ipFamily(vtep)) return undefined
  return `VTEP ${endpoint} is of another address family than ours, ${vtep}`
}

/** Why the tunnel can not be used, or undefined. */
export function tunnelRefusal(
  vrf: MacVrf,
  facts: Facts,
  { endpoint, label }: Tunnel,
): string | undefined {
  const unreachable = unreachableTunnel(vrf.vtep, facts, endpoint)
  if (unreachable !== undefined) return unreachable
  if (label !== vrf.vni) {
    const got = isVni(label) ? `VNI ${label}` : `label ${label}`
    return `expected VNI ${vrf.vni}, got ${got} (downstream VNIs are not supported)`
  }
  return undefined
}

/** The same; a missing encapsulation community is overlooked, and told once. */
export function refusal(vrf: MacVrf, facts: Facts, tunnel: Tunnel): string | undefined {
  const reason = tunnelRefusal(vrf, facts, tunnel)
  if (reason === undefined && facts.encapsulation === 'missing') {
    const { endpoint } = tunnel
    const text = `routes of ${endpoint} for network ${vrf.vni} lack the encapsulation community: taken for VXLAN`
    vrf.complain('encapsulationMissing', text, { vni: vrf.vni, remote: endpoint })
  }
  return reason
}

/** The same for what is routed: the label may be any VNI of the other VTEP's choice, but there must be a router MAC. */
export function routedRefusal(
  vrf: IpVrf,
  facts: Facts,
  { endpoint, label }: Tunnel,
): string | undefined {
  const unreachable = unreachableTunnel(vrf.vtep, facts, endpoint)
  if (unreachable !== undefined) return unreachable
  if (!isVni(label)) return `expected a VNI, got label ${label}`
  const { routerMac } = facts
  if (routerMac === undefined) return 'it has no router MAC (RFC 9135 section 8.1)'
  if (isMulticastMac(routerMac) || routerMac === '00:00:00:00:00:00') {
    return `its router MAC ${routerMac} is nobody's`
  }
  return undefined
}

export function refuseRouted(vrf: IpVrf, what: string, { endpoint }: Tunnel, reason: string): void {
  const text = `the route of ${endpoint} for ${what} in VRF ${vrf.vni} is not used: ${reason}`
  vrf.complain('routeRefused', text, { vni: vrf.vni, remote: endpoint, reason })
}

/** Tells, once, that a route can not be used. Not so when it is another network's that shares the route target. */
export function refuse(
  vrf: MacVrf,
  what: string,
  { endpoint, label }: Tunnel,
  reason: string,
): void {
  if (label !== vrf.vni && vrf.isOurs(label)) return
  const text = `${what} route of ${endpoint} for network ${vrf.vni} is not used: ${reason}`
  vrf.complain('routeRefused', text, { vni: vrf.vni, remote: endpoint, reason })
}
