// What one peer has been told of one family (RFC 4271 section 3.2): a place in the log of its group, so that a peer costs
// next to nothing beside others that are told the same.

import type { Ip } from '../net/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import type { Batch, GroupProfile, Reader, Run, UpdateGroup } from './update-group.js'
import type { UpdateGroups } from './update-groups.js'

/** A route as the peer knows it. */
export interface Advertised {
  readonly nlri: RouteNlri
  readonly set: AttributeSet
}

export class AdjRibOut implements Reader {
  readonly peer: string
  readonly routerId: Ip
  readonly #groups: UpdateGroups
  /** Says that there may be something to send. */
  readonly wake: () => void
  #group: UpdateGroup | undefined
  #place: Batch | undefined
  /** The group to read from as soon as it knows all routes. */
  #next: UpdateGroup | undefined
  /** What has to be told before the log goes on. */
  #first: Run | undefined

  constructor(groups: UpdateGroups, peer: string, routerId: Ip, wake: () => void) {
    this.#groups = groups
    this.wake = wake
    this.peer = peer
    this.routerId = routerId
  }

  /** The group of the profile decides what the peer is told from now on; before the first it is told nothing. */
  follow(profile: GroupProfile): void {
    const group = this.#groups.join(profile, this)
    const left = this.#next ?? this.#group
    if (group === left) return
    if (this.#next !== undefined) this.#groups.leave(this.#next, this)
    this.#next = undefined
    if (this.#place === undefined) {
      this.#group = group
      this.#place = group.start
    } else if (group !== this.#group) {
      this.#next = group
      this.#groups.await(this)
    }
    this.wake()
  }

  /** Goes over to the group that it waits for, when that is complete; false when it has to wait on. */
  move(): boolean {
    const group = this.#next
    if (group === undefined) return true
    if (group.pending > 0 || this.#first !== undefined) return false
    const left = this.#group!
    this.#first = group.difference(left, this.#place!, this)
    this.#groups.leave(left, this)
    this.#group = group
    this.#place = this.#first.end
    this.#next = undefined
    this.wake()
    return true
  }

  /** Everything once more; behind what has to be told first, which may withdraw what no other message does. */
  restart(): void {
    this.#place = this.#group?.start
    this.wake()
  }

  close(): void {
    for (const group of [this.#group, this.#next]) {
      if (group !== undefined) this.#groups.leave(group, this)
    }
    this.#group = undefined
    this.#place = undefined
    this.#next = undefined
    this.#first = undefined
  }

  /** The next messages; undefined when there are none at the moment. */
  read(): Run | undefined {
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) return first
    const run = this.#place && this.#group?.after(this.#place)
    if (run !== undefined) this.#place = run.end
    return run
  }

  /** There is something to `read`. */
  get hasNext(): boolean {
    return this.#first !== undefined || this.#place !== this.#group?.end
  }

  /** The peer has been told all there is. */
  get isCurrent(): boolean {
    return this.#group?.pending === 0 && this.#next === undefined && !this.hasNext
  }

  /** Where it is in the log of a group that it belongs to; one that waits for the group needs nothing of it. */
  placeIn(group: UpdateGroup): Batch | undefined {
    return group === this.#group ? this.#place : undefined
  }

  /** Routes the peer knows from us. */
  get size(): number {
    if (this.#group === undefined) return 0
    return Math.max(0, this.#group.sizeFor(this) - this.#unread)
  }

  /** Routes to look at yet, or to send. */
  get pending(): number {
    const { pending = 0 } = this.#next ?? {}
    return (this.#group?.pending ?? 0) + this.#unread + pending
  }

  *advertised(): IterableIterator<Advertised> {
    if (this.#group !== undefined) yield* this.#group.advertised(this, this.#place!)
  }

  /** The peer knows the route, or a path of it. */
  has(key: string): boolean {
    return this.#group?.isKnown(this, this.#place!, key) === true
  }

  get #unread(): number {
    if (this.#group === undefined) return 0
    return (this.#first?.routes ?? 0) + this.#group.unread(this.#place!)
  }
}
