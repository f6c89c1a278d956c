// BMP (RFC 7854, RFC 9069): whoever reads what a collector is told knows the tables of the speaker, at every moment at
// which nothing is left to tell.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { keyOf } from '../../src/bgp/rib.js'
import {
  type BmpMessage,
  type BmpView,
  decodeBmp,
  decodeMessage,
  endOfRib,
  formatExtendedCommunity,
  initialContext,
  type PathAttributes,
} from '../../src/wire/index.js'
import { macIp } from './routes.js'
import { type Node, Simulation } from './simulation.js'

const COLLECTOR = 'bmp 10.0.0.9 11019'
const CONNECTION = 1_000_000
const collector = {
  id: COLLECTOR,
  address: '10.0.0.9',
  port: 11019,
  views: ['prePolicy', 'postPolicy', 'locRib'] as readonly BmpView[],
  statisticsSeconds: 60,
  name: 'h1',
  description: 'vtep 1.2.3',
}

/** What a collector makes of what it is told. */
class Station {
  readonly messages: BmpMessage[] = []
  /** Routes as text, by view and peer. */
  readonly tables = new Map<string, Map<string, string>>()
  readonly up = new Set<string>()
  readonly ends: string[] = []
  #octets = new Uint8Array(0)
  #read: number
  /** Address of a peer that numbers its paths. */
  readonly #numbering: string

  constructor(from = 0, numbering = '') {
    this.#read = from
    this.#numbering = numbering
  }

