// Two hosts' machines, speaker and EVPN each, over a transport in memory: what one learns the other writes.

import t from 'tap'
import { Image, type Operation } from '../../src/fib/index.js'
import { Machines, type Surroundings } from '../../src/host/machines.js'
import type { TcpAction } from '../../src/io/index.js'
import { Wire } from './wire.js'

const vni = 10100
const mac = '02:00:00:00:00:01'

interface Side {
  readonly machines: Machines
  readonly address: string
  readonly image: Image
  /** In the order in which it was done: operations by name, "send", what was told. */
  readonly done: string[]
  readonly timers: Map<string, number>
}

function makeSide(address: string, wire: Wire, other: () => Side): Side {
  const image = new Image()
  const done: string[] = []
  const timers = new Map<string, number>()
  const around: Surroundings = {
    transport: (action) => {
      if (action.do === 'send') done.push('send')
      wire.perform(side, other, action as TcpAction)
    },
    startTimer: (timer, seconds) => timers.set(timer, seconds),
    stopTimer: (timer) => timers.delete(timer),
    apply: (operations: readonly Operation[]) => {
      for (const operation of operations) {
        done.push(operation.op)
        image.change(operation)
      }
    },
    tellHosts: () => {},
    readSnapshot: () => done.push('readSnapshot'),
    peerState: (_peer, state) => done.push(state),
    routes: () => {},
    endOfRib: (_peer, family) => done.push(`endOfRib ${family}`),
    tell: (_level, kind) => done.push(`tell ${kind}`),
  }
  const machines = new Machines(
    { asn: 65000, routerId: address },
    { asn: 65000, routerId: address, vtep: address, profile: 'frr' },
    around,
  )
  const side = { machines, address, image, done, timers }
  return side
}

function pair(): { a: Side; b: Side; wire: Wire } {
  const wire = new Wire()
  const a: Side = makeSide('10.0.0.1', wire, () => b)
  const b: Side = makeSide('10.0.0.2', wire, () => a)
  for (const [side, other, passive] of [
    [a, b, false],
    [b, a, true],
  ] as const) {
    const network = { name: 'blue', vni, agingSeconds: 300, suppress: true }
    side.machines.toEvpn({ event: 'networkAdded', network })
    side.machines.toEvpn({ event: 'portBound', binding: { vni, port: 1 } })
    side.machines.toSpeaker({
      event: 'peerAdded',
      peer: { id: other.address, address: other.address, asn: 65000, families: ['evpn'], passive },
    })
  }
  wire.deliver()
  return { a, b, wire }
}

t.test('a session, flood lists both ways, End-of-RIB', async (t) => {
  const { a, b } = pair()
  for (const side of [a, b]) {
    t.ok(side.done.includes('Established'))
    t.ok(side.done.includes('endOfRib evpn'))
  }
  t.same([...a.image.networks.get(vni)!.floods.keys()], [b.address])
  t.same([...b.image.networks.get(vni)!.floods.keys()], [a.address])
})

t.test('what one learns the other writes, and what it forgets is removed', async (t) => {
  const { a, b, wire } = pair()
  const learned = { event: 'macLearned', vni, mac, port: 1, timeNanoseconds: 0n } as const
  a.machines.toEvpn({ event: 'dataplane', events: [learned] })
  wire.deliver()
  t.match(b.image.networks.get(vni)?.macs.get(mac), { op: 'macSetRemote', remote: a.address })
  t.match([...b.machines.evpn.macs()], [{ mac, kind: 'remote', dst: a.address, sequence: 0 }])

  // It moves to b: b's frame wins with sequence 1, and a writes the way to b.
  b.machines.toEvpn({
    event: 'dataplane',
    events: [{ ...learned, event: 'macMoved', previousRemote: a.address }],
  })
  wire.deliver()
  t.match(a.image.networks.get(vni)?.macs.get(mac), {
    op: 'macSetRemote',
    remote: b.address,
    override: true,
  })
  t.match([...a.machines.evpn.macs()], [{ mac, kind: 'remote', dst: b.address, sequence: 1 }])

  b.machines.toEvpn({ event: 'dataplane', events: [{ event: 'macAged', vni, mac, port: 1 }] })
  wire.deliver()
  t.notOk(a.image.networks.get(vni)?.macs.has(mac))
  t.same([...a.machines.evpn.macs()], [])
})

t.test(
  'what is announced can be reached: tables are written before anything is sent',
  async (t) => {
    const { a, wire } = pair()
    a.done.length = 0
    const network = { name: 'red', vni: 10200, agingSeconds: 300, suppress: true }
    a.machines.toEvpn({ event: 'networkAdded', network })
    a.machines.toEvpn({
      event: 'portBound',
      binding: { vni: 10200, port: 2, mac, ips: ['10.1.0.1'] },
    })
    wire.deliver()
    const written = ['networkSet', 'portAttach', 'macSetLocal', 'neighbourSet'].map((op) =>
      a.done.indexOf(op),
    )
    t.notOk(written.includes(-1), a.done.join(' '))
    t.ok(a.done.indexOf('networkSet') < a.done.indexOf('send'))
    t.ok(Math.max(...written) < a.done.lastIndexOf('send'))
  },
)

t.test('the end of one empties the other', async (t) => {
  const { a, b, wire } = pair()
  a.machines.toEvpn({ event: 'portBound', binding: { vni, port: 1, mac } })
  wire.deliver()
  t.ok(b.image.networks.get(vni)?.macs.has(mac))
  a.machines.toEvpn({ event: 'shutdown' })
  wire.deliver()
  t.notOk(b.image.networks.get(vni)?.macs.has(mac), 'withdrawn while the session is up')
  t.equal(b.image.networks.get(vni)?.floods.size, 0)
  t.ok(a.image.networks.get(vni)?.macs.has(mac), 'its own tables stay')
  a.machines.toSpeaker({ event: 'shutdown', communication: 'bye' })
  wire.deliver()
  t.equal(b.machines.speaker.peers()[0]?.session, undefined)
})

t.test('timers find their machine by name', async (t) => {
  const { a, b, wire } = pair()
  t.ok(
    [...a.timers.keys()].some((name) => !name.startsWith('evpn:')),
    'keepalives',
  )
  // A move is remembered for a while, in case it becomes a habit.
  const learned = { event: 'macLearned', vni, mac, port: 1, timeNanoseconds: 0n } as const
  b.machines.toEvpn({ event: 'dataplane', events: [learned] })
  wire.deliver()
  a.machines.toEvpn({ event: 'dataplane', events: [learned] })
  const timer = [...a.timers.keys()].find((name) => name.startsWith('evpn:'))
  t.ok(timer, [...a.timers.keys()].join(' '))
  a.timers.delete(timer!)
  a.machines.timerEnded(timer!)
  t.ok(a.timers.has(timer!), 'and it goes on')
})
