// Hosts that move between two segments and a port that leads to none, with everything late in any order: in the end those who announce a
// MAC are VTEPs of one place, all with one sequence number (RFC 7432 section 15.1, RFC 9721), and it is where the host spoke last.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { SegmentSettings } from '../../src/evpn/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import { Fabric, type Host, VNI } from './fabric.js'

const ESIS = ['03:02:00:00:00:00:01:00:00:01', '03:02:00:00:00:00:01:00:00:02']
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02']
const IPS = ['192.0.2.1', '2001:db8::1']
/** Of hosts 0 to 3 it leads to a segment; the other port, and both of host 4, lead to nobody else. */
const PORT = 1
/** Addresses of neighbours are not next to each other, so that who has the lowest one is no matter of the segment. */
const SEGMENT_OF = [0, 1, 1, 0]

const segmentOf = (esi: string): SegmentSettings => ({
  esi,
  singleActive: false,
  algorithm: 'modulo',
  preference: 0,
  dontPreempt: false,
  waitSeconds: 0,
})

const host = fc.nat(4)
const port = fc.constantFrom(1, 2)
const mac = fc.constantFrom(...MACS)
const count = fc.integer({ min: 1, max: 4 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('frame' as const), host, port, mac }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('arp' as const), host, port, mac, ip: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const), host, mac }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('port' as const), host, up: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('operations' as const), host, count }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('events' as const), host, count }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('routes' as const), host, from: host, count }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function build(): Fabric {
  const fabric = new Fabric(5)
  for (const [i, which] of SEGMENT_OF.entries()) {
    const segment = segmentOf(ESIS[which]!)
    fabric.hosts[i]!.step({ event: 'portBound', binding: { vni: VNI, port: PORT, segment } })
  }
  settle(fabric)
  return fabric
}

/** Everything arrives, and every timer ends. */
function settle(fabric: Fabric): void {
  for (let round = 0; round < 3; round++) {
    assert.ok(fabric.settle(), 'it comes to rest')
    for (const each of fabric.hosts) {
      for (const timer of each.timers.splice(0)) {
        if (timer.startsWith('segment')) each.step({ event: 'timer', timer })
      }
    }
  }
  assert.ok(fabric.settle())
}

function play(fabric: Fabric, each: Step): void {
  if (each.do === 'settle') {
    settle(fabric)
    return
  }
  const at = fabric.hosts[each.host]!
  switch (each.do) {
    case 'frame':
      at.dataplane.frame(each.port, each.mac)
      return
    case 'arp':
      at.dataplane.snoop(each.port, each.mac, IPS[each.ip]!)
      return
    case 'age':
      at.dataplane.ageMac(VNI, each.mac)
      return
    case 'port':
      at.dataplane.setPort(PORT, each.up)
      return
    case 'operations':
      at.applyOperations(each.count)
      return
    case 'events':
      at.handEvents(each.count)
      return
    case 'routes':
      if (each.from !== each.host) at.receive(fabric.hosts[each.from]!, each.count)
  }
}

interface Word {
  readonly vtep: string
  /** A segment, or a VTEP. */
  readonly place: string
  readonly sequence: number
}

/** Of each type 2 route of a MAC. */
function said(fabric: Fabric, of: string): readonly Word[] {
  return fabric.hosts.flatMap(({ own, vtep }) =>
    [...own.values()].flatMap(({ nlri, best }) => {
      if (nlri.type !== 'macIp' || nlri.mac !== of) return []
      const sequences = (best!.attributes.extendedCommunities ?? []).flatMap((each) =>
        each.type === 'macMobility' ? [each.sequence] : [],
      )
      const place = nlri.esi === ZERO_ESI ? vtep : nlri.esi
      return [{ vtep, place, sequence: sequences[0] ?? 0 }]
    }),
  )
}

function checkWords(fabric: Fabric): void {
  for (const of of MACS) {
    const words = said(fabric, of)
    assert.ok(
      words.every(
        ({ place, sequence }) => place === words[0]!.place && sequence === words[0]!.sequence,
      ),
      `${of}: ${JSON.stringify(words)}`,
    )
  }
}

