// Which path of a route is best (RFC 4271 section 9.1.2.2, RFC 4456 section 9) as a list of comparisons in order.
//
// For type 2 MAC Mobility comes first, as in FRR: paths with one key are one MAC behind several VTEPs, and the owner is
// who says so last (RFC 7432 section 15.1), not who has the shorter AS path.
//
// MULTI_EXIT_DISC counts only among paths of one neighbouring AS. A comparison like that is not transitive when made
// pair by pair, so `best` does what the RFC says: it removes paths from consideration, one comparison after another.
// The result then depends on the set of paths only, never on the order in which they came.

import { compareIp, ipToBytes } from '../net/index.js'
import type { Path } from './path.js'

/** Assumed when the attribute is absent (RFC 4271 section 9.1.1: ours to choose). */
export const DEFAULT_LOCAL_PREF = 100

export interface Comparison {
  readonly name: string
  /** Negative when `a` is better; 0 leaves the choice to the next comparison. */
  compare(a: Path, b: Path): number
  /** Compare only paths that agree in this. */
  within?(path: Path): number
}

const origins = { igp: 0, egp: 1, incomplete: 2 } as const
const kinds = { local: 0, ebgp: 1, ibgp: 2 } as const

/** Both paths are type 2: routes with the same key have the same type. */
function isMacIp(path: Path): boolean {
  return 'type' in path.nlri && path.nlri.type === 'macIp'
}

const forMacIp =
  (compare: (a: Path, b: Path) => number) =>
  (a: Path, b: Path): number =>
    isMacIp(a) ? compare(a, b) : 0

/** Adding a comparison is one entry, in its place. */
export const comparisons: readonly Comparison[] = [
  {
    // "MUST be treated as the least preferred" (RFC 9494 section 4.3).
    name: 'long-lived stale',
    compare: (a, b) => Number(a.set.isStale) - Number(b.set.isStale),
  },
  {
    // "The PE MUST alert the operator" when a static MAC moves (RFC 7432 section 15.2); it keeps its place.
    name: 'sticky MAC',
    compare: forMacIp((a, b) => Number(b.set.mobility.sticky) - Number(a.set.mobility.sticky)),
  },
  {
    name: 'MAC mobility sequence',
    compare: forMacIp((a, b) => b.set.mobility.sequence - a.set.mobility.sequence),
  },
  {
    // "The PE with the lowest IP address wins" (RFC 7432 section 15.1): the VTEP, not the BGP peer.
    name: 'lowest VTEP',
    compare: forMacIp((a, b) => compareIp(a.set.nextHop, b.set.nextHop)),
  },
  {
    name: 'local preference',
    compare: (a, b) => localPref(b) - localPref(a),
  },
  {
    name: 'own route',
    compare: (a, b) => Number(b.source.kind === 'local') - Number(a.source.kind === 'local'),
  },
  {
    name: 'AS path length',
    compare: (a, b) => a.set.asPathLength - b.set.asPathLength,
  },
  {
    name: 'origin',
    compare: (a, b) => originRank(a) - originRank(b),
  },
  {
    name: 'multi-exit discriminator',
    within: (path) => path.set.neighbourAs,
    // "The lack of a MULTI_EXIT_DISC is considered the lowest possible value" (RFC 4271 section 9.1.2.2 c).
    compare: (a, b) => (a.set.attributes.med ?? 0) - (b.set.attributes.med ?? 0),
  },
  {
    name: 'external over internal',
    compare: (a, b) => kinds[a.source.kind] - kinds[b.source.kind],
  },
  {
    // ORIGINATOR_ID stands for the BGP Identifier of a reflected route (RFC 4456 section 9).
    name: 'BGP identifier',
    compare: (a, b) => identifier(a) - identifier(b),
  },
  {
    name: 'cluster list length',
    compare: (a, b) => clusters(a) - clusters(b),
  },
  {
    name: 'peer address',
    compare: (a, b) => compareIp(a.source.address, b.source.address),
  },
  {
    // Two sessions with one address cannot be; this keeps the order total whatever comes.
    name: 'peer',
    compare: (a, b) => (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0),
  },
]

function localPref(path: Path): number {
  return path.set.attributes.localPref ?? DEFAULT_LOCAL_PREF
}

function originRank(path: Path): number {
  return origins[path.set.attributes.origin ?? 'incomplete']
}

function identifier(path: Path): number {
  const octets = ipToBytes(path.set.attributes.originatorId ?? path.source.routerId)
  return new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0)
}

function clusters(path: Path): number {
  return path.set.attributes.clusterList?.length ?? 0
}

/** The best of the paths; undefined when there is none. */
export function best(paths: readonly Path[]): Path | undefined {
  if (paths.length < 2) return paths[0]
  return explain(paths).best
}

/** The best path, and for every other one the comparison that it lost. */
export interface Explanation {
  readonly best: Path
  readonly lost: ReadonlyMap<Path, string>
}

/** As `best`, with reasons. There must be a path. */
export function explain(paths: readonly Path[]): Explanation {
  let left = paths
  const lost = new Map<Path, string>()
  for (const comparison of comparisons) {
    if (left.length === 1) break
    const stay = remove(left, comparison)
    if (stay.length === left.length) continue
    for (const path of left) if (!stay.includes(path)) lost.set(path, comparison.name)
    left = stay
  }
  return { best: left[0]!, lost }
}

/** The paths that no other beats in one comparison. */
function remove(paths: readonly Path[], { compare, within }: Comparison): readonly Path[] {
  if (within === undefined) return lowest(paths, compare)
  const groups = new Map<number, Path[]>()
  for (const path of paths) {
    const group = groups.get(within(path))
    if (group === undefined) groups.set(within(path), [path])
    else group.push(path)
  }
  return [...groups.values()].flatMap((group) => lowest(group, compare))
}

function lowest(paths: readonly Path[], compare: Comparison['compare']): readonly Path[] {
  let low: Path[] = []
  for (const path of paths) {
    const order = low.length === 0 ? -1 : compare(path, low[0]!)
    if (order < 0) low = [path]
    else if (order === 0) low.push(path)
  }
  return low
}
