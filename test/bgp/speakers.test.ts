// Whole speakers against each other on a simulated network: sessions, routes, reflection, refresh, collisions.

import t from 'tap'
import { formatEvent, type PeerSettings } from '../../src/bgp/index.js'
import { type EvpnRoute, parseExtendedCommunity } from '../../src/wire/index.js'
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

t.test('a blocked peer is told the last of many changes', async (t) => {
  const { simulation, a, b } = pair()
  simulation.run(5)
  const connection = a.actions.flatMap((one) => (one.do === 'send' ? [one.connection] : [])).at(-1)!
  a.dispatch({ event: 'blocked', connection })
  const before = a.actions.length
  for (let sequence = 1; sequence < 100; sequence++) {
    a.dispatch({ event: 'originate', routes: [macIp(1, { sequence }), macIp(2)] })
    a.dispatch({ event: 'withdraw', routes: [macIp(2)] })
  }
  t.notOk(a.actions.slice(before).some((action) => action.do === 'send'))
  t.equal(a.speaker.peers()[0]?.session?.families[0]?.pending, 1)
  a.dispatch({ event: 'drained', connection })
  const sent = a.actions.slice(before).filter((action) => action.do === 'send')
  t.equal(sent.length, 1, 'one UPDATE')
  simulation.run(1)
  const [route] = [...b.speaker.locRib('evpn')]
  t.match(route?.best.attributes.extendedCommunities?.at(-1), { sequence: 99 })
  t.equal(b.rib().length, 1)
})

t.test('a large table leaves in pieces, and others are served between them', async (t) => {
  const { simulation, a } = pair()
  const c = simulation.add('10.0.0.3', { asn: 65000 })
  a.dispatch({ event: 'originate', routes: Array.from({ length: 20_000 }, (_, n) => macIp(n)) })
  simulation.peer(a, c)
  let most = 0
  const { step } = a.speaker
  a.speaker.step = (event) => {
    const actions = step.call(a.speaker, event)
    const octets = actions.reduce((sum, one) => sum + (one.do === 'send' ? one.bytes.length : 0), 0)
    most = Math.max(most, octets)
    return actions
  }
  simulation.run(5)
  t.equal(c.rib().length, 20_000)
  t.ok(most < 200_000, `${most} octets in one step`)
})

t.test('the settings of a peer change what it is told, without a new session', async (t) => {
  const simulation = new Simulation()
  const [rr, a, b] = [1, 2, 3].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 }))
  for (const leaf of [a!, b!]) simulation.peer(rr!, leaf)
  a!.dispatch({ event: 'originate', routes: [macIp(1)] })
  simulation.run(5)
  t.equal(b!.rib().length, 0, 'internal routes are not passed on')
  const client = (routeReflectorClient: boolean): void => {
    const peer = settingsFor(a!, { routeReflectorClient })
    rr!.dispatch({ event: 'peerAdded', peer })
    simulation.run(1)
  }
  client(true)
  t.equal(b!.rib().length, 1, 'to clients and from clients they are')
  client(false)
  t.equal(b!.rib().length, 0)
  t.same(
    rr!.speaker.peers().map(({ statistics }) => statistics.flaps),
    [0, 0],
  )
})

t.test('enhanced route refresh removes what is not repeated (RFC 7313)', async (t) => {
  const { simulation, a, b } = pair()
  a.dispatch({ event: 'originate', routes: [macIp(1), macIp(2)] })
  simulation.run(5)
  b.dispatch({ event: 'clear', peer: '10.0.0.1', soft: 'in' })
  simulation.run(1)
  t.equal(b.rib().length, 2)
  const messages = b.speaker.peers()[0]!.statistics.messagesReceived
  t.equal(messages.routeRefresh, 2, 'begin and end')
})

t.test('what may not be used is shown with its reason', async (t) => {
  const simulation = new Simulation()
  const [a, b] = [1, 2].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 + n }))
  simulation.peer(a!, b!)
  const looped = { asPath: [{ type: 'sequence', asns: [65002] }] } as const
  a!.dispatch({ event: 'originate', routes: [macIp(1, { attributes: looped })] })
  simulation.run(5)
  t.equal(b!.rib().length, 0)
  const [received] = [...b!.speaker.adjRibIn('10.0.0.1', 'evpn')]
  t.equal(received?.rejected, 'AS path has our AS 65002')
  t.match(b!.speaker.peers()[0]?.session?.families[0], { received: 1, rejected: 1 })
})

