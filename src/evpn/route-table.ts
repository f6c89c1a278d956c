// All EVPN routes there are, found by key and by route target: a network that is added later finds its routes here.

import type { RouteTarget } from '../net/index.js'
import type { EvpnRoute } from '../wire/index.js'
import type { Path } from './events.js'
import { assignedNumber, erase, insert, wildcardNumber } from './route-targets.js'

/** A route with its chosen path, and who has imported it. */
export interface KeptRoute<T> {
  readonly key: string
  nlri: EvpnRoute
  path: Path
  targets: readonly RouteTarget[]
  importers: readonly T[]
}

export class RouteTable<T> {
  readonly #byKey = new Map<string, KeptRoute<T>>()
  readonly #byTarget = new Map<RouteTarget, Set<KeptRoute<T>>>()
  /** The targets with the same assigned number, for wildcards. */
  readonly #byNumber = new Map<number, Set<RouteTarget>>()

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): KeptRoute<T> | undefined {
    return this.#byKey.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys()
  }

  /** The route as it is now; importers stay as they were. */
  put(key: string, nlri: EvpnRoute, path: Path, targets: readonly RouteTarget[]): KeptRoute<T> {
    const route = this.#byKey.get(key)
    if (route === undefined) {
      const fresh = { key, nlri, path, targets, importers: [] }
      this.#byKey.set(key, fresh)
      this.#index(fresh)
      return fresh
    }
    if (!sameTargets(route.targets, targets)) {
      this.#unindex(route)
      route.targets = targets
      this.#index(route)
    }
    route.nlri = nlri
    route.path = path
    return route
  }

  delete(key: string): KeptRoute<T> | undefined {
    const route = this.#byKey.get(key)
    if (route !== undefined) {
      this.#byKey.delete(key)
      this.#unindex(route)
    }
    return route
  }

  /** Routes that one of the patterns imports, each once. */
  matching(patterns: readonly string[]): ReadonlySet<KeptRoute<T>> {
    const found = new Set<KeptRoute<T>>()
    for (const pattern of patterns) {
      const number = wildcardNumber(pattern)
      const targets = number === undefined ? [pattern] : (this.#byNumber.get(number) ?? [])
      for (const target of targets) {
        for (const route of this.#byTarget.get(target) ?? []) found.add(route)
      }
    }
    return found
  }

  /** A route of each target whose routes nobody imports. */
  *strange(): Generator<KeptRoute<T>> {
    for (const [route] of this.#byTarget.values()) {
      if (route !== undefined && route.importers.length === 0) yield route
    }
  }

  #index(route: KeptRoute<T>): void {
    for (const target of route.targets) {
      if (!this.#byTarget.has(target)) insert(this.#byNumber, assignedNumber(target), target)
      insert(this.#byTarget, target, route)
    }
  }

  #unindex(route: KeptRoute<T>): void {
    for (const target of route.targets) {
      erase(this.#byTarget, target, route)
      if (!this.#byTarget.has(target)) erase(this.#byNumber, assignedNumber(target), target)
    }
  }
}

function sameTargets(a: readonly RouteTarget[], b: readonly RouteTarget[]): boolean {
  return a.length === b.length && a.every((target, i) => target === b[i])
}
