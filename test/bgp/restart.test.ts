// Restarts of ours (RFC 4724), peers that are away for long (RFC 9494): what stays, what goes, and when.

import t from 'tap'
import type { SpeakerEvent, SpeakerSettings } from '../../src/bgp/index.js'
import { type MacIpOptions, macIp } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

const gracefulRestart = { restartSeconds: 120, staleSeconds: 0 }
const { llgrStale, noLlgr } = { llgrStale: 0xffff0006, noLlgr: 0xffff0007 }

function nodes(
  simulation: Simulation,
  count: number,
  more: Partial<SpeakerSettings> = { gracefulRestart },
): Node[] {
  return Array.from({ length: count }, (_, i) =>
    simulation.add(`10.0.0.${i + 1}`, { asn: 65000, ...more }),
  )
}

const originate = (n: number, options: MacIpOptions = {}): SpeakerEvent => ({
  event: 'originate',
  routes: [macIp(n, options)],
})

/** Routes of the node's loc-rib that went away since `from`, even for a moment. */
function gone(node: Node, from: number): string[] {
  return node.actions
    .slice(from)
    .flatMap((action) => (action.do === 'routes' ? action.changes : []))
    .filter(({ best }) => best === undefined)
    .map(({ key }) => key.slice(-3, -1))
}

const macs = (node: Node): string[] => node.rib().map((row) => row.split(' ')[0]!.slice(-3, -1))

for (const [name, before, lost] of [
  ['what was forwarded all the time stays', ['restarted'], []],
  ['what was not goes at once', [], ['01', '02']],
  ['what was lost while nobody could be told goes, too', ['restarted', 'lost'], ['01', '02']],
] as const) {
  t.test(`we restart: ${name}`, async (t) => {
    const simulation = new Simulation()
    const [a, b] = nodes(simulation, 2)
    simulation.peer(a!, b!)
    a!.dispatch(originate(1))
    a!.dispatch(originate(2))
    simulation.run(10)
    simulation.cut(a!, b!)
    t.same(macs(b!), ['01', '02'], 'kept')
    const from = b!.actions.length
    a!.restart()
    if (before[0] !== undefined) a!.dispatch({ event: 'restarted' })
    a!.dispatch(originate(1))
    a!.dispatch({ event: 'peerAdded', peer: settingsFor(b!) })
    if (before[1] !== undefined) a!.dispatch({ event: 'forwardingLost' })
    simulation.run(10)
    t.equal(b!.state('10.0.0.1'), 'Established')
    t.same(macs(b!), ['01'], 'what was not told again is gone in the end')
    t.same(gone(b!, from), lost.length === 0 ? ['02'] : lost)
  })
}

t.test('without the setting a session takes its routes along', async (t) => {
  const simulation = new Simulation()
  const [a, b] = nodes(simulation, 2, {})
  simulation.peer(a!, b!)
  a!.dispatch(originate(1))
  simulation.run(10)
  simulation.cut(a!, b!)
  t.same(macs(b!), [])
})

t.test('a lost session is no loss of forwarding', async (t) => {
  const simulation = new Simulation()
  const [a, b] = nodes(simulation, 2)
  simulation.peer(a!, b!)
  a!.dispatch(originate(1))
  simulation.run(10)
  const from = b!.actions.length
  simulation.cut(a!, b!)
  simulation.run(30)
  t.equal(b!.state('10.0.0.1'), 'Established')
  t.same(gone(b!, from), [])
  simulation.cut(a!, b!)
  a!.dispatch({ event: 'forwardingLost' })
  simulation.run(30)
  t.same(gone(b!, from), ['01'], 'unless it is')
  t.same(macs(b!), ['01'])
})

/** A reflector and its clients; all of them have a route. */
function reflector(simulation: Simulation): { rr: Node; clients: Node[] } {
  const [rr, ...clients] = nodes(simulation, 4)
  for (const [i, client] of clients.entries()) {
    simulation.peer(rr!, client, { routeReflectorClient: true }, {})
    client.dispatch(originate(i + 1))
  }
  simulation.run(10)
  for (const client of clients) simulation.cut(rr!, client)
  rr!.restart()
  rr!.dispatch({ event: 'restarted' })
  return { rr: rr!, clients }
}

const ends = (node: Node, from: number): number =>
  node.actions.slice(from).filter((action) => action.do === 'endOfRib').length

t.test('a reflector that restarts says it is complete when it has heard everybody', async (t) => {
  const simulation = new Simulation()
  const { rr, clients } = reflector(simulation)
  const [a, b, c] = clients
  const from = clients.map((client) => client.actions.length)
  c!.isListening = false
  for (const client of clients) {
    const peer = settingsFor(client, { routeReflectorClient: true })
    rr.dispatch({ event: 'peerAdded', peer })
    if (client === c) client.dispatch({ event: 'peerRemoved', id: rr.address })
  }
  simulation.run(10)
  t.equal(rr.state(a!.address), 'Established')
  t.not(rr.state(c!.address), 'Established')
  t.equal(ends(a!, from[0]!), 0, 'c has not been heard')
  t.same(macs(a!), ['01', '02', '03'], 'and its route stays')
  c!.isListening = true
  c!.dispatch({ event: 'peerAdded', peer: settingsFor(rr) })
  simulation.run(15)
  t.equal(ends(a!, from[0]!), 1)
  for (const [i, client] of [a!, b!].entries()) t.same(gone(client, from[i]!), [])
})

