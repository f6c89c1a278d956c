// What a network does with a route it imports.

import type { EvpnRoute } from '../../wire/index.js'
import type { Path } from '../events.js'
import type { MacVrf } from '../mac-vrf.js'

/** One per route type. Both may be called for any route at any time, and again. */
export interface RouteMeaning<R extends EvpnRoute> {
  /** The route is there, or has another path: `key` tells one route from another. */
  install(vrf: MacVrf, key: string, route: R, path: Path): void
  /** The route is withdrawn, or no longer imported. */
  remove(vrf: MacVrf, key: string): void
}
