// One IP-VRF (L3 VNI): which prefixes lead where (RFC 9135, RFC 9136). What the host itself has comes first: its
// gateways, the networks behind them, routes of the configuration. Then hosts by their MAC/IP routes, then prefixes. Of
// equally good paths all are used.
//
// As in a MAC-VRF, words are taken at once and consequences follow in `settle`.

import { type RouteHop, type RouteState, routeKey } from '../fib/index.js'
import {
  type Esi,
  type Ip,
  ipFamily,
  ipToBytes,
  type Mac,
  macFromBytes,
  type Prefix,
  prefixContains,
  type RouteDistinguisher,
  type RouteTarget,
  splitPrefix,
} from '../net/index.js'
import type { Notice, NoticeKind, PrefixView, StaticRoute, VrfSettings, VrfView } from './events.js'
import type { Output } from './output.js'
import {
  GATEWAYS,
  indicesOf,
  type Leads,
  Overlay,
  type OverlaySurroundings,
  ROUTERS,
} from './overlay.js'
import { type Derivation, profiles } from './profiles.js'
import { erase, insert } from './route-targets.js'
import { prefixRoute } from './routes/prefix.js'

/** So many paths of one prefix are used. */
const MAX_PATHS = 16

/** A route that is imported, as a path to a prefix. */
export interface RoutedClaim {
  readonly prefix: Prefix
  readonly hop: Leads
  /** Higher is better, the first that differs decides; equal ones share the flows. */
  readonly rank: readonly number[]
}

/** What the host has by itself. */
interface LocalRoute {
  readonly hop: Leads
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

export interface IpVrfSurroundings extends OverlaySurroundings {
  readonly out: Output
  readonly derivation: Derivation
  readonly vtep: Ip
  readonly routerMac: Mac
  /** Where another IP-VRF of ours leads a prefix of its own. */
  readonly leadOf: (rd: RouteDistinguisher, prefix: Prefix) => RouteHop | undefined
  /** This one may lead a prefix of its own somewhere else: and so others that import it. */
  readonly onLocals: (vrf: IpVrf, prefix: Prefix) => void
  /** It wants to be settled in this step. */
  readonly onUnsettled: (vrf: IpVrf) => void
}

const STATIC = 'configuration'

export class IpVrf {
  readonly vni: number
  readonly #around: IpVrfSurroundings
  readonly #entries = new Map<Prefix, Entry>()
  readonly #byKey = new Map<string, Entry>()
  readonly #dirty = new Set<Entry>()
  readonly overlay: Overlay
  /** Those with paths that do not say themselves where they lead, by what does. */
  readonly #byIndex = new Map<string, Set<Entry>>()
  /** Addresses of hosts that are here, by the number of networks that say so. */
  readonly #here = new Map<Ip, number>()
  #settings: VrfSettings
  #rd: RouteDistinguisher
  #silent = false
  /** Addresses of its gateways. */
  readonly #own = new Set<Ip>()
  #isOwnChanged = false
  /** Of the networks behind them; hosts that are networks of their own apart. */
  readonly #subnets = new Map<Prefix, number>()
  readonly #hosts = new Map<Prefix, number>()

