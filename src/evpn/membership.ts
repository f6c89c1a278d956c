// Who behind our ports wants which multicast group: what a querier knows of its link (RFC 3376 section 6, RFC 3810 section 7), of
// each port by itself. A port that excludes some sources of a group gets them all, and its hosts leave them: several may be behind it.

import type { Ip } from '../net/index.js'
import { TICK_SECONDS, type Ticks } from './expiring.js'

/** Robustness variable times query interval plus response time: 2 * 120 + 10. */
const LIFE_TICKS = Math.ceil(250 / TICK_SECONDS)
/** Who leaves is asked for once more, now and so often, one beat apart, and after that is gone. */
const LEAVE_BEATS = 2
/** A tenant may not fill the tables of all. */
export const GROUPS_PER_PORT = 512
export const SOURCES_PER_GROUP = 128

/** What a host said: in the words of the packet path. */
export interface Report {
  readonly port: number
  readonly group: Ip
  readonly source?: Ip
  readonly record: 'join' | 'leave' | 'include' | 'block'
  readonly version: number
}

interface Interest {
  seen: number
  /** Beats until it is over, when somebody said that it is. */
  leaving: number | undefined
}

interface Member {
  readonly port: number
  readonly group: Ip
  /** Of any source. */
  any: Interest | undefined
  readonly sources: Map<Ip, Interest>
  /** Of IGMP; of MLD one more. */
  readonly versions: Set<number>
}

export interface MembershipListener {
  /** Somebody wants it, or wants it no more. */
  onChange(group: Ip, port: number): void
  /** Hosts behind the port shall say whether they still want it. */
  ask(port: number, group: Ip): void
  /** The port wants more than it may. */
  onLimit(port: number): void
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

  /** Of a port that is down or away nobody wants anything. */
  forgetPort(port: number): void {
    if (!this.#perPort.has(port)) return
    for (const members of [...this.#groups.values()]) {
      const member = members.get(port)
      if (member !== undefined) this.#drop(member)
    }
  }

  /** What nobody has repeated for long is over. */
  tick(): void {
    const isOld = ({ seen }: Interest): boolean => this.#ticks.now - seen > LIFE_TICKS
    for (const members of [...this.#groups.values()]) {
      for (const member of [...members.values()]) this.#end(member, isOld)
    }
  }

  /** Every half second while `isLeaving`. */
  beat(): void {
    for (const member of [...this.#leaving]) {
      for (const interest of interestsOf(member)) {
        if (interest.leaving !== undefined) interest.leaving--
      }
      this.#end(member, ({ leaving }) => leaving === 0)
      if (interestsOf(member).some(isLeaving)) this.#listener.ask(member.port, member.group)
      else this.#leaving.delete(member)
    }
  }

  #want({ port, group, source, version }: Report): void {
    const member = this.#obtain(port, group)
    if (member === undefined) return
    const known = source === undefined ? member.any : member.sources.get(source)
    const isNews = known === undefined || !member.versions.has(version)
    if (known === undefined && source !== undefined) {
      if (member.sources.size === SOURCES_PER_GROUP) {
        this.#listener.onLimit(port)
        return
      }
    }
    const interest = known ?? { seen: 0, leaving: undefined }
    interest.seen = this.#ticks.now
    interest.leaving = undefined
    if (source === undefined) member.any = interest
    else member.sources.set(source, interest)
    member.versions.add(version)
    this.#ticks.wanted = true
    if (isNews) this.#listener.onChange(group, port)
  }

  #obtain(port: number, group: Ip): Member | undefined {
    const members = this.#groups.get(group) ?? new Map<number, Member>()
    const known = members.get(port)
    if (known !== undefined) return known
    const count = this.#perPort.get(port) ?? 0
    if (count === GROUPS_PER_PORT) {
      this.#listener.onLimit(port)
      return undefined
    }
    const member = { port, group, any: undefined, sources: new Map(), versions: new Set<number>() }
    this.#perPort.set(port, count + 1)
    this.#groups.set(group, members.set(port, member))
    return member
  }

  /** Others behind the port may want it still, so they are asked. Who wants some sources only says which right after it. */
  #leave({ port, group, source }: Report): void {
    const member = this.#groups.get(group)?.get(port)
    if (member === undefined) return
    const one = source === undefined ? undefined : member.sources.get(source)
    const over = source === undefined ? interestsOf(member) : one === undefined ? [] : [one]
    const staying = over.filter((interest) => !isLeaving(interest))
    if (staying.length === 0) return
    for (const interest of staying) interest.leaving = LEAVE_BEATS
    this.#leaving.add(member)
    this.#listener.ask(port, group)
  }

  /** Takes from the member what is over. */
  #end(member: Member, isOver: (interest: Interest) => boolean): void {
    const { port, group, sources } = member
    let isChanged = false
    if (member.any !== undefined && isOver(member.any)) {
      member.any = undefined
      isChanged = true
    }
    for (const [source, interest] of sources) {
      if (isOver(interest)) isChanged = sources.delete(source) || isChanged
    }
    if (member.any === undefined && sources.size === 0) this.#drop(member)
    else if (isChanged) this.#listener.onChange(group, port)
  }

  #drop(member: Member): void {
    const { port, group } = member
    const members = this.#groups.get(group)!
    members.delete(port)
    member.any = undefined
    member.sources.clear()
    this.#leaving.delete(member)
    if (members.size === 0) this.#groups.delete(group)
    const count = this.#perPort.get(port)! - 1
    if (count === 0) this.#perPort.delete(port)
    else this.#perPort.set(port, count)
    this.#listener.onChange(group, port)
  }
}

const NOBODY: ReadonlyMap<number, Member> = new Map()

const isLeaving = ({ leaving }: Interest): boolean => leaving !== undefined

function interestsOf({ any, sources }: Member): readonly Interest[] {
  return any === undefined ? [...sources.values()] : [any, ...sources.values()]
}