t.test('and waits for nobody for ever, nor for who restarts itself', async (t) => {
  const simulation = new Simulation()
  const { rr, clients } = reflector(simulation)
  const [a, b, c] = clients
  c!.isListening = false
  c!.dispatch({ event: 'peerRemoved', id: rr.address })
  const from = a!.actions.length
  for (const client of clients) {
    rr.dispatch({
      event: 'peerAdded',
      peer: settingsFor(client, { routeReflectorClient: true }),
    })
  }
  simulation.run(25)
  t.equal(ends(a!, from), 0)
  simulation.run(10)
  t.equal(ends(a!, from), 1, 'after 30 s')
  t.same(macs(a!), ['01', '02'], 'what c had is gone')
  const both = new Simulation()
  const [x, y] = nodes(both, 2)
  for (const node of [x!, y!]) node.dispatch({ event: 'restarted' })
  both.peer(x!, y!)
  both.run(5)
  t.equal(ends(x!, 0) + ends(y!, 0), 2, 'two at once')
  t.ok(b)
})

t.test('long-lived: a last resort, for a time, and for those who know it', async (t) => {
  const simulation = new Simulation()
  const llgr = { restartSeconds: 100, staleSeconds: 1000 }
  const [rr, a, b, c] = nodes(simulation, 4, { gracefulRestart: llgr })
  const old = simulation.add('10.0.0.9', { asn: 65000 })
  for (const leaf of [a!, b!, c!, old])
    simulation.peer(rr!, leaf, { routeReflectorClient: true }, {})
  const shared = { rd: '1.1.1.1:1' }
  a!.dispatch(originate(1, { ...shared, nextHop: '10.0.0.2', sequence: 9 }))
  a!.dispatch(originate(2))
  a!.dispatch(originate(3, { attributes: { communities: [noLlgr] } }))
  b!.dispatch(originate(1, { ...shared, nextHop: '10.0.0.3' }))
  simulation.run(10)
  const nextHop = (node: Node): string | undefined =>
    [...node.speaker.locRib('evpn')].find(({ key }) => key.endsWith(':01|'))?.best.nextHop
  t.equal(nextHop(c!), '10.0.0.2')
  a!.isListening = false
  for (const peer of a!.speaker.peers()) a!.dispatch({ event: 'peerRemoved', id: peer.id })
  simulation.run(1)
  t.equal(macs(rr!).length, 1, 'who says goodbye takes all along')

  a!.isListening = true
  a!.dispatch({ event: 'peerAdded', peer: settingsFor(rr!) })
  simulation.run(120)
  t.equal(macs(rr!).length, 3)
  simulation.cut(a!, rr!)
  a!.isListening = false
  a!.restart()
  t.equal(macs(rr!).length, 3, 'kept')
  simulation.run(90)
  t.equal(nextHop(c!), '10.0.0.2', 'as if nothing had happened')
  simulation.run(20)
  t.same(macs(rr!), ['01', '02'], 'without those that do not want it')
  t.equal(nextHop(c!), '10.0.0.3', 'whoever is there is better')
  const stale = [...c!.speaker.locRib('evpn')].find(({ key }) => key.endsWith(':02|'))
  t.same(stale?.best.attributes.communities, [llgrStale])
  t.same(macs(old), ['01', '02'], 'a peer with an empty list knows it, too')
  simulation.run(900)
  t.equal(macs(c!).length, 2)
  simulation.run(110)
  t.same(macs(c!), ['01'], 'and then it is over')
})

t.test('long-lived: back in time', async (t) => {
  const simulation = new Simulation()
  const llgr = { restartSeconds: 10, staleSeconds: 1000 }
  const [a, b] = nodes(simulation, 2, { gracefulRestart: llgr })
  simulation.peer(a!, b!)
  a!.dispatch(originate(1))
  a!.dispatch(originate(2))
  simulation.run(5)
  simulation.cut(a!, b!)
  a!.restart()
  a!.isListening = false
  simulation.run(500)
  t.equal(macs(b!).length, 2)
  const from = b!.actions.length
  a!.isListening = true
  a!.dispatch({ event: 'restarted' })
  a!.dispatch(originate(1))
  a!.dispatch({ event: 'peerAdded', peer: settingsFor(b!) })
  simulation.run(120)
  t.same(gone(b!, from), ['02'])
  const [route] = [...b!.speaker.locRib('evpn')]
  t.equal(route?.best.attributes.communities, undefined, 'not a last resort any more')
  simulation.run(2000)
  t.same(macs(b!), ['01'])
})
