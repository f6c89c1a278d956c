// Whole speakers against each other on a simulated network: sessions, routes, reflection, refresh, collisions.

import t from 'tap'
import type { PeerSettings } from '../../src/bgp/index.js'
import { imet, macIp } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

function pair(
  asnA = 65000,
  asnB = 65000,
  more: Partial<PeerSettings> = {},
): { simulation: Simulation; a: Node; b: Node } {
  const simulation = new Simulation()
  const a = simulation.add('10.0.0.1', { asn: asnA })
  const b = simulation.add('10.0.0.2', { asn: asnB })
  simulation.peer(a, b, more)
  return { simulation, a, b }
}

t.test('both sides connect at once, one session remains', async (t) => {
  const { simulation, a, b } = pair()
  simulation.run(5)
  t.equal(a.state('10.0.0.2'), 'Established')
  t.equal(b.state('10.0.0.1'), 'Established')
  const open = (node: Node): number =>
    node.events.filter(({ event }) => event === 'connected').length -
    node.actions.filter((action) => action.do === 'close').length -
    node.events.filter(({ event }) => event === 'closed').length
  t.equal(open(a), 1)
  t.equal(open(b), 1)
  simulation.run(600)
  t.equal(a.state('10.0.0.2'), 'Established', 'keepalives hold it')
  t.equal(a.speaker.peers()[0]?.statistics.flaps, 0)
})

t.test('routes go both ways, and away again', async (t) => {
  const { simulation, a, b } = pair(65000, 65001)
  a.dispatch({ event: 'originate', routes: [macIp(1), imet('10.0.0.1:100', '10.0.0.1')] })
  simulation.run(5)
  b.dispatch({
    event: 'originate',
    routes: [macIp(2, { rd: '10.0.0.2:100', nextHop: '10.0.0.2' })],
  })
  simulation.run(1)
  t.equal(a.rib().length, 3)
  t.same(a.rib(), b.rib())
  const best = [...b.speaker.locRib('evpn')].find(({ best }) => best.peer !== '')?.best
  t.equal(best?.nextHop, '10.0.0.1', 'the VTEP stays over eBGP')
  t.same(best?.attributes.asPath, [{ type: 'sequence', asns: [65000] }])
  t.equal(best?.attributes.localPref, undefined)
  a.dispatch({ event: 'withdraw', routes: [macIp(1), imet('10.0.0.1:100', '10.0.0.1')] })
  simulation.run(1)
  t.equal(b.rib().length, 1)
  simulation.cut(a, b)
  t.equal(a.rib().length, 0, 'routes of a lost session go at once')
})

t.test('End-of-RIB comes after the routes', async (t) => {
  const { simulation, a, b } = pair()
  a.dispatch({ event: 'originate', routes: Array.from({ length: 5000 }, (_, n) => macIp(n)) })
  simulation.run(5)
  const kinds = b.actions.map((action) => action.do)
  t.ok(kinds.includes('endOfRib'))
  t.ok(kinds.lastIndexOf('routes') < kinds.indexOf('endOfRib'))
  t.equal(b.rib().length, 5000)
  t.equal(settingsFor(a).id, '10.0.0.1')
})
