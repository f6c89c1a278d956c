// EVPN routes on their way: what a type 3 route says of its tunnel crosses any number of ASes, stays when everything is told again, and is
// every route's own; and a withdrawal finds its route whatever else it says (RFC 7432 section 7, RFC 8365 section 5.1.3).

import t from 'tap'
import { type OriginatedRoute, Speaker } from '../../src/bgp/index.js'
import {
  addPathMode,
  afiSafiOf,
  type EvpnRoute,
  encodeMessage,
  initialContext,
  type MacIpRoute,
  type Message,
} from '../../src/wire/index.js'
import { imet, macIp } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

/** Leaf, spine, spine of another AS, and so on: each in an AS of its own. */
function chain(length: number): { simulation: Simulation; nodes: Node[] } {
  const simulation = new Simulation()
  const nodes = Array.from({ length }, (_, i) =>
    simulation.add(`10.0.0.${i + 1}`, { asn: 65001 + i }),
  )
  for (const [i, node] of nodes.entries()) if (i > 0) simulation.peer(nodes[i - 1]!, node)
  return { simulation, nodes }
}

/** Label and end of the tunnel of each type 3 route, by originator and VNI. */
const tunnels = (node: Node): string[] =>
  [...node.speaker.locRib('evpn')]
    .flatMap(({ nlri, best }) => {
      if (!('type' in nlri) || nlri.type !== 'imet') return []
      const { pmsiTunnel } = best.attributes
      return [`${nlri.rd} ${pmsiTunnel?.tunnelType} ${pmsiTunnel?.label} ${pmsiTunnel?.endpoint}`]
    })
    .sort()

t.test('the PMSI tunnel of type 3 routes', async (t) => {
  const { simulation, nodes } = chain(5)
  const [first, ...others] = nodes
  const last = others.at(-1)!
  // One target and one next hop: nothing but the tunnel tells their attributes apart.
  const [target] = imet('', '10.0.0.1').attributes.extendedCommunities!
  const shared = (n: number, vni: number, vtep: string): OriginatedRoute => {
    const { attributes, ...route } = imet(`10.0.0.1:${n}`, vtep, vni)
    return { ...route, attributes: { ...attributes, extendedCommunities: [target!] } }
  }
  const routes = [
    shared(1, 10100, '10.0.0.1'),
    shared(2, 0xffffff, '10.0.0.1'),
    shared(3, 10300, '2001:db8::1'),
  ]
  first!.dispatch({ event: 'originate', routes })
  simulation.run(5)
  const wanted = [
    '10.0.0.1:1 6 10100 10.0.0.1',
    '10.0.0.1:2 6 16777215 10.0.0.1',
    '10.0.0.1:3 6 10300 2001:db8::1',
  ]
  for (const node of others) t.same(tunnels(node), wanted, node.address)

  const neighbour = nodes.at(-2)!
  const updates = () => last.speaker.peers()[0]!.statistics.messagesReceived.update
  const before = updates()
  last.dispatch({ event: 'clear', peer: neighbour.address, soft: 'in' })
  simulation.run(1)
  t.ok(updates() > before, 'told again')
  t.same(tunnels(last), wanted)

  const refusing = settingsFor(neighbour, { filterIn: [{ accept: false }] })
  last.dispatch({ event: 'peerAdded', peer: refusing })
  t.same(tunnels(last), [])
  last.dispatch({ event: 'peerAdded', peer: settingsFor(neighbour) })
  t.same(tunnels(last), wanted, 'what was kept is what was sent')
})

t.test(
  'what two reflectors tell stays, router MAC and all, when one of them is lost',
  async (t) => {
    const simulation = new Simulation()
    const [first, second, a, b] = [1, 2, 3, 4].map((n) =>
      simulation.add(`10.0.0.${n}`, { asn: 65000 }),
    )
    for (const reflector of [first!, second!]) {
      for (const leaf of [a!, b!]) {
        simulation.peer(reflector, leaf, { routeReflectorClient: true }, {})
      }
    }
    const route = macIp(1, { ip: '10.1.0.5', rd: '10.0.0.3:1', nextHop: '10.0.0.3' })
    const routerMac = { type: 'routerMac', mac: '02:00:00:00:ff:01' } as const
    const extendedCommunities = [...route.attributes.extendedCommunities!, routerMac]
    a!.dispatch({ event: 'originate', routes: [{ ...route, attributes: { extendedCommunities } }] })
    simulation.run(5)
    for (const lost of [first!, second!]) {
      const from = b!.actions.length
      simulation.cut(lost, b!)
      const changes = b!.actions
        .slice(from)
        .flatMap((action) => (action.do === 'routes' ? action.changes : []))
      t.ok(
        changes.every(({ best }) => best !== undefined),
        'not gone for a moment',
      )
      const [known] = [...b!.speaker.locRib('evpn')]
      t.equal(known?.best.nextHop, '10.0.0.3')
      t.match(known?.best.attributes, { extendedCommunities })
      simulation.run(60)
      t.equal(b!.state(lost.address), 'Established')
    }
  },
)