t.test('what means nothing to us is reflected unchanged, and counted', async (t) => {
  const simulation = new Simulation()
  const [rr, a, b] = [1, 2, 3].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 }))
  for (const leaf of [a!, b!]) simulation.peer(rr!, leaf, { routeReflectorClient: true }, {})
  const flags = { v1: false, v2: true, v3: true, exclude: true, others: 5 }
  const channel = { rd: '10.0.0.2:1', ethernetTag: 7, group: '239.1.1.1', originator: '10.0.0.2' }
  const synch = { ...channel, esi: '00:11:22:33:44:55:66:77:88:99', source: '10.1.0.5' }
  const nlri: EvpnRoute[] = [
    { type: 'smet', ...channel, flags },
    { type: 'joinSynch', ...synch, flags },
    { type: 'leaveSynch', ...synch, maxResponseTime: 10, flags },
    ...[9, 10, 11, 200].map((code) => ({
      type: 'opaque' as const,
      code,
      value: Uint8Array.of(1, 2, 3),
    })),
  ]
  const communities = [
    'rt:65000:1',
    'es-import:11:22:33:44:55:66',
    'evi-rt:65000:1',
    'multicast:igmp,0x8',
  ]
  const extendedCommunities = communities.map(parseExtendedCommunity)
  const attributes = { extendedCommunities }
  a!.dispatch({
    event: 'originate',
    routes: nlri.map((one) => ({ family: 'evpn', nlri: one, nextHop: '10.0.0.2', attributes })),
  })
  simulation.run(5)
  const got = [...b!.speaker.locRib('evpn')]
  t.same(
    got.map((route) => route.nlri),
    nlri,
  )
  for (const { best } of got) t.same(best.attributes.extendedCommunities, extendedCommunities)
  t.match(b!.speaker.peers()[0]?.session?.families[0], { received: nlri.length, rejected: 0 })
  a!.dispatch({
    event: 'withdraw',
    routes: [
      { family: 'evpn', nlri: { ...nlri[0]!, flags: { ...flags, v3: false } } as EvpnRoute },
    ],
  })
  simulation.run(5)
  t.equal([...b!.speaker.locRib('evpn')].length, nlri.length - 1, 'flags are no part of the key')
})

t.test('unequal four-octet AS numbers through a speaker that knows them', async (t) => {
  const { simulation, a, b } = pair(4200000001, 4200000002)
  a.dispatch({ event: 'originate', routes: [macIp(1)] })
  simulation.run(5)
  const [got] = [...b.speaker.locRib('evpn')]
  t.same(got?.best.attributes.asPath, [{ type: 'sequence', asns: [4200000001] }])
})

t.test('status', async (t) => {
  const { simulation, a, b } = pair(65000, 65001, {
    description: 'leaf',
    families: ['evpn', 'ipv4'],
  })
  a.dispatch({
    event: 'originate',
    routes: [{ family: 'ipv4', nlri: { prefix: '10.255.0.1/32' }, attributes: {} }],
  })
  simulation.run(5)
  const [status] = b.speaker.peers()
  t.match(status, {
    id: '10.0.0.1',
    asn: 65000,
    state: 'Established',
    description: 'leaf',
    session: {
      kind: 'ebgp',
      localAddress: '10.0.0.2',
      routerId: '10.0.0.1',
      holdTimeSeconds: 90,
      keepaliveSeconds: 30,
      families: [
        { family: 'evpn', received: 0, endOfRibReceived: true },
        { family: 'ipv4', received: 1, rejected: 0, stale: 0, sent: 0, pending: 0 },
      ],
      blocked: false,
    },
    statistics: { established: 1, flaps: 0 },
  })
  const [out] = [...a.speaker.adjRibOut('10.0.0.2', 'ipv4')]
  t.match(out, { nlri: { prefix: '10.255.0.1/32' }, nextHop: '10.0.0.1' })
  simulation.cut(a, b)
  t.match(b.speaker.peers()[0], {
    lastError: { by: 'peer', text: 'cut' },
    statistics: { flaps: 1 },
  })
})

t.test('no transit: unicast of one leaf is never told to another', async (t) => {
  const more: Partial<PeerSettings> = { families: ['evpn', 'ipv4', 'ipv6'] }
  const asns = { external: [65000, 65001, 65002], reflected: [65000, 65000, 65000] }
  for (const [name, [hub, ...leaves]] of Object.entries(asns)) {
    const simulation = new Simulation()
    const middle = simulation.add('2001:db8::1', { asn: hub!, routerId: '10.0.0.1' })
    const [a, b] = leaves.map((asn, i) =>
      simulation.add(`2001:db8::${i + 2}`, { asn, routerId: `10.0.0.${i + 2}` }),
    )
    const client = hub === leaves[0] ? { routeReflectorClient: true } : {}
    for (const leaf of [a!, b!]) simulation.peer(middle, leaf, { ...more, ...client }, more)
    a!.dispatch({
      event: 'originate',
      routes: [
        { family: 'ipv6', nlri: { prefix: '2001:db8::2/128' }, attributes: {} },
        macIp(1, { nextHop: '2001:db8::2' }),
      ],
    })
    simulation.run(5)
    t.equal(middle.rib('ipv6').length, 1, `${name}: it arrives`)
    t.match([...middle.speaker.locRib('ipv6')][0]?.best, { nextHop: '2001:db8::2' })
    t.equal(b!.rib('evpn').length, 1, `${name}: EVPN is passed on`)
    t.same(b!.rib('ipv6'), [], `${name}: unicast is not`)
  }
})

