// One network (VNI): its identity in BGP, and what it knows of MACs, addresses and VTEPs.

import type { Snapshot } from '../fib/index.js'
import type { Esi, Ip, Mac, RouteDistinguisher, RouteTarget } from '../net/index.js'
import { ZERO_ESI } from '../net/index.js'
import { iana } from '../wire/index.js'
import { Advertiser } from './advertiser.js'
import { Announcer } from './announcer.js'
import { AssistedReplication } from './assisted-replication.js'
import type {
  BoundHost,
  DuplicateView,
  GroupView,
  LearnedMac,
  MacView,
  NetworkSettings,
  NetworkView,
  Notice,
  NoticeKind,
  PortBinding,
  SnoopedIp,
  StaticRemote,
  VtepView,
} from './events.js'
import type { Facts } from './facts.js'
import { FloodList } from './flood.js'
import { Gateway } from './gateway.js'
import type { IpVrf } from './ip-vrf.js'
import { PLAIN, type RemoteClaim } from './mac-claims.js'
import { type GroupsSurroundings, MacGroups } from './mac-groups.js'
import { type MacEntry, type MacSurroundings, Macs } from './macs.js'
import { Multicast } from './multicast.js'
import { type Derivation, profiles } from './profiles.js'
import { Suppression } from './suppress.js'

export interface VrfSurroundings
  extends Omit<MacSurroundings, 'announcer' | 'gateway' | 'groups'>,
    GroupsSurroundings {
  /** Whether there is a network with this VNI. */
  readonly isOurs: (vni: number) => boolean
  readonly vrfOf: (vni: number) => IpVrf | undefined
  readonly gatewayMac: Mac
  /** It wants to be settled in this step. */
  readonly onChanged: (vrf: MacVrf) => void
}

/** Every host of a binding, by its MAC. */
function hostsOf(binding: PortBinding | undefined) {
  const all = new Map<Mac, BoundHost & { readonly waits: boolean }>()
  for (const host of binding?.hosts ?? []) all.set(host.mac, { ...host, waits: true })
  const { mac, ips = [] } = binding ?? {}
  if (mac !== undefined) all.set(mac, { mac, ips, waits: false })
  return all
}

/** Sources that are not routes; a route's key begins with its type's number. */
const staticKey = (remote: Ip, mac?: Mac) => `static ${remote} ${mac ?? ''}`

export class MacVrf {
  readonly vni: number
  readonly flood: FloodList
  readonly replication: AssistedReplication
  readonly groups: MacGroups
  readonly macs: Macs
  readonly suppression: Suppression
  readonly multicast: Multicast
  readonly advertiser: Advertiser
  readonly #around: VrfSurroundings
  readonly #announcer: Announcer
  readonly #gateway: Gateway
  readonly #claims = new Map<string, RemoteClaim>()
  #settings: NetworkSettings
  #rd: RouteDistinguisher