  constructor(settings: VrfSettings, rd: RouteDistinguisher, around: IpVrfSurroundings) {
    this.vni = settings.vni
    this.#settings = settings
    this.#rd = rd
    this.#around = around
    this.overlay = new Overlay(settings.vni, around, (index) => this.#touchAll(index))
    this.#setNetwork()
    this.#setStatics([], settings.routes ?? [])
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

  get rd(): RouteDistinguisher {
    return this.#rd
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
    const before = this.#settings.routes ?? []
    this.#settings = settings
    this.#rd = rd
    this.#setStatics(before, settings.routes ?? [])
    for (const entry of this.#entries.values()) this.#touch(entry)
  }

  /** Withdraws everything and never says anything again. */
  silence(): void {
    this.#silent = true
    this.#retractAll()
  }

  /** A route that the host has by itself; `source` tells who says so. */
  setLocal(source: string, prefix: Prefix, hop: Leads, announced: boolean): void {
    const entry = this.#obtain(prefix)
    const before = entry.locals.get(source)?.hop
    entry.locals.set(source, { hop, announced })
    this.#index(entry, hop, before)
    this.#localsChanged(entry, hop, true)
  }

  deleteLocal(source: string, prefix: Prefix): void {
    const entry = this.#entries.get(prefix)
    const removed = entry?.locals.get(source)
    if (entry === undefined || removed === undefined) return
    entry.locals.delete(source)
    this.#index(entry, undefined, removed.hop)
    this.#localsChanged(entry, removed.hop, false)
  }

  #localsChanged(entry: Entry, hop: Leads, is: boolean): void {
    const { prefix } = entry
    this.#ownChanged(entry)
    if (!('kind' in hop)) return
    const { address } = splitPrefix(prefix)
    if (hop.kind === 'own') {
      if (is) this.#own.add(address)
      else this.#own.delete(address)
      this.#isOwnChanged = true
    } else if (hop.kind === 'connected') {
      const isHost = hostPrefix(address) === prefix
      const subnets = isHost ? this.#hosts : this.#subnets
      if (is) subnets.set(prefix, hop.vni)
      else subnets.delete(prefix)
      for (const each of this.#byIndex.get(isHost ? address : GATEWAYS) ?? [])
        this.#ownChanged(each)
    }
  }

  /** And with it, where other IP-VRFs of ours lead what they import of us. */
  #ownChanged(entry: Entry): void {
    this.#touch(entry)
    this.#around.onLocals(this, entry.prefix)
  }

  /** Another one of ours may lead its prefix somewhere else. */
  originChanged(prefix: Prefix): void {
    const entry = this.#entries.get(prefix)
    const isImported = entry && [...entry.claims.values()].some(({ hop }) => 'origin' in hop)
    if (isImported) this.#touch(entry)
  }

  /** Other networks than before are in it. */
  networksChanged(): void {
    for (const index of this.#byIndex.keys()) this.#touchAll(index)
  }

  /** The host with this MAC is somewhere else. */
  macChanged(mac: Mac): void {
    this.#touchAll(mac)
  }

  /** Where a prefix of our own leads; our addresses are nobody else's. */
  leadOf(prefix: Prefix): RouteHop | undefined {
    const hop = this.#localOf(this.#entries.get(prefix))
    return hop?.kind === 'own' ? undefined : hop
  }

  /** A host of this address is here, or not any more: routes to it by other VTEPs are out of date while it is. */
  setHere(ip: Ip, isHere: boolean): void {
    const count = (this.#here.get(ip) ?? 0) + (isHere ? 1 : -1)
    if (count > 0) this.#here.set(ip, count)
    else this.#here.delete(ip)
    const entry = this.#entries.get(hostPrefix(ip))
    if (entry !== undefined) this.#touch(entry)
  }

  /** The network of ours that an address is in. */
  #networkOf(ip: Ip): number | undefined {
    const vni = this.#hosts.get(hostPrefix(ip))
    if (vni !== undefined) return vni
    for (const [prefix, each] of this.#subnets) if (prefixContains(prefix, ip)) return each
    return undefined
  }

  claim(key: string, claim: RoutedClaim): void {
    const before = this.#byKey.get(key)
    if (before !== undefined && before.prefix !== claim.prefix) this.unclaim(key)
    const entry = this.#obtain(claim.prefix)
    const known = entry.claims.get(key)?.hop
    entry.claims.set(key, claim)
    this.#byKey.set(key, entry)
    this.#claimed(entry, claim.hop, known)
  }

  #claimed(entry: Entry, now: Leads | undefined, before: Leads | undefined): void {
    if (now !== undefined) this.overlay.count(now, 1)
    if (before !== undefined) this.overlay.count(before, -1)
    this.#index(entry, now, before)
    this.#touch(entry)
  }

  /** A path of the entry leads there now, and not any more where it led before. */
  #index(entry: Entry, now: Leads | undefined, before: Leads | undefined): void {
    if (now !== undefined) for (const index of indicesOf(now)) insert(this.#byIndex, index, entry)
    const gone = before === undefined ? [] : indicesOf(before)
    if (gone.length === 0) return
    const all = [...entry.claims.values(), ...entry.locals.values()]
    const left = new Set(all.flatMap(({ hop }) => indicesOf(hop)))
    for (const index of gone) if (!left.has(index)) erase(this.#byIndex, index, entry)
  }

  /** Other VTEPs are connected to the segment than before, or have it in a network. */
  segmentChanged(esi: Esi): void {
    this.#touchAll(esi)
    this.#touchAll(ROUTERS)
  }

  #touchAll(index: string): void {
    for (const entry of this.#byIndex.get(index) ?? []) this.#touch(entry)
  }

  unclaim(key: string): void {
    const entry = this.#byKey.get(key)
    const claim = entry?.claims.get(key)
    if (entry === undefined || claim === undefined) return
    entry.claims.delete(key)
    this.#byKey.delete(key)
    this.#claimed(entry, undefined, claim.hop)
  }

  #touch(entry: Entry): void {
    if (this.#dirty.size === 0) this.#around.onUnsettled(this)
    this.#dirty.add(entry)
  }

  settle(): void {
    if (this.#isOwnChanged) this.#setNetwork()
    this.#isOwnChanged = false
    for (const entry of this.#dirty) this.#settle(entry)
    this.#dirty.clear()
  }

  /** Before the networks that its routes lead into go, and before itself. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#install(entry, [])
    this.#entries.clear()
    this.#byKey.clear()
    this.#byIndex.clear()
    this.#dirty.clear()
  }

  complain(kind: NoticeKind, text: string, fields: Notice['fields']): void {
    this.#around.out.complain(kind, text, fields)
  }

  get name(): string {
    return this.#settings.name
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
    const announced = [...entry.locals.values()].some(
      (route) => route.announced && this.#resolved(entry.prefix, route.hop).length > 0,
    )
    if (announced && !entry.announced && !this.#silent) this.#announce(entry)
    if (!announced && entry.announced) this.#retract(entry)
    if (entry.locals.size > 0 || entry.claims.size > 0) return
    this.#entries.delete(entry.prefix)
  }

  /** What is used now, without repetitions. */
  #choose(entry: Entry): readonly RouteState[] {
    const { prefix, claims } = entry
    const local = this.#localOf(entry)
    if (local !== undefined) return [this.#route(prefix, local)]
    if (isHere(this.#here, prefix)) return []
    let best: { readonly hop: RouteHop; readonly rank: readonly number[] }[] = []
    for (const { hop: said, rank } of claims.values()) {
      const order = best.length === 0 ? 1 : compareRanks(rank, best[0]!.rank)
      const hops = order < 0 ? [] : this.#resolved(prefix, said)
      if (hops.length === 0) continue
      if (order > 0) best = []
      for (const hop of hops) best.push({ hop, rank })
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

  /** What a network says comes before what the configuration says. */
  #localOf(entry: Entry | undefined): RouteHop | undefined {
    if (entry === undefined) return undefined
    const routes = [...entry.locals].sort(([a], [b]) => Number(a === STATIC) - Number(b === STATIC))
    for (const [, { hop }] of routes) {
      const [resolved] = this.#resolved(entry.prefix, hop)
      if (resolved !== undefined) return resolved
    }
    return undefined
  }

  /** Empty while nothing tells where that is, as of a host in no network of ours: the route waits (RFC 9136 section 4.1). */
  #resolved(prefix: Prefix, leads: Leads): readonly RouteHop[] {
    if ('kind' in leads) return [leads]
    if ('segment' in leads) return this.overlay.ofSegment(leads)
    if ('router' in leads) return this.overlay.ofRouter(leads.router)
    if ('origin' in leads) {
      const hop = this.#around.leadOf(leads.origin, prefix)
      return hop === undefined ? [] : [hop]
    }
    const vni = this.#networkOf(leads.gateway)
    return vni === undefined ? [] : [{ kind: 'gateway', vni, via: leads.gateway }]
  }

  #setStatics(before: readonly StaticRoute[], now: readonly StaticRoute[]): void {
    for (const { prefix } of before) {
      if (now.every((route) => route.prefix !== prefix)) this.deleteLocal(STATIC, prefix)
    }
    for (const { prefix, via, announced } of now) {
      const hop: Leads = via === undefined ? { kind: 'blackhole' } : { gateway: via }
      this.setLocal(STATIC, prefix, hop, announced)
    }
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

  /** Its first addresses are the senders of ICMP errors about what comes from other VTEPs. */
  #setNetwork(): void {
    const { vni, routerMac } = this
    const own = [...this.#own].filter((ip) => !ip.startsWith('fe80:'))
    const address4 = own.find((ip) => ipFamily(ip) === 4)
    const address6 = own.find((ip) => ipFamily(ip) === 6)
    this.#around.out.change({
      op: 'networkSet',
      vni,
      suppress: false,
      agingSeconds: 0,
      vrf: vni,
      routerMac,
      ...(address4 === undefined ? {} : { address4 }),
      ...(address6 === undefined ? {} : { address6 }),
    })
  }
}

/** Locally administered, unique as the VTEP address is: 02:76 and its last four octets. */
export function derivedRouterMac(vtep: Ip): Mac {
  return macFromBytes(Uint8Array.of(0x02, 0x76, ...ipToBytes(vtep).slice(-4)))
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
