// What a peer wants of the family evpn (RFC 4684), and whether it has said all of it: until then evpn waits.

import type { MembershipNlri } from '../wire/index.js'
import type { AdjRibIn } from './adj-rib-in.js'
import { RouteTargetFilter } from './route-target-filter.js'

export class Demand {
  /** The peer has not said all that it wants. */
  isAwaited = true
  readonly #memberships: AdjRibIn
  /** Undefined when it is to be worked out again. */
  #filter: RouteTargetFilter | undefined

  constructor(memberships: AdjRibIn) {
    this.#memberships = memberships
  }

  /** After the peer's memberships have changed. */
  changed(): void {
    this.#filter = undefined
  }

  get filter(): RouteTargetFilter {
    this.#filter ??= new RouteTargetFilter(usable(this.#memberships))
    return this.#filter
  }
}

function* usable(memberships: AdjRibIn): Generator<MembershipNlri> {
  for (const { path, rejected } of memberships.received()) {
    if (rejected === undefined) yield path.nlri as MembershipNlri
  }
}