/** A speaker whose peer is made of messages. */
function listening(addPath = false) {
  const context = addPath ? { ...initialContext, addPath: ['evpn' as const] } : initialContext
  const speaker = new Speaker({ asn: 65000, routerId: '10.0.0.1' })
  const peer = {
    id: 'p',
    address: '10.0.0.2',
    asn: 65000,
    families: ['evpn'],
    passive: true,
    addPath: { send: false, receive: addPath },
  } as const
  const ends = { localAddress: '10.0.0.1', remoteAddress: '10.0.0.2', remotePort: 179 } as const
  speaker.step({ event: 'peerAdded', peer })
  speaker.step({ event: 'connected', connection: 1, direction: 'in', ...ends })
  const receive = (message: Message, by = context): void => {
    const bytes = encodeMessage(message, by)
    speaker.step({ event: 'received', connection: 1, bytes })
  }
  const afiSafi = afiSafiOf('evpn')
  receive(
    {
      kind: 'open',
      version: 4,
      asn: 65000,
      holdTimeSeconds: 90,
      bgpId: '10.0.0.2',
      capabilities: [
        { name: 'multiprotocol', ...afiSafi },
        { name: 'fourOctetAs', asn: 65000 },
        ...(addPath
          ? [{ name: 'addPath' as const, families: [{ ...afiSafi, mode: addPathMode.send }] }]
          : []),
      ],
    },
    initialContext,
  )
  receive({ kind: 'keepalive' }, initialContext)
  const update = { kind: 'update', withdrawn: [], nlri: [] } as const
  return {
    reach: (...nlri: EvpnRoute[]) => {
      const mpReach = { family: 'evpn', nextHop: '10.0.0.2', nlri } as const
      const attributes = { origin: 'igp', asPath: [], localPref: 100, mpReach } as const
      receive({ ...update, attributes })
    },
    unreach: (...nlri: EvpnRoute[]) =>
      receive({ ...update, attributes: { mpUnreach: { family: 'evpn', nlri } } }),
    paths: () => [...speaker.locRib('evpn')].flatMap(({ paths }) => paths),
  }
}

const bridged = macIp(1, { ip: '10.1.0.5' }).nlri as MacIpRoute
const routed: MacIpRoute = { ...bridged, label2: 50001 }
const segment = '03:02:00:00:00:00:01:00:00:01'

for (const [name, announced, withdrawn] of [
  ['its own label', bridged, bridged],
  ['label 0', bridged, { ...bridged, label: 0 }],
  ['the label that RFC 3107 has for withdrawals', bridged, { ...bridged, label: 0x800000 }],
  ['another label', bridged, { ...bridged, label: 16 }],
  ['two labels of one', bridged, routed],
  ['one label of two', routed, { ...bridged, label: 0 }],
  ['another segment', bridged, { ...bridged, esi: segment }],
] as const) {
  t.test(`withdrawn by ${name}`, async (t) => {
    const { reach, unreach, paths } = listening()
    const macAlone = macIp(1).nlri as MacIpRoute
    reach(announced, macAlone)
    t.equal(paths().length, 2)
    unreach(withdrawn)
    t.same(
      paths().map(({ nlri }) => nlri),
      [macAlone],
      'the route of the MAC alone stays',
    )
  })
}

t.test('a prefix is withdrawn whatever gateway, segment and label are said', async (t) => {
  const { reach, unreach, paths } = listening()
  const common = {
    type: 'prefix',
    rd: '10.0.0.2:1',
    ethernetTag: 0,
    prefix: '192.0.2.0/24',
  } as const
  const esi = '00:00:00:00:00:00:00:00:00:00'
  reach({ ...common, esi, gateway: '10.1.0.9', label: 50001 })
  t.equal(paths().length, 1)
  unreach({ ...common, esi: segment, gateway: '0.0.0.0', label: 0 })
  t.same(paths(), [])
})

t.test('with path numbers a withdrawal is of one path (RFC 7911)', async (t) => {
  const { reach, unreach, paths } = listening(true)
  reach({ ...bridged, pathId: 7 }, { ...bridged, pathId: 8 })
  t.equal(paths().length, 2)
  unreach({ ...bridged, label: 0, pathId: 7 })
  t.same(
    paths().map(({ pathId }) => pathId),
    [8],
  )
  unreach({ ...bridged, pathId: 9 })
  t.equal(paths().length, 1, 'one that was never told')
})
