// Which networks import a route, by its targets; and that a table of routes finds the same ones by the same patterns.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RouteTable } from '../../src/evpn/route-table.js'
import {
  derivedExportTarget,
  derivedImportTarget,
  ImportIndex,
} from '../../src/evpn/route-targets.js'
import { ZERO_ESI } from '../../src/net/index.js'

const ROUTE = {
  type: 'macIp',
  rd: '10.0.0.2:1',
  esi: ZERO_ESI,
  ethernetTag: 0,
  mac: '02:00:00:00:00:01',
  label: 1,
} as const
const PATH = { nextHop: '10.0.0.2', attributes: {} }

const cases: readonly {
  readonly patterns: readonly string[]
  readonly target: string
  readonly matches: boolean
  readonly why: string
}[] = [
  { patterns: ['*:101'], target: '65000:101', matches: true, why: 'the VNI under any AS' },
  { patterns: ['*:101'], target: '1:101', matches: true, why: 'the VNI under any AS' },
  {
    patterns: ['*:101'],
    target: '65002:65637',
    matches: false,
    why: '65637 is 101 in 16 bits only',
  },
  { patterns: ['*:101'], target: '65002:268435557', matches: false, why: 'the form of RFC 8365' },
  { patterns: ['*:101'], target: '4200000000:101', matches: true, why: 'four-octet AS, 16 bits' },
  { patterns: ['*:101'], target: '65000L:101', matches: true, why: 'four-octet AS, 16 bits' },
  { patterns: ['*:101'], target: '10.0.0.1:101', matches: true, why: 'IPv4 address, 16 bits' },
  {
    patterns: ['*:101'],
    target: '101:1',
    matches: false,
    why: 'the administrator is not compared',
  },
  {
    patterns: ['*:65637'],
    target: '10.0.0.1:101',
    matches: false,
    why: 'a large VNI has no 16 bits',
  },
  {
    patterns: ['*:16777215'],
    target: '65000:16777215',
    matches: true,
    why: 'all 24 bits of a VNI',
  },
  { patterns: ['65000:101'], target: '65000:101', matches: true, why: 'equal' },
  { patterns: ['65000:101'], target: '65001:101', matches: false, why: 'another AS' },
  { patterns: ['65000:101'], target: '65000L:101', matches: false, why: 'another form' },
  { patterns: ['65000:1', '*:2'], target: '9:2', matches: true, why: 'one of several' },
  { patterns: [], target: '65000:101', matches: false, why: 'nothing is imported' },
]

for (const { patterns, target, matches, why } of cases) {
  t.test(`[${patterns}] ${matches ? 'imports' : 'leaves'} ${target}: ${why}`, async (t) => {
    const index = new ImportIndex<string>()
    index.add('blue', patterns)
    t.strictSame(index.importers([target]), matches ? ['blue'] : [])
    t.strictSame(index.importers([target]), matches ? ['blue'] : [], 'the same again')
    t.strictSame(index.importers(['7:7', target, target]), matches ? ['blue'] : [], 'once')
    const table = new RouteTable<string>()
    table.put('key', ROUTE, PATH, ['7:7', target])
    t.strictSame(
      [...table.matching(patterns)].map(({ key }) => key),
      matches ? ['key'] : [],
    )
    index.remove('blue', patterns)
    t.strictSame(index.importers([target]), [])
  })
}

t.test('derived targets', async (t) => {
  t.equal(derivedExportTarget(65000, 10100), '65000:10100')
  t.equal(derivedExportTarget(4200000001, 16777215), '59905:16777215')
  t.equal(derivedImportTarget(10100), '*:10100')
})

const pattern = fc.constantFrom('65000:1', '65000:2', '10.0.0.1:1', '*:1', '*:2')
const targets = fc.uniqueArray(
  fc.constantFrom('65000:1', '65000:2', '65001:1', '10.0.0.1:1', '9:9'),
)
const key = fc.constantFrom('a', 'b', 'c')

t.test('index and table agree, whatever came and went before', async () => {
  const change = fc.oneof(
    fc.record({ key, targets: fc.option(targets, { nil: undefined }) }),
    fc.record({ importer: fc.constantFrom('blue', 'red'), patterns: fc.uniqueArray(pattern) }),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30, size: 'max' }), (changes) => {
      const index = new ImportIndex<string>()
      const table = new RouteTable<string>()
      const importers = new Map<string, readonly string[]>()
      const routes = new Map<string, readonly string[]>()
      for (const change of changes) {
        if ('importer' in change) {
          index.remove(change.importer, importers.get(change.importer) ?? [])
          index.add(change.importer, change.patterns)
          importers.set(change.importer, change.patterns)
        } else if (change.targets === undefined) {
          table.delete(change.key)
          routes.delete(change.key)
        } else {
          table.put(change.key, ROUTE, PATH, change.targets)
          routes.set(change.key, change.targets)
        }
      }
      for (const [importer, patterns] of importers) {
        const byTable = [...table.matching(patterns)].map((route) => route.key).sort()
        const byIndex = [...routes]
          .filter(([, of]) => index.importers(of).includes(importer))
          .map(([of]) => of)
          .sort()
        assert.deepStrictEqual(byTable, byIndex)
      }
      assert.equal(table.size, routes.size)
    }),
    { numRuns: 500 },
  )
})
