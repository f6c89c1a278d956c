// RFC 4684: who gets which routes, when, and what happens to peers that speak of it badly or not at all.

import fc from 'fast-check'
import t from 'tap'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import { type OriginatedRoute, type PeerSettings, Speaker } from '../../src/bgp/index.js'
import { RouteTargetFilter } from '../../src/bgp/route-target-filter.js'
import { hexFromBytes } from '../../src/net/index.js'
import {
  afiSafiOf,
  type Capability,
  communityOctets,
  decodeMessage,
  defaultMembership,
  type ExtendedCommunity,
  encodeMessage,
  endOfRibUpdate,
  initialContext,
  type MembershipNlri,
  type Message,
} from '../../src/wire/index.js'
import { imet, macIp, macOf } from './routes.js'
import { type Node, Simulation, settingsFor } from './simulation.js'

const families: PeerSettings['families'] = ['evpn', 'rtc']
const targetOf = (community: ExtendedCommunity): string => hexFromBytes(communityOctets(community))
const wantsVni = (vni: number): MembershipNlri => ({
  originAs: 65000,
  target: targetOf({ type: 'routeTarget', target: `65000:${vni}` }),
  bits: 96,
})
const asking = (...nlri: readonly MembershipNlri[]): OriginatedRoute[] =>
  nlri.map((one) => ({ family: 'rtc', nlri: one, attributes: {} }))

function fabric(): { simulation: Simulation; rr: Node; a: Node; b: Node } {
  const simulation = new Simulation()
  const [rr, a, b] = [1, 2, 3].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 }))
  rr!.dispatch({ event: 'originate', routes: asking(defaultMembership) })
  for (const leaf of [a!, b!]) {
    simulation.peer(rr!, leaf, { families, routeReflectorClient: true }, { families })
  }
  return { simulation, rr: rr!, a: a!, b: b! }
}

const vnis = (node: Node): number[] =>
  [...node.speaker.locRib('evpn')]
    .map(({ nlri }) => ('label' in nlri ? (nlri.label ?? 0) : 0))
    .sort((a, b) => a - b)

t.test('a reflector tells each client what it asked for', async (t) => {
  const { simulation, rr, a, b } = fabric()
  a.dispatch({
    event: 'originate',
    routes: [macIp(1, { vni: 10100 }), macIp(2, { vni: 10200 }), macIp(3, { vni: 10300 })],
  })
  b.dispatch({ event: 'originate', routes: asking(wantsVni(10100)) })
  simulation.run(5)
  t.same(vnis(rr), [10100, 10200, 10300], 'the reflector has all')
  t.same(vnis(b), [10100])
  t.equal(rr.rib('rtc').length, 2)
  t.equal(a.rib('rtc').length, 1, 'what one client wants is not told to another')
  const before = b.speaker.peers()[0]!.statistics.messagesReceived.update

  b.dispatch({ event: 'originate', routes: asking(wantsVni(10300)) })
  simulation.run(1)
  t.same(vnis(b), [10100, 10300], 'asked for later')
  t.equal(
    b.speaker.peers()[0]!.statistics.messagesReceived.update,
    before + 1,
    'and what it has is not sent again',
  )
  b.dispatch({ event: 'withdraw', routes: asking(wantsVni(10100)) })
  simulation.run(1)
  t.same(vnis(b), [10300], 'withdrawn when nobody asks any more')
  a.dispatch({ event: 'originate', routes: [macIp(4, { vni: 10100 }), macIp(5, { vni: 10300 })] })
  simulation.run(1)
  t.same(vnis(b), [10300, 10300])
  b.dispatch({ event: 'originate', routes: asking(defaultMembership) })
  simulation.run(1)
  t.same(vnis(b), vnis(rr), 'everything')
})

t.test('End-of-RIB of evpn comes when the memberships are told', async (t) => {
  const { simulation, b } = fabric()
  simulation.run(5)
  const ends = b.actions.flatMap((one) => (one.do === 'endOfRib' ? [one.family] : []))
  t.same(ends, ['rtc', 'evpn'])
})

