// One IP-VRF (L3 VNI): which prefixes lead where (RFC 9135, RFC 9136). What the host itself has comes first: its
// gateways, the networks behind them, routes of the configuration. Then hosts by their MAC/IP routes, then prefixes. Of
// equally good paths all are used.
//
// As in a MAC-VRF, words are taken at once and consequences follow in `settle`.

import { type RouteHop, type RouteState, routeKey } from '../fib/index.js'
import {
  type Ip,
  ipFamily,
  type Mac,
  type Prefix,
  prefixContains,
  type RouteDistinguisher,
  type RouteTarget,
} from '../net/index.js'
import type { Notice, NoticeKind, PrefixView, VrfSettings, VrfView } from './events.js'
import type { Output } from './output.js'
import { type Derivation, profiles } from './profiles.js'
import { prefixRoute } from './routes/prefix.js'

/** So many paths of one prefix are used. */
const MAX_PATHS = 16

/** A route of another VTEP, as a path to a prefix. */
export interface RoutedClaim {
  readonly prefix: Prefix
  /** Or the host that it leads by way of, in whichever network of ours that is. */
  readonly hop: RouteHop | { readonly gateway: Ip }
  /** Higher is better, the first that differs decides; equal ones share the flows. */
  readonly rank: readonly number[]
}

/** What the host has by itself. */
interface LocalRoute {
  readonly hop: RouteHop
  /** Announced as type 5. */
  readonly announced: boolean
}

interface Entry {
  readonly prefix: Prefix
  readonly locals: Map<string, LocalRoute>
  readonly claims: Map<string, RoutedClaim>
  installed: readonly RouteState[]
  announced: boolean
}

export interface IpVrfSurroundings {
  readonly out: Output
  readonly derivation: Derivation
  readonly vtep: Ip
  readonly routerMac: Mac
}

export class IpVrf {
  readonly vni: number
  readonly #around: IpVrfSurroundings
  readonly #entries = new Map<Prefix, Entry>()
  readonly #byKey = new Map<string, Entry>()
  readonly #dirty = new Set<Entry>()
  /** Those with paths by way of a host. */
  readonly #viaHosts = new Set<Entry>()
  /** Addresses of hosts that are here, by the number of networks that say so. */
  readonly #here = new Map<Ip, number>()
  #settings: VrfSettings
  #rd: RouteDistinguisher
  #silent = false
  #address4: Ip | undefined
  #address6: Ip | undefined

  constructor(settings: VrfSettings, rd: RouteDistinguisher, around: IpVrfSurroundings) {
    this.vni = settings.vni
    this.#settings = settings
    this.#rd = rd
    this.#around = around
    this.#setNetwork()
  }

  get importTargets(): readonly string[] {
    const { profile, asn } = this.#derivation
    return this.#settings.importTargets ?? profiles[profile].imported(asn, this.vni)
  }

  get exportTargets(): readonly RouteTarget[] {
    const { profile, asn } = this.#derivation
    return this.#settings.exportTargets ?? [profiles[profile].exported(asn, this.vni)]
  }

