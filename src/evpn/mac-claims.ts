// Who says that a MAC is where, and what an answer for its addresses says.

import type { Ip, Mac } from '../net/index.js'
import { type Claim, compareClaims } from './mobility.js'

/** What an answer for an address says beside the MAC: the R and O flags (RFC 4861 section 4.4, RFC 9047). */
export interface AnswerFlags {
  readonly router: boolean
  /** Hosts may replace what they know. */
  readonly override: boolean
}

/** Of an ordinary host. */
export const PLAIN: AnswerFlags = { router: false, override: true }

/** A MAC/IP route of another VTEP. */
export interface RemoteClaim extends Claim, AnswerFlags {
  readonly mac: Mac
  readonly ip: Ip | undefined
  /** Where it is in the lists of its MAC and its IP; theirs to change. */
  macSlot: number
  ipSlot: number
}

export interface LocalClaim extends Claim {
  readonly port: number
  readonly bound: boolean
}

/** The best claim; as good as one that has just gone is as good as it gets. */
export function bestOf(claims: readonly RemoteClaim[], gone: RemoteClaim): RemoteClaim | undefined {
  let best: RemoteClaim | undefined
  for (const claim of claims) {
    if (best === undefined || compareClaims(claim, best) > 0) best = claim
    if (compareClaims(best, gone) === 0) break
  }
  return best
}

export function sameClaim(a: Claim | undefined, b: Claim | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const isSame = a.vtep === b.vtep && a.sequence === b.sequence && a.sticky === b.sticky
  return isSame && a.esi === b.esi
}
