// What a network or an IP-VRF does with a route it imports.

import type { RouteTarget } from '../../net/index.js'
import type { EvpnRoute } from '../../wire/index.js'
import type { Path } from '../events.js'
import type { Facts } from '../facts.js'
import type { IpVrf } from '../ip-vrf.js'
import type { MacVrf } from '../mac-vrf.js'
import type { Segments } from '../segments.js'

/** Who imports routes. */
export type Importer = MacVrf | IpVrf

/** One per route type; without a part it means nothing there. */
export interface RouteMeaning<R extends EvpnRoute> {
  /** Its Ethernet tag says which network of a bundle it is about (RFC 7432 section 6.3). */
  readonly byTag?: true
  /** A VTEP of our own site says nothing new by it (RFC 4364 section 7). */
  readonly bySite?: true
  /** What says whose it is, where that is not its route targets. */
  readonly targets?: (facts: Facts) => readonly RouteTarget[]
  readonly network?: Part<MacVrf, R>
  readonly vrf?: Part<IpVrf, R>
  /** Whatever its route targets are. */
  readonly segments?: Part<Segments, R>
}

/** Both may be called for any route at any time, and again. */
interface Part<Target, R extends EvpnRoute> {
  /** The route is there, or has another path: `key` tells one route from another. */
  install(target: Target, key: string, route: R, path: Path): void
  /** The route is withdrawn, or no longer imported. */
  remove(target: Target, key: string): void
  /** Why the route can not be used, if so. Left out: nobody asks that of this type. Changes nothing. */
  refusal?(target: Target, route: R, path: Path): string | undefined
}
