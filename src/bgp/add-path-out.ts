// As AdjRibOut, for a peer that is told all paths of a route, each with a number (RFC 7911).

import type { Advertised, OutboundChanges } from './adj-rib-out.js'
import { sameNlri } from './rib.js'

type Paths = ReadonlyMap<number, Advertised>

const none: Paths = new Map()

export class AddPathOut {
  /** By route, then by number. */
  readonly #advertised = new Map<string, Paths>()
  readonly #pending = new Set<string>()
  #repeat = new Set<string>()

  /** Paths the peer knows from us. */
  get size(): number {
    let size = 0
    for (const paths of this.#advertised.values()) size += paths.size
    return size
  }

  /** Routes to look at yet. */
  get pending(): number {
    return this.#pending.size
  }

  *advertised(): IterableIterator<Advertised> {
    for (const paths of this.#advertised.values()) yield* paths.values()
  }

  touch(key: string): void {
    this.#pending.add(key)
  }

  touchAll(keys: Iterable<string>, repeat: boolean): void {
    for (const key of keys) this.#pending.add(key)
    if (repeat) this.#repeat = new Set(this.#advertised.keys())
  }

  /** As AdjRibOut's, but `select` gives all that the peer is to know of a route. */
  take(limit: number, select: (key: string) => readonly Advertised[]): OutboundChanges {
    const changes: OutboundChanges = { withdrawn: [], announced: new Map() }
    let taken = 0
    for (const key of this.#pending) {
      if (taken++ === limit) break
      this.#pending.delete(key)
      this.#change(key, select(key), changes)
    }
    return changes
  }

  forget(key: string, pathId = 0): void {
    const paths = new Map(this.#advertised.get(key))
    paths.delete(pathId)
    this.#keep(key, paths)
  }

  #change(key: string, selected: readonly Advertised[], changes: OutboundChanges): void {
    const repeat = this.#repeat.delete(key)
    const known = this.#advertised.get(key) ?? none
    const wanted = new Map(selected.map((one) => [one.nlri.pathId ?? 0, one]))
    for (const [id, { nlri }] of known) if (!wanted.has(id)) changes.withdrawn.push(nlri)
    for (const [id, { nlri, set }] of wanted) {
      const old = known.get(id)
      if (!repeat && old?.set === set && sameNlri(old.nlri, nlri)) continue
      const group = changes.announced.get(set)
      if (group === undefined) changes.announced.set(set, [nlri])
      else group.push(nlri)
    }
    this.#keep(key, wanted)
  }

  #keep(key: string, paths: Paths): void {
    if (paths.size === 0) this.#advertised.delete(key)
    else this.#advertised.set(key, paths)
  }
}
