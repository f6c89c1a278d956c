// The tables at size: growth through many levels against a Map, limits, and what happens when there is no more room.

import fc from 'fast-check'
import { test } from 'tap'
import {
  decodeListenerViews,
  decodeMacViews,
  decodeNeighbourViews,
} from '../../src/fib/tables.gen.js'
import type { AddonCore } from '../../src/io/addon.js'
import { WasmCore } from '../../src/io/wasm.js'
import { encodeOutcomes, encodeRun, type ModelOperation } from '../../src/wire/frame/index.js'
import { fromPort, ping } from './frames.js'
import { applyTo, vtep } from './legs.js'
import { binding, remoteMac, vni } from './network.js'

const macOf = (n: number): string =>
  `02:${(n + 2 ** 40)
    .toString(16)
    .slice(-10)
    .replace(/..(?=.)/g, '$&:')}`
const ipOf = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
const removeMac = (mac: string): ModelOperation => ({ op: 'macRemove', vni, mac, origin: 'remote' })

function coreWith(
  capacities: { macs?: number; neighbours?: number; remotes?: number },
  seed = 0,
): AddonCore {
  const core = new WasmCore({ ...vtep, capacities, seed })
  applyTo(core, [
    { op: 'networkSet', vni, suppress: false, agingSeconds: 0 },
    { op: 'portAttach', port: 1, vni },
  ])
  return core
}

const macs = (core: AddonCore): Map<string, string> =>
  new Map(decodeMacViews(core.snapshot('mac')).map(({ mac, remote }) => [mac, remote]))

test('random insertions and removals with growth equal a Map', async (t) => {
  const change = fc.record({
    n: fc.nat(3000),
    remote: fc.nat(2),
    add: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 500, maxLength: 6000, size: 'max' }),
      fc.nat(),
      (changes, seed) => {
        const core = coreWith({}, seed)
        const expected = new Map<string, string>()
        const operations = changes.map(({ n, remote, add }): ModelOperation => {
          const [mac, address] = [macOf(n), `10.0.0.${remote + 2}`]
          if (add === 0) expected.delete(mac)
          else expected.set(mac, address)
          return add === 0 ? removeMac(mac) : remoteMac(mac, address)
        })
        if (applyTo(core, operations) !== undefined) throw new Error('an operation failed')
        const found = macs(core)
        for (const [mac, remote] of expected) {
          if (found.get(mac) !== remote)
            throw new Error(`${mac}: expected ${remote}, got ${found.get(mac)}`)
        }
        if (found.size !== expected.size)
          throw new Error(`${found.size} entries, expected ${expected.size}`)
      },
    ),
    { numRuns: 20 },
  )
  t.pass('equal')
})

test('a million MACs', async (t) => {
  const count = 2 ** 20
  const core = coreWith({ macs: count })
  const chunk = 2 ** 15
  for (let from = 0; from < count; from += chunk) {
    const operations = Array.from({ length: chunk }, (_, i) => remoteMac(macOf(from + i)))
    t.equal(applyTo(core, operations), undefined)
  }
  const found = macs(core)
  t.equal(found.size, count)
  t.equal(found.get(macOf(123456)), '10.0.0.2')
  t.equal(applyTo(core, [remoteMac(macOf(count))]), 0, 'the limit is the limit')
})

test('bindings grow as well', async (t) => {
  const count = 20000
  const core = coreWith({ neighbours: count })
  const operations = Array.from({ length: count }, (_, n) => binding(ipOf(n + 1), macOf(n)))
  t.equal(applyTo(core, operations), undefined)
  const found = decodeNeighbourViews(core.snapshot('neighbour'))
  t.equal(new Set(found.map(({ ip }) => ip)).size, count)
  t.equal(applyTo(core, [binding('10.200.0.1')]), 0)
})

test('ten thousand VTEPs in one flood list; the list keeps its order when some go', async (t) => {
  const count = 10000
  const core = coreWith({ remotes: count })
  const remote = (n: number): string => ipOf(0x010000 + n)
  const add = Array.from(
    { length: count },
    (_, n): ModelOperation => ({ op: 'floodAdd', vni, remote: remote(n) }),
  )
  t.equal(applyTo(core, add), undefined)
  t.equal(applyTo(core, [{ op: 'floodAdd', vni, remote: '10.99.0.1' }]), 0, 'no room for one more')
  const remove = add
    .filter((_, n) => n % 100 === 0)
    .map((each): ModelOperation => ({ ...each, op: 'floodRemove' }) as ModelOperation)
  t.equal(applyTo(core, remove), undefined)
  const out = core.run(encodeRun({ now: 1, frames: [fromPort(1, ping())] }))
  const drops = Array.from({ length: count }, (_, n) => n)
    .filter((n) => n % 100 !== 0)
    .map((n) => ({ kind: 'drop' as const, input: 0, destination: (2 << 24) | (n + 1), reason: 18 }))
  t.same(
    Buffer.from(out),
    Buffer.from(encodeOutcomes(drops)),
    'each is tried, in order, and has no way yet',
  )
})

test('multicast channels with growth equal a Map, and leave nothing behind', async (t) => {
  const change = fc.record({
    n: fc.nat(400),
    ofSource: fc.boolean(),
    place: fc.constantFrom({ port: 1 }, { remote: '10.0.0.2' }, { remote: '10.0.0.3' }),
    add: fc.integer({ min: 0, max: 3 }),
  })
  const key = (group: string, source: string, place: object): string =>
    `${group} ${source} ${JSON.stringify(place)}`
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 200, maxLength: 3000, size: 'max' }),
      fc.nat(),
      (changes, seed) => {
        const core = coreWith({}, seed)
        const expected = new Set<string>()
        const operations = changes.map(({ n, ofSource, place, add }): ModelOperation => {
          const group = `239.1.${n >> 8}.${n & 255}`
          const source = ofSource ? { source: '10.1.0.5' } : {}
          const row = key(group, source.source ?? '::', place)
          if (add === 0) expected.delete(row)
          else expected.add(row)
          return {
            op: add === 0 ? 'listenerRemove' : 'listenerAdd',
            vni,
            group,
            ...source,
            ...place,
          }
        })
        if (applyTo(core, operations) !== undefined) throw new Error('an operation failed')
        const rows = () =>
          decodeListenerViews(core.snapshot('listener')).map(({ group, source, port, remote }) =>
            key(group, source, port === 0 ? { remote } : { port }),
          )
        t.same(rows().sort(), [...expected].sort())
        applyTo(core, [{ op: 'portAttach', port: 1, vni: 0 }])
        t.same(rows().length, [...expected].filter((row) => !row.includes('port')).length)
        applyTo(core, [{ op: 'networkRemove', vni }])
        t.same([rows().length, core.snapshot('remote').length], [0, 0])
      },
    ),
    { numRuns: 20 },
  )
})
