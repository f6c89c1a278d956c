// The small parts: order of claims, memory, route distinguishers, duplicate counting, mistakes of the caller.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Distinguishers } from '../../src/evpn/distinguishers.js'
import { Duplicates } from '../../src/evpn/duplicates.js'
import { Expiring, Ticks } from '../../src/evpn/expiring.js'
import { Evpn } from '../../src/evpn/index.js'
import { compareClaims, MAX_SEQUENCE, nextSequence } from '../../src/evpn/mobility.js'
import { ZERO_ESI } from '../../src/net/index.js'

const claim = fc.record({
  vtep: fc.constantFrom('10.0.0.2', '10.0.0.10', '10.0.1.1', '2001:db8::1'),
  sequence: fc.constantFrom(0, 1, MAX_SEQUENCE),
  sticky: fc.boolean(),
  esi: fc.constant(ZERO_ESI),
})

t.test('claims have a total order', async () => {
  fc.assert(
    fc.property(claim, claim, claim, (a, b, c) => {
      assert.equal(Math.sign(compareClaims(a, b)), -Math.sign(compareClaims(b, a)) + 0)
      if (compareClaims(a, b) > 0 && compareClaims(b, c) > 0) assert.ok(compareClaims(a, c) > 0)
      if (compareClaims(a, b) === 0) assert.deepStrictEqual({ ...a }, { ...b })
    }),
  )
})

t.test('static, then the higher number, then the lowest VTEP', async (t) => {
  const base = { vtep: '10.0.0.2', sequence: 3, sticky: false, esi: ZERO_ESI }
  t.ok(compareClaims({ ...base, sequence: 0, sticky: true }, base) > 0)
  t.ok(compareClaims({ ...base, sequence: 4 }, base) > 0)
  t.ok(compareClaims(base, { ...base, vtep: '10.0.0.10' }) > 0, 'as numbers, not as text')
  t.equal(nextSequence(0), 1)
  t.equal(nextSequence(MAX_SEQUENCE), MAX_SEQUENCE)
})

t.test(
  'what expires does so in its order, and asks for ticks only while it is there',
  async (t) => {
    const ticks = new Ticks()
    const memory = new Expiring<string, number>(ticks, 60)
    t.notOk(ticks.wanted)
    memory.set('a', 1)
    t.ok(ticks.wanted)
    const gone: string[] = []
    const tick = () => {
      ticks.now++
      ticks.wanted = false
      memory.expire((key) => gone.push(key))
    }
    tick()
    memory.set('b', 2)
    memory.update('a', 3)
    t.equal(memory.get('a'), 3)
    tick()
    tick()
    t.strictSame(gone, ['a'], 'another value is no longer life')
    memory.set('b', 2)
    tick()
    t.strictSame(gone, ['a'], 'setting it again is')
    t.equal(memory.size, 1)
    tick()
    tick()
    t.strictSame(gone, ['a', 'b'])
    t.notOk(ticks.wanted)
  },
)

t.test('moves count inside their time only', async (t) => {
  const ticks = new Ticks()
  const duplicates = new Duplicates<string>(ticks, { moves: 3, seconds: 60 })
  const tick = () => {
    ticks.now++
    duplicates.expire(() => {})
  }
  const moved = (): boolean => duplicates.moved('a', '10.0.0.1', '10.0.0.2')
  t.equal(duplicates.movesOf('a'), undefined)
  t.notOk(moved())
  t.notOk(moved())
  t.same(duplicates.movesOf('a'), { count: 2, from: '10.0.0.1', to: '10.0.0.2' })
  tick()
  tick()
  tick()
  t.notOk(moved(), 'the first two are too old')
  t.notOk(moved())
  t.ok(moved())
  t.ok(duplicates.has('a'))
  t.notOk(moved(), 'told once')
  t.ok(duplicates.clear('a'))
  t.notOk(duplicates.clear('a'))
})

t.test('route distinguishers are the VNI where it fits, and never the same', async () => {
  const distinguishers = new Distinguishers('10.0.0.1')
  assert.equal(distinguishers.derive(10100), '10.0.0.1:10100')
  assert.equal(distinguishers.derive(10100), '10.0.0.1:10100')
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 0xffffff }), { maxLength: 300 }),
      (vnis) => {
        const all = new Distinguishers('10.0.0.1')
        const rds = vnis.map((vni) => all.derive(vni))
        assert.equal(new Set(rds).size, vnis.length)
        for (const rd of rds) assert.ok(Number(rd.slice(9)) >= 1 && Number(rd.slice(9)) <= 0xffff)
        for (const vni of vnis) all.release(vni)
        assert.deepStrictEqual(
          vnis.map((vni) => all.derive(vni)),
          rds,
        )
      },
    ),
  )
})

t.test('a small VNI whose number a large one has taken gets the next', async (t) => {
  const distinguishers = new Distinguishers('10.0.0.1')
  const taken = Number(distinguishers.derive(0xffffff).slice('10.0.0.1:'.length))
  t.equal(distinguishers.derive(taken), `10.0.0.1:${taken + 1}`)
  distinguishers.release(12345)
})

t.test('a port in a network that is not there is a mistake', async (t) => {
  const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
  t.throws(
    () => evpn.step({ event: 'portBound', binding: { vni: 7, port: 1 } }),
    /port 1 bound to network 7, which is not there/,
  )
  t.strictSame(evpn.step({ event: 'portUnbound', port: 1 }), [])
  t.strictSame(evpn.step({ event: 'timer', timer: 'of somebody else' }), [])
  t.strictSame(evpn.step({ event: 'clearDuplicate', vni: 7, address: '02:00:00:00:00:01' }), [])
})
