// What one peer has been told of one family (RFC 4271 section 3.2), and what it has yet to be told. Changes are kept
// by route, not as messages: a route that changes ten times while the peer is slow is sent once.

import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import { sameNlri } from './rib.js'

/** A route as the peer knows it. */
export interface Advertised {
  readonly nlri: RouteNlri
  readonly set: AttributeSet
}

/** The next changes to send. */
export interface OutboundChanges {
  readonly withdrawn: RouteNlri[]
  /** Routes by their attributes: each group shares messages. */
  readonly announced: Map<AttributeSet, RouteNlri[]>
}

export class AdjRibOut {
  readonly #advertised = new Map<string, Advertised>()
  readonly #pending = new Set<string>()
  /** Routes to send again although nothing changed (route refresh). */
  #repeat = new Set<string>()

  /** Routes the peer knows from us. */
  get size(): number {
    return this.#advertised.size
  }

  /** Routes to look at yet. */
  get pending(): number {
    return this.#pending.size
  }

  advertised(): IterableIterator<Advertised> {
    return this.#advertised.values()
  }

  /** Notes that the best path of a route changed. */
  touch(key: string): void {
    this.#pending.add(key)
  }

  /** Everything again: for a new session, after a policy change, and with `repeat` for a refresh. */
  touchAll(keys: Iterable<string>, repeat: boolean): void {
    for (const key of keys) this.#pending.add(key)
    if (repeat) this.#repeat = new Set(this.#advertised.keys())
  }

  /**
   * Takes up to `limit` noted routes and gives what the peer must be told about them; `select` says what it is to
   * know of a route.
   */
  take(limit: number, select: (key: string) => Advertised | undefined): OutboundChanges {
    const changes: OutboundChanges = { withdrawn: [], announced: new Map() }
    let taken = 0
    for (const key of this.#pending) {
      if (taken++ === limit) break
      this.#pending.delete(key)
      this.#change(key, select(key), changes)
    }
    return changes
  }

  /** The peer does not know the route after all. */
  forget(key: string, _pathId?: number): void {
    this.#advertised.delete(key)
  }

  #change(key: string, wanted: Advertised | undefined, changes: OutboundChanges): void {
    const repeat = this.#repeat.delete(key)
    const known = this.#advertised.get(key)
    if (wanted === undefined) {
      if (known === undefined) return
      changes.withdrawn.push(known.nlri)
      this.#advertised.delete(key)
      return
    }
    const { nlri, set } = wanted
    if (!repeat && known?.set === set && sameNlri(known.nlri, nlri)) return
    this.#advertised.set(key, wanted)
    const group = changes.announced.get(set)
    if (group === undefined) changes.announced.set(set, [nlri])
    else group.push(nlri)
  }
}