t.test('transports are told before anybody connects, and a change is a new session', async (t) => {
  const { simulation, a, b } = pair()
  simulation.run(5)
  const told = (): string[] =>
    a.actions.flatMap((one) => {
      if (one.do === 'protect') return [`${one.prefix} ${one.transport?.password ?? 'none'}`]
      return one.do === 'connect' ? ['connect'] : []
    })
  t.same(told(), ['connect'], 'nothing to tell')
  a.actions.length = 0
  const peer = settingsFor(b, { transport: { password: 'secret' } })
  a.dispatch({ event: 'peerAdded', peer })
  simulation.run(5)
  t.same(told(), ['10.0.0.2/32 secret', 'connect'])
  a.dispatch({ event: 'peerAdded', peer: { ...peer, description: 'b' } })
  a.dispatch({ event: 'peerRemoved', id: peer.id })
  t.same(told().slice(2), ['10.0.0.2/32 none'])
  const range = { id: 'r', prefix: '10.0.0.0/8', asn: 'internal', families: ['evpn'] } as const
  a.actions.length = 0
  a.dispatch({ event: 'rangeAdded', range: { ...range, transport: { password: 'secret' } } })
  a.dispatch({ event: 'rangeAdded', range: { ...range, transport: { password: 'other' } } })
  a.dispatch({ event: 'rangeRemoved', id: 'r' })
  t.same(told(), ['10.0.0.0/8 secret', '10.0.0.0/8 other', '10.0.0.0/8 none'])
  t.notMatch(formatEvent({ event: 'peerAdded', peer }), 'secret', 'not in a recording')
})

t.test(
  'a dynamic peer that gives up its first connection for a second one is still known',
  async (t) => {
    const simulation = new Simulation()
    const a = simulation.add('10.0.0.1', { asn: 65000 })
    const b = simulation.add('10.0.0.2', { asn: 65000 })
    const range = { id: 'r', prefix: '10.0.0.0/8', asn: 'internal', families: ['evpn'] } as const
    a.dispatch({ event: 'rangeAdded', range })
    const ends = { localAddress: '10.0.0.1', remoteAddress: '10.0.0.2', remotePort: 1 } as const
    a.dispatch({ event: 'connected', connection: 1001, direction: 'in', ...ends })
    t.equal(a.state('10.0.0.2'), 'OpenSent', 'nothing is heard on it')
    b.dispatch({ event: 'peerAdded', peer: settingsFor(a) })
    simulation.run(5)
    t.equal(b.state('10.0.0.1'), 'Established')
    t.equal(a.state('10.0.0.2'), 'Established')
    t.equal(a.speaker.peers().length, 1)
  },
)

t.test('two that failed again and again meet as soon as nothing is in their way', async (t) => {
  const simulation = new Simulation()
  const a = simulation.add('10.0.0.1', { asn: 65000 })
  const b = simulation.add('10.0.0.2', { asn: 65000 })
  simulation.peer(a, b, {}, { asn: 65009 })
  simulation.run(3600)
  t.not(a.state('10.0.0.2'), 'Established')
  b.dispatch({ event: 'peerAdded', peer: settingsFor(a) })
  simulation.run(150)
  t.equal(a.state('10.0.0.2'), 'Established')
})