  /** Takes what the node has sent since the last time. */
  read(node: Node): this {
    for (; this.#read < node.actions.length; this.#read++) {
      const action = node.actions[this.#read]!
      if (action.do !== 'send' || action.connection !== CONNECTION) continue
      this.#octets = new Uint8Array([...this.#octets, ...action.bytes])
      for (let next = decodeBmp(this.#octets); next !== undefined; next = decodeBmp(this.#octets)) {
        this.#octets = next.rest.slice()
        this.messages.push(next.message)
        this.#take(next.message)
      }
    }
    assert.equal(this.#octets.length, 0, 'whole messages')
    return this
  }

  table(view: BmpView, peer = ''): string[] {
    return [...(this.tables.get(`${view} ${peer}`)?.values() ?? [])].sort()
  }

  #take(message: BmpMessage): void {
    if (!('peer' in message)) return
    const { view, address = '' } = message.peer
    if (message.kind === 'peerUp') this.up.add(address)
    else assert.ok(this.up.has(address), `${message.kind} of ${address} before its Peer Up`)
    if (message.kind === 'peerDown') {
      this.up.delete(address)
      for (const name of this.tables.keys())
        if (name.endsWith(` ${address}`)) this.tables.delete(name)
    }
    if (message.kind !== 'routeMonitoring') return
    const name = `${view} ${address}`
    const isNumbered = view !== 'locRib' && address === this.#numbering
    const context = isNumbered ? { ...initialContext, addPath: ['evpn'] as const } : initialContext
    const { message: update, problems } = decodeMessage(message.update, context)
    assert.deepEqual(problems, [])
    assert.equal(update?.kind, 'update')
    if (update?.kind !== 'update') return
    const end = endOfRib(update)
    if (end !== undefined) this.ends.push(`${name} ${end}`)
    const table = this.tables.get(name) ?? new Map<string, string>()
    this.tables.set(name, table)
    const { mpReach, mpUnreach, extendedCommunities } = update.attributes
    const pathKey = (nlri: { readonly pathId?: number }): string =>
      `${keyOf(nlri as never)}${isNumbered ? ` ${nlri.pathId}` : ''}`
    for (const nlri of mpUnreach?.nlri ?? []) table.delete(pathKey(nlri as never))
    for (const nlri of mpReach?.nlri ?? []) {
      const key = pathKey(nlri as never)
      table.set(key, `${key} ${mpReach?.nextHop} ${words(extendedCommunities)}`)
    }
  }
}

function watched(): { simulation: Simulation; a: Node; b: Node; c: Node; station: Station } {
  const simulation = new Simulation()
  const a = simulation.add('10.0.0.1', { asn: 65000 })
  const b = simulation.add('10.0.0.2', { asn: 65001 })
  const c = simulation.add('10.0.0.3', { asn: 65002 })
  simulation.peer(a, b)
  simulation.peer(a, c)
  return { simulation, a, b, c, station: new Station() }
}

function connect(a: Node): void {
  a.dispatch({
    event: 'connected',
    connection: CONNECTION,
    direction: 'out',
    peer: COLLECTOR,
    localAddress: '10.0.0.1',
    remoteAddress: '10.0.0.9',
    remotePort: 11019,
  })
}

const text = ({
  key,
  path,
}: {
  key: string
  path: { nextHop: string; attributes: PathAttributes }
}) => {
  return `${key} ${path.nextHop} ${words(path.attributes.extendedCommunities)}`
}

const words = (communities: PathAttributes['extendedCommunities'] = []): string =>
  communities.map(formatExtendedCommunity).join(' ')

/** The station knows what the speaker does. */
function checkTables(a: Node, station: Station): void {
  for (const peer of ['10.0.0.2', '10.0.0.3']) {
    const received = [...a.speaker.adjRibIn(peer, 'evpn')]
    const all = received.map(({ path }) => text({ key: keyOf(path.nlri), path })).sort()
    const usable = received
      .filter(({ rejected }) => rejected === undefined)
      .map(({ path }) => text({ key: keyOf(path.nlri), path }))
      .sort()
    assert.deepEqual(station.table('prePolicy', peer), all, `${peer}, all`)
    assert.deepEqual(station.table('postPolicy', peer), usable, `${peer}, usable`)
  }
  const chosen = [...a.speaker.locRib('evpn')]
    .map(({ key, best }) => text({ key, path: best }))
    .sort()
  assert.deepEqual(station.table('locRib'), chosen)
}

t.test('a station that comes later is told everything, peer by peer', async (t) => {
  const { simulation, a, b, station } = watched()
  simulation.run(5)
  b.dispatch({ event: 'originate', routes: [macIp(1), macIp(2)] })
  a.dispatch({ event: 'originate', routes: [macIp(3)] })
  simulation.run(1)
  a.dispatch({ event: 'collectorAdded', collector })
  t.match(
    a.actions.findLast((action) => action.do === 'connect'),
    {
      peer: COLLECTOR,
      address: '10.0.0.9',
      port: 11019,
    },
  )
  connect(a)
  simulation.run(1)
  const { messages, ends } = station.read(a)
  t.match(messages[0], {
    kind: 'initiation',
    information: [
      { type: 1, text: 'vtep 1.2.3' },
      { type: 2, text: 'h1' },
    ],
  })
  const ups = messages.filter((one) => one.kind === 'peerUp')
  t.match(
    ups.map(({ peer }) => peer),
    [
      { view: 'locRib', asn: 65000, routerId: '10.0.0.1' },
      { view: 'prePolicy', address: '10.0.0.2', asn: 65001, routerId: '10.0.0.2' },
      { view: 'prePolicy', address: '10.0.0.3', asn: 65002, routerId: '10.0.0.3' },
    ],
  )
  const opens = ups.map(({ sentOpen, receivedOpen }) =>
    [sentOpen, receivedOpen].map((octets) => decodeMessage(octets, initialContext).message),
  )
  t.match(opens[1], [
    { kind: 'open', bgpId: '10.0.0.1', asn: 65000 },
    { kind: 'open', bgpId: '10.0.0.2', asn: 65001 },
  ])
  t.same(ups[0]?.information, [{ type: 3, text: 'global' }])
  checkTables(a, station)
  t.same(station.table('locRib').length, 3)
  t.same(
    ends.sort(),
    ['10.0.0.2', '10.0.0.3']
      .flatMap((peer) => [`postPolicy ${peer} evpn`, `prePolicy ${peer} evpn`])
      .concat('locRib  evpn', 'locRib  ipv4', 'locRib  ipv6')
      .sort(),
  )

  await t.test('then what changes', async () => {
    b.dispatch({ event: 'withdraw', routes: [macIp(1)] })
    b.dispatch({ event: 'originate', routes: [macIp(2, { sequence: 7 })] })
    simulation.run(1)
    checkTables(a, station.read(a))
  })

  await t.test('a route that may not be used is in one view only', async (t) => {
    const loop = macIp(8)
    const asPath = [{ type: 'sequence', asns: [65000] }] as const
    b.dispatch({
      event: 'originate',
      routes: [{ ...loop, attributes: { ...loop.attributes, asPath } }],
    })
    simulation.run(1)
    checkTables(a, station.read(a))
    t.equal(station.table('prePolicy', '10.0.0.2').length, 2)
    t.equal(station.table('postPolicy', '10.0.0.2').length, 1)
  })

  await t.test('statistics', async (t) => {
    simulation.run(61)
    const reports = station.read(a).messages.filter((one) => one.kind === 'statistics')
    const of = (peer: string | undefined) =>
      reports.find((report) => report.peer.address === peer)?.statistics
    const evpn = { afi: 25, safi: 70 }
    t.match(of('10.0.0.2'), [
      { type: 0, value: 1 },
      { type: 7, value: 2n },
      { type: 9, value: 2n, afiSafi: evpn },
      { type: 11, value: 0 },
    ])
    t.match(of(undefined), [
      { type: 8, value: 2n },
      { type: 10, value: 2n, afiSafi: evpn },
    ])
  })

  await t.test('peers that go', async (t) => {
    a.dispatch({ event: 'clear', peer: '10.0.0.2' })
    simulation.run(0.1)
    const down = station.read(a).messages.findLast((one) => one.kind === 'peerDown')
    t.match(down, { peer: { address: '10.0.0.2' }, reason: 1 })
    const notification = decodeMessage(down!.data, initialContext).message
    t.match(notification, { kind: 'notification', code: 6, subcode: 4 })
    simulation.run(30)
    checkTables(a, station.read(a))
    t.ok(station.up.has('10.0.0.2'), 'and come back')
    const c = simulation.nodes[2]!
    c.dispatch({ event: 'peerRemoved', id: '10.0.0.1' })
    simulation.run(0.1)
    t.match(
      station.read(a).messages.findLast((one) => one.kind === 'peerDown'),
      { peer: { address: '10.0.0.3' }, reason: 3 },
    )
    simulation.cut(a, b)
    t.match(station.read(a).messages.at(-1), { kind: 'routeMonitoring', peer: { view: 'locRib' } })
    t.match(
      station.messages.findLast((one) => one.kind === 'peerDown'),
      { reason: 4, data: { length: 0 } },
    )
    checkTables(a, station)
  })

  await t.test('the end', async (t) => {
    a.dispatch({ event: 'shutdown' })
    t.equal(station.read(a).messages.at(-1)?.kind, 'termination')
    const closed = a.actions.findLast((action) => action.do === 'close')
    t.match(closed, { connection: CONNECTION })
  })
})

t.test('a station that can not be reached is tried again, ever more seldom', async (t) => {
  const { simulation, a } = watched()
  a.dispatch({ event: 'collectorAdded', collector: { ...collector, statisticsSeconds: 0 } })
  const fail = () => a.dispatch({ event: 'connectFailed', peer: COLLECTOR, reason: 'refused' })
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    fail()
    const timer = a.actions.findLast(
      (one) => one.do === 'startTimer' && one.timer.startsWith(COLLECTOR),
    )
    if (timer?.do !== 'startTimer') return t.fail('no timer')
    waits.push(timer.seconds)
    a.dispatch({ event: 'timer', timer: timer.timer })
    t.match(a.actions.at(-1), { do: 'connect', peer: COLLECTOR })
  }
  t.same(waits, [1, 2, 5, 10, 30, 60, 60, 60])
  t.equal(a.logs().filter((line) => line.includes('BMP collector')).length, 1, 'told once')
  a.dispatch({ event: 'collectorRemoved', id: COLLECTOR })
  t.match(a.actions.at(-1), { do: 'cancelConnect', peer: COLLECTOR })
  simulation.run(1)
  t.equal(a.state('10.0.0.2'), 'Established', 'peers do not care')
})

const step = fc.record({
  do: fc.constantFrom(
    'announce' as const,
    'withdraw' as const,
    'own' as const,
    'block' as const,
    'drain' as const,
    'cut' as const,
    'reconnect' as const,
    'run' as const,
  ),
  who: fc.nat(1),
  n: fc.nat(5),
  sequence: fc.nat(3),
})

t.test('whatever happens, in the end the station knows the tables', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { simulation, a, b, c, station } = watched()
      a.dispatch({ event: 'collectorAdded', collector: { ...collector, statisticsSeconds: 0 } })
      connect(a)
      let reading = station
      simulation.run(5)
      for (const { do: what, who, n, sequence } of steps) {
        const peer = who === 0 ? b : c
        if (what === 'announce')
          peer.dispatch({ event: 'originate', routes: [macIp(n, { sequence })] })
        else if (what === 'withdraw') peer.dispatch({ event: 'withdraw', routes: [macIp(n)] })
        else if (what === 'own')
          a.dispatch({ event: 'originate', routes: [macIp(n, { sequence })] })
        else if (what === 'block') a.dispatch({ event: 'blocked', connection: CONNECTION })
        else if (what === 'drain') a.dispatch({ event: 'drained', connection: CONNECTION })
        else if (what === 'cut') simulation.cut(a, peer)
        else if (what === 'reconnect') {
          a.dispatch({ event: 'closed', connection: CONNECTION })
          // Another connection, and another reader.
          reading = new Station(a.actions.length)
          connect(a)
        } else simulation.run(n)
      }
      a.dispatch({ event: 'drained', connection: CONNECTION })
      simulation.run(60)
      checkTables(a, reading.read(a))
    }),
    { numRuns: 200 },
  )
})

