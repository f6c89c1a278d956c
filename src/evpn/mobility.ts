// MAC mobility (RFC 7432 section 15): who of several that claim a MAC has it, and which sequence number comes next.

import { compareIp, type Esi, type Ip, ZERO_ESI } from '../net/index.js'

/** Somebody says that a MAC is behind a VTEP. */
export interface Claim {
  readonly vtep: Ip
  /** Of the MAC Mobility community; 0 without one (section 7.7). */
  readonly sequence: number
  /** Static: "the MAC address must not be moved" (section 15.2). */
  readonly sticky: boolean
  /** Ethernet segment that the MAC is behind, or ZERO_ESI. */
  readonly esi: Esi
}

/** Behind the same segment, whichever of its VTEPs say so: that is no move (section 15). */
export function sameSegment(a: Claim, b: Claim): boolean {
  return a.esi === b.esi && a.esi !== ZERO_ESI
}

export function samePlace(a: Claim, b: Claim): boolean {
  return a.esi === b.esi && (a.esi !== ZERO_ESI || a.vtep === b.vtep)
}

/** Sequence numbers do not wrap: a MAC that has come so far stays there, and the lowest VTEP has it. */
export const MAX_SEQUENCE = 0xffffffff

export function nextSequence(sequence: number): number {
  return sequence < MAX_SEQUENCE ? sequence + 1 : MAX_SEQUENCE
}

/**
 * Positive when `a` has the MAC, negative when `b` has it, zero for the same word of the same VTEP. A static claim
 * goes before a moving one (RFC 7432 leaves it open, FRR does so), then the higher sequence number, then "the PE with
 * the lowest IP address". VTEPs are compared, never the BGP peers that told of them.
 */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.sticky !== b.sticky) return a.sticky ? 1 : -1
  if (a.sequence !== b.sequence) return a.sequence - b.sequence
  return compareIp(b.vtep, a.vtep)
}
