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
  readonly #begins: MembershipNlri[] = []
  /** Equal for filters that want the same. */
  readonly key: string

  constructor(memberships: Iterable<MembershipNlri>) {
    let wantsAll = false
    for (const membership of memberships) {
      const { bits, target } = membership
      if (bits <= AS_BITS) wantsAll = true
      else if (bits === ALL_BITS) this.#whole.add(target)
      else this.#begins.push(membership)
    }
    this.#wantsAll = wantsAll
    const begins = this.#begins.map(({ bits, target }) => `${target}/${bits}`)
    this.key = wantsAll ? '*' : [...this.#whole, ...new Set(begins)].sort().join()
  }

  /** A route without any route target is for those who want everything. */
  wants(set: AttributeSet): boolean {
    if (this.#wantsAll) return true
    return targetsOf(set).some(
      (target) => this.#whole.has(target) || this.#begins.some((one) => covers(one, target)),
    )
  }
}

function covers({ target, bits }: MembershipNlri, other: string): boolean {
  const shift = BigInt(ALL_BITS - bits)
  return BigInt(`0x${target}`) >> shift === BigInt(`0x${other}`) >> shift
}

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
