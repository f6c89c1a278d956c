// What two speakers agreed on that changes how octets are read. Directions may differ (ADD-PATH), so a session has
// one context for what it receives and one for what it sends.

import type { Family } from './family.js'

export interface WireContext {
  /** AS numbers in AS_PATH and AGGREGATOR have four octets (RFC 6793). */
  readonly fourOctetAs: boolean
  /** Families whose NLRI carry a path id in this direction (RFC 7911). */
  readonly addPath: readonly Family[]
  /** UPDATE, NOTIFICATION and ROUTE-REFRESH may have 65535 octets (RFC 8654). */
  readonly extendedMessages: boolean
  /** Whether the sender is in our AS; without it, rules that depend on it are not applied. */
  readonly isIbgp?: boolean
}

/** Before OPENs have been exchanged, and what tests start from. */
export const initialContext: WireContext = {
  fourOctetAs: true,
  addPath: [],
  extendedMessages: false,
}
