// The EVPN machine of one VTEP (RFC 7432, RFC 8365): what the packet path sees becomes routes, what routes say becomes
// tables. Pure: events in, actions out, the same actions for the same events.

import {
  additions,
  type DataplaneEvent,
  Image,
  reconcile,
  removals,
  type Snapshot,
} from '../fib/index.js'
import type { Ip, Mac } from '../net/index.js'
import type { EvpnRoute } from '../wire/index.js'
import { Account } from './account.js'
import { REPLICATOR_TIMER } from './assisted-replication.js'
import { Distinguishers } from './distinguishers.js'
import type {
  DuplicateView,
  EvpnAction,
  EvpnEvent,
  EvpnSettings,
  GroupView,
  LearnedMac,
  MacView,
  NetworkSettings,
  NetworkView,
  Path,
  PortBinding,
  PrefixView,
  RouteChange,
  SegmentView,
  SnoopedIp,
  TargetMismatch,
  VrfSettings,
  VrfView,
  VtepView,
} from './events.js'
import { TICK_SECONDS, Ticks } from './expiring.js'
import { defaultGatewayMac } from './gateway.js'
import { derivedRouterMac, IpVrf } from './ip-vrf.js'
import { MacVrf, vtepViews } from './mac-vrf.js'
import { BEAT_SECONDS } from './membership.js'
import { Output } from './output.js'
import { type KeptRoute, RouteTable } from './route-table.js'
import { ImportIndex } from './route-targets.js'
import {
  type Importer,
  install,
  installSegment,
  remove,
  removeSegment,
  targetsOf,
} from './routes/index.js'
import { Segments } from './segments.js'

const TICK = 'evpn'
/** While hosts are asked whether they still want a multicast group. */
const BEAT = 'multicast'

export class Evpn {
  /** What becomes of routes and MACs, for whoever asks why. */
  readonly account: Account
  readonly #settings: EvpnSettings
  readonly #image = new Image()
  readonly #out = new Output(this.#image)
  readonly #ticks = new Ticks()
  readonly #distinguishers: Distinguishers
  readonly #vrfs = new Map<number, MacVrf>()
  readonly #ipVrfs = new Map<number, IpVrf>()
  readonly #unsettled = new Set<IpVrf>()
  readonly #routes = new RouteTable<Importer>()
  readonly #imports = new ImportIndex<Importer>()
  readonly #ports = new Map<number, PortBinding>()
  readonly #segments: Segments
  readonly #dirty = new Set<Importer>()
  /** What was found after a restart, until `sweep`. */
  #adopted: Snapshot | undefined
  #repairs = 0
  #ticking = false
  #beating = false
  readonly #hurried = new Set<MacVrf>()
  #isShutDown = false

  constructor(settings: EvpnSettings) {
    this.#settings = settings
    this.account = new Account(this.#routes, this.#vrfs)
    this.#distinguishers = new Distinguishers(settings.routerId)
    const { vtep, routerId, ignoreEadPerEvi = false } = settings
    this.#segments = new Segments({
      out: this.#out,
      vtep,
      routerId,
      ignoreEadPerEvi,
      importers: () => [...this.#vrfs.values(), ...this.#ipVrfs.values()],
      networkOf: (vni) => this.#vrfs.get(vni),
    })
  }

  /** A route of our own, or one that came back to us, says nothing new, but to another IP-VRF of ours. */
  keeps(nlri: EvpnRoute, { nextHop }: Path): boolean {
    const { vtep, replicator } = this.#settings
    const isOurs = nextHop === vtep || (replicator !== undefined && nextHop === replicator)
    return !isOurs || nlri.type === 'prefix'
  }

  /** The best path that is known of a route; undefined of those that are not kept. */
  route(key: string): { readonly nlri: EvpnRoute; readonly path: Path } | undefined {
    return this.#routes.get(key)
  }

  /** Keys of all routes of others. */
  routeKeys(): IterableIterator<string> {
    return this.#routes.keys()
  }

  /** What was adopted is not swept yet: the tables may hold more than the image. */
  get isAdopting(): boolean {
    return this.#adopted !== undefined
  }

  /** Operations that `recheck` has found necessary so far. */
  get repairs(): number {
    return this.#repairs
  }

