// Route Target membership NLRI (RFC 4684 section 4): a prefix of origin AS and route target. "Give me routes whose
// route target begins like this."
//
//   +-------------------------------+
//   | length in bits (1)            |   0: every route; else 32 to 96
//   +-------------------------------+
//   | origin AS (4)                 |
//   +-------------------------------+
//   | route target (8, or less)     |   an extended community, also an ES-Import one (RFC 7432 section 7.6)
//   +-------------------------------+

import { hexFromBytes, hexToBytes } from '../../../net/index.js'
import type { Reader, Writer } from '../../codec.js'
import type { WithPathId } from '../evpn/index.js'

export interface MembershipNlri extends WithPathId {
  /** 0 for every route target, else the AS that wants the routes. */
  readonly originAs: number
  /** Sixteen digits of hex: the octets of the extended community; what `bits` does not cover is 0. */
  readonly target: string
  /** Of AS and target, how many count: 0 or 32 to 96. */
  readonly bits: number
}

const OCTETS = 12
const AS_BITS = 32

/** Everything: the default route target. */
export const defaultMembership: MembershipNlri = { originAs: 0, target: '0'.repeat(16), bits: 0 }

/** Memberships until the octets end. Throws WireError for a length that no membership has. */
export function decodeMemberships(r: Reader, addPath: boolean): readonly MembershipNlri[] {
  const nlri: MembershipNlri[] = []
  while (r.remaining > 0) {
    const pathId = addPath ? r.u32() : undefined
    const bits = r.u8()
    if (bits > 8 * OCTETS || (bits > 0 && bits < AS_BITS)) {
      throw r.error('WIRE_LENGTH', `a route target membership of ${bits} bits`)
    }
    const octets = new Uint8Array(OCTETS)
    octets.set(r.bytes((bits + 7) >> 3))
    if (bits % 8 !== 0) octets[bits >> 3]! &= 0xff << (8 - (bits % 8))
    const originAs = new DataView(octets.buffer).getUint32(0)
    const membership = { originAs, target: hexFromBytes(octets.subarray(4)), bits }
    nlri.push(pathId === undefined ? membership : { ...membership, pathId })
  }
  return nlri
}

/** The inverse of decodeMemberships; `pathId` defaults to 0 when `addPath`. */
export function encodeMemberships(
  w: Writer,
  nlri: readonly MembershipNlri[],
  addPath: boolean,
): void {
  for (const { originAs, target, bits, pathId } of nlri) {
    if (addPath) w.u32(pathId ?? 0)
    const octets = new Uint8Array(OCTETS)
    new DataView(octets.buffer).setUint32(0, originAs)
    octets.set(hexToBytes(target)!, 4)
    w.u8(bits)
    w.bytes(octets.subarray(0, (bits + 7) >> 3))
  }
}

/** What tells memberships apart, and names them: "65000:0002fde800002774/96". */
export function membershipKey({ originAs, target, bits }: MembershipNlri): string {
  return `${originAs}:${target}/${bits}`
}
