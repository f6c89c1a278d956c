// All paths of a route (RFC 7911): to whom, under which numbers, and what becomes of them.

import fc from 'fast-check'
import t from 'tap'
import type { PeerSettings } from '../../src/bgp/index.js'
import { macIp } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

const all = { addPath: { send: true, receive: true } } as const
const shared = '1.1.1.1:1'

/** Two leaves with routes of the same keys, a reflector, and a client that is told `more`. */
function fabric(ofHub: Partial<PeerSettings>, ofClient: Partial<PeerSettings> = {}) {
  const simulation = new Simulation()
  const [rr, a, b, c] = [1, 2, 3, 4].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 }))
  const client = { routeReflectorClient: true }
  // Leaves that heard of each other's paths would take back their own where it is not the best.
  const deaf = { ...client, filterOut: [{ accept: false }] }
  for (const leaf of [a!, b!]) simulation.peer(rr!, leaf, deaf, {})
  simulation.peer(rr!, c!, { ...client, ...ofHub }, ofClient)
  return { simulation, rr: rr!, a: a!, b: b!, c: c! }
}

const announce = (node: Node, n: number, sequence?: number): void => {
  const options = { rd: shared, nextHop: node.address }
  node.dispatch({
    event: 'originate',
    routes: [macIp(n, sequence === undefined ? options : { ...options, sequence })],
  })
}
const withdraw = (node: Node, n: number): void => {
  node.dispatch({ event: 'withdraw', routes: [macIp(n, { rd: shared })] })
}

/** Next hops of all paths, by route. */
const paths = (node: Node): string[] =>
  [...node.speaker.locRib('evpn')]
    .map(({ key, paths }) => `${key.slice(-3, -1)} ${paths.map(({ nextHop }) => nextHop).sort()}`)
    .sort()

t.test('who wants all paths gets all of them', async (t) => {
  const { simulation, rr, a, b, c } = fabric(all)
  announce(a, 1)
  announce(b, 1)
  announce(b, 2)
  simulation.run(5)
  t.same(paths(c), ['01 10.0.0.2,10.0.0.3', '02 10.0.0.3'])
  t.match(rr.speaker.peers()[2]?.session?.families[0], { sent: 3, received: 0 })
  t.match(c.speaker.peers()[0]?.session?.families[0], { received: 3 })
  t.equal([...rr.speaker.adjRibOut(c.address, 'evpn')].length, 3)

  withdraw(a, 1)
  simulation.run(1)
  t.same(paths(c), ['01 10.0.0.3', '02 10.0.0.3'], 'one of two')
  const before = c.speaker.peers()[0]!.statistics.messagesReceived.update
  announce(b, 1, 7)
  simulation.run(1)
  t.same(paths(c), ['01 10.0.0.3', '02 10.0.0.3'], 'a new path takes the place of the old')
  t.equal(c.speaker.peers()[0]!.statistics.messagesReceived.update, before + 1)
  withdraw(b, 1)
  simulation.run(1)
  t.same(paths(c), ['02 10.0.0.3'])
})

t.test('a second path that is not the best is told', async (t) => {
  const { simulation, a, b, c } = fabric(all)
  announce(a, 1, 9)
  simulation.run(5)
  announce(b, 1)
  simulation.run(1)
  t.same(paths(c), ['01 10.0.0.2,10.0.0.3'])
  t.equal([...c.speaker.locRib('evpn')][0]?.best.nextHop, '10.0.0.2')
})

t.test('who does not send, or does not take, does as before', async (t) => {
  for (const [name, ofHub, ofClient] of [
    ['not offered', {}, {}],
    ['not taken', all, { addPath: { send: true, receive: false } }],
    ['neither', { addPath: { send: false, receive: false } }, all],
  ] as const) {
    const { simulation, a, b, c } = fabric(ofHub, ofClient)
    announce(a, 1)
    announce(b, 1)
    simulation.run(5)
    t.same(paths(c), ['01 10.0.0.2'], name)
  }
})

t.test('all paths again when asked, and those that are missing go', async (t) => {
  const { simulation, rr, a, b, c } = fabric(all)
  announce(a, 1)
  announce(b, 1)
  simulation.run(5)
  const before = c.speaker.peers()[0]!.statistics.messagesReceived.update
  c.dispatch({ event: 'clear', peer: rr.address, soft: 'in' })
  simulation.run(1)
  t.ok(c.speaker.peers()[0]!.statistics.messagesReceived.update > before)
  t.same(paths(c), ['01 10.0.0.2,10.0.0.3'])
  rr.dispatch({
    event: 'peerAdded',
    peer: settingsFor(c, { routeReflectorClient: true, addPath: { send: false, receive: true } }),
  })
  simulation.run(30)
  t.same(paths(c), ['01 10.0.0.2'], 'a new session for another offer')
})

t.test('whatever happens, the client knows what the reflector knows', async () => {
  const step = fc.record({
    kind: fc.constantFrom('announce', 'announce', 'withdraw', 'cut'),
    leaf: fc.nat(1),
    route: fc.nat(2),
    sequence: fc.nat(2),
    seconds: fc.constantFrom(0, 0.001, 0.003, 5),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25, size: 'max' }), (steps) => {
      const { simulation, rr, a, b, c } = fabric(all)
      for (const { kind, leaf, route, sequence, seconds } of steps) {
        const node = [a, b][leaf]!
        if (kind === 'announce') announce(node, route, sequence)
        else if (kind === 'withdraw') withdraw(node, route)
        else simulation.cut(rr, node)
        simulation.run(seconds)
      }
      simulation.run(120)
      return String(paths(c)) === String(paths(rr))
    }),
    { numRuns: 60 },
  )
})
