// Who behind our ports wants which multicast group: what a querier knows of its link (RFC 3376 section 6, RFC 3810 section 7), of
// each port by itself. A port that excludes some sources of a group gets them all, and its hosts leave them: several may be behind it.
//
// Hosts behind an Ethernet segment speak to any VTEP of it, so there counts what the others have heard, too (RFC 9251 section 6).
// A host that leaves puts in doubt what was heard; at the end of the time to answer what is still in doubt is forgotten, by each VTEP
// what it has heard itself.

import { type Ip, ipFamily } from '../net/index.js'
import type { MembershipFlags } from '../wire/index.js'
import { TICK_SECONDS, type Ticks } from './expiring.js'

/** Robustness variable times query interval plus response time: 2 * 120 + 10. */
const LIFE_TICKS = Math.ceil(250 / TICK_SECONDS)
/** Of timers that run only then. */
export const BEAT_SECONDS = 0.5
/** A tenant may not fill the tables of all. */
export const GROUPS_PER_PORT = 512
export const SOURCES_PER_GROUP = 128

/** How long there is doubt, in beats, and with how many left it is asked again. It is asked at the beginning in any case. */
interface Course {
  readonly beats: number
  readonly asksAt: readonly number[]
}

/** Who leaves is asked for once more, now and so often, one beat apart, and after that is gone. */
const LEAVE: Course = { beats: 2, asksAt: [1] }
/** RFC 9251 section 6.2: the same, and a second for routes to arrive. */
const LEAVE_OF_SEGMENT: Course = { beats: 4, asksAt: [3] }
/**
 * A VTEP of the segment has lost what it heard, and nobody left: it is gone, or its link (RFC 9251 section 6.3). Until the
 * other end of the links has found out, answers may be lost there.
 */
const ORPHANED: Course = { beats: 20, asksAt: [16, 12, 8, 4] }
/** So long after the end others of the segment may still take back what they have heard. */
const AFTER_BEATS = 4

/** What a host said: in the words of the packet path. */
export interface Report {
  readonly port: number
  readonly group: Ip
  readonly source?: Ip
  readonly record: 'join' | 'leave' | 'include' | 'block'
  /** Of IGMP; of MLD one more. */
  readonly version: number
}

/** A port, a group, and one source or any. */
export interface PortChannel {
  readonly port: number
  readonly group: Ip
  readonly source: Ip | undefined
}

interface Interest {
  /** When hosts here said so the last time. */
  heard: number | undefined
  /** In which versions. */
  readonly versions: Set<number>
  /** Somebody has left, and nobody has said anything since. */
  isDoubted: boolean
  /** What other VTEPs of the segment have heard, by their routes; and what the last of them had, where all have gone. */
  readonly peers: Map<string, MembershipFlags>
  last: MembershipFlags | undefined
}

interface Leave {
  /** Until it is over; below zero since. */
  beats: number
  readonly asksAt: readonly number[]
  /** Nobody has left, but it is not known whether anybody wants this one; it is asked for all groups. */
  readonly isOrphan: boolean
  /** Others of the segment do the same, as it was told. */
  readonly isShared: boolean
  /** By us, in this version. */
  readonly told: number | undefined
  /** One more has left meanwhile, in this version. */
  again: number | undefined
}

type LeaveKind = Partial<Pick<Leave, 'isOrphan' | 'isShared' | 'told'>>

interface Member {
  readonly port: number
  readonly group: Ip
  /** Of any source. */
  any: Interest | undefined
  readonly sources: Map<Ip, Interest>
  /** By source. */
  readonly leaves: Map<Ip | undefined, Leave>
}

export interface MembershipListener {
  /** Somebody wants it, or wants it no more; or it is heard here, or no more. */
  onChange(group: Ip, port: number): void
  /** Hosts behind the port shall say whether they still want it, or what they want at all. */
  ask(port: number, group: Ip | undefined): void
  /** The port wants more than it may. */
  onLimit(port: number): void
  /** Whether the port leads to an Ethernet segment. */
  isShared(port: number): boolean
  /** Somebody leaves who is behind a segment: to be told to its other VTEPs; `seconds` left out: it is over. */
  onLeave(channel: PortChannel, version: number, seconds: number | undefined): void
}

