// What each route type means. A type that is added to wire has to be named here.

import type { EvpnRoute } from '../../wire/index.js'
import type { Path } from '../events.js'
import type { MacVrf } from '../mac-vrf.js'
import { imet } from './imet.js'
import { kept } from './kept.js'
import { macIp } from './mac-ip.js'
import type { RouteMeaning } from './meaning.js'

type RouteOf<Name extends EvpnRoute['type']> = Extract<EvpnRoute, { readonly type: Name }>

export const meanings = {
  ead: kept,
  macIp,
  imet,
  es: kept,
  prefix: kept,
  opaque: kept,
} satisfies { readonly [Name in EvpnRoute['type']]: RouteMeaning<RouteOf<Name>> }

export function install(vrf: MacVrf, key: string, route: EvpnRoute, path: Path): void {
  const meaning: RouteMeaning<never> = meanings[route.type]
  meaning.install(vrf, key, route as never, path)
}

export function remove(vrf: MacVrf, key: string, route: EvpnRoute): void {
  meanings[route.type].remove(vrf, key)
}