  constructor(settings: NetworkSettings, rd: RouteDistinguisher, around: VrfSurroundings) {
    this.vni = settings.vni
    this.#settings = settings
    this.#rd = rd
    this.#around = around
    this.#gateway = new Gateway(settings.vni, around.gatewayMac, around.out)
    this.#joinVrf()
    this.#announcer = new Announcer(around.out, this.#identity())
    this.flood = new FloodList(this.vni, around.out, () => this.multicast.floodChanged())
    this.replication = new AssistedReplication(this.vni, { out: around.out, vtep: this.vtep })
    this.groups = new MacGroups(this.vni, around)
    const { out, ticks } = around
    const announcer = this.#announcer
    const standingOf = (port: number) => around.segments.standingOf(port)
    const { flood } = this
    this.multicast = new Multicast(this.vni, { out, ticks, flood, announcer, standingOf })
    this.advertiser = new Advertiser(out, ticks)
    const own = { announcer, gateway: this.#gateway, groups: this.groups }
    const surroundings = { ...around, ...own }
    this.macs = new Macs(this.vni, surroundings)
    this.groups.onMoved = (esi) => this.macs.segmentMoved(esi)
    this.groups.onReach = (esi) => this.#gateway.vrf?.segmentChanged(esi)
    this.suppression = new Suppression(this.vni, this.macs, surroundings)
    const follow = this.macs.onOwner
    this.macs.onOwner = (entry) => {
      follow(entry)
      this.#gateway.vrf?.macChanged(entry.mac)
    }
    this.#setNetwork()
    this.#gateway.fill()
    this.#setStatics([], settings.staticRemotes ?? [])
    this.#announcer.announceNetwork()
    this.multicast.become(settings.multicast)
    this.replication.become(settings.assistedReplication)
  }

  get name(): string {
    return this.#settings.name
  }

  get vtep(): Ip {
    return this.#around.settings.vtep
  }

  get rd(): RouteDistinguisher {
    return this.#rd
  }

  get exportTargets(): readonly RouteTarget[] {
    return this.#identity().exportTargets
  }

  hasCircuit(esi: Esi, vtep: Ip): boolean {
    return this.groups.hasCircuit(esi, vtep)
  }

  /** VTEPs by which a MAC is reached that is not here. */
  remotesOf(mac: Mac): readonly Ip[] {
    const entry = this.macs.get(mac)
    if (entry?.winner === undefined || entry.local !== undefined) return []
    return this.groups.remotesOf(entry.winner)
  }

  /** Its IP-VRF, as type 1 routes tell of it. */
  get routed() {
    const { vrf } = this.#gateway
    if (vrf === undefined) return undefined
    const { vni, rd, exportTargets, routerMac } = vrf
    return { vni, rd, exportTargets, routerMac }
  }

  /** An Ethernet segment is not as it was. */
  segmentChanged(esi: Esi): void {
    const parts = [this.groups, this.multicast]
    const concerned = parts.filter((part) => part.segmentChanged(esi))
    if (concerned.length > 0) this.#around.onChanged(this)
  }

  get importTargets(): readonly string[] {
    const { profile, asn } = this.#derivation
    return this.#settings.importTargets ?? profiles[profile].imported(asn, this.vni)
  }

  /** New settings of the same VNI. Whose routes they import is the caller's business. */
  change(settings: NetworkSettings, rd: RouteDistinguisher): void {
    const before = this.#settings
    const said = JSON.stringify(this.#identity())
    const isRenamed = rd !== this.#rd || before.ethernetTag !== settings.ethernetTag
    if (isRenamed) {
      // Another RD or tag makes other routes: the old ones are withdrawn by their own name.
      this.#announcer.retractNetwork()
      this.macs.retractAll()
      this.suppression.retractAll()
      this.multicast.retractAll()
    }
    this.#settings = settings
    this.#rd = rd
    const isRerouted = !sameGateway(before, settings)
    if (isRerouted) {
      this.leaveVrf()
      this.#joinVrf()
    }
    this.#announcer.become(this.#identity())
    this.#setNetwork()
    if (isRerouted) {
      this.#gateway.fill()
      this.suppression.repeatHere()
    }
    this.#setStatics(before.staticRemotes ?? [], settings.staticRemotes ?? [])
    if (isRenamed) this.#announcer.announceNetwork()
    else if (JSON.stringify(this.#identity()) !== said) {
      this.#announcer.announceNetwork()
      this.macs.repeatAll()
      this.suppression.repeatAll()
      this.multicast.repeatAll()
    }
    this.multicast.become(settings.multicast)
    this.replication.become(settings.assistedReplication)
  }

  /** Of a bundle. */
  get tag(): number | undefined {
    return this.#settings.ethernetTag
  }

  /** Changes when other ones of the routes with its targets are about it. */
  get scope(): string {
    return `${this.tag} ${this.#settings.siteOfOrigin}`
  }

  /** It comes from a VTEP of our own site, which has its hosts as we have them. */
  isOfOurSite({ sites }: Facts): boolean {
    const { siteOfOrigin } = this.#settings
    return siteOfOrigin !== undefined && sites.includes(siteOfOrigin)
  }

  /** Whether a route with this Ethernet tag can be about it (RFC 7432 section 6): of a bundle only its own, else any. */
  hasTag(tag: number): boolean {
    return this.tag === undefined || this.tag === tag
  }

  /** Its IP-VRF has other settings than before. */
  vrfChanged(): void {
    this.#announcer.become(this.#identity())
    this.suppression.repeatAll()
  }

  /** Before it goes: nothing leads here any more. */
  leaveVrf(): void {
    this.#gateway.vrf?.networksChanged()
    this.#gateway.leave()
  }

  get vrf(): number | undefined {
    return this.#settings.vrf
  }

  /** Withdraws everything and never says anything again. */
  silence(): void {
    this.#announcer.silence()
    this.#announcer.retractNetwork()
    this.macs.retractAll()
    this.suppression.retractAll()
    this.multicast.retractAll()
  }

  /** Remote claims, one per key. */
  claim(key: string, claim: RemoteClaim): void {
    // The gateway's MAC and addresses are the same everywhere and move nowhere.
    if (
      this.#gateway.owns(claim.mac) ||
      (claim.ip !== undefined && this.#gateway.hasAddress(claim.ip))
    ) {
      this.unclaim(key)
      return
    }
    const before = this.#claims.get(key)
    if (before !== undefined && sameWord(before, claim)) return
    this.#claims.set(key, claim)
    this.groups.count(claim, 1)
    this.macs.claim(claim)
    if (claim.ip !== undefined) this.suppression.claim(claim.ip, claim)
    // Behind the new one, so that the MAC is never without a claim.
    if (before !== undefined) this.#drop(before)
  }

  unclaim(key: string): void {
    const claim = this.#claims.get(key)
    if (claim === undefined) return
    this.#claims.delete(key)
    this.#drop(claim)
  }

  /** What the configuration says of a port now, and what it said before. */
  bind(before: PortBinding | undefined, now: PortBinding | undefined): void {
    for (const part of [this.multicast, this.advertiser]) {
      if (now !== undefined) part.addPort(now.port)
      else if (before !== undefined) part.removePort(before.port)
    }
    if (now !== undefined) this.multicast.setSegment(now.port, now.segment?.esi)
    const hosts = hostsOf(now)
    for (const { mac, ips } of hostsOf(before).values()) {
      const kept = hosts.get(mac)
      for (const ip of ips) if (kept?.ips.includes(ip) !== true) this.suppression.unbind(ip, mac)
      if (kept === undefined) this.macs.unbind(mac, before!.port)
    }
    if (now === undefined) return
    this.macs.segmentOfPort(now.port)
    const { port, sticky = false } = now
    for (const { mac, ips, waits } of hosts.values()) {
      this.macs.bind(mac, port, { sticky, waits })
      for (const ip of ips) this.suppression.bind(ip, mac)
    }
  }

  /** The platform says that what is bound to a port is there, now. */
  arrive({ mac, ips = [] }: PortBinding): void {
    if (mac === undefined) return
    this.macs.arrive(mac)
    for (const ip of ips) this.suppression.arrive(ip, mac)
  }

  clearDuplicate(address: Mac | Ip): void {
    this.macs.clearDuplicate(address)
    this.suppression.clearDuplicate(address)
  }

  /** The local half of a snapshot: what is in the tables was learned, what is not has gone. */
  align(snapshot: Snapshot): void {
    const macs = new Map<Mac, number>()
    for (const { vni, mac, origin, static: isStatic, port } of snapshot.macs) {
      if (vni !== this.vni || origin !== 'local' || isStatic || port === undefined) continue
      macs.set(mac, port)
      this.macs.learn(mac, port)
    }
    for (const { mac, local } of this.macs.entries()) {
      if (local !== undefined && !macs.has(mac)) this.macs.forget(mac, local.port)
    }
    const ips = new Map<Ip, Mac>()
    for (const row of snapshot.neighbours) {
      const { vni, ip, mac, origin, static: isStatic, router, override = true } = row
      if (vni !== this.vni || origin !== 'local' || isStatic) continue
      ips.set(ip, mac)
      this.suppression.learn(ip, mac, { router, override })
    }
    for (const { ip, mac } of [...this.suppression.snooped()]) {
      if (ips.get(ip) !== mac) this.suppression.forget(ip, mac)
    }
  }

  *learned(): Generator<LearnedMac> {
    for (const { mac, local } of this.macs.entries()) {
      if (local !== undefined && !local.bound) yield { vni: this.vni, mac, port: local.port }
    }
  }

  *snooped(): Generator<SnoopedIp> {
    for (const { ip, mac } of this.suppression.snooped()) yield { vni: this.vni, ip, mac }
  }

  /** Settles the MAC and its addresses once more, though nothing is said to have changed. */
  recheck(mac: Mac): void {
    this.macs.recheck(mac)
  }

  settle(): void {
    this.replication.settle()
    this.groups.settle()
    this.macs.settle()
    this.suppression.settle()
    this.multicast.settle()
    this.advertiser.settle()
    this.groups.tidy()
  }

  tick(): void {
    this.macs.tick()
    this.suppression.tick()
    this.multicast.tick()
    this.advertiser.tick()
  }

  portUp(port: number): void {
    this.macs.portUp(port)
    this.multicast.portUp(port)
    this.advertiser.portUp(port)
  }

  portDown(port: number): void {
    this.macs.portDown(port)
    this.multicast.portDown(port)
  }

  isOurs(vni: number): boolean {
    return this.#around.isOurs(vni)
  }

  /** A notice that is told once. */
  complain(kind: NoticeKind, text: string, fields: Notice['fields']): void {
    this.#around.out.complain(kind, text, fields)
  }

  view(): NetworkView {
    let local = 0
    let remote = 0
    for (const { owner } of this.macs.entries()) {
      if (owner?.vtep === this.vtep) local++
      else if (owner !== undefined) remote++
    }
    const { name, suppress, agingSeconds } = this.#settings
    const { chosen: replicator } = this.replication
    return {
      name,
      vni: this.vni,
      rd: this.#rd,
      importTargets: this.importTargets,
      exportTargets: this.#identity().exportTargets,
      suppress,
      agingSeconds,
      macs: { local, remote },
      remotes: [...this.flood.remotes()],
      ...(replicator === undefined ? {} : { replicator }),
    }
  }

  duplicates(): readonly DuplicateView[] {
    const common = { network: this.#settings.name, vni: this.vni }
    return [
      ...Array.from(
        this.macs.duplicates(),
        (address) => ({ ...common, kind: 'mac', address }) as const,
      ),
      ...Array.from(
        this.suppression.duplicates(),
        (address) => ({ ...common, kind: 'ip', address }) as const,
      ),
    ]
  }

  groupViews(): Generator<GroupView> {
    return this.multicast.views(this.#settings.name)
  }

  *macViews(): Generator<MacView> {
    for (const entry of this.macs.entries()) {
      const view = this.#macView(entry)
      if (view !== undefined) yield view
    }
  }

  macView(mac: Mac): MacView | undefined {
    const entry = this.macs.get(mac)
    return entry && this.#macView(entry)
  }

  #macView({ mac, local, winner, ips, remotes }: MacEntry): MacView | undefined {
    const owner = local ?? winner
    if (owner === undefined) return undefined
    const common = {
      network: this.#settings.name,
      vni: this.vni,
      mac,
      sequence: owner.sequence,
      sticky: owner.sticky,
      duplicate: this.macs.isDuplicate(mac),
      ...(owner.esi === ZERO_ESI ? {} : { esi: owner.esi }),
    }
    if (local !== undefined) {
      const { port, bound } = local
      return { ...common, kind: 'local', port, static: bound, ips: [...(ips ?? [])] }
    }
    const known = new Set(remotes.flatMap(({ ip }) => (ip === undefined ? [] : [ip])))
    const place = this.groups.placeOf(owner)
    const port = 'port' in place ? { port: place.port } : {}
    return { ...common, kind: 'remote', dst: owner.vtep, ...port, static: false, ips: [...known] }
  }

  #identity() {
    const { vtep, replicator } = this.#around.settings
    const { profile, asn } = this.#derivation
    const { exportTargets = [profiles[profile].exported(asn, this.vni)] } = this.#settings
    const { vrf } = this.#gateway
    const { ethernetTag = 0, multicast, siteOfOrigin } = this.#settings
    const multicastProxy = multicast !== undefined
    const identity = {
      vni: this.vni,
      vtep,
      rd: this.#rd,
      ethernetTag,
      exportTargets,
      pmsiFlags: pmsiFlagsOf(this.#settings),
      replicator: isReplicator(this.#settings) ? replicator : undefined,
      multicastProxy,
      ...(siteOfOrigin === undefined ? {} : { siteOfOrigin }),
    }
    if (vrf === undefined) return identity
    const { vni, routerMac, exportTargets: targets } = vrf
    return { ...identity, routed: { vni, routerMac, exportTargets: targets } }
  }

  get #derivation(): Derivation {
    return this.#settings.derivation ?? this.#around.settings
  }

  #setNetwork(): void {
    const { vrf, advertise, gateway = [] } = this.#settings
    const isRouted = vrf !== undefined && this.#around.vrfOf(vrf) !== undefined
    this.advertiser.become(advertise, this.#around.gatewayMac, isRouted ? gateway : [])
    const { suppress, agingSeconds, stormFramesPerSecond, stormBurst = 0 } = this.#settings
    const storm = stormFramesPerSecond === undefined ? {} : { stormFramesPerSecond, stormBurst }
    const flags = {
      ...(this.#settings.suppressUnknown === true ? { suppressUnknown: true } : {}),
      ...(this.#settings.multicast === undefined ? {} : { snoop: true }),
      ...(this.advertiser.isOn ? { advertise: true } : {}),
      ...(isReplicator(this.#settings) ? { replicate: true } : {}),
    }
    const common = { vni: this.vni, suppress, agingSeconds, ...flags, ...storm }
    const settings = { ...common, ...this.#gateway.settings }
    this.#around.out.change({ op: 'networkSet', ...settings })
  }

  #joinVrf(): void {
    const { vrf, gateway = [] } = this.#settings
    this.#gateway.join(vrf === undefined ? undefined : this.#around.vrfOf(vrf), gateway)
    this.#gateway.vrf?.networksChanged()
  }

  /** VTEPs and MACs that the configuration names. Its MACs are static: no route and no frame moves them. */
  #setStatics(before: readonly StaticRemote[], now: readonly StaticRemote[]): void {
    const wanted = new Map<string, { readonly vtep: Ip; readonly mac: Mac | undefined }>()
    for (const { address: vtep, macs } of now) {
      for (const mac of [undefined, ...macs]) wanted.set(staticKey(vtep, mac), { vtep, mac })
    }
    for (const { address, macs } of before) {
      for (const mac of [undefined, ...macs]) {
        const key = staticKey(address, mac)
        if (wanted.has(key)) continue
        if (mac === undefined) this.flood.delete(key)
        else this.unclaim(key)
      }
    }
    for (const [key, { vtep, mac }] of wanted) {
      if (mac === undefined) this.flood.set(key, vtep)
      else {
        const word = {
          vtep,
          sequence: 0,
          sticky: true,
          esi: ZERO_ESI,
          ip: undefined,
          ...PLAIN,
        }
        this.claim(key, { ...word, mac, macSlot: 0, ipSlot: 0 })
      }
    }
  }

  #drop(claim: RemoteClaim): void {
    this.groups.count(claim, -1)
    this.macs.unclaim(claim)
    if (claim.ip !== undefined) this.suppression.unclaim(claim.ip, claim)
  }
}

/** All VTEPs that networks know. */
export function vtepViews(networks: Iterable<MacVrf>): readonly VtepView[] {
  const vteps = new Map<Ip, { address: Ip; vnis: number[]; macs: number }>()
  const obtain = (address: Ip) => {
    const known = vteps.get(address) ?? { address, vnis: [], macs: 0 }
    vteps.set(address, known)
    return known
  }
  for (const vrf of networks) {
    for (const remote of vrf.flood.remotes()) obtain(remote).vnis.push(vrf.vni)
    for (const { owner } of vrf.macs.entries()) {
      if (owner !== undefined && owner.vtep !== vrf.vtep) obtain(owner.vtep).macs++
    }
  }
  return [...vteps.values()]
}

function pmsiFlagsOf({ assistedReplication, prunedFloodLists = {} }: NetworkSettings): number {
  const { leaf, pruneBroadcasts, pruneUnknown } = iana.pmsiFlag
  const role = assistedReplication?.role === 'leaf' ? leaf : 0
  const { noBroadcasts = false, noUnknown = false } = prunedFloodLists
  return role | (noBroadcasts ? pruneBroadcasts : 0) | (noUnknown ? pruneUnknown : 0)
}

const isReplicator = ({ assistedReplication }: NetworkSettings): boolean =>
  assistedReplication?.role === 'replicator'

function sameGateway(a: NetworkSettings, b: NetworkSettings): boolean {
  return a.vrf === b.vrf && JSON.stringify(a.gateway ?? []) === JSON.stringify(b.gateway ?? [])
}

/** Equal keys have equal MAC and IP. */
function sameWord(a: RemoteClaim, b: RemoteClaim): boolean {
  return (
    a.vtep === b.vtep &&
    a.sequence === b.sequence &&
    a.sticky === b.sticky &&
    a.router === b.router &&
    a.override === b.override &&
    a.esi === b.esi
  )
}
