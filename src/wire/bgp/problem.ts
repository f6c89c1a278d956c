// What was wrong with a message, and what RFC 7606 wants done about it.

import type { Family } from './family.js'
import type { Nlri } from './nlri/index.js'

/** RFC 7606 section 2, from mild to severe. */
export type Verdict =
  | 'attribute-discard'
  | 'treat-as-withdraw'
  | 'disable-afi-safi'
  | 'session-reset'

/** Error code, subcode and data for a NOTIFICATION (RFC 4271 section 4.5). */
export interface ErrorReport {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

/** One thing wrong with a received message. */
export interface Problem {
  /** The attribute's (or capability's, or message field's) name; "attribute 99" without a row. */
  readonly attribute: string
  readonly verdict: Verdict
  /** The family to disable, or that `route` belongs to. */
  readonly family?: Family
  /**
   * Set when the verdict is about this one route alone. It is not among the message's NLRI; an opaque route is one
   * whose key could not be read, so nothing can be withdrawn for it.
   */
  readonly route?: Nlri
  /** What to send if the session is reset; always there for 'disable-afi-safi' and 'session-reset'. */
  readonly notification?: ErrorReport
  /** A sentence for the log. */
  readonly text: string
}

const severity: { readonly [V in Verdict]: number } = {
  'attribute-discard': 0,
  'treat-as-withdraw': 1,
  'disable-afi-safi': 2,
  'session-reset': 3,
}

/**
 * The severest verdict that concerns the whole message, or undefined when there is none: route-level problems do not
 * count (RFC 7606 section 3: "the error handling with the strongest action").
 */
export function worstVerdict(problems: readonly Problem[]): Verdict | undefined {
  let worst: Verdict | undefined
  for (const { verdict, route } of problems) {
    if (route !== undefined) continue
    if (worst === undefined || severity[verdict] > severity[worst]) worst = verdict
  }
  return worst
}

/** The octets of the UPDATE error's data field, or none. */
export const noData = new Uint8Array(0)
