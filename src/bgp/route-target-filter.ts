// Which routes a peer wants (RFC 4684): those with a route target that one of its memberships covers.

import { hexFromBytes } from '../net/index.js'
import { communityOctets, type MembershipNlri } from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'

const AS_BITS = 32
const ALL_BITS = 96

export class RouteTargetFilter {
  /** One membership of no more than an AS asks for all that there is. */
  readonly #wantsAll: boolean
  readonly #whole = new Set<string>()
  /** What targets begin with, by how many bits that is: looked up once for each length, however many a peer names. */
  readonly #begins = new Map<number, Set<bigint>>()
  /** Equal for filters that want the same. */
  readonly key: string

  constructor(memberships: Iterable<MembershipNlri>) {
    let wantsAll = false
    for (const membership of memberships) {
      const { bits, target } = membership
      if (bits <= AS_BITS) wantsAll = true
      else if (bits === ALL_BITS) this.#whole.add(target)
      else this.#begins.set(bits, (this.#begins.get(bits) ?? new Set()).add(begin(target, bits)))
    }
    this.#wantsAll = wantsAll
    const begins = [...this.#begins].flatMap(([bits, some]) =>
      [...some].map((one) => `${one}/${bits}`),
    )
    this.key = wantsAll ? '*' : [...this.#whole, ...begins].sort().join()
  }

  /** A route without any route target is for those who want everything. */
  wants(set: AttributeSet): boolean {
    if (this.#wantsAll) return true
    return targetsOf(set).some((target) => this.#whole.has(target) || this.#hasBeginOf(target))
  }

  #hasBeginOf(target: string): boolean {
    for (const [bits, some] of this.#begins) if (some.has(begin(target, bits))) return true
    return false
  }
}

const begin = (target: string, bits: number): bigint =>
  BigInt(`0x${target}`) >> BigInt(ALL_BITS - bits)

const known = new WeakMap<AttributeSet, readonly string[]>()

/** As memberships have them. ES-Import counts, too: it "enables the use of" RFC 4684 for type 4 (RFC 7432 section 7.6). */
function targetsOf(set: AttributeSet): readonly string[] {
  let targets = known.get(set)
  if (targets === undefined) {
    targets = (set.attributes.extendedCommunities ?? [])
      .filter(({ type }) => type === 'routeTarget' || type === 'esImport')
      .map((community) => hexFromBytes(communityOctets(community)))
    known.set(set, targets)
  }
  return targets
}