t.test('a peer that does not speak of it gets everything', async (t) => {
  const simulation = new Simulation()
  const [a, b] = [1, 2].map((n) => simulation.add(`10.0.0.${n}`, { asn: 65000 }))
  a!.dispatch({ event: 'originate', routes: [macIp(1)] })
  simulation.peer(a!, b!, { families }, { families: ['evpn'] })
  simulation.run(1)
  t.equal(b!.rib().length, 1, 'at once')
  t.same(
    a!.speaker.peers()[0]?.session?.families.map(({ family }) => family),
    ['evpn'],
  )
  b!.dispatch({ event: 'peerAdded', peer: settingsFor(a!, { families: ['ipv4', 'rtc'] }) })
  a!.dispatch({ event: 'peerAdded', peer: settingsFor(b!, { families: ['ipv4', 'rtc'] }) })
  simulation.run(30)
  t.same(
    a!.speaker.peers()[0]?.session?.families.map(({ family }) => family),
    ['ipv4'],
    'without evpn it is nothing',
  )
})

/** A peer made of messages. */
class Script {
  readonly speaker = new Speaker({ asn: 65000, routerId: '10.0.0.1' })
  sent: Message[] = []
  timers = new Map<string, number>()

  constructor(more: readonly Capability[] = []) {
    const peer = { id: 'p', address: '10.0.0.2', asn: 65000, families, passive: true }
    this.step({ event: 'peerAdded', peer })
    this.step({
      event: 'connected',
      connection: 1,
      direction: 'in',
      localAddress: '10.0.0.1',
      remoteAddress: '10.0.0.2',
      remotePort: 1,
    })
    const capabilities: Capability[] = [
      { name: 'multiprotocol', ...afiSafiOf('evpn') },
      { name: 'multiprotocol', ...afiSafiOf('rtc') },
      { name: 'fourOctetAs', asn: 65000 },
      ...more,
    ]
    const open = { kind: 'open', version: 4, asn: 65000, holdTimeSeconds: 90 } as const
    this.receive({ ...open, bgpId: '10.0.0.2', capabilities }, { kind: 'keepalive' })
  }

  step(event: Parameters<Speaker['step']>[0]): void {
    for (const action of this.speaker.step(event)) {
      if (action.do === 'startTimer') this.timers.set(action.timer, action.seconds)
      if (action.do === 'stopTimer') this.timers.delete(action.timer)
      if (action.do === 'send') this.sent.push(decodeMessage(action.bytes, initialContext).message!)
    }
  }

  receive(...messages: readonly Message[]): void {
    for (const message of messages) {
      this.receiveOctets(encodeMessage(message, initialContext))
    }
  }

  receiveOctets(bytes: Uint8Array): void {
    this.step({ event: 'received', connection: 1, bytes })
  }

  ask(...nlri: readonly MembershipNlri[]): void {
    this.receive({
      kind: 'update',
      withdrawn: [],
      nlri: [],
      attributes: {
        origin: 'igp',
        asPath: [],
        localPref: 100,
        mpReach: { family: 'rtc', nextHop: '10.0.0.2', nlri },
      },
    })
  }

  /** MACs announced so far. */
  macs(): string[] {
    return this.sent.flatMap((message) => {
      const reach = message.kind === 'update' ? message.attributes.mpReach : undefined
      if (reach?.family !== 'evpn') return []
      return reach.nlri.flatMap((one) => (one.type === 'macIp' ? [one.mac] : []))
    })
  }

  get timer(): string | undefined {
    return [...this.timers.keys()].find((name) => name.includes('membership'))
  }
}

const gracefulRestart: Capability = {
  name: 'gracefulRestart',
  restarting: false,
  notification: false,
  timeSeconds: 0,
  families: [],
}

t.test('nothing is sent before the peer has said all that it wants', async (t) => {
  const script = new Script([gracefulRestart])
  script.step({ event: 'originate', routes: [macIp(1), macIp(2, { vni: 10200 })] })
  script.ask(wantsVni(10100))
  t.same(script.macs(), [])
  script.receive(endOfRibUpdate('rtc'))
  t.same(script.macs(), [macOf(1)])
})

