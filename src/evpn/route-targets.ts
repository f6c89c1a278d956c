// Which networks import a route: by its route targets (RFC 4364 section 4.3.1), and what they are when nobody says.

import type { RouteTarget } from '../net/index.js'

/** "*:number": any administrator. */
const WILDCARD = '*:'

/**
 * What profile `frr` exports: AS:VNI in the two-octet form, from a four-octet AS its low 16 bits. RFC 8365 section
 * 5.1.2.1 has another form; FRR sends this one unless told to.
 */
export function derivedExportTarget(asn: number, vni: number): RouteTarget {
  return `${asn & 0xffff}:${vni}`
}

/** What profile `frr` imports: the VNI under any administrator, so that hosts of different AS meet. */
export function derivedImportTarget(vni: number): string {
  return `${WILDCARD}${vni}`
}

/**
 * The assigned number, all of it: 32 bits behind a two-octet AS, 16 behind an IPv4 address or a four-octet AS.
 * So 65002:65637 is not *:101, though their low 16 bits are equal.
 */
export function assignedNumber(target: RouteTarget): number {
  return Number(target.slice(target.lastIndexOf(':') + 1))
}

/** The number of a wildcard, undefined for a plain target. */
export function wildcardNumber(pattern: string): number | undefined {
  return pattern.startsWith(WILDCARD) ? Number(pattern.slice(WILDCARD.length)) : undefined
}

/** So many answers are remembered. */
const ANSWERS = 16384

/** From route target to importers, O(1) in both numbers. */
export class ImportIndex<T> {
  readonly #exact = new Map<string, Set<T>>()
  readonly #wildcard = new Map<number, Set<T>>()
  readonly #answers = new Map<RouteTarget, readonly T[]>()

  add(importer: T, patterns: readonly string[]): void {
    this.#answers.clear()
    for (const pattern of patterns) {
      const number = wildcardNumber(pattern)
      if (number === undefined) insert(this.#exact, pattern, importer)
      else insert(this.#wildcard, number, importer)
    }
  }

  remove(importer: T, patterns: readonly string[]): void {
    this.#answers.clear()
    for (const pattern of patterns) {
      const number = wildcardNumber(pattern)
      if (number === undefined) erase(this.#exact, pattern, importer)
      else erase(this.#wildcard, number, importer)
    }
  }

  /** Everyone who imports a route with these targets, each once. */
  importers(targets: readonly RouteTarget[]): readonly T[] {
    if (targets.length === 1) return this.#ofOne(targets[0]!)
    const all = new Set<T>()
    for (const target of targets) for (const importer of this.#ofOne(target)) all.add(importer)
    return [...all]
  }

  #ofOne(target: RouteTarget): readonly T[] {
    const known = this.#answers.get(target)
    if (known !== undefined) return known
    const exact = this.#exact.get(target) ?? []
    const wildcard = this.#wildcard.get(assignedNumber(target)) ?? []
    const answer = [...new Set([...exact, ...wildcard])]
    if (this.#answers.size === ANSWERS) this.#answers.clear()
    this.#answers.set(target, answer)
    return answer
  }
}

export function insert<K, T>(sets: Map<K, Set<T>>, key: K, value: T): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

export function erase<K, T>(sets: Map<K, Set<T>>, key: K, value: T): void {
  const set = sets.get(key)
  set?.delete(value)
  if (set?.size === 0) sets.delete(key)
}
