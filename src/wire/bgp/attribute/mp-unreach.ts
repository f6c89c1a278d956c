// MP_UNREACH_NLRI (RFC 4760 section 4; malformed: RFC 7606 section 7.12). Without NLRI and with nothing beside it in
// the UPDATE it is the family's End-of-RIB (RFC 4724 section 2).
//
//   +---------------------------------------------------------+
//   | Address Family Identifier (2 octets)                    |
//   +---------------------------------------------------------+
//   | Subsequent Address Family Identifier (1 octet)          |
//   +---------------------------------------------------------+
//   | Withdrawn Routes (variable)                             |
//   +---------------------------------------------------------+

import { afiSafiOf, type Family, familyOf } from '../family.js'
import { updateError } from '../iana.js'
import { decodeNlri, encodeNlri, type NlriOf } from '../nlri/index.js'
import { type AttributeCodec, attributeClass, attributeType } from './attribute.js'

/** Withdrawn routes. */
export interface MpUnreachOf<F extends Family> {
  readonly family: F
  readonly nlri: readonly NlriOf<F>[]
}

/** Narrow it by `family`. */
export type MpUnreach =
  | MpUnreachOf<'evpn'>
  | MpUnreachOf<'ipv4'>
  | MpUnreachOf<'ipv6'>
  | MpUnreachOf<'rtc'>
  | MpUnreachOf<`${number}/${number}`>

const value: AttributeCodec<MpUnreach> = {
  shape: { kind: 'unreach' },
  decode(r, ctx) {
    const family: Family = familyOf({ afi: r.u16(), safi: r.u8() })
    const nlri = decodeNlri(r, family, ctx, (broken) => ctx.onBrokenRoute(family, broken))
    return { family, nlri } as MpUnreach
  },
  encode(w, unreach, ctx) {
    const { afi, safi } = afiSafiOf(unreach.family)
    w.u16(afi)
    w.u8(safi)
    encodeNlri(w, unreach.family, unreach.nlri, ctx)
  },
}

export const mpUnreach = attributeType({
  code: 15,
  name: 'mpUnreach',
  flags: attributeClass.optional,
  onMalformed: 'disable-afi-safi',
  subcode: updateError.optionalAttributeError,
  value,
})
