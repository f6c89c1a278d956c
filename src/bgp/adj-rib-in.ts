// What one peer has told us of one family (RFC 4271 section 3.2): also the paths we must not use, with the reason, so
// that an operator can ask why a route is not there.

import type { RouteNlri } from './events.js'
import type { Path } from './path.js'

export interface ReceivedPath {
  readonly path: Path
  /** Why it may not be used, as policy says; such a path is in no loc-rib. */
  readonly rejected?: string
}

/** A path that may not be used. */
export type RefusedPath = Required<ReceivedPath>

/** Of a route there is one path, or as many as the peer numbers (RFC 7911): then the number is part of the key. */
export class AdjRibIn {
  readonly addPath: boolean
  readonly #paths = new Map<string, Path>()
  /** Few: kept apart so that the many cost nothing. */
  readonly #rejected = new Map<string, string>()
  /** Routes not repeated yet since the peer began a refresh (RFC 7313 section 4) or restarted (RFC 4724). */
  #stale: Set<string> | undefined
  /** They are from before a restart, not from before a refresh. */
  #isLeftOver = false

  constructor(addPath = false) {
    this.addPath = addPath
  }

  /** The key of a path that has the number, under the key of its route. */
  keyOf(routeKey: string, pathId = 0): string {
    return this.addPath ? `${routeKey} ${pathId}` : routeKey
  }

  /** The route's key, of the key of a path. */
  routeKey(key: string): string {
    return this.addPath ? key.slice(0, key.lastIndexOf(' ')) : key
  }

  get size(): number {
    return this.#paths.size
  }

  get rejected(): number {
    return this.#rejected.size
  }

  get stale(): number {
    return this.#stale?.size ?? 0
  }

  get(key: string): Path | undefined {
    return this.#paths.get(key)
  }

  /** The NLRI as the peer wrote it, with the number of the path if it has one. */
  nlriOf({ nlri, pathId }: Path): RouteNlri {
    return this.addPath ? { ...nlri, pathId } : nlri
  }

  /** Why the path is not in use. */
  rejection(key: string): string | undefined {
    return this.#rejected.get(key)
  }

  /** The path when it is in use. */
  usable(key: string): Path | undefined {
    return this.#rejected.has(key) ? undefined : this.#paths.get(key)
  }

  set(key: string, path: Path, rejected: string | undefined): void {
    this.#stale?.delete(key)
    this.#paths.set(key, path)
    this.judge(key, rejected)
  }

  /** The same path with another verdict of policy. */
  judge(key: string, rejected: string | undefined): void {
    if (rejected === undefined) this.#rejected.delete(key)
    else this.#rejected.set(key, rejected)
  }

  /** The same route once more: only that it is not stale. */
  confirm(key: string): void {
    this.#stale?.delete(key)
  }

  delete(key: string): void {
    this.#stale?.delete(key)
    this.#paths.delete(key)
    this.#rejected.delete(key)
  }

  keys(): readonly string[] {
    return [...this.#paths.keys()]
  }

  *received(): IterableIterator<ReceivedPath> {
    for (const [key, path] of this.#paths) {
      const rejected = this.#rejected.get(key)
      yield rejected === undefined ? { path } : { path, rejected }
    }
  }

  /** The paths that may not be used: few, and found without a look at the many. */
  *refused(): IterableIterator<RefusedPath> {
    for (const [key, rejected] of this.#rejected) {
      const path = this.#paths.get(key)
      if (path !== undefined) yield { path, rejected }
    }
  }

  /** The peer sends everything again: what it does not send until `endRefresh` is gone. */
  beginRefresh(hasRestarted = false): void {
    this.#stale = new Set(this.#paths.keys())
    this.#isLeftOver = hasRestarted
  }

  /** What a peer that restarts a second time has not repeated after the first, for the caller to delete (RFC 4724 section 4.2). */
  takeLeftOver(): readonly string[] {
    return this.#isLeftOver ? this.endRefresh() : []
  }

  /** The routes that were not repeated, for the caller to delete. */
  endRefresh(): readonly string[] {
    const stale = [...(this.#stale ?? [])]
    this.#stale = undefined
    this.#isLeftOver = false
    return stale
  }
}
