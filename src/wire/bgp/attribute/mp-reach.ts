// MP_REACH_NLRI (RFC 4760 section 3; malformed: RFC 7606 section 7.11).
//
//   +---------------------------------------------------------+
//   | Address Family Identifier (2 octets)                    |
//   +---------------------------------------------------------+
//   | Subsequent Address Family Identifier (1 octet)          |
//   +---------------------------------------------------------+
//   | Length of Next Hop Network Address (1 octet)            |
//   +---------------------------------------------------------+
//   | Network Address of Next Hop (variable)                  |
//   +---------------------------------------------------------+
//   | Reserved (1 octet)                                      |
//   +---------------------------------------------------------+
//   | Network Layer Reachability Information (variable)       |
//   +---------------------------------------------------------+

import {
  afiSafiOf,
  type Family,
  familyOf,
  isKnownFamily,
  type KnownFamily,
  type OtherFamily,
} from '../family.js'
import { updateError } from '../iana.js'
import { decodeNlri, encodeNlri, type NlriOf } from '../nlri/index.js'
import { type AttributeCodec, attributeClass, attributeType } from './attribute.js'
import { decodeMpNextHop, encodeMpNextHop, type MpNextHop } from './mp-next-hop.js'

/** Reachable routes of a family that can be read. */
export interface MpReachOf<F extends KnownFamily> extends MpNextHop {
  readonly family: F
  readonly nlri: readonly NlriOf<F>[]
}

/** Reachable routes of any other family: octets. */
export interface MpReachRaw {
  readonly family: OtherFamily
  readonly nextHop?: never
  readonly linkLocal?: never
  readonly nextHopRd?: never
  readonly nextHopOctets: Uint8Array
  readonly nlri: readonly NlriOf<OtherFamily>[]
}

/** Narrow it by `family`. */
export type MpReach =
  | MpReachOf<'evpn'>
  | MpReachOf<'ipv4'>
  | MpReachOf<'ipv6'>
  | MpReachOf<'rtc'>
  | MpReachRaw

const value: AttributeCodec<MpReach> = {
  shape: { kind: 'reach' },
  decode(r, ctx) {
    const family: Family = familyOf({ afi: r.u16(), safi: r.u8() })
    const hop = r.sub(r.u8())
    r.take(1)
    if (!isKnownFamily(family)) {
      const nextHopOctets = hop.rest().slice()
      return { family, nextHopOctets, nlri: decodeNlri(r, family, ctx, () => {}) } as MpReachRaw
    }
    const nextHop = decodeMpNextHop(hop)
    const nlri = decodeNlri(r, family, ctx, (broken) => ctx.onBrokenRoute(family, broken))
    return { family, ...nextHop, nlri } as MpReach
  },
  encode(w, reach, ctx) {
    const { afi, safi } = afiSafiOf(reach.family)
    w.u16(afi)
    w.u8(safi)
    w.prefixed(1, () => {
      if (reach.nextHop === undefined) w.bytes(reach.nextHopOctets)
      else encodeMpNextHop(w, reach)
    })
    w.u8(0)
    encodeNlri(w, reach.family, reach.nlri, ctx)
  },
}

export const mpReach = attributeType({
  code: 14,
  name: 'mpReach',
  flags: attributeClass.optional,
  onMalformed: 'disable-afi-safi',
  subcode: updateError.optionalAttributeError,
  value,
})
