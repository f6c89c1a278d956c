// Multicast behind the Ethernet segments of one network (RFC 9251 section 6): a host there speaks to any VTEP of its segment, so
// that these tell each other what they hear (type 7), and that somebody leaves (type 8).
//
// A port of a segment gets only what is wanted there, unless one of the others does not tell: who says nothing in its type 3 route is
// no proxy. While we wait to be elected it gets all that comes, too, for what the others heard may be under way.

import type { Esi, Ip } from '../net/index.js'
import type { MembershipFlags } from '../wire/index.js'
import type { Announcer } from './announcer.js'
import { type Flags, GroupRoutes, NO_FLAGS } from './group-routes.js'
import { heardFlags, type Membership, type PortChannel } from './membership.js'
import { erase, insert } from './route-targets.js'
import type { WantedChannel } from './routes/smet.js'
import type { Standing } from './segments.js'

/** What a type 7 route says. */
export interface JoinClaim extends WantedChannel {
  readonly esi: Esi
  readonly flags: MembershipFlags
}

/** And a type 8 route. */
export interface LeaveClaim extends WantedChannel {
  readonly esi: Esi
  readonly seconds: number
}

export interface SynchSurroundings {
  readonly announcer: Announcer
  readonly membership: Membership
  readonly standingOf: (port: number) => Standing | undefined
  /** A VTEP does not tell which groups of a family it wants. */
  readonly isSilent: (vtep: Ip, family: 4 | 6) => boolean
}

/** A segment that a port of ours leads to. */
interface Shared {
  readonly esi: Esi
  readonly heard: GroupRoutes
  /** Type 8 routes of ours. */
  readonly left: Map<string, WantedChannel>
  /** As of the last time. */
  peers: readonly Ip[]
}

const keyOf = ({ group, source }: WantedChannel): string => `${group} ${source}`

export class Synch {
  readonly #around: SynchSurroundings
  readonly #joins = new Map<string, JoinClaim>()
  readonly #leaves = new Map<string, LeaveClaim>()
  /** Keys of joins of one group, and of those of all groups. */
  readonly #joinsOf = new Map<Esi, Set<string>>()
  readonly #routersOf = new Map<Esi, Set<string>>()
  readonly #shared = new Map<number, Shared>()
  readonly #ports = new Map<Esi, number>()

  constructor(around: SynchSurroundings) {
    this.#around = around
  }

  ports(): IterableIterator<number> {
    return this.#shared.keys()
  }

  isShared(port: number): boolean {
    return this.#shared.has(port)
  }

  /** The port here that leads to the segment, and whether others of it have gone: what they heard last may not have been told. */
  changed(esi: Esi): { readonly port: number; readonly isLost: boolean } | undefined {
    const port = this.#ports.get(esi)
    const shared = port === undefined ? undefined : this.#shared.get(port)
    if (port === undefined || shared === undefined) return undefined
    const before = shared.peers
    shared.peers = this.#around.standingOf(port)?.peers ?? []
    return { port, isLost: before.some((vtep) => !shared.peers.includes(vtep)) }
  }

  /** What the port leads to. True when that is news. */
  setSegment(port: number, esi: Esi | undefined): boolean {
    const before = this.#shared.get(port)
    if (before?.esi === esi) return false
    const { announcer, membership } = this.#around
    if (before !== undefined) {
      this.#retract(before)
      this.#shared.delete(port)
      this.#ports.delete(before.esi)
      membership.forgetPeers(port)
    }
    if (esi === undefined) return true
    const heard = new GroupRoutes(
      (channel, flags) => announcer.announceJoin(esi, channel, flags),
      (channel) => announcer.retractJoin(esi, channel),
    )
    this.#shared.set(port, { esi, heard, left: new Map(), peers: [] })
    this.#ports.set(esi, port)
    for (const key of this.#joinsOf.get(esi) ?? []) this.#tell(key, this.#joins.get(key)!)
    return true
  }

  // What others tell.

  join(key: string, claim: JoinClaim): void {
    const before = this.#joins.get(key)
    this.#joins.set(key, claim)
    if (before === undefined) insert(this.#indexOf(claim), claim.esi, key)
    this.#tell(key, claim)
  }

  #indexOf({ group }: JoinClaim): Map<Esi, Set<string>> {
    return group === undefined ? this.#routersOf : this.#joinsOf
  }

  #tell(key: string, { esi, group, source, flags }: JoinClaim): void {
    const port = this.#ports.get(esi)
    if (port === undefined || group === undefined) return
    this.#around.membership.peerWants({ port, group, source }, key, flags)
  }

