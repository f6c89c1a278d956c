// The registry of families: which codec reads a family's NLRI. Families without a row keep their octets.

import type { Reader, Writer } from '../../codec.js'
import type { WireContext } from '../context.js'
import {
  type BrokenRoute,
  decodeEvpnRoutes,
  type EvpnRoute,
  encodeEvpnRoutes,
} from '../evpn/index.js'
import { type Family, isKnownFamily, type KnownFamily } from '../family.js'
import { decodeIpNlri, encodeIpNlri, type IpNlri } from './prefix.js'
import {
  decodeMemberships,
  encodeMemberships,
  type MembershipNlri,
} from './route-target-membership.js'

export type { IpNlri } from './prefix.js'
export {
  defaultMembership,
  type MembershipNlri,
  membershipKey,
} from './route-target-membership.js'

/** All NLRI of one attribute, of a family that cannot be read. */
export interface RawNlri {
  readonly octets: Uint8Array
}

/** The NLRI of a family. */
export type NlriOf<F extends Family> = F extends 'evpn'
  ? EvpnRoute
  : F extends 'ipv4' | 'ipv6'
    ? IpNlri
    : F extends 'rtc'
      ? MembershipNlri
      : RawNlri

export type Nlri = NlriOf<Family>

type OnBroken = (broken: BrokenRoute) => void

interface FamilyCodec<T> {
  decode(r: Reader, addPath: boolean, onBroken: OnBroken): readonly T[]
  encode(w: Writer, nlri: readonly T[], addPath: boolean): void
}

/** Adding a family is its codec and one line here (and its word in family.ts). */
const familyCodecs: { readonly [F in KnownFamily]: FamilyCodec<NlriOf<F>> } = {
  evpn: { decode: decodeEvpnRoutes, encode: encodeEvpnRoutes },
  ipv4: {
    decode: (r, addPath) => decodeIpNlri(r, 4, addPath),
    encode: (w, nlri, addPath) => encodeIpNlri(w, nlri, 4, addPath),
  },
  ipv6: {
    decode: (r, addPath) => decodeIpNlri(r, 6, addPath),
    encode: (w, nlri, addPath) => encodeIpNlri(w, nlri, 6, addPath),
  },
  rtc: { decode: decodeMemberships, encode: encodeMemberships },
}

/** NLRI until the octets end. Throws WireError when they cannot be told apart. */
export function decodeNlri(
  r: Reader,
  family: Family,
  ctx: WireContext,
  onBroken: OnBroken,
): readonly Nlri[] {
  if (isKnownFamily(family)) {
    return familyCodecs[family].decode(r, ctx.addPath.includes(family), onBroken)
  }
  return r.remaining === 0 ? [] : [{ octets: r.rest().slice() }]
}

/** The inverse of decodeNlri. */
export function encodeNlri(
  w: Writer,
  family: Family,
  nlri: readonly Nlri[],
  ctx: WireContext,
): void {
  if (isKnownFamily(family)) {
    const codec = familyCodecs[family] as FamilyCodec<Nlri>
    codec.encode(w, nlri, ctx.addPath.includes(family))
  } else {
    for (const { octets } of nlri as readonly RawNlri[]) w.bytes(octets)
  }
}