export class Membership {
  readonly #ticks: Ticks
  readonly #listener: MembershipListener
  readonly #groups = new Map<Ip, Map<number, Member>>()
  readonly #perPort = new Map<number, number>()
  readonly #leaving = new Set<Member>()

  constructor(ticks: Ticks, listener: MembershipListener) {
    this.#ticks = ticks
    this.#listener = listener
  }

  /** Somebody is asked for the last time. */
  get isLeaving(): boolean {
    return this.#leaving.size > 0
  }

  groups(): IterableIterator<Ip> {
    return this.#groups.keys()
  }

  /** Who wants some of the group, by port. */
  of(group: Ip): ReadonlyMap<number, Readonly<Member>> {
    return this.#groups.get(group) ?? NOBODY
  }

  hear(report: Report): void {
    switch (report.record) {
      case 'join':
      case 'include':
        this.#want(report)
        return
      case 'leave':
      case 'block':
        this.#leave(report)
        return
    }
  }

  /** Another VTEP of the segment has heard it, by a route. */
  peerWants({ port, group, source }: PortChannel, key: string, flags: MembershipFlags): void {
    const member = this.#members(group).get(port) ?? this.#create(port, group)
    interestIn(member, source).peers.set(key, flags)
    this.#listener.onChange(group, port)
  }

  /** The route is gone. */
  peerWantsNoMore(channel: PortChannel, key: string): void {
    const { port, group, source } = channel
    const member = this.#groups.get(group)?.get(port)
    const interest = member && existing(member, source)
    if (member === undefined || interest?.peers.has(key) !== true) return
    interest.last = interest.peers.get(key)
    interest.peers.delete(key)
    if (interest.peers.size === 0 && interest.heard === undefined) {
      const leave = leaveOf(member, source)
      if (leave === undefined) this.#begin(member, source, ORPHANED, { isOrphan: true })
      else if (leave.beats > 0) interest.isDoubted = true
    }
    this.#tidy(member, true)
  }

  /** Another VTEP of the segment was told that somebody leaves, and gives hosts so long to answer. */
  peerLeaves({ port, group, source }: PortChannel, seconds: number): void {
    const member = this.#groups.get(group)?.get(port)
    if (member === undefined || covered(member, source).length === 0) return
    // One more, so that we do not end before it.
    const beats = Math.ceil(seconds / BEAT_SECONDS) + 1
    this.#begin(member, source, { beats, asksAt: [] }, { isShared: true })
  }