const steps = fc.array(step, { maxLength: 50, size: 'max' })

t.test('who announces a MAC agrees on its place and its number', async () => {
  fc.assert(
    fc.property(steps, (all) => {
      const fabric = build()
      for (const each of all) play(fabric, each)
      settle(fabric)
      checkWords(fabric)
      assert.ok(fabric.audit(), 'and nothing is left to repair')
      checkWords(fabric)
    }),
    { numRuns: 400 },
  )
})

t.test('where it speaks next it is, and above everything that others have said', async () => {
  fc.assert(
    fc.property(steps, host, port, mac, (all, last, on, of) => {
      const fabric = build()
      for (const each of all) play(fabric, each)
      const at = fabric.hosts[last]!
      at.dataplane.setPort(PORT, true)
      settle(fabric)
      const before = said(fabric, of)
      at.dataplane.frame(on, of)
      settle(fabric)
      const which = on === PORT ? SEGMENT_OF[last] : undefined
      const place = which === undefined ? at.vtep : ESIS[which]!
      const after = said(fabric, of)
      assert.ok(after.some(({ vtep }) => vtep === at.vtep))
      for (const word of after) {
        assert.equal(word.place, place, `${word.vtep} has it elsewhere`)
        for (const old of before) {
          const isMove = old.place !== place && old.vtep !== at.vtep
          assert.ok(isMove ? word.sequence > old.sequence : word.sequence >= old.sequence)
        }
      }
      for (const [i, { vtep, dataplane }] of fabric.hosts.entries()) {
        const row = dataplane.mac(VNI, of)
        if (vtep === at.vtep) assert.deepEqual([row?.origin, row?.port], ['local', on])
        else if (which === undefined) assert.equal(row?.remote, place, vtep)
        else if (which !== SEGMENT_OF[i]) assert.equal(row?.esi, place, vtep)
      }
    }),
    { numRuns: 400 },
  )
})

t.test('from a segment to a port of the same VTEP that leads to none', async (t) => {
  const fabric = build()
  const [a, , , d, e] = fabric.hosts as [Host, Host, Host, Host, Host]
  const of = MACS[0]!
  // The lower address of the two would win at equal numbers.
  for (const [at, other] of [
    [d, a],
    [a, d],
  ] as const) {
    for (const each of [a, d]) {
      each.dataplane.frame(PORT, of)
      settle(fabric)
    }
    const [before] = said(fabric, of)
    at.dataplane.frame(2, of)
    settle(fabric)
    const sequence = before!.sequence + 1
    t.same(
      said(fabric, of),
      [{ vtep: at.vtep, place: at.vtep, sequence }],
      `not behind ${other.vtep}`,
    )
    t.match(e.dataplane.mac(VNI, of), { remote: at.vtep })
  }
})

t.test(
  'a new number reaches the other VTEPs of the segment, and is no move of theirs',
  async (t) => {
    const fabric = build()
    const [a, b, , d, e] = fabric.hosts as [Host, Host, Host, Host, Host]
    const of = MACS[0]!
    const speak = (at: Host): void => {
      at.dataplane.frame(PORT, of)
      settle(fabric)
    }
    const numbers = () => said(fabric, of).map(({ place, sequence }) => `${place} ${sequence}`)
    speak(a)
    speak(d)
    t.same(numbers(), [`${ESIS[0]} 0`, `${ESIS[0]} 0`])
    speak(e)
    t.same(numbers(), [`${e.vtep} 1`])
    speak(d)
    t.same(numbers(), [`${ESIS[0]} 2`])
    speak(a)
    t.same(numbers(), [`${ESIS[0]} 2`, `${ESIS[0]} 2`], 'the same from who hears it later')
    const moves = a.notices.filter(({ kind }) => kind === 'macMoved').length
    speak(b)
    t.same(numbers(), [`${ESIS[1]} 3`])
    t.equal(a.notices.filter(({ kind }) => kind === 'macMoved').length, moves + 1)
  },
)