  /** The claim that was, if any. */
  unjoin(key: string): JoinClaim | undefined {
    const claim = this.#joins.get(key)
    if (claim === undefined) return undefined
    const { esi, group, source } = claim
    this.#joins.delete(key)
    erase(this.#indexOf(claim), esi, key)
    const port = this.#ports.get(esi)
    if (port !== undefined && group !== undefined) {
      this.#around.membership.peerWantsNoMore({ port, group, source }, key)
    }
    return claim
  }

  /** Said again it means nothing new: the time runs already. */
  leave(key: string, claim: LeaveClaim): void {
    const isKnown = this.#leaves.has(key)
    this.#leaves.set(key, claim)
    const { esi, group, source, seconds } = claim
    const port = this.#ports.get(esi)
    if (isKnown || port === undefined || group === undefined) return
    this.#around.membership.peerLeaves({ port, group, source }, seconds)
  }

  unleave(key: string): void {
    this.#leaves.delete(key)
  }

  /** Another VTEP has heard a multicast router behind the segment. */
  hasRouter(port: number): boolean {
    const shared = this.#shared.get(port)
    return shared !== undefined && this.#routersOf.has(shared.esi)
  }

  // What follows.

  /** One of the others does not tell what hosts there want. */
  isDeaf(port: number, family: 4 | 6): boolean {
    const { standingOf, isSilent } = this.#around
    if (!this.#shared.has(port)) return false
    return standingOf(port)?.peers.some((vtep) => isSilent(vtep, family)) === true
  }

  wantsAll(port: number, family: 4 | 6): boolean {
    if (!this.#shared.has(port)) return false
    const isWaiting = this.#around.standingOf(port)?.isWaiting === true
    return isWaiting || this.hasRouter(port) || this.isDeaf(port, family)
  }

  /** Whether others shall send us what is wanted there: so says the designated forwarder alone (RFC 9251 section 6.1). */
  isFetching(port: number): boolean {
    return !this.#shared.has(port) || this.#around.standingOf(port)?.isDesignated === true
  }

  /** Our type 7 routes of a group. */
  announce(group: Ip, isOn: boolean, repeats: boolean): void {
    for (const [port, { heard }] of this.#shared) {
      heard.say(group, isOn ? this.#heardOf(group, port) : NO_FLAGS, repeats)
    }
  }

  /** And those of all groups: a router is there. */
  announceRouter(port: number, flags: MembershipFlags | undefined, repeats: boolean): void {
    const flagsOf = flags === undefined ? NO_FLAGS : new Map([[undefined, flags]])
    this.#shared.get(port)?.heard.say(undefined, flagsOf, repeats)
  }

  /** Each source is told, unlike in type 6 routes: who wants any may leave first. */
  #heardOf(group: Ip, port: number): Flags {
    const member = this.#around.membership.of(group).get(port)
    const flags = new Map<Ip | undefined, MembershipFlags>()
    if (member?.any?.heard !== undefined)
      flags.set(undefined, heardFlags(group, member.any.versions))
    for (const [source, { heard, versions }] of member?.sources ?? []) {
      if (heard !== undefined) flags.set(source, { ...heardFlags(group, versions), exclude: false })
    }
    return flags
  }

  *groups(): Generator<Ip> {
    for (const { heard } of this.#shared.values()) {
      for (const group of heard.groups()) if (group !== undefined) yield group
    }
  }

  /** A host behind the port leaves; `seconds` undefined: the time to answer is over. */
  left({ port, ...channel }: PortChannel, version: number, seconds: number | undefined): void {
    const shared = this.#shared.get(port)
    if (shared === undefined) return
    const { esi, left } = shared
    const { announcer } = this.#around
    if (seconds !== undefined) {
      left.set(keyOf(channel), channel)
      const flags = { ...heardFlags(channel.group, new Set([version])), exclude: false }
      announcer.announceLeave(esi, channel, flags, seconds)
    } else if (left.delete(keyOf(channel))) announcer.retractLeave(esi, channel)
  }

  retractAll(): void {
    for (const shared of this.#shared.values()) this.#retract(shared)
  }

  #retract({ esi, heard, left }: Shared): void {
    heard.retractAll()
    for (const channel of left.values()) this.#around.announcer.retractLeave(esi, channel)
    left.clear()
  }
}
