// The next hop field of MP_REACH_NLRI: one octet of length, then
//
//   4, 16   an address of either family (RFC 4760 section 3, RFC 8950 section 3)
//   32      global and link-local IPv6 (RFC 2545 section 3)
//   12, 24  eight octets of RD, zero by RFC 4364 section 4.3.2, then an address
//   48      both: RD and global, RD and link-local (RFC 8950 section 3)
//
// The address is taken as it came: an IPv4 next hop in four octets is never made an IPv4-mapped one, or back.

import { type Ip, ipFamily, type RouteDistinguisher } from '../../../net/index.js'
import type { Reader, Writer } from '../../codec.js'
import { ipRest, ipv6, routeDistinguisher } from '../../values.js'

export interface MpNextHop {
  readonly nextHop: Ip
  /** The sender's link-local address, when it gave one beside the global. */
  readonly linkLocal?: Ip
  /** The RD in front of the address, when there was one. */
  readonly nextHopRd?: RouteDistinguisher
}

/** All octets of `r`. Throws WireError for any other length (RFC 7606 section 7.11). */
export function decodeMpNextHop(r: Reader): MpNextHop {
  const length = r.remaining
  if (length === 4 || length === 16) return { nextHop: ipRest.decode(r) }
  if (length === 32) return { nextHop: ipv6.decode(r), linkLocal: ipv6.decode(r) }
  if (length === 12 || length === 24) {
    const nextHopRd = routeDistinguisher.decode(r)
    return { nextHop: ipRest.decode(r), nextHopRd }
  }
  if (length !== 48) throw r.error('WIRE_LENGTH', `a next hop of ${length} octets`)
  const nextHopRd = routeDistinguisher.decode(r)
  const nextHop = ipv6.decode(r)
  r.take(8)
  return { nextHop, linkLocal: ipv6.decode(r), nextHopRd }
}

/** The inverse of decodeMpNextHop. A link-local address needs an IPv6 next hop beside it. */
export function encodeMpNextHop(w: Writer, value: MpNextHop): void {
  const { nextHop, linkLocal, nextHopRd } = value
  if (linkLocal !== undefined && ipFamily(nextHop) === 4) {
    throw new RangeError(`link-local ${linkLocal} beside ${nextHop}`)
  }
  for (const address of linkLocal === undefined ? [nextHop] : [nextHop, linkLocal]) {
    if (nextHopRd !== undefined) routeDistinguisher.encode(w, nextHopRd)
    ipRest.encode(w, address)
  }
}
