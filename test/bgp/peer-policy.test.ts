// What the operator wants of single peers, between whole speakers: limits, filters, roles, and changes of them on the fly.

import t from 'tap'
import type { PeerSettings, Role } from '../../src/bgp/index.js'
import { decodeMessage, initialContext } from '../../src/wire/index.js'
import { macIp } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

function pair(
  asns: readonly [number, number],
  ofA: Partial<PeerSettings> = {},
  ofB: Partial<PeerSettings> = {},
): { simulation: Simulation; a: Node; b: Node } {
  const simulation = new Simulation()
  const a = simulation.add('10.0.0.1', { asn: asns[0] })
  const b = simulation.add('10.0.0.2', { asn: asns[1] })
  simulation.peer(a, b, ofA, ofB)
  return { simulation, a, b }
}

const macs = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) =>
    macIp(from + i, { rd: '10.0.0.2:1', nextHop: '10.0.0.2' }),
  )

t.test('a limit: warned, stopped, back after its time', async (t) => {
  const limits = { evpn: { routes: 10, warnPercent: 50, restartSeconds: 100 } }
  const { simulation, a, b } = pair([65000, 65000], { limits })
  simulation.run(5)
  b.dispatch({ event: 'originate', routes: macs(0, 5) })
  simulation.run(1)
  t.notMatch(a.logs(), [/has sent/])
  b.dispatch({ event: 'originate', routes: macs(5, 5) })
  simulation.run(1)
  t.equal(a.state('10.0.0.2'), 'Established', 'all that it may')
  const warnings = a.logs().filter((text) => text.includes('has sent 50 % of the 10 routes'))
  t.equal(warnings.length, 1)
  b.dispatch({ event: 'originate', routes: macs(10, 1) })
  simulation.run(1)
  t.equal(a.state('10.0.0.2'), 'Idle')
  t.same(a.rib(), [], 'its routes are gone')
  const reason = a.speaker.peers()[0]?.lastError?.text
  t.equal(reason, 'sent cease/maximumPrefixes: more than 10 routes of family evpn')
  const sent = a.actions.flatMap((one) => (one.do === 'send' ? [one.bytes] : []))
  const { message } = decodeMessage(sent.at(-1)!, initialContext)
  if (message?.kind !== 'notification') throw new Error(message?.kind)
  t.same([...message.data], [0, 25, 70, 0, 0, 0, 10], 'family and limit (RFC 4486 section 4)')
  b.dispatch({ event: 'withdraw', routes: macs(10, 1) })
  simulation.run(90)
  t.equal(a.state('10.0.0.2'), 'Idle', 'whatever the peer tries')
  // The peer itself holds us off for a while, too.
  simulation.run(180)
  t.equal(a.state('10.0.0.2'), 'Established')
  t.equal(a.rib().length, 10)
})

t.test('a limit without a time lasts until the peer is cleared', async (t) => {
  const { simulation, a, b } = pair([65000, 65000], { limits: { evpn: { routes: 3 } } })
  b.dispatch({ event: 'originate', routes: macs(0, 4) })
  simulation.run(3600)
  t.equal(a.state('10.0.0.2'), 'Idle')
  t.equal(a.speaker.peers()[0]?.statistics.established, 1)
  b.dispatch({ event: 'withdraw', routes: macs(0, 1) })
  a.dispatch({ event: 'clear', peer: '10.0.0.2' })
  simulation.run(120)
  t.equal(a.state('10.0.0.2'), 'Established')
})

t.test('a dynamic peer is held off, too', async (t) => {
  const simulation = new Simulation()
  const a = simulation.add('10.0.0.1', { asn: 65000 })
  const b = simulation.add('10.0.0.2', { asn: 65000 })
  const limits = { evpn: { routes: 3, restartSeconds: 100 } }
  const range = { id: 'r', prefix: '10.0.0.0/24', asn: 65000, families: ['evpn'], limits } as const
  a.dispatch({ event: 'rangeAdded', range })
  b.dispatch({ event: 'peerAdded', peer: settingsFor(a) })
  b.dispatch({ event: 'originate', routes: macs(0, 4) })
  simulation.run(90)
  t.match(a.speaker.peers(), [{ id: '10.0.0.2', state: 'Idle', statistics: { established: 1 } }])
  b.dispatch({ event: 'withdraw', routes: macs(0, 1) })
  simulation.run(100)
  t.equal(a.state('10.0.0.2'), 'Established', 'a new peer after its time')

  b.dispatch({ event: 'originate', routes: macs(0, 4) })
  simulation.run(5)
  t.equal(a.state('10.0.0.2'), 'Idle')
  b.dispatch({ event: 'withdraw', routes: macs(0, 1) })
  a.dispatch({ event: 'clear', peer: '10.0.0.2' })
  t.same(a.speaker.peers(), [], 'and when it is cleared')
  simulation.run(100)
  t.equal(a.state('10.0.0.2'), 'Established')
})