  /** Nothing of the port is heard any more. */
  forgetPort(port: number): void {
    this.#forget(port, (interest) => {
      interest.heard = undefined
    })
  }

  /** The port leads to no segment any more, or to another one. */
  forgetPeers(port: number): void {
    this.#forget(port, (interest) => {
      interest.peers.clear()
    })
  }

  #forget(port: number, change: (interest: Interest) => void): void {
    if (!this.#perPort.has(port)) return
    for (const members of [...this.#groups.values()]) {
      const member = members.get(port)
      if (member === undefined) continue
      for (const interest of covered(member, undefined)) {
        interest.isDoubted = false
        change(interest)
      }
      for (const [source, leave] of member.leaves) this.#conclude(member, source, leave)
      member.leaves.clear()
      this.#tidy(member, true)
    }
  }

  /** What nobody has repeated for long is over. */
  tick(): void {
    for (const members of [...this.#groups.values()]) {
      for (const member of [...members.values()]) {
        let isChanged = false
        for (const interest of covered(member, undefined)) {
          const { heard } = interest
          if (heard === undefined || this.#ticks.now - heard <= LIFE_TICKS) continue
          interest.heard = undefined
          interest.isDoubted = false
          isChanged = true
        }
        this.#tidy(member, isChanged)
      }
    }
  }

  /** Every half second while `isLeaving`. */
  beat(): void {
    for (const member of [...this.#leaving]) {
      const asking: Leave[] = []
      let isChanged = false
      for (const [source, leave] of [...member.leaves]) {
        leave.beats--
        if (leave.beats === 0) isChanged = this.#finish(member, source, leave) || isChanged
        const isDecided = doubted(member, source, leave).length === 0
        if (leave.isShared ? leave.beats <= -AFTER_BEATS : isDecided) member.leaves.delete(source)
        else if (leave.asksAt.includes(leave.beats)) asking.push(leave)
        if (leave.beats === -1) this.#leaveAgain(member, source, leave)
      }
      this.#tidy(member, isChanged)
      const { port, group } = member
      for (const isOrphan of new Set(asking.map((leave) => leave.isOrphan))) {
        this.#listener.ask(port, isOrphan ? undefined : group)
      }
    }
  }

  #want({ port, group, source, version }: Report): void {
    const member = this.#obtain(port, group)
    if (member === undefined) return
    const known = existing(member, source)
    if (known === undefined && source !== undefined && member.sources.size >= SOURCES_PER_GROUP) {
      this.#listener.onLimit(port)
      return
    }
    const interest = interestIn(member, source)
    const isNews = interest.heard === undefined || !interest.versions.has(version)
    if (interest.heard === undefined) interest.versions.clear()
    interest.heard = this.#ticks.now
    interest.isDoubted = false
    interest.versions.add(version)
    this.#ticks.wanted = true
    if (isNews) this.#listener.onChange(group, port)
  }

  #members(group: Ip): Map<number, Member> {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const members = new Map<number, Member>()
    this.#groups.set(group, members)
    return members
  }

  #obtain(port: number, group: Ip): Member | undefined {
    const known = this.#groups.get(group)?.get(port)
    if (known !== undefined) return known
    if ((this.#perPort.get(port) ?? 0) < GROUPS_PER_PORT) return this.#create(port, group)
    this.#listener.onLimit(port)
    return undefined
  }

  #create(port: number, group: Ip): Member {
    const member: Member = { port, group, any: undefined, sources: new Map(), leaves: new Map() }
    this.#perPort.set(port, (this.#perPort.get(port) ?? 0) + 1)
    this.#members(group).set(port, member)
    return member
  }

  /** Others behind the port may want it still, so they are asked. Who wants some sources only says which right after it. */
  #leave({ port, group, source, version }: Report): void {
    if (this.#listener.isShared(port)) {
      // "Regardless of whether it has state": what another VTEP has heard may be under way (RFC 9251 section 6.2).
      const member = this.#obtain(port, group)
      if (member === undefined) return
      this.#begin(member, source, LEAVE_OF_SEGMENT, { isShared: true, told: version })
      return
    }
    const member = this.#groups.get(group)?.get(port)
    if (member === undefined || covered(member, source).every(({ isDoubted }) => isDoubted)) return
    this.#begin(member, source, LEAVE, {})
  }

  /** From now on hosts have to say that they want it still. */
  #begin(
    member: Member,
    source: Ip | undefined,
    { beats, asksAt }: Course,
    { isOrphan = false, isShared = false, told }: LeaveKind,
  ): void {
    const { port, group } = member
    const running = leaveOf(member, source)
    if (isShared && running?.isShared === true && running.beats > 0) {
      // One at a time: whoever has answered since, and leaves now, is asked for when it is over.
      running.again ??= told
      return
    }
    const interests = isOrphan ? exactly(member, source) : covered(member, source)
    const isHeard = interests.some(({ heard }) => heard !== undefined)
    for (const interest of interests) interest.isDoubted = true
    member.leaves.set(source, { beats, asksAt, isOrphan, isShared, told, again: undefined })
    this.#leaving.add(member)
    // Who was only told asks as well where hosts may have spoken to it since.
    if (!isShared || told !== undefined || isHeard) {
      this.#listener.ask(port, isOrphan ? undefined : group)
    }
    if (told !== undefined)
      this.#listener.onLeave({ port, group, source }, told, beats * BEAT_SECONDS)
  }

  #leaveAgain(member: Member, source: Ip | undefined, { again }: Leave): void {
    if (again === undefined || covered(member, source).length === 0) return
    member.leaves.delete(source)
    this.#begin(member, source, LEAVE_OF_SEGMENT, { isShared: true, told: again })
  }

  /** What is in doubt now was not heard. True when there was any. */
  #finish(member: Member, source: Ip | undefined, leave: Leave): boolean {
    const interests = doubted(member, source, leave)
    for (const interest of interests) {
      interest.isDoubted = false
      interest.heard = undefined
    }
    this.#conclude(member, source, leave)
    return interests.length > 0
  }

  #conclude({ port, group }: Member, source: Ip | undefined, leave: Leave): void {
    if (leave.told === undefined || leave.beats < 0) return
    this.#listener.onLeave({ port, group, source }, leave.told, undefined)
  }

  /** Takes from the member what nobody wants. */
  #tidy(member: Member, isChanged: boolean): void {
    const { port, group, sources } = member
    if (member.any !== undefined && isOver(member.any)) member.any = undefined
    for (const [source, interest] of sources) if (isOver(interest)) sources.delete(source)
    if (member.leaves.size === 0) this.#leaving.delete(member)
    const isGone = member.any === undefined && sources.size + member.leaves.size === 0
    if (isGone) this.#drop(member)
    if (isChanged || isGone) this.#listener.onChange(group, port)
  }

  #drop({ port, group }: Member): void {
    const members = this.#groups.get(group)!
    members.delete(port)
    if (members.size === 0) this.#groups.delete(group)
    const count = this.#perPort.get(port)! - 1
    if (count === 0) this.#perPort.delete(port)
    else this.#perPort.set(port, count)
  }
}

