// The loc-rib of one family, together with the paths of all adj-ribs-in it is chosen from (RFC 4271 section 3.2): a
// route is one entry with all its usable paths, and what changed is decided once at the end of a step.

import { evpnKey, iana, membershipKey } from '../wire/index.js'
import type { AdjRibIn } from './adj-rib-in.js'
import type { AttributeSets } from './attribute-set.js'
import { best } from './decision.js'
import type { RibChange, RouteNlri } from './events.js'
import { Path } from './path.js'
import type { SessionFamily } from './settings.js'

/** What tells routes of a family apart. */
export function keyOf(nlri: RouteNlri): string {
  if ('type' in nlri) return evpnKey(nlri)
  return 'prefix' in nlri ? nlri.prefix : membershipKey(nlri)
}

/** Equal in what the key leaves out too: labels, ESI, gateway. Both have the same key. */
export function sameNlri(a: RouteNlri, b: RouteNlri): boolean {
  if (a === b || !('type' in a) || a.type === 'opaque') return true
  const left = a as unknown as { readonly [name: string]: unknown }
  const right = b as unknown as { readonly [name: string]: unknown }
  for (const name in left) if (left[name] !== right[name]) return false
  for (const name in right) if (!(name in left)) return false
  return true
}

/** One route and its usable paths. */
export interface RibEntry {
  readonly key: string
  paths: readonly Path[]
  /** As of the last `decide`; undefined also while the entry is new. */
  best: Path | undefined
}

export class LocRib {
  readonly family: SessionFamily
  readonly #entries = new Map<string, RibEntry>()
  /** Entries whose paths changed since `decide`. */
  #changed = new Set<RibEntry>()

  constructor(family: SessionFamily) {
    this.family = family
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): RibEntry | undefined {
    return this.#entries.get(key)
  }

  entries(): IterableIterator<RibEntry> {
    return this.#entries.values()
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  /** Puts `path` in the place of `old`; either may be missing. */
  replace(key: string, old: Path | undefined, path: Path | undefined): void {
    if (old === undefined && path === undefined) return
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      if (path === undefined) return
      entry = { key, paths: [], best: undefined }
      this.#entries.set(key, entry)
    }
    const others = old === undefined ? entry.paths : entry.paths.filter((one) => one !== old)
    entry.paths = path === undefined ? others : others.length === 0 ? [path] : [...others, path]
    this.#changed.add(entry)
  }

  /**
   * Chooses anew where paths changed; gives the routes that now have another best path, or none. Keys of those that have
   * other paths beside the same best one are added to `others`.
   */
  decide(others?: string[]): readonly RibChange[] {
    if (this.#changed.size === 0) return []
    const changes: RibChange[] = []
    for (const entry of this.#changed) {
      const before = entry.best
      entry.best = best(entry.paths)
      if (entry.paths.length === 0) this.#entries.delete(entry.key)
      if (entry.best === before) {
        others?.push(entry.key)
        continue
      }
      const { key, paths, best: now } = entry
      const nlri = (now ?? before)!.nlri
      changes.push({ family: this.family, key, nlri, best: now, before, paths })
    }
    this.#changed = new Set()
    return changes
  }
}

/** The route leaves the adj-rib-in, and its path the loc-rib. */
export function removeRoute(rib: LocRib, adjRibIn: AdjRibIn, key: string): void {
  const usable = adjRibIn.usable(key)
  const routeKey = adjRibIn.routeKey(key)
  adjRibIn.delete(key)
  rib.replace(routeKey, usable, undefined)
}

const { llgrStale, noLlgr } = iana.wellKnownCommunity

/** All routes become a last resort; those that do not want to be leave (RFC 9494 section 4.2). */
export function makeStale(rib: LocRib, adjRibIn: AdjRibIn, sets: AttributeSets): void {
  for (const key of adjRibIn.keys()) {
    const { nlri, set, source, pathId, time } = adjRibIn.get(key)!
    const { communities = [] } = set.attributes
    if (communities.includes(noLlgr)) {
      removeRoute(rib, adjRibIn, key)
      continue
    }
    if (communities.includes(llgrStale)) continue
    const marked = { ...set.attributes, communities: [...communities, llgrStale] }
    const path = new Path(nlri, sets.intern(marked, set.nextHop), source, pathId, time)
    const usable = adjRibIn.usable(key)
    const rejected = adjRibIn.rejection(key)
    adjRibIn.set(key, path, rejected)
    rib.replace(adjRibIn.routeKey(key), usable, rejected === undefined ? path : undefined)
  }
}

/** All routes leave. */
export function removeAll(rib: LocRib, adjRibIn: AdjRibIn): void {
  for (const key of adjRibIn.keys()) removeRoute(rib, adjRibIn, key)
}
