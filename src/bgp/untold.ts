// Why a peer has not been told a route: what the speaker decides silently, in words.

import type { AdjRibOut } from './adj-rib-out.js'
import type { Demand } from './demand.js'
import { Filter } from './filter.js'
import type { Path } from './path.js'
import type { FilterRule } from './settings.js'

/** What decides which routes of one family a peer is told. */
export interface Telling {
  readonly out: AdjRibOut
  /** Nothing is told before the peer has said what it wants. */
  readonly isHeld: boolean
  /** Undefined: it wants all. */
  readonly demand: Demand | undefined
  readonly filterOut: readonly FilterRule[] | undefined
}

/** Undefined when the peer knows the route. `best` is its path in the loc-rib. */
export function untold(
  { out, isHeld, demand, filterOut }: Telling,
  key: string,
  best: Path,
): string | undefined {
  if (out.has(key)) return undefined
  if (isHeld) return 'it has not said yet which route targets it wants (RFC 4684)'
  if (demand?.filter.wants(best.set) === false)
    return 'it wants none of its route targets (RFC 4684)'
  const rule = filterOut && new Filter(filterOut).refuses(best.nlri, best.set)
  if (rule !== undefined) return `rule ${rule} of filterOut refuses it`
  if (out.pending > 0) return 'it waits to be sent'
  return 'a community, the iBGP rule or its length forbids it'
}