const NOBODY: ReadonlyMap<number, Member> = new Map()

const isOver = ({ heard, isDoubted, peers }: Interest): boolean =>
  heard === undefined && !isDoubted && peers.size === 0

const existing = ({ any, sources }: Member, source: Ip | undefined): Interest | undefined =>
  source === undefined ? any : sources.get(source)

function interestIn(member: Member, source: Ip | undefined): Interest {
  const known = existing(member, source)
  if (known !== undefined) return known
  const interest: Interest = {
    heard: undefined,
    versions: new Set(),
    isDoubted: false,
    peers: new Map(),
    last: undefined,
  }
  if (source === undefined) member.any = interest
  else member.sources.set(source, interest)
  return interest
}

/** What somebody leaves: one source, or the group with all of them. */
function covered(member: Member, source: Ip | undefined): readonly Interest[] {
  if (source !== undefined) return exactly(member, source)
  return [...exactly(member, undefined), ...member.sources.values()]
}

function exactly(member: Member, source: Ip | undefined): readonly Interest[] {
  const one = existing(member, source)
  return one === undefined ? [] : [one]
}

function doubted(member: Member, source: Ip | undefined, { isOrphan }: Leave): readonly Interest[] {
  const interests = isOrphan ? exactly(member, source) : covered(member, source)
  return interests.filter(({ isDoubted }) => isDoubted)
}

/** Who leaves it, or the whole group. */
function leaveOf({ leaves }: Member, source: Ip | undefined): Leave | undefined {
  const ofGroup = leaves.get(undefined)
  return leaves.get(source) ?? (ofGroup?.isOrphan === true ? undefined : ofGroup)
}

/** The version flags of what hosts said here (RFC 9251 section 9.1.1). */
export function heardFlags(group: Ip, versions: ReadonlySet<number>): MembershipFlags {
  const [newest, older] = [versions.has(3), versions.has(1) || versions.has(2)]
  const words =
    ipFamily(group) === 6
      ? { v1: older, v2: newest, v3: false }
      : { v1: false, v2: older, v3: newest }
  return { ...words, exclude: newest, others: 0 }
}

/** Those of all who want it: of hosts here, and of what other VTEPs of the segment have heard. */
export function interestFlags(
  group: Ip,
  { heard, versions, peers, last }: Readonly<Interest>,
): MembershipFlags {
  const all = [...peers.values()]
  if (heard !== undefined) all.push(heardFlags(group, versions))
  if (all.length === 0 && last !== undefined) all.push(last)
  return all.reduce(mergedFlags)
}

export function mergedFlags(a: MembershipFlags, b: MembershipFlags): MembershipFlags {
  return {
    v1: a.v1 || b.v1,
    v2: a.v2 || b.v2,
    v3: a.v3 || b.v3,
    exclude: a.exclude || b.exclude,
    others: 0,
  }
}