t.test('a limit that only warns, and one that is lowered', async (t) => {
  const warn = { evpn: { routes: 3, action: 'warn' } } as const
  const { simulation, a, b } = pair([65000, 65000], { limits: warn })
  b.dispatch({ event: 'originate', routes: macs(0, 4) })
  simulation.run(5)
  t.equal(a.rib().length, 4)
  t.ok(a.logs().some((text) => text.includes('has sent all of the 3 routes')))
  a.dispatch({
    event: 'peerAdded',
    peer: settingsFor(b, { limits: { evpn: { routes: 3 } } }),
  })
  t.equal(a.state('10.0.0.2'), 'Idle', 'at once')
})

t.test('filters change what is there without a new session or a refresh', async (t) => {
  const { simulation, a, b } = pair([65000, 65000])
  b.dispatch({ event: 'originate', routes: [macIp(1, { vni: 10100 }), macIp(2, { vni: 10200 })] })
  simulation.run(5)
  t.equal(a.rib().length, 2)
  const filter = [{ accept: false, routeTargets: ['65000:10200'] }]
  const before = a.actions.filter((one) => one.do === 'send').length
  a.dispatch({ event: 'peerAdded', peer: settingsFor(b, { filterIn: filter }) })
  t.equal(a.rib().length, 1)
  const [, refused] = [...a.speaker.adjRibIn('10.0.0.2', 'evpn')]
  t.equal(refused?.rejected, 'rule 1 of the filter refuses it')
  a.dispatch({ event: 'peerAdded', peer: settingsFor(b) })
  t.equal(a.rib().length, 2)
  t.equal(a.actions.filter((one) => one.do === 'send').length, before, 'the peer hears nothing')
  b.dispatch({ event: 'peerAdded', peer: settingsFor(a, { filterOut: filter }) })
  simulation.run(1)
  t.equal(a.rib().length, 1, 'withdrawn')
  t.equal(a.speaker.peers()[0]?.statistics.flaps, 0)
})

t.test('allowas-in and as-override let the sites of one AS meet', async (t) => {
  for (const [name, ofHub, ofLeaf] of [
    ['neither', {}, {}],
    ['allowas-in', {}, { allowAsIn: 1 }],
    ['as-override', { asOverride: true }, {}],
  ] as const) {
    const simulation = new Simulation()
    const hub = simulation.add('10.0.0.1', { asn: 65000 })
    const [a, b] = [2, 3].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65001 }))
    for (const leaf of [a!, b!]) simulation.peer(hub, leaf, ofHub, ofLeaf)
    a!.dispatch({ event: 'originate', routes: [macIp(1)] })
    simulation.run(5)
    t.equal(b!.rib().length, name === 'neither' ? 0 : 1, name)
  }
})

t.test('roles (RFC 9234 section 4.2)', async (t) => {
  const rows: readonly (readonly [Role | undefined, Role | undefined, boolean, string?])[] = [
    ['provider', 'customer', true],
    ['rs', 'rsClient', true],
    ['peer', 'peer', true],
    ['provider', 'provider', false, 'expected role customer, got provider'],
    ['peer', 'customer', false, 'expected role peer, got customer'],
    ['customer', undefined, true],
    [undefined, 'rs', true],
  ]
  const of = (role: Role | undefined): Partial<PeerSettings> => (role === undefined ? {} : { role })
  for (const [ours, theirs, isGood, why] of rows) {
    const { simulation, a, b } = pair([65000, 65001], of(ours), of(theirs))
    simulation.run(5)
    const name = `${ours} and ${theirs}`
    t.equal(a.state('10.0.0.2') === 'Established', isGood, name)
    if (why !== undefined) {
      const errors = [a, b].map(({ speaker }) => speaker.peers()[0]?.lastError?.text ?? '')
      t.match(errors.join(), `roleMismatch`, name)
      t.match([...a.logs(), ...b.logs()].join(), why, name)
    }
  }
  const strict = pair([65000, 65001], { role: 'customer', strictRole: true })
  strict.simulation.run(5)
  t.match(strict.a.logs().join(), 'expected role provider, got none')
  const inside = pair([65000, 65000], { role: 'customer', strictRole: true, asn: 'internal' })
  inside.simulation.run(5)
  t.equal(inside.a.state('10.0.0.2'), 'Established', 'an internal peer has none')
})