  get #derivation(): Derivation {
    return this.#settings.derivation ?? this.#around.derivation
  }

  get routerMac(): Mac {
    return this.#around.routerMac
  }

  get vtep(): Ip {
    return this.#around.vtep
  }

  /** New settings of the same VNI. Whose routes it imports is the caller's business. */
  change(settings: VrfSettings, rd: RouteDistinguisher): void {
    this.#retractAll()
    this.#settings = settings
    this.#rd = rd
    for (const entry of this.#entries.values()) this.#dirty.add(entry)
  }

  /** Withdraws everything and never says anything again. */
  silence(): void {
    this.#silent = true
    this.#retractAll()
  }

  /** Senders of ICMP errors about what comes from other VTEPs. */
  setAddresses(address4: Ip | undefined, address6: Ip | undefined): void {
    this.#address4 = address4
    this.#address6 = address6
    this.#setNetwork()
  }

  /** A route that the host has by itself; `source` tells who says so. */
  setLocal(source: string, prefix: Prefix, hop: RouteHop, announced: boolean): void {
    const entry = this.#obtain(prefix)
    entry.locals.set(source, { hop, announced })
    this.#localsChanged(entry)
  }

  deleteLocal(source: string, prefix: Prefix): void {
    const entry = this.#entries.get(prefix)
    if (entry?.locals.delete(source)) this.#localsChanged(entry)
  }

  /** A host that others lead by way of may be in another network now. */
  #localsChanged(entry: Entry): void {
    this.#dirty.add(entry)
    for (const each of this.#viaHosts) this.#dirty.add(each)
  }

  /** A host of this address is here, or not any more: routes to it by other VTEPs are out of date while it is. */
  setHere(ip: Ip, isHere: boolean): void {
    const count = (this.#here.get(ip) ?? 0) + (isHere ? 1 : -1)
    if (count > 0) this.#here.set(ip, count)
    else this.#here.delete(ip)
    const entry = this.#entries.get(hostPrefix(ip))
    if (entry !== undefined) this.#dirty.add(entry)
  }

  /** The network of ours that an address is in. */
  #networkOf(ip: Ip): number | undefined {
    for (const { prefix, locals } of this.#entries.values()) {
      for (const { hop } of locals.values()) {
        if (hop.kind === 'connected' && prefixContains(prefix, ip)) return hop.vni
      }
    }
    return undefined
  }

  claim(key: string, claim: RoutedClaim): void {
    const before = this.#byKey.get(key)
    if (before !== undefined && before.prefix !== claim.prefix) this.unclaim(key)
    const entry = this.#obtain(claim.prefix)
    entry.claims.set(key, claim)
    if ('gateway' in claim.hop) this.#viaHosts.add(entry)
    this.#byKey.set(key, entry)
    this.#dirty.add(entry)
  }

  unclaim(key: string): void {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return
    entry.claims.delete(key)
    this.#byKey.delete(key)
    this.#dirty.add(entry)
  }

  settle(): void {
    for (const entry of this.#dirty) this.#settle(entry)
    this.#dirty.clear()
  }

  /** Before the networks that its routes lead into go, and before itself. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#install(entry, [])
    this.#entries.clear()
    this.#byKey.clear()
    this.#viaHosts.clear()
    this.#dirty.clear()
  }

  complain(kind: NoticeKind, text: string, fields: Notice['fields']): void {
    this.#around.out.complain(kind, text, fields)
  }

  view(): VrfView {
    const { name } = this.#settings
    let paths = 0
    for (const { installed } of this.#entries.values()) paths += installed.length
    return {
      name,
      vni: this.vni,
      rd: this.#rd,
      importTargets: this.importTargets,
      exportTargets: this.exportTargets,
      routerMac: this.routerMac,
      prefixes: this.#entries.size,
      paths,
    }
  }

  *prefixViews(): Generator<PrefixView> {
    for (const { installed } of this.#entries.values()) {
      for (const route of installed) yield { ...route, vrfName: this.#settings.name }
    }
  }

  #obtain(prefix: Prefix): Entry {
    let entry = this.#entries.get(prefix)
    if (entry === undefined) {
      entry = { prefix, locals: new Map(), claims: new Map(), installed: [], announced: false }
      this.#entries.set(prefix, entry)
    }
    return entry
  }

  #settle(entry: Entry): void {
    this.#install(entry, this.#choose(entry))
    const announced = [...entry.locals.values()].some((route) => route.announced)
    if (announced && !entry.announced && !this.#silent) this.#announce(entry)
    if (!announced && entry.announced) this.#retract(entry)
    if (entry.locals.size > 0 || entry.claims.size > 0) return
    this.#entries.delete(entry.prefix)
    this.#viaHosts.delete(entry)
  }

  /** What is used now, without repetitions. */
  #choose({ prefix, locals, claims }: Entry): readonly RouteState[] {
    const [local] = locals.values()
    if (local !== undefined) return [this.#route(prefix, local.hop)]
    if (isHere(this.#here, prefix)) return []
    let best: { readonly hop: RouteHop; readonly rank: readonly number[] }[] = []
    for (const { hop: said, rank } of claims.values()) {
      const hop = 'gateway' in said ? this.#byWayOf(said.gateway) : said
      if (hop === undefined) continue
      const order = best.length === 0 ? 1 : compareRanks(rank, best[0]!.rank)
      if (order > 0) best = [{ hop, rank }]
      else if (order === 0) best.push({ hop, rank })
    }
    const routes = new Map<string, RouteState>()
    for (const { hop } of best) {
      const route = this.#route(prefix, hop)
      routes.set(routeKey(route), route)
    }
    // Sorted, so that it does not depend on the order of arrival which of too many are used.
    const sorted = [...routes].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.slice(0, MAX_PATHS).map(([, route]) => route)
  }

  /** Undefined while the host is in no network of ours: the route waits (RFC 9136 section 4.1). */
  #byWayOf(via: Ip): RouteHop | undefined {
    const vni = this.#networkOf(via)
    return vni === undefined ? undefined : { kind: 'gateway', vni, via }
  }

  #route(prefix: Prefix, hop: RouteHop): RouteState {
    return { vrf: this.vni, prefix, ...hop }
  }

  /** New paths before old ones go, so that the prefix is never without. */
  #install(entry: Entry, routes: readonly RouteState[]): void {
    const { out } = this.#around
    const wanted = new Set(routes.map(routeKey))
    for (const route of routes) out.change({ op: 'routeAdd', ...route })
    for (const route of entry.installed) {
      if (!wanted.has(routeKey(route))) out.change({ op: 'routeRemove', ...route })
    }
    entry.installed = routes
  }

  #announce(entry: Entry): void {
    this.#around.out.originate(prefixRoute(this.#identity(), entry.prefix))
    entry.announced = true
  }

  #retract(entry: Entry): void {
    if (!entry.announced) return
    this.#around.out.withdraw(prefixRoute(this.#identity(), entry.prefix).nlri)
    entry.announced = false
  }

  #retractAll(): void {
    for (const entry of this.#entries.values()) this.#retract(entry)
  }

  #identity() {
    const { vni, vtep, routerMac, exportTargets } = this
    return { vni, vtep, routerMac, exportTargets, rd: this.#rd }
  }

  #setNetwork(): void {
    const { vni, routerMac } = this
    this.#around.out.change({
      op: 'networkSet',
      vni,
      suppress: false,
      agingSeconds: 0,
      vrf: vni,
      routerMac,
      ...(this.#address4 === undefined ? {} : { address4: this.#address4 }),
      ...(this.#address6 === undefined ? {} : { address6: this.#address6 }),
    })
  }
}

/** The prefix of one host. */
export function hostPrefix(ip: Ip): Prefix {
  return `${ip}/${ipFamily(ip) === 4 ? 32 : 128}`
}

function isHere(here: ReadonlyMap<Ip, number>, prefix: Prefix): boolean {
  const slash = prefix.indexOf('/')
  const ip = prefix.slice(0, slash)
  return here.has(ip) && hostPrefix(ip) === prefix
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
