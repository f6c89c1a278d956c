// Multicast of one network (RFC 9251): what hosts here want is told to the other VTEPs in the place of their reports, and what those
// tell decides who gets a group. A VTEP that tells nothing gets everything, and so does a multicast router, behind a port or a VTEP.

import type { Snapshot } from '../fib/index.js'
import { type Esi, type Ip, ipFamily } from '../net/index.js'
import type { MembershipFlags, MembershipRecord } from '../wire/index.js'
import type { Announcer } from './announcer.js'
import type { GroupView } from './events.js'
import { TICK_SECONDS, type Ticks } from './expiring.js'
import type { FloodList } from './flood.js'
import { type Flags, GroupRoutes, NO_FLAGS } from './group-routes.js'
import { Listeners, type Place, type Source } from './listeners.js'
import { interestFlags, Membership, mergedFlags, type Report } from './membership.js'
import type { Output } from './output.js'
import type { Standing } from './segments.js'
import { type JoinClaim, type LeaveClaim, Synch } from './synch.js'

/** A router or querier that has been silent for longer is gone: the other querier present interval of RFC 3376 section 8.5. */
const PRESENT_TICKS = Math.ceil(255 / TICK_SECONDS)
/** RFC 3376 section 8.2. */
const QUERY_TICKS = 120 / TICK_SECONDS
/** Hosts answer within this time: of regular questions, of the first ones to a port, and before somebody leaves (less than a beat). */
const RESPONSE_SECONDS = { general: 10, first: 1, last: 0.3 } as const

export interface MulticastSettings {
  /** Ask hosts which groups they want, as long as nobody else does. */
  readonly querier: boolean
}

/** What a type 6 route says. */
export interface SmetClaim {
  readonly remote: Ip
  /** Left out: every group. */
  readonly group?: Ip
  /** Left out: every source. */
  readonly source?: Ip
}

/** A question of the network's hosts. */
export interface MembershipQuery {
  readonly ports: readonly number[]
  /** 0.0.0.0 and :: are all groups of a family. */
  readonly group: Ip
  readonly maxResponseSeconds: number
}

/** What hosts behind VTEPs want, or want no more; all of one family. */
export interface MembershipReport {
  readonly ports: readonly number[]
  /** Of IGMP; of MLD one more. */
  readonly version: number
  readonly records: readonly MembershipRecord[]
}

/** A multicast router behind a port. */
interface Router {
  heard: number
  /** In which version it asks; of one that was not heard asking, the newest. */
  readonly versions: Map<4 | 6, number>
}

interface Surroundings {
  readonly out: Output
  readonly ticks: Ticks
  readonly flood: FloodList
  readonly announcer: Announcer
  readonly standingOf: (port: number) => Standing | undefined
}

const ANY = { 4: '0.0.0.0', 6: '::' } as const
const FAMILIES = [4, 6] as const
const NO_SOURCES: ReadonlySet<Source> = new Set()
const NO_WISHES: ReadonlyMap<Source, ReadonlyMap<Ip, number>> = new Map()
const NO_REMOTES: ReadonlyMap<Ip, number> = new Map()
const ANY_SOURCE: ReadonlySet<Source> = new Set([undefined])
const NEWEST = 3
/** A router wants all, in every version that there is. */
const ROUTER_FLAGS: MembershipFlags = { v1: false, v2: true, v3: true, exclude: true, others: 0 }
const ALL_FLAGS: Flags = new Map([[undefined, ROUTER_FLAGS]])
/** Who speaks for the hosts of a family. */
const familyNames = { 4: 'igmp', 6: 'mld' } as const

export class Multicast {
  readonly #vni: number
  readonly #around: Surroundings
  readonly #local: Membership
  readonly #remote = new Map<string, SmetClaim>()
  /** By group and source: VTEPs, and by how many routes. */
  readonly #byGroup = new Map<Ip | undefined, Map<Source, Map<Ip, number>>>()
  readonly #listeners: Listeners
  /** Ports, and the tick of their next general question. */
  readonly #ports = new Map<number, number>()
  /** Ports that are to be asked at once. */
  readonly #newcomers = new Set<number>()
  readonly #routers = new Map<number, Router>()
  /** What hosts behind Ethernet segments say to other VTEPs. */
  readonly #synch: Synch
  /** Ports where it has to be asked at once what is wanted, as other VTEPs have lost what they knew. */
  readonly #orphaned = new Set<number>()
  /** Routers that have asked, and in which family. */
  readonly #asking = new Map<number, Set<4 | 6>>()
  /** When somebody else was heard asking. */
  readonly #queriers = new Map<4 | 6, number>()
  readonly #announced: GroupRoutes
  /** Channels that hosts behind VTEPs want, as routers were told. */
  readonly #proxied = new Map<Ip, ReadonlySet<Source>>()
  /** Groups of which somebody has changed his mind, and who. */
  readonly #dirty = new Map<Ip, Set<Place>>()
  #allDirty = true
  #isRepeating = false
  #settings: MulticastSettings | undefined

