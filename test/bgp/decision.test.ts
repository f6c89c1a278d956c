// Best path: every comparison decides where it should, and the choice depends on nothing but the set of paths.

import fc from 'fast-check'
import t from 'tap'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import { best } from '../../src/bgp/decision.js'
import { comparisons, explain, Path, type PathSource } from '../../src/bgp/index.js'
import type { AsPath, EvpnRoute, ExtendedCommunity, PathAttributes } from '../../src/wire/index.js'
import { imet, macIp } from './routes.js'

const sets = new AttributeSets()

interface Parts {
  readonly nlri?: EvpnRoute
  readonly nextHop?: string
  readonly kind?: PathSource['kind']
  readonly peer?: string
  readonly routerId?: string
  readonly sequence?: number
  readonly sticky?: boolean
  readonly attributes?: PathAttributes
}

function path(parts: Parts = {}): Path {
  const { sequence = 0, sticky = false, kind = 'ibgp', peer = '10.0.0.2' } = parts
  const mobility: ExtendedCommunity = { type: 'macMobility', sequence, sticky }
  const set = sets.intern(
    { origin: 'igp', asPath: [], extendedCommunities: [mobility], ...parts.attributes },
    parts.nextHop ?? '10.1.0.1',
  )
  const address = kind === 'local' ? '10.0.0.1' : peer
  const routerId = parts.routerId ?? address
  const source = { peer: kind === 'local' ? '' : peer, kind, address, routerId, isClient: false }
  return new Path(parts.nlri ?? (macIp(1).nlri as EvpnRoute), set, source)
}

const sequenceOf = (...asns: number[]): AsPath => [{ type: 'sequence', asns }]
const type3 = imet('10.0.0.1:100', '10.0.0.1').nlri as EvpnRoute

/** For each comparison a path that wins by it alone, and the one it beats. */
const pairs: readonly (readonly [string, Parts, Parts])[] = [
  ['long-lived stale', {}, { sticky: true, attributes: { communities: [0xffff0006] } }],
  ['sticky MAC', { sticky: true, sequence: 1 }, { sequence: 9 }],
  ['MAC mobility sequence', { sequence: 3, nextHop: '10.1.0.9' }, { sequence: 2 }],
  [
    'lowest VTEP',
    { nextHop: '10.1.0.9' },
    { nextHop: '10.1.0.10', attributes: { localPref: 500 } },
  ],
  ['local preference', { attributes: { localPref: 101 } }, { kind: 'local' }],
  ['own route', { kind: 'local', attributes: { asPath: sequenceOf(1, 2) } }, { kind: 'ebgp' }],
  [
    'AS path length',
    { attributes: { asPath: sequenceOf(7), origin: 'egp' } },
    { attributes: { asPath: sequenceOf(7, 7) } },
  ],
  ['origin', { attributes: { origin: 'igp', med: 5 } }, { attributes: { origin: 'egp' } }],
  [
    'multi-exit discriminator',
    { attributes: { asPath: sequenceOf(7) } },
    { kind: 'ebgp', attributes: { asPath: sequenceOf(7), med: 1 } },
  ],
  ['external over internal', { kind: 'ebgp', peer: '10.0.0.3' }, { kind: 'ibgp' }],
  ['BGP identifier', { routerId: '9.0.0.0', peer: '10.0.0.9' }, { routerId: '10.0.0.0' }],
  [
    'cluster list length',
    { peer: '10.0.0.9', routerId: '1.1.1.1', attributes: { clusterList: ['1.1.1.1'] } },
    { routerId: '1.1.1.1', attributes: { clusterList: ['1.1.1.1', '2.2.2.2'] } },
  ],
  [
    'peer address',
    { peer: '10.0.0.9', routerId: '1.1.1.1' },
    { peer: '10.0.0.10', routerId: '1.1.1.1' },
  ],
]

t.test('each comparison decides', async (t) => {
  t.same(
    [...pairs.map(([name]) => name), 'peer'],
    comparisons.map(({ name }) => name),
    'there is a pair for each',
  )
  for (const [name, winner, loser] of pairs) {
    const [a, b] = [path(winner), path(loser)]
    const { best, lost } = explain([b, a])
    t.equal(best, a, name)
    t.equal(lost.get(b), name)
  }
})

t.test('mobility is for type 2 only', async (t) => {
  const moved = path({ nlri: type3, sequence: 9, nextHop: '10.1.0.9' })
  const preferred = path({ nlri: type3, attributes: { localPref: 200 } })
  t.equal(best([moved, preferred]), preferred)
})

