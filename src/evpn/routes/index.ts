// What each route type means. A type that is added to wire has to be named here.

import type { RouteTarget } from '../../net/index.js'
import type { EvpnRoute } from '../../wire/index.js'
import type { Path } from '../events.js'
import { factsOf } from '../facts.js'
import { IpVrf } from '../ip-vrf.js'
import type { MacVrf } from '../mac-vrf.js'
import type { Segments } from '../segments.js'
import { ead } from './ead.js'
import { es } from './es.js'
import { imet } from './imet.js'
import { kept } from './kept.js'
import { macIp } from './mac-ip.js'
import type { Importer, RouteMeaning } from './meaning.js'
import { prefix } from './prefix.js'
import { smet } from './smet.js'
import { joinSynch, leaveSynch } from './synch.js'

type RouteOf<Name extends EvpnRoute['type']> = Extract<EvpnRoute, { readonly type: Name }>

export const meanings = {
  ead,
  macIp,
  imet,
  es,
  prefix,
  smet,
  joinSynch,
  leaveSynch,
  opaque: kept,
} satisfies { readonly [Name in EvpnRoute['type']]: RouteMeaning<RouteOf<Name>> }

export type { Importer } from './meaning.js'

/** Who imports the route. */
export function targetsOf(route: EvpnRoute, { attributes }: Path): readonly RouteTarget[] {
  const facts = factsOf(attributes)
  const meaning: RouteMeaning<never> = meanings[route.type]
  return meaning.targets?.(facts) ?? facts.targets
}

export function install(target: Importer, key: string, route: EvpnRoute, path: Path): void {
  const meaning: RouteMeaning<never> = meanings[route.type]
  if (target instanceof IpVrf) meaning.vrf?.install(target, key, route as never, path)
  else if (!isAbout(target, meaning, route, path)) meaning.network?.remove(target, key)
  else meaning.network?.install(target, key, route as never, path)
}

/** Why an importer can not use the route, or undefined: as `install` decides, and without consequences. */
export function refusalOf(target: Importer, route: EvpnRoute, path: Path): string | undefined {
  const meaning: RouteMeaning<never> = meanings[route.type]
  if (target instanceof IpVrf) return meaning.vrf?.refusal?.(target, route as never, path)
  if (!isAbout(target, meaning, route, path))
    return 'it is about another network of the bundle, or from a VTEP of our own site'
  return meaning.network?.refusal?.(target, route as never, path)
}

function isAbout(
  network: MacVrf,
  { byTag, bySite }: RouteMeaning<never>,
  route: EvpnRoute,
  { attributes }: Path,
): boolean {
  if (byTag && 'ethernetTag' in route && !network.hasTag(route.ethernetTag)) return false
  return !bySite || !network.isOfOurSite(factsOf(attributes))
}

export function remove(target: Importer, key: string, route: EvpnRoute): void {
  const meaning: RouteMeaning<never> = meanings[route.type]
  if (target instanceof IpVrf) meaning.vrf?.remove(target, key)
  else meaning.network?.remove(target, key)
}

/** The same for what is true of Ethernet segments, whoever imports the route. */
export function installSegment(
  segments: Segments,
  key: string,
  route: EvpnRoute,
  path: Path,
): void {
  const meaning: RouteMeaning<never> = meanings[route.type]
  meaning.segments?.install(segments, key, route as never, path)
}

export function removeSegment(segments: Segments, key: string, route: EvpnRoute): void {
  const meaning: RouteMeaning<never> = meanings[route.type]
  meaning.segments?.remove(segments, key)
}