  constructor(vni: number, around: Surroundings) {
    this.#vni = vni
    this.#around = around
    this.#local = new Membership(around.ticks, {
      onChange: (group, port) => put(this.#dirty, group, port),
      ask: (port, group) => {
        if (group === undefined) this.#orphaned.add(port)
        else this.#ask([port], group, RESPONSE_SECONDS.last)
      },
      isShared: (port) => this.#synch.isShared(port),
      onLeave: (channel, version, seconds) => this.#synch.left(channel, version, seconds),
      onLimit: (port) => {
        const text = `port ${port} in network ${vni} wants more multicast groups or sources than it may`
        around.out.complain('multicastLimit', text, { vni, port })
      },
    })
    const { announcer, flood, standingOf } = around
    this.#announced = new GroupRoutes(
      (channel, flags) => announcer.announceGroup(channel, flags),
      (channel) => announcer.retractGroup(channel),
    )
    this.#synch = new Synch({
      announcer,
      membership: this.#local,
      standingOf,
      isSilent: (vtep, family) => flood.unproxied(familyNames[family]).has(vtep),
    })
    this.#listeners = new Listeners(vni, around.out, {
      sources: (group) => this.#sources(group),
      places: (group, source) => this.#places(group, source),
      isOn: (group, source, place) =>
        this.#wantsAll(ipFamily(group), place) || this.#wants(group, source, place),
    })
  }

  /** The network has these settings; undefined: who wants a group is not heard, and everybody gets it. */
  become(settings: MulticastSettings | undefined): void {
    const wasOn = this.#settings !== undefined
    this.#settings = settings
    if (wasOn === (settings !== undefined)) return
    this.#allDirty = true
    if (settings !== undefined) {
      this.#around.ticks.wanted = true
      this.#greet([...this.#ports.keys()])
      return
    }
    for (const port of this.#ports.keys()) this.#local.forgetPort(port)
    this.#routers.clear()
    this.#queriers.clear()
  }

  get isOn(): boolean {
    return this.#settings !== undefined
  }

  /** Hosts were asked for the last time whether they want a group. */
  get isHurried(): boolean {
    return this.#local.isLeaving
  }

  addPort(port: number): void {
    if (this.#ports.has(port)) return
    this.#ports.set(port, 0)
    this.#greet([port])
  }

  /** The Ethernet segment that it leads to, if to one. */
  setSegment(port: number, esi: Esi | undefined): void {
    if (this.#synch.setSegment(port, esi)) this.#allDirty = true
  }

  /** The segment is not as it was. True when that is of interest here. */
  segmentChanged(esi: Esi): boolean {
    const concerned = this.#synch.changed(esi)
    if (concerned === undefined) return false
    this.#allDirty = true
    const { port, isLost } = concerned
    if (isLost && this.isOn) {
      this.#orphaned.add(port)
      this.#ports.set(port, this.#around.ticks.now + 1)
    }
    return true
  }

  /** Its hosts have to say anew what they want. */
  portUp(port: number): void {
    if (this.#ports.has(port)) this.#greet([port])
  }

  portDown(port: number): void {
    this.#local.forgetPort(port)
    if (this.#routers.delete(port)) this.#allDirty = true
    this.#asking.delete(port)
  }

  removePort(port: number): void {
    this.portDown(port)
    this.setSegment(port, undefined)
    this.#ports.delete(port)
    this.#newcomers.delete(port)
  }

  hear(report: Report): void {
    if (this.isOn && this.#ports.has(report.port)) this.#local.hear(report)
  }

  /** Somebody asked, or spoke as a router (version 0). Who has no address is another switch that listens in. */
  hearQuery(querier: Ip, version: number, port: number | undefined): void {
    if (!this.isOn || querier === ANY[4] || querier === ANY[6]) return
    const { now } = this.#around.ticks
    if (version > 0) this.#queriers.set(ipFamily(querier), now)
    if (port === undefined || !this.#ports.has(port)) return
    const router = this.#routers.get(port) ?? { heard: now, versions: new Map() }
    if (!this.#routers.has(port)) this.#allDirty = true
    this.#routers.set(port, router)
    router.heard = now
    if (version === 0) return
    const family = ipFamily(querier)
    router.versions.set(family, version)
    put(this.#asking, port, family)
  }

  /** A type 6 route is there, or says something else. */
  claim(key: string, claim: SmetClaim): void {
    this.unclaim(key)
    this.#remote.set(key, claim)
    this.#count(claim, 1)
  }

  unclaim(key: string): void {
    const claim = this.#remote.get(key)
    if (claim === undefined) return
    this.#remote.delete(key)
    this.#count(claim, -1)
  }

  /** A type 7 route is there. */
  join(key: string, claim: JoinClaim): void {
    this.#synch.join(key, claim)
    if (claim.group === undefined) this.#allDirty = true
  }

  unjoin(key: string): void {
    const claim = this.#synch.unjoin(key)
    if (claim !== undefined && claim.group === undefined) this.#allDirty = true
  }

  /** A type 8 route is there. */
  leave(key: string, claim: LeaveClaim): void {
    this.#synch.leave(key, claim)
  }

  unleave(key: string): void {
    this.#synch.unleave(key)
  }

  #count({ remote, group, source }: SmetClaim, by: 1 | -1): void {
    const sources = this.#byGroup.get(group) ?? new Map<Source, Map<Ip, number>>()
    const remotes = sources.get(source) ?? new Map<Ip, number>()
    const count = (remotes.get(remote) ?? 0) + by
    if (count > 0) remotes.set(remote, count)
    else remotes.delete(remote)
    if (remotes.size > 0) sources.set(source, remotes)
    else sources.delete(source)
    if (sources.size > 0) this.#byGroup.set(group, sources)
    else this.#byGroup.delete(group)
    if (group === undefined) this.#allDirty = true
    else put(this.#dirty, group, remote)
  }

  /** Other VTEPs than before want all of multicast. */
  floodChanged(): void {
    this.#allDirty = true
  }

  /** What a packet path that went on forwarding holds of our hosts holds until they have been asked. */
  adopt({ listeners }: Snapshot): void {
    if (!this.isOn) return
    const { now } = this.#around.ticks
    for (const row of listeners) {
      if (row.vni !== this.#vni || !('port' in row)) continue
      if (isAny(row.group)) this.#routers.set(row.port, { heard: now, versions: new Map() })
    }
    for (const row of listeners) {
      if (row.vni !== this.#vni || !('port' in row) || this.#routers.has(row.port)) continue
      const { port, group, source } = row
      if (isAny(group)) continue
      const said =
        source === undefined ? { record: 'join' as const } : { record: 'include' as const, source }
      this.hear({ port, group, ...said, version: 3 })
    }
    this.#allDirty = true
    this.#greet([...this.#ports.keys()])
  }

  /** Our routes go, for they will be others. */
  retractAll(): void {
    this.#announced.retractAll()
    this.#synch.retractAll()
    this.#allDirty = true
  }

  /** Our routes say something else than before. */
  repeatAll(): void {
    this.#isRepeating = true
    this.#allDirty = true
  }

  tick(): void {
    if (!this.isOn) return
    const { now } = this.#around.ticks
    this.#around.ticks.wanted = true
    this.#local.tick()
    for (const [port, { heard }] of this.#routers) {
      if (now - heard <= PRESENT_TICKS) continue
      this.#routers.delete(port)
      this.#allDirty = true
    }
    const due = [...this.#ports].filter(([, next]) => next <= now).map(([port]) => port)
    for (const port of due) this.#ports.set(port, now + QUERY_TICKS)
    for (const family of FAMILIES) this.#askAll(due, family, RESPONSE_SECONDS.general)
  }

  /** Every half second while `isHurried`. */
  beat(): void {
    this.#local.beat()
  }

  /** Tables and routes are made to say what is known. */
  settle(): void {
    const newcomers = [...this.#newcomers]
    this.#newcomers.clear()
    for (const port of newcomers) this.#ports.set(port, this.#around.ticks.now + 1)
    for (const family of FAMILIES) {
      this.#askAll(newcomers, family, RESPONSE_SECONDS.first)
      this.#ask([...this.#orphaned], ANY[family], RESPONSE_SECONDS.first)
    }
    this.#orphaned.clear()
    this.#settleGroups()
    this.#answerRouters()
  }

  #settleGroups(): void {
    if (this.#allDirty) {
      const groups = new Set<Ip>([...this.#groups(), ...Object.values(ANY)])
      for (const group of this.#listeners.groups()) groups.add(group)
      for (const group of this.#announced.groups()) if (group !== undefined) groups.add(group)
      for (const group of this.#synch.groups()) groups.add(group)
      for (const group of groups) this.#settleGroup(group, undefined)
      this.#announceRouters()
    } else {
      for (const [group, places] of this.#dirty) this.#settleGroup(group, places)
    }
    this.#allDirty = false
    this.#isRepeating = false
    this.#dirty.clear()
  }

  #settleGroup(group: Ip, places: ReadonlySet<Place> | undefined): void {
    this.#listeners.settle(group, places)
    if (isAny(group)) return
    this.#announced.say(group, this.isOn ? this.#flagsOf(group) : NO_FLAGS, this.#isRepeating)
    this.#synch.announce(group, this.isOn, this.#isRepeating)
    this.#proxy(group)
  }

  /** Who wants all. A router behind a segment speaks to one VTEP of it, as hosts do. */
  #announceRouters(): void {
    const shared = [...this.#synch.ports()]
    const isFor = (port: number): boolean =>
      this.#synch.isFetching(port) &&
      (this.#routers.has(port) ||
        this.#synch.hasRouter(port) ||
        FAMILIES.some((family) => this.#synch.isDeaf(port, family)))
    const isWanted = this.isOn && [...this.#routers.keys(), ...shared].some(isFor)
    this.#announced.say(undefined, isWanted ? ALL_FLAGS : NO_FLAGS, this.#isRepeating)
    for (const port of shared) {
      const flags = this.#routers.has(port) ? ROUTER_FLAGS : undefined
      this.#synch.announceRouter(port, flags, this.#isRepeating)
    }
  }

  /** Every channel that somebody wants. */
  *views(network: string): Generator<GroupView> {
    if (!this.isOn) return
    for (const group of this.#groups()) {
      for (const source of this.#sources(group)) {
        const ports = [...this.#local.of(group).keys()].filter((port) =>
          this.#wantsOf(group, source, port),
        )
        yield {
          network,
          vni: this.#vni,
          group,
          ...(source === undefined ? {} : { source }),
          ports,
          remotes: [...this.#remotesOf(group, source).keys()],
        }
      }
    }
    const ports = [...this.#ports.keys()].filter((port) =>
      FAMILIES.some((family) => this.#wantsAll(family, port)),
    )
    const remotes = [...this.#remotesOf(undefined, undefined).keys()]
    if (ports.length + remotes.length === 0) return
    yield { network, vni: this.#vni, ports, remotes }
  }

  #groups(): ReadonlySet<Ip> {
    const groups = new Set<Ip>(this.#local.groups())
    for (const group of this.#byGroup.keys()) if (group !== undefined) groups.add(group)
    return groups
  }

  #remotesOf(group: Ip | undefined, source: Source): ReadonlyMap<Ip, number> {
    return this.#byGroup.get(group)?.get(source) ?? NO_REMOTES
  }

  /** Who asked for this source of the group; for any, where it is undefined. */
  #wantsOf(group: Ip, source: Source, place: Place): boolean {
    if (typeof place !== 'number') return this.#remotesOf(group, source).has(place)
    const member = this.#local.of(group).get(place)
    return source === undefined ? member?.any !== undefined : member?.sources.has(source) === true
  }

  /** The list of a source has also who wants any. */
  #wants(group: Ip, source: Source, place: Place): boolean {
    return this.#wantsOf(group, source, place) || this.#wantsOf(group, undefined, place)
  }

  /** And every list who wants all: routers, segments, and VTEPs that do not say what they want. */
  #wantsAll(family: 4 | 6, place: Place): boolean {
    if (typeof place === 'number') {
      return this.#routers.has(place) || this.#synch.wantsAll(place, family)
    }
    const unproxied = this.#around.flood.unproxied(familyNames[family])
    return unproxied.has(place) || this.#remotesOf(undefined, undefined).has(place)
  }

  #sources(group: Ip): ReadonlySet<Source> {
    if (!this.isOn) return NO_SOURCES
    if (isAny(group)) return this.#places(group, undefined).size > 0 ? ANY_SOURCE : NO_SOURCES
    const sources = new Set<Source>((this.#byGroup.get(group) ?? NO_WISHES).keys())
    for (const member of this.#local.of(group).values()) {
      if (member.any !== undefined) sources.add(undefined)
      for (const source of member.sources.keys()) sources.add(source)
    }
    return sources
  }

  #places(group: Ip, source: Source): ReadonlySet<Place> {
    const family = ipFamily(group)
    const unproxied = this.#around.flood.unproxied(familyNames[family])
    const all = [this.#routers, unproxied, this.#remotesOf(undefined, undefined)]
    const places = new Set<Place>(all.flatMap((some) => [...some.keys()]))
    for (const port of this.#synch.ports()) {
      if (this.#synch.wantsAll(port, family)) places.add(port)
    }
    for (const each of new Set([undefined, source])) {
      for (const remote of this.#remotesOf(group, each).keys()) places.add(remote)
    }
    for (const port of this.#local.of(group).keys()) {
      if (this.#wants(group, source, port)) places.add(port)
    }
    return places
  }

  /** What we tell of the group: who wants any source needs no word of some. */
  #flagsOf(group: Ip): Flags {
    const all = [...this.#local.of(group).values()]
    const members = all.filter(({ port }) => this.#synch.isFetching(port))
    const flags = new Map<Ip | undefined, MembershipFlags>()
    const anyone = members.flatMap(({ any }) => any ?? [])
    const isMld = ipFamily(group) === 6
    if (anyone.length > 0) {
      const each = anyone.map((interest) => interestFlags(group, interest))
      return flags.set(undefined, each.reduce(mergedFlags))
    }
    for (const source of members.flatMap(({ sources }) => [...sources.keys()])) {
      flags.set(source, { v1: false, v2: isMld, v3: !isMld, exclude: false, others: 0 })
    }
    return flags
  }

  /** Routers hear when hosts behind VTEPs begin or cease to want a channel. */
  #proxy(group: Ip): void {
    const before = this.#proxied.get(group) ?? NO_SOURCES
    const wishes = this.isOn ? (this.#byGroup.get(group) ?? NO_WISHES) : NO_WISHES
    const now = new Set(wishes.keys())
    if (now.size === 0 && before.size === 0) return
    const records: MembershipRecord[] = []
    for (const source of now) if (!before.has(source)) records.push(recordOf(group, source, true))
    for (const source of before) if (!now.has(source)) records.push(recordOf(group, source, false))
    if (now.size === 0) this.#proxied.delete(group)
    else this.#proxied.set(group, now)
    for (const port of this.#routers.keys()) this.#report(port, ipFamily(group), records)
  }

  #answerRouters(): void {
    for (const [port, families] of this.#asking) {
      for (const family of families) {
        const records = [...this.#proxied].flatMap(([group, sources]) =>
          ipFamily(group) === family
            ? Array.from(sources, (source) => recordOf(group, source, true))
            : [],
        )
        this.#report(port, family, records)
      }
    }
    this.#asking.clear()
  }

  #report(port: number, family: 4 | 6, records: readonly MembershipRecord[]): void {
    const version = this.#routers.get(port)?.versions.get(family) ?? NEWEST
    if (records.length === 0) return
    this.#around.out.add({ do: 'reportMembership', ports: [port], version, records })
  }

  /** New ports, or hosts that have to say anew what they want. */
  #greet(ports: readonly number[]): void {
    for (const port of ports) this.#newcomers.add(port)
  }

  /** General questions, unless somebody else asks them; never of routers, for the lowest address asks alone. */
  #askAll(ports: readonly number[], family: 4 | 6, seconds: number): void {
    const heard = this.#queriers.get(family)
    if (heard !== undefined && this.#around.ticks.now - heard <= PRESENT_TICKS) return
    const asked = ports.filter((port) => !this.#routers.has(port))
    this.#ask(asked, ANY[family], seconds)
  }

  #ask(ports: readonly number[], group: Ip, maxResponseSeconds: number): void {
    if (this.#settings?.querier !== true || ports.length === 0) return
    this.#around.out.add({ do: 'queryMembership', ports, group, maxResponseSeconds })
  }
}

function recordOf(group: Ip, source: Ip | undefined, is: boolean): MembershipRecord {
  if (source === undefined) return { record: is ? 'join' : 'leave', group }
  return { record: is ? 'include' : 'block', group, source }
}

const isAny = (group: Ip): boolean => group === ANY[4] || group === ANY[6]

function put<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, new Set([value]))
  else values.add(value)
}