t.test('paths that a peer numbers are told apart (RFC 7911)', async (t) => {
  const simulation = new Simulation()
  const [a, b, x, y] = ['10.0.0.1', '10.0.0.2', '10.0.0.4', '10.0.0.5'].map((address) =>
    simulation.add(address, { asn: 65000 }),
  )
  const client = { routeReflectorClient: true }
  const addPath = { send: true, receive: true }
  simulation.peer(b!, a!, { ...client, addPath }, { addPath })
  for (const leaf of [x!, y!]) {
    simulation.peer(b!, leaf, { ...client, filterOut: [{ accept: false }] }, {})
    const nextHop = leaf.address
    leaf.dispatch({
      event: 'originate',
      routes: [macIp(1, { rd: '1.1.1.1:1', nextHop }), macIp(2)],
    })
  }
  simulation.run(5)
  const station = new Station(a!.actions.length, '10.0.0.2')
  a!.dispatch({ event: 'collectorAdded', collector })
  connect(a!)
  simulation.run(5)
  station.read(a!)
  t.equal(station.table('prePolicy', '10.0.0.2').length, 4)
  t.equal(station.table('postPolicy', '10.0.0.2').length, 4)
  t.equal(station.table('locRib').length, 2)
  x!.dispatch({ event: 'withdraw', routes: [macIp(1, { rd: '1.1.1.1:1' })] })
  simulation.run(5)
  const left = station.read(a!).table('prePolicy', '10.0.0.2')
  t.equal(left.length, 3)
  t.equal(
    left.filter((row) => row.includes('02:00:00:00:00:01') && row.includes('10.0.0.5')).length,
    1,
  )
  simulation.cut(a!, b!)
  station.read(a!)
  t.same(station.table('prePolicy', '10.0.0.2'), [])
})