t.test(
  'peers named by interface: whoever is there, IPv4 with IPv6 next hops (RFC 8950)',
  async (t) => {
    const simulation = new Simulation()
    const a = simulation.add('fe80::1', { asn: 65001, routerId: '10.0.0.1' })
    const b = simulation.add('fe80::2', { asn: 65002, routerId: '10.0.0.2' })
    const more: Partial<PeerSettings> = {
      id: 'eth0',
      interface: 'eth0',
      families: ['evpn', 'ipv4'],
      asn: 'external',
    }
    const unknown = { ...more, address: '::', passive: true }
    for (const node of [a, b]) {
      node.dispatch({
        event: 'originate',
        routes: [
          {
            family: 'ipv4',
            nlri: { prefix: `${node.speaker.settings.routerId}/32` },
            attributes: {},
          },
        ],
      })
    }
    simulation.peer(a, b, unknown)
    simulation.run(5)
    t.equal(a.state('eth0'), 'Active', 'nobody is known')
    a.dispatch({ event: 'peerAdded', peer: settingsFor(b, more) })
    simulation.run(5)
    t.equal(a.state('eth0'), 'Established', 'one side that knows is enough')
    const [theirs] = [...a.speaker.locRib('ipv4')].filter(({ best }) => best.peer === 'eth0')
    t.match(theirs, { key: '10.0.0.2/32', best: { nextHop: 'fe80::2' } })
    t.equal(b.rib('ipv4').length, 2)
    b.dispatch({
      event: 'withdraw',
      routes: [{ family: 'ipv4', nlri: { prefix: '10.0.0.2/32' } }],
    })
    simulation.run(1)
    t.equal(a.rib('ipv4').length, 1)
    const inbound = (scope: string, connection: number) =>
      ({
        event: 'connected',
        connection,
        direction: 'in',
        localAddress: 'fe80::1',
        remoteAddress: 'fe80::7',
        remotePort: 1,
        interface: scope,
      }) as const
    a.dispatch({
      event: 'peerAdded',
      peer: { ...settingsFor(b, unknown), id: 'eth1', interface: 'eth1' },
    })
    a.dispatch(inbound('eth1', 101))
    t.equal(a.state('eth1'), 'OpenSent', 'one address may be behind several interfaces')
    a.dispatch(inbound('eth2', 102))
    t.ok(a.logs().some((text) => text.includes('no such neighbor')))
  },
)

t.test('no IPv4 over IPv6 for who can not do it', async (t) => {
  const simulation = new Simulation()
  const a = simulation.add('2001:db8::1', { asn: 65001, routerId: '10.0.0.1' })
  const b = simulation.add('2001:db8::2', { asn: 65002, routerId: '10.0.0.2' })
  a.dispatch({
    event: 'originate',
    routes: [{ family: 'ipv4', nlri: { prefix: '10.0.0.1/32' }, attributes: {} }],
  })
  simulation.peer(a, b, { families: ['ipv4', 'evpn'] }, { families: ['evpn', 'ipv6'] })
  simulation.run(5)
  t.equal(a.state('2001:db8::2'), 'Established')
  b.dispatch({
    event: 'peerAdded',
    peer: settingsFor(a, { families: ['ipv4', 'evpn'] }),
  })
  simulation.run(10)
  t.equal(b.rib('ipv4').length, 1, 'both can')
})

t.test('BFD beside a session, and what its end does', async (t) => {
  const bfd = { transmitMilliseconds: 50, receiveMilliseconds: 50, multiplier: 3 }
  const { simulation, a, b } = pair(65000, 65000, { bfd })
  a.dispatch({ event: 'originate', routes: [macIp(1)] })
  simulation.run(5)
  const said = (node: Node): string[] =>
    node.actions.flatMap((one) => (/Bfd$/.test(one.do) ? [one.do] : []))
  t.same(said(a), ['startBfd'])
  const started = a.actions.find((one) => one.do === 'startBfd')
  t.match(started, { local: '10.0.0.1', remote: '10.0.0.2', multihop: true, settings: bfd })
  b.dispatch({ event: 'bfdDown', peer: '10.0.0.1', reason: 'nothing was heard in time' })
  t.not(b.state('10.0.0.1'), 'Established')
  t.same(b.rib(), [], 'routes go at once, whatever the peer knows of graceful restart')
  const { lastError } = b.speaker.peers()[0]!
  t.equal(lastError?.text, 'sent cease/bfdDown: nothing was heard in time')
  simulation.run(5)
  t.equal(b.state('10.0.0.1'), 'Established', 'and it comes back')
  t.same(said(b), ['startBfd', 'stopBfd', 'startBfd'])
  const slower = settingsFor(b, { bfd: { ...bfd, multiplier: 5, multihop: false } })
  a.dispatch({ event: 'peerAdded', peer: slower })
  t.match(a.actions.at(-1), { do: 'startBfd', multihop: false, settings: { multiplier: 5 } })
  t.equal(a.state('10.0.0.2'), 'Established', 'without a new session')
  a.dispatch({ event: 'peerAdded', peer: settingsFor(b) })
  t.equal(a.actions.at(-1)?.do, 'stopBfd')
  const external = pair(65000, 65001, { bfd })
  external.simulation.run(5)
  const near = external.a.actions.find((one) => one.do === 'startBfd')
  t.match(near, { multihop: false })
})
