// One way to reach a route: NLRI as the sender wrote it, attributes shared with all paths that have the same, and who
// it came from. 100 000 paths mean 100 000 of these, so everything that can be shared is.

import type { Ip } from '../net/index.js'
import type { PathAttributes } from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'

/** Where paths come from: one per session, one for ourselves. */
export interface PathSource {
  /** The peer's id; empty for routes of our own. */
  readonly peer: string
  readonly kind: 'local' | 'ibgp' | 'ebgp'
  /** The peer's address; our router id for routes of our own. */
  readonly address: Ip
  /** The peer's BGP Identifier. */
  readonly routerId: Ip
  /** A client of ours as route reflector. */
  readonly isClient: boolean
}

export class Path {
  readonly nlri: RouteNlri
  readonly set: AttributeSet
  readonly source: PathSource
  /** By which the source tells it from other paths of the route (RFC 7911). */
  readonly pathId: number
  /** When the UPDATE came that said so first, in seconds since 1970; 0: nobody knows, or it is our own. */
  readonly time: number

  constructor(nlri: RouteNlri, set: AttributeSet, source: PathSource, pathId = 0, time = 0) {
    this.nlri = nlri
    this.set = set
    this.source = source
    this.pathId = pathId
    this.time = time
  }

  get nextHop(): Ip {
    return this.set.nextHop
  }

  /** Without MP_REACH_NLRI, MP_UNREACH_NLRI and NEXT_HOP: those are `nlri` and `nextHop`. */
  get attributes(): PathAttributes {
    return this.set.attributes
  }

  /** Empty for a route of our own. */
  get peer(): string {
    return this.source.peer
  }

  get ebgp(): boolean {
    return this.source.kind === 'ebgp'
  }
}
