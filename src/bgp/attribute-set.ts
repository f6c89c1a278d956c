// One object per distinct set of path attributes: equal sets are the same object, so comparing and grouping routes is
// comparing pointers, and what the decision asks of a set is worked out once.

import type { Ip } from '../net/index.js'
import {
  type AsPath,
  type AttributeHeader,
  asPathLength,
  iana,
  type PathAttributes,
} from '../wire/index.js'

/** MAC Mobility of a set (RFC 7432 section 7.7). Absence of the community is sequence 0. */
export interface Mobility {
  readonly sequence: number
  readonly sticky: boolean
}

export interface AttributeSet {
  readonly nextHop: Ip
  /** Without MP_REACH_NLRI, MP_UNREACH_NLRI and NEXT_HOP. `asReceived` holds only what must keep its Partial bit. */
  readonly attributes: PathAttributes
  /** As the decision counts it (RFC 4271 section 9.1.2.2 a). */
  readonly asPathLength: number
  /** The AS the route came from last; 0 for routes of our own AS. */
  readonly neighbourAs: number
  readonly mobility: Mobility
  /** Of a peer that is away for long: a last resort (RFC 9494). */
  readonly isStale: boolean
}

const noMobility: Mobility = { sequence: 0, sticky: false }

/** Finds the set for attributes and next hop, or makes it. Sets that nothing holds any more are forgotten. */
export class AttributeSets {
  readonly #sets = new Map<string, WeakRef<AttributeSet>>()
  readonly #forget = new FinalizationRegistry<string>((key) => {
    if (this.#sets.get(key)?.deref() === undefined) this.#sets.delete(key)
  })

  /** Sets that are in use, or were until lately. */
  get size(): number {
    return this.#sets.size
  }

  intern(attributes: PathAttributes, nextHop: Ip): AttributeSet {
    const normal = normalized(attributes)
    const key = `${nextHop} ${JSON.stringify(normal)}`
    const known = this.#sets.get(key)?.deref()
    if (known !== undefined) return known
    const set = describe(detached(normal) as PathAttributes, nextHop)
    this.#sets.set(key, new WeakRef(set))
    this.#forget.register(set, key)
    return set
  }
}

/** One order of names, so that the sender's order makes no difference. */
function normalized(attributes: PathAttributes): PathAttributes {
  const { mpReach: _, mpUnreach: __, nextHop: ___, unknown = [], asReceived, ...named } = attributes
  const values: { [name: string]: unknown } = {}
  for (const name of Object.keys(named).sort()) {
    const value = named[name as keyof typeof named]
    if (value !== undefined) values[name] = value
  }
  if (unknown.length > 0) values['unknown'] = unknown.toSorted((a, b) => a.code - b.code)
  const partial = partialHeaders(asReceived)
  if (partial.length > 0) values['asReceived'] = partial
  return values
}

/** "Once set to 1, the Partial bit MUST NOT be set back to 0 by the current AS" (RFC 4271 section 5). */
function partialHeaders(headers: PathAttributes['asReceived']): readonly AttributeHeader[] {
  if (headers === undefined) return []
  return headers
    .filter(({ flags }) => (flags & iana.attributeFlag.partial) !== 0)
    .map(({ code, flags }) => ({ code, flags: flags & ~iana.attributeFlag.extendedLength }))
    .toSorted((a, b) => a.code - b.code)
}

/** A copy whose octets are its own: decoded ones are views that would keep a whole receive buffer alive. */
function detached(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(detached)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, detached(inner)]))
}

function describe(attributes: PathAttributes, nextHop: Ip): AttributeSet {
  const path = attributes.asPath ?? []
  return {
    nextHop,
    attributes,
    asPathLength: asPathLength(path),
    neighbourAs: neighbourAs(path),
    mobility: mobilityOf(attributes),
    isStale: attributes.communities?.includes(iana.wellKnownCommunity.llgrStale) === true,
  }
}

/** The first AS of the path when it is in a sequence; else the path began in our AS (RFC 4271 section 9.1.2.2 c). */
function neighbourAs(path: AsPath): number {
  const first = path.find(({ type }) => type === 'sequence' || type === 'set')
  return first?.type === 'sequence' ? first.asns[0]! : 0
}

function mobilityOf({ extendedCommunities }: PathAttributes): Mobility {
  for (const community of extendedCommunities ?? []) {
    if (community.type === 'macMobility') {
      return { sequence: community.sequence, sticky: community.sticky }
    }
  }
  return noMobility
}