for (const [capabilities, seconds] of [
  [[gracefulRestart], 60],
  [[], 5],
] as const) {
  t.test(`and for no longer than ${seconds} s`, async (t) => {
    const script = new Script(capabilities)
    script.step({ event: 'originate', routes: [macIp(1), macIp(2, { vni: 10200 })] })
    script.ask(wantsVni(10200))
    t.same(script.macs(), [])
    t.equal(script.timers.get(script.timer!), seconds)
    script.step({ event: 'timer', timer: script.timer! })
    t.same(script.macs(), [macOf(2)])
  })
}

t.test('the wait ends with the session', async (t) => {
  const script = new Script()
  t.ok(script.timer)
  script.step({ event: 'closed', connection: 1 })
  t.equal(script.timer, undefined)
})

t.test('memberships that can not be read are as none', async (t) => {
  const script = new Script([gracefulRestart])
  script.step({ event: 'originate', routes: [macIp(1)] })
  const broken = [0, 1, 132, 4, 10, 0, 0, 2, 0, 31, 0, 0, 253, 232]
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100, 0x80, 14, broken.length]
  const body = [0, 0, 0, attributes.length + broken.length, ...attributes, ...broken]
  const header = [...new Array(16).fill(255), 0, 19 + body.length, 2]
  script.receiveOctets(Uint8Array.from([...header, ...body]))
  t.match(script.speaker.peers()[0]?.session?.families[1], { family: 'rtc', disabled: true })
  t.same(script.macs(), [macOf(1)])
})

const sets = new AttributeSets()

t.test('a filter wants what one of its memberships covers, bit by bit', async () => {
  const octets = fc.uint8Array({ minLength: 8, maxLength: 8 })
  const membership = fc
    .tuple(octets, fc.constantFrom(0, 32, 33, 40, 47, 63, 64, 80, 95, 96))
    .map(([target, bits]): MembershipNlri => ({ originAs: 1, target: hexFromBytes(target), bits }))
  const bit = (hex: string, n: number): boolean =>
    ((Number.parseInt(hex.charAt(n >> 2), 16) >> (3 - (n & 3))) & 1) === 1
  const naive = ({ target, bits }: MembershipNlri, other: string): boolean =>
    Array.from({ length: Math.max(0, bits - 32) }, (_, n) => n).every(
      (n) => bit(target, n) === bit(other, n),
    )
  fc.assert(
    fc.property(fc.array(membership, { maxLength: 4 }), octets, fc.nat(3), (some, value, near) => {
      // Half of the route targets begin as a membership does, or no filter would ever want one.
      const base = some[near]?.target ?? hexFromBytes(value)
      const target = `0002${base.slice(4, 12)}${hexFromBytes(value).slice(12)}`
      const memberships = some.map((one) => ({ ...one, target: `0002${one.target.slice(4)}` }))
      const text = `${Number.parseInt(target.slice(4, 8), 16)}:${Number.parseInt(target.slice(8), 16)}`
      const community = { type: 'routeTarget', target: text } as const
      const set = sets.intern({ extendedCommunities: [community] }, '10.0.0.1')
      const wants = new RouteTargetFilter(memberships).wants(set)
      return wants === memberships.some((one) => naive(one, target))
    }),
    { numRuns: 2000 },
  )
})

t.test(
  'an Ethernet segment is asked for by ES-Import; what has no target by everything',
  async (t) => {
    const esImport: ExtendedCommunity = { type: 'esImport', target: '02:00:00:00:00:99' }
    const segment = sets.intern({ extendedCommunities: [esImport] }, '10.0.0.1')
    const bare = sets.intern({}, '10.0.0.1')
    const some = new RouteTargetFilter([{ originAs: 1, target: targetOf(esImport), bits: 96 }])
    t.ok(some.wants(segment))
    t.notOk(some.wants(bare))
    t.ok(new RouteTargetFilter([defaultMembership]).wants(bare))
    t.notOk(new RouteTargetFilter([]).wants(segment))
    const type3 = sets.intern(imet('10.0.0.1:1', '10.0.0.1').attributes, '10.0.0.1')
    t.ok(new RouteTargetFilter([wantsVni(10100)]).wants(type3))
  },
)