  /** MACs of a network, in no order. */
  *macsOf(vni: number): Generator<Mac> {
    for (const { mac } of this.#vrfs.get(vni)?.macs.entries() ?? []) yield mac
  }

  /** MACs and addresses that frames have shown, as the packet path should know them. */
  *learned(): Generator<LearnedMac> {
    for (const vrf of this.#vrfs.values()) yield* vrf.learned()
  }

  *snooped(): Generator<SnoopedIp> {
    for (const vrf of this.#vrfs.values()) yield* vrf.snooped()
  }

  /** Port of a MAC that is here, bound or learned. */
  portOf(vni: number, mac: Mac): number | undefined {
    return this.#vrfs.get(vni)?.macs.get(mac)?.local?.port
  }

  /** MAC of an address that is here, bound or snooped. */
  holderOf(vni: number, ip: Ip): Mac | undefined {
    return this.#vrfs.get(vni)?.suppression.holderOf(ip)
  }

  /** What the packet path shall contain. To be read only. */
  get image(): Image {
    return this.#image
  }

  step(event: EvpnEvent): readonly EvpnAction[] {
    const after = this.#handle(event)
    // Segments first: they say where hosts behind them are. Then networks: they say which hosts are here.
    this.#segments.settle()
    for (const vrf of this.#dirty) {
      if (!(vrf instanceof MacVrf)) continue
      vrf.settle()
      if (vrf.multicast.isHurried) this.#hurried.add(vrf)
    }
    this.#settleVrfs()
    this.#dirty.clear()
    after?.()
    if (this.#ticks.wanted && !this.#ticking) {
      this.#ticking = true
      this.#out.add({ do: 'startTimer', timer: TICK, seconds: TICK_SECONDS })
    }
    if (!this.#beating && this.#hurried.size > 0) {
      this.#beating = true
      this.#out.add({ do: 'startTimer', timer: BEAT, seconds: BEAT_SECONDS })
    }
    return this.#out.take()
  }

  *macs(): Generator<MacView> {
    for (const vrf of this.#vrfs.values()) yield* vrf.macViews()
  }

  mac(vni: number, mac: Mac): MacView | undefined {
    return this.#vrfs.get(vni)?.macView(mac)
  }

  /** Multicast groups that somebody wants. */
  *groups(): Generator<GroupView> {
    for (const vrf of this.#vrfs.values()) yield* vrf.groupViews()
  }

  duplicates(): readonly DuplicateView[] {
    return [...this.#vrfs.values()].flatMap((vrf) => vrf.duplicates())
  }

  /** Networks of ours that another VTEP announces under targets which we do not import, one row for each target. */
  mismatches(): readonly TargetMismatch[] {
    return this.account.mismatches()
  }

  networks(): readonly NetworkView[] {
    return [...this.#vrfs.values()].map((vrf) => vrf.view())
  }

  segments(): readonly SegmentView[] {
    return this.#segments.views()
  }

  vrfs(): readonly VrfView[] {
    return [...this.#ipVrfs.values()].map((vrf) => vrf.view())
  }

  *prefixes(): Generator<PrefixView> {
    for (const vrf of this.#ipVrfs.values()) yield* vrf.prefixViews()
  }

  vteps(): readonly VtepView[] {
    return vtepViews(this.#vrfs.values())
  }

  /** What is left to do when all has settled, if anything. */
  #handle(event: EvpnEvent): (() => void) | undefined {
    switch (event.event) {
      case 'networkAdded':
        this.#setNetwork(event.network)
        return
      case 'networkRemoved':
        this.#removeNetwork(event.vni)
        return
      case 'vrfAdded':
        this.#setVrf(event.vrf)
        return
      case 'vrfRemoved':
        this.#removeVrf(event.vni)
        return
      case 'portBound':
        this.#bindPort(event)
        return
      case 'portUnbound':
        this.#unbindPort(event.port)
        return
      case 'dataplane':
        for (const seen of event.events) this.#see(seen)
        return
      case 'routes':
        for (const change of event.changes) this.#route(change)
        return
      case 'adopt': {
        const { snapshot } = event
        this.#adopted = snapshot
        this.#align(snapshot)
        for (const vrf of this.#vrfs.values()) vrf.multicast.adopt(snapshot)
        for (const { vni, replicator } of snapshot.networks)
          this.#vrfs.get(vni)?.replication.adopt(replicator)
        return () => this.#repair(snapshot)
      }
      case 'sweep': {
        const adopted = this.#adopted
        this.#adopted = undefined
        this.#segments.sweep()
        for (const vrf of this.#vrfs.values()) vrf.replication.sweep()
        return adopted && (() => this.#out.tell(removals(this.#image, adopted)))
      }
      case 'resync': {
        const { snapshot } = event
        this.#align(snapshot)
        return () => this.#repair(snapshot)
      }
      case 'recheck': {
        const vrf = this.#touch(event.vni)
        for (const mac of event.macs) vrf?.recheck(mac)
        return () => {
          this.#repairs += this.#out.operations
          this.#tellRepairs(this.#out.operations, 'the image differed from the routes')
        }
      }
      case 'clearDuplicate':
        this.#touch(event.vni)?.clearDuplicate(event.address)
        return
      case 'timer':
        this.#onTimer(event.timer)
        return
      case 'shutdown':
        this.#isShutDown = true
        this.#segments.silence()
        for (const vrf of [...this.#vrfs.values(), ...this.#ipVrfs.values()]) vrf.silence()
        return
    }
  }

  /** The network, which will settle at the end of the step. */
  #touch(vni: number): MacVrf | undefined {
    const vrf = this.#vrfs.get(vni)
    if (vrf !== undefined) this.#dirty.add(vrf)
    return vrf
  }

  #setNetwork(settings: NetworkSettings): void {
    const { vni } = settings
    const rd = settings.rd ?? this.#distinguishers.derive(vni)
    if (settings.rd !== undefined) this.#distinguishers.release(vni)
    const known = this.#touch(vni)
    if (known === undefined) {
      const around = {
        settings: this.#settings,
        image: this.#image,
        out: this.#out,
        ticks: this.#ticks,
        isOurs: (vni: number) => this.#vrfs.has(vni),
        vrfOf: (vni: number) => this.#ipVrfs.get(vni),
        gatewayMac: this.#settings.gatewayMac ?? defaultGatewayMac,
        segments: this.#segments,
        ignoreEadPerEvi: this.#settings.ignoreEadPerEvi ?? false,
        onChanged: (vrf: MacVrf) => this.#dirty.add(vrf),
      }
      const vrf = new MacVrf(settings, rd, around)
      if (this.#isShutDown) vrf.silence()
      this.#vrfs.set(vni, vrf)
      this.#dirty.add(vrf)
      this.#imports.add(vrf, vrf.importTargets)
      this.#import(this.#routes.matching(vrf.importTargets))
      return
    }
    const before = known.importTargets
    const { scope } = known
    known.change(settings, rd)
    this.#segments.networkChanged(vni)
    this.#reimport(known, before)
    if (known.scope !== scope) this.#import(this.#routes.matching(before))
  }

  /** The importer may have other route targets than before. */
  #reimport(importer: Importer, before: readonly string[]): void {
    const now = importer.importTargets
    if (before.join() === now.join()) return
    this.#imports.remove(importer, before)
    this.#imports.add(importer, now)
    this.#import(this.#routes.matching([...before, ...now]))
  }

  #setVrf(settings: VrfSettings): void {
    const { vni } = settings
    const rd = settings.rd ?? this.#distinguishers.derive(vni)
    if (settings.rd !== undefined) this.#distinguishers.release(vni)
    const known = this.#ipVrfs.get(vni)
    if (known !== undefined) {
      const before = known.importTargets
      known.change(settings, rd)
      for (const vrf of this.#networksOf(vni)) {
        this.#dirty.add(vrf)
        vrf.vrfChanged()
        this.#segments.networkChanged(vrf.vni)
      }
      this.#reimport(known, before)
      return
    }
    const { vtep, routerMac = derivedRouterMac(vtep) } = this.#settings
    const vrf = new IpVrf(settings, rd, {
      out: this.#out,
      derivation: this.#settings,
      vtep,
      routerMac,
      leadOf: (origin, prefix) => {
        const from = [...this.#ipVrfs.values()].find((each) => each.rd === origin)
        return from?.leadOf(prefix)
      },
      ignoreEadPerEvi: this.#settings.ignoreEadPerEvi ?? false,
      segments: this.#segments,
      network: (vni) => this.#vrfs.get(vni),
      networksOf: (vrf) => this.#networksOf(vrf),
      onUnsettled: (vrf) => this.#unsettled.add(vrf),
      onLocals: (changed, prefix) => {
        for (const each of this.#ipVrfs.values()) if (each !== changed) each.originChanged(prefix)
      },
    })
    if (this.#isShutDown) vrf.silence()
    this.#ipVrfs.set(vni, vrf)
    this.#imports.add(vrf, vrf.importTargets)
    this.#import(this.#routes.matching(vrf.importTargets))
  }

  #networksOf(vrf: number): readonly MacVrf[] {
    return [...this.#vrfs.values()].filter((each) => each.vrf === vrf)
  }

  #removeVrf(vni: number): void {
    const vrf = this.#ipVrfs.get(vni)
    if (vrf === undefined) return
    vrf.silence()
    vrf.clear()
    this.#ipVrfs.delete(vni)
    this.#unsettled.delete(vrf)
    this.#distinguishers.release(vni)
    this.#forgetImporter(vrf)
    this.#out.change({ op: 'networkRemove', vni })
  }

  #settleVrfs(): void {
    for (const vrf of this.#unsettled) vrf.settle()
    this.#unsettled.clear()
  }

  #forgetImporter(importer: Importer): void {
    this.#imports.remove(importer, importer.importTargets)
    for (const route of this.#routes.matching(importer.importTargets)) {
      route.importers = this.#importersOf(route)
    }
  }

  #importersOf({ targets, nlri, path }: KeptRoute<Importer>): readonly Importer[] {
    const all = this.#imports.importers(targets)
    if (path.nextHop !== this.#settings.vtep || nlri.type !== 'prefix') return all
    return all.filter((importer) => importer instanceof IpVrf && importer.rd !== nlri.rd)
  }

  #removeNetwork(vni: number): void {
    const vrf = this.#vrfs.get(vni)
    if (vrf === undefined) return
    const left: number[] = []
    for (const [port, binding] of this.#ports) {
      if (binding.vni !== vni) continue
      this.#ports.delete(port)
      left.push(port)
    }
    vrf.silence()
    vrf.leaveVrf()
    this.#vrfs.delete(vni)
    this.#hurried.delete(vrf)
    this.#distinguishers.release(vni)
    this.#forgetImporter(vrf)
    // Routes that lead there go first.
    this.#settleVrfs()
    this.#out.change({ op: 'networkRemove', vni })
    for (const port of left) this.#segments.unbind(port)
  }

  #bindPort({ binding, arrived, found }: Extract<EvpnEvent, { event: 'portBound' }>): void {
    const { port, vni } = binding
    const before = this.#ports.get(port)
    const vrf = this.#touch(vni)
    if (vrf === undefined) {
      throw new Error(`evpn: port ${port} bound to network ${vni}, which is not there`)
    }
    if (before !== undefined && before.vni !== vni) this.#leave(before)
    this.#ports.set(port, binding)
    this.#segments.bind(port, vni, binding.segment, found)
    this.#out.change({ op: 'portAttach', port, vni })
    vrf.bind(before?.vni === vni ? before : undefined, binding)
    if (arrived === true) vrf.arrive(binding)
  }

  #unbindPort(port: number): void {
    const binding = this.#ports.get(port)
    if (binding === undefined) return
    this.#leave(binding)
    this.#ports.delete(port)
    this.#out.change({ op: 'portAttach', port, vni: 0 })
    this.#segments.unbind(port)
    this.#segments.forgetPort(port)
  }

  #leave(binding: PortBinding): void {
    const vrf = this.#touch(binding.vni)
    vrf?.bind(binding, undefined)
    vrf?.macs.removePort(binding.port)
  }

  #see(seen: DataplaneEvent): void {
    switch (seen.event) {
      case 'macLearned':
      case 'macMoved':
        this.#touch(seen.vni)?.macs.learn(seen.mac, seen.port, seen.previousRemote)
        return
      case 'macAged':
      case 'macFlushed':
        this.#touch(seen.vni)?.macs.forget(seen.mac, seen.port)
        return
      case 'neighbourLearned':
      case 'neighbourMoved':
        this.#touch(seen.vni)?.suppression.learn(seen.ip, seen.mac, {
          router: seen.router,
          override: seen.override ?? true,
        })
        return
      case 'neighbourAged':
        this.#touch(seen.vni)?.suppression.forget(seen.ip, seen.mac)
        return
      case 'portUp':
      case 'portDown':
      case 'portGone':
        this.#setPort(seen.port, seen.event === 'portUp')
        return
      case 'multicastReport':
        this.#touch(seen.vni)?.multicast.hear(seen)
        return
      case 'multicastQuery':
        this.#touch(seen.vni)?.multicast.hearQuery(seen.querier, seen.version, seen.port)
        return
      case 'routerSolicited':
        this.#touch(seen.vni)?.advertiser.hear(seen.port, seen.timeNanoseconds)
        return
      case 'portOffloads':
      case 'remoteResolved':
      case 'remoteUnresolved':
        return
      case 'resync':
        this.#out.add({ do: 'readSnapshot' })
        return
    }
  }

  #setPort(port: number, isUp: boolean): void {
    this.#segments.setPort(port, isUp)
    const vrf = this.#touch(this.#ports.get(port)?.vni ?? 0)
    if (isUp) vrf?.portUp(port)
    else vrf?.portDown(port)
  }

  #route({ key, nlri, best }: RouteChange): void {
    if (best === undefined || !this.keeps(nlri, best)) {
      const gone = this.#routes.delete(key)
      if (gone !== undefined) removeSegment(this.#segments, key, gone.nlri)
      for (const vrf of gone?.importers ?? []) this.#forget(vrf, gone!)
      return
    }
    installSegment(this.#segments, key, nlri, best)
    this.#place(this.#routes.put(key, nlri, best, targetsOf(nlri, best)))
  }

  #import(routes: Iterable<KeptRoute<Importer>>): void {
    for (const route of routes) this.#place(route)
  }

  /** Into the networks that import it now, out of those that did. */
  #place(route: KeptRoute<Importer>): void {
    const before = route.importers
    route.importers = this.#importersOf(route)
    if (before !== route.importers) {
      for (const vrf of before) if (!route.importers.includes(vrf)) this.#forget(vrf, route)
    }
    for (const vrf of route.importers) {
      this.#dirty.add(vrf)
      install(vrf, route.key, route.nlri, route.path)
    }
  }

  #forget(vrf: Importer, route: KeptRoute<Importer>): void {
    this.#dirty.add(vrf)
    remove(vrf, route.key, route.nlri)
  }

  /** Takes over what the packet path knows by itself: which ports are up, and what it has learned. */
  #align(snapshot: Snapshot): void {
    for (const { id, up } of snapshot.ports) this.#setPort(id, up)
    for (const vrf of this.#vrfs.values()) {
      this.#dirty.add(vrf)
      vrf.align(snapshot)
    }
  }

  /** Makes the tables equal to the image; before `sweep`, removes nothing. */
  #repair(snapshot: Snapshot): void {
    const make = this.#adopted === undefined ? reconcile : additions
    const operations = this.#out.tellNew(make(this.#image, snapshot))
    this.#tellRepairs(operations, 'the tables differed from what they should contain')
  }

  #tellRepairs(operations: number, what: string): void {
    if (operations === 0) return
    const text = `${what}; operations to repair them: ${operations}`
    this.#out.notice('repaired', 'info', text, { operations })
  }

  #beat(): void {
    this.#beating = false
    for (const vrf of this.#hurried) {
      this.#dirty.add(vrf)
      vrf.multicast.beat()
    }
    this.#hurried.clear()
  }

  #onTimer(timer: string): void {
    const [name, vni, replicator] = timer.split(' ')
    if (name === TICK) this.#tick()
    else if (name === BEAT) this.#beat()
    else if (name === REPLICATOR_TIMER) this.#touch(Number(vni))?.replication.onTimer(replicator!)
    else this.#segments.onTimer(timer)
  }

  #tick(): void {
    this.#ticking = false
    this.#ticks.wanted = false
    this.#ticks.now++
    for (const vrf of this.#vrfs.values()) {
      this.#dirty.add(vrf)
      vrf.tick()
    }
  }
}
