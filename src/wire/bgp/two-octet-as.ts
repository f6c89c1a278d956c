// AS numbers across a speaker that knows only two octets of them (RFC 6793 section 4.2). A message's attributes stay
// as they were on the wire; these two functions are for whoever uses or makes them.

import type { AsPath, AsPathSegment, PathAttributes } from './attribute/index.js'
import type { WireContext } from './context.js'
import { AS_TRANS } from './iana.js'

/**
 * The attributes with AS4_PATH and AS4_AGGREGATOR put where they belong and gone. From a four-octet speaker they mean
 * nothing and are only dropped (section 6).
 */
export function withoutAs4(attributes: PathAttributes, ctx: WireContext): PathAttributes {
  const { as4Path, as4Aggregator, ...others } = attributes
  if (ctx.fourOctetAs || (as4Path === undefined && as4Aggregator === undefined)) return others
  const { asPath, aggregator } = others
  // "If the AS number in the AGGREGATOR is not AS_TRANS, ... AS4_AGGREGATOR and AS4_PATH MUST be ignored" (4.2.3).
  if (as4Aggregator !== undefined && aggregator !== undefined && aggregator.asn !== AS_TRANS)
    return others
  return {
    ...others,
    ...(aggregator !== undefined && as4Aggregator !== undefined
      ? { aggregator: as4Aggregator }
      : {}),
    ...(asPath !== undefined && as4Path !== undefined ? { asPath: merge(asPath, as4Path) } : {}),
  }
}

/** The attributes with the AS4 attributes that a two-octet speaker must carry for us (section 4.2.2). */
export function withAs4(attributes: PathAttributes, ctx: WireContext): PathAttributes {
  const { as4Path: _path, as4Aggregator: _aggregator, ...others } = attributes
  if (ctx.fourOctetAs) return others
  const { asPath, aggregator } = others
  const path = asPath?.filter((segment) => !isConfederation(segment)) ?? []
  const isLong = path.some((segment) => segment.asns.some((asn) => asn > 0xffff))
  return {
    ...others,
    ...(isLong ? { as4Path: path } : {}),
    ...(aggregator !== undefined && aggregator.asn > 0xffff ? { as4Aggregator: aggregator } : {}),
  }
}

/** Number of AS as path length counts them: a set is one, confederation segments none (RFC 4271 9.1.2.2, RFC 5065). */
export function asPathLength(path: AsPath): number {
  return path.reduce((sum, segment) => sum + lengthOf(segment), 0)
}

function lengthOf(segment: AsPathSegment): number {
  if (isConfederation(segment)) return 0
  return segment.type === 'set' ? 1 : segment.asns.length
}

function isConfederation(segment: AsPathSegment): boolean {
  return segment.type === 'confedSequence' || segment.type === 'confedSet'
}

/** The leading part of `asPath` that `as4Path` does not have, then `as4Path`. */
function merge(asPath: AsPath, as4Path: AsPath): AsPath {
  const tail = as4Path.filter((segment) => !isConfederation(segment))
  let missing = asPathLength(asPath) - asPathLength(tail)
  if (missing < 0) return asPath
  const head: AsPathSegment[] = []
  for (const segment of asPath) {
    if (missing === 0 && !isConfederation(segment)) break
    const length = lengthOf(segment)
    head.push(length > missing ? { ...segment, asns: segment.asns.slice(0, missing) } : segment)
    missing -= Math.min(length, missing)
  }
  return joined(head, tail)
}

/** Two sequences that meet become one, so that the path reads as one that was never cut. */
function joined(head: readonly AsPathSegment[], tail: AsPath): AsPath {
  const last = head.at(-1)
  const first = tail[0]
  if (last?.type !== 'sequence' || first?.type !== 'sequence') return [...head, ...tail]
  if (last.asns.length + first.asns.length > 255) return [...head, ...tail]
  return [
    ...head.slice(0, -1),
    { type: 'sequence', asns: [...last.asns, ...first.asns] },
    ...tail.slice(1),
  ]
}