t.test('the originator id stands for the identifier', async (t) => {
  const reflected = path({ routerId: '1.1.1.1', attributes: { originatorId: '9.9.9.9' } })
  const direct = path({ routerId: '5.5.5.5', peer: '10.0.0.3' })
  t.equal(best([reflected, direct]), direct)
})

t.test('MED of different neighbouring ASes is not compared', async (t) => {
  const cheap = path({
    kind: 'ebgp',
    routerId: '9.9.9.9',
    attributes: { asPath: sequenceOf(7), med: 1 },
  })
  const dear = path({
    kind: 'ebgp',
    routerId: '1.1.1.1',
    attributes: { asPath: sequenceOf(8), med: 9 },
  })
  t.equal(best([cheap, dear]), dear)
})

const ip = (low: string) => fc.integer({ min: 1, max: 4 }).map((n) => `${low}.${n}`)

const anyPath: fc.Arbitrary<Path> = fc
  .record({
    nextHop: ip('10.1.0'),
    kind: fc.constantFrom('ibgp' as const, 'ebgp' as const),
    peer: ip('10.0.0'),
    routerId: ip('1.1.1'),
    sequence: fc.integer({ min: 0, max: 2 }),
    sticky: fc.boolean(),
    localPref: fc.constantFrom(undefined, 100, 200),
    med: fc.constantFrom(undefined, 0, 1, 2),
    origin: fc.constantFrom('igp' as const, 'egp' as const),
    asns: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    clusterList: fc.constantFrom(undefined, ['1.1.1.1'], ['1.1.1.1', '2.2.2.2']),
  })
  .map(({ localPref, med, origin, asns, clusterList, ...parts }) =>
    path({
      ...parts,
      attributes: {
        origin,
        asPath: asns.length === 0 ? [] : sequenceOf(...asns),
        ...(localPref === undefined ? {} : { localPref }),
        ...(med === undefined ? {} : { med }),
        ...(clusterList === undefined ? {} : { clusterList }),
      },
    }),
  )

/** At most one path of a peer, as in a table. */
const anyPaths = fc
  .array(anyPath, { minLength: 1, maxLength: 6 })
  .map((paths) => [...new Map(paths.map((one) => [one.peer, one])).values()])

const withoutMed = anyPath.map(({ nlri, set, source }) => {
  const { med: _, ...attributes } = set.attributes
  return new Path(nlri, sets.intern(attributes, set.nextHop), source)
})

/** The first comparison that says something: what `best` must agree with when there is no MED. */
const compare = (a: Path, b: Path): number => {
  for (const comparison of comparisons) {
    const order = Math.sign(comparison.compare(a, b))
    if (order !== 0) return order
  }
  return 0
}

t.test('the choice does not depend on order', async () => {
  fc.assert(
    fc.property(anyPaths, fc.infiniteStream(fc.nat()), (paths, keys) => {
      const ranks = new Map(paths.map((one) => [one, keys.next().value as number]))
      const shuffled = paths.toSorted((a, b) => ranks.get(a)! - ranks.get(b)!)
      return best(paths) === best(shuffled)
    }),
  )
})

t.test('one path is chosen, every other has a reason', async () => {
  fc.assert(
    fc.property(anyPaths, (paths) => {
      const { best, lost } = explain(paths)
      return paths.includes(best) && !lost.has(best) && lost.size === paths.length - 1
    }),
  )
})

t.test('without MED it is a total order', async () => {
  fc.assert(
    fc.property(withoutMed, withoutMed, withoutMed, (a, b, c) => {
      const isAntisymmetric = compare(a, b) + compare(b, a) === 0
      const isTransitive = compare(a, b) > 0 || compare(b, c) > 0 || compare(a, c) <= 0
      const isTotal = compare(a, b) !== 0 || a.peer === b.peer
      return isAntisymmetric && isTransitive && isTotal
    }),
    { numRuns: 2000 },
  )
})

t.test('and the best of all beats each one', async () => {
  fc.assert(
    fc.property(fc.array(withoutMed, { minLength: 1, maxLength: 6 }), (many) => {
      const paths = [...new Map(many.map((one) => [one.peer, one])).values()]
      const chosen = best(paths)!
      return paths.every((one) => one === chosen || compare(chosen, one) < 0)
    }),
  )
})
