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

/** The part that does not depend on how much of a route a peer is told. */
abstract class PendingRoutes<Known, Selected> {
  protected readonly known = new Map<string, Known>()
  readonly #pending = new Set<string>()
  /** Routes to send again although nothing changed (route refresh). */
  #repeat = new Set<string>()

  /** Routes to look at yet. */
  get pending(): number {
    return this.#pending.size
  }

  /** Notes that the paths of a route changed. */
  touch(key: string): void {
    this.#pending.add(key)
  }

  /** Everything again: for a new session, after a policy change, and with `repeat` for a refresh. */
  touchAll(keys: Iterable<string>, repeat: boolean): void {
    for (const key of keys) this.#pending.add(key)
    if (repeat) this.#repeat = new Set(this.known.keys())
  }

  /**
   * Takes up to `limit` noted routes and gives what the peer must be told about them; `select` says what it is to
   * know of a route.
   */
  take(limit: number, select: (key: string) => Selected): OutboundChanges {
    const changes: OutboundChanges = { withdrawn: [], announced: new Map() }
    let taken = 0
    for (const key of this.#pending) {
      if (taken++ === limit) break
      this.#pending.delete(key)
      this.change(key, select(key), this.#repeat.delete(key), changes)
    }
    return changes
  }

  protected abstract change(
    key: string,
    wanted: Selected,
    repeat: boolean,
    changes: OutboundChanges,
  ): void
}

/** Adds to what is announced. */
export function announce(
  { announced }: Pick<OutboundChanges, 'announced'>,
  { nlri, set }: Advertised,
): void {
  const group = announced.get(set)
  if (group === undefined) announced.set(set, [nlri])
  else group.push(nlri)
}

const isSame = (a: Advertised | undefined, b: Advertised): boolean =>
  a?.set === b.set && sameNlri(a.nlri, b.nlri)

export class AdjRibOut extends PendingRoutes<Advertised, Advertised | undefined> {
  /** Routes the peer knows from us. */
  get size(): number {
    return this.known.size
  }

  advertised(): IterableIterator<Advertised> {
    return this.known.values()
  }

  /** The peer does not know the route after all. */
  forget(key: string, _pathId?: number): void {
    this.known.delete(key)
  }

  protected change(
    key: string,
    wanted: Advertised | undefined,
    repeat: boolean,
    changes: OutboundChanges,
  ): void {
    const known = this.known.get(key)
    if (wanted === undefined) {
      if (known === undefined) return
      changes.withdrawn.push(known.nlri)
      this.known.delete(key)
      return
    }
    if (!repeat && isSame(known, wanted)) return
    this.known.set(key, wanted)
    announce(changes, wanted)
  }
}

type Paths = ReadonlyMap<number, Advertised>

const none: Paths = new Map()

/** For a peer that is told all paths of a route, each with a number (RFC 7911). */
export class AddPathOut extends PendingRoutes<Paths, readonly Advertised[]> {
  /** Paths the peer knows from us. */
  get size(): number {
    let size = 0
    for (const paths of this.known.values()) size += paths.size
    return size
  }

  *advertised(): IterableIterator<Advertised> {
    for (const paths of this.known.values()) yield* paths.values()
  }

  forget(key: string, pathId = 0): void {
    const paths = new Map(this.known.get(key))
    paths.delete(pathId)
    this.#keep(key, paths)
  }

  protected change(
    key: string,
    selected: readonly Advertised[],
    repeat: boolean,
    changes: OutboundChanges,
  ): void {
    const known = this.known.get(key) ?? none
    const wanted = new Map(selected.map((one) => [one.nlri.pathId ?? 0, one]))
    for (const [id, { nlri }] of known) if (!wanted.has(id)) changes.withdrawn.push(nlri)
    for (const [id, one] of wanted) {
      if (repeat || !isSame(known.get(id), one)) announce(changes, one)
    }
    this.#keep(key, wanted)
  }

  #keep(key: string, paths: Paths): void {
    if (paths.size === 0) this.known.delete(key)
    else this.known.set(key, paths)
  }
}
