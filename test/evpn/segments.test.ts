// VTEPs that share a segment, with routes, events and operations that are late in any order: in the end one of them hands
// on broadcasts, all know of each other, and everybody reaches the hosts by all that are connected.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Evpn, type SegmentSettings } from '../../src/evpn/index.js'
import { encodeMessage, initialContext } from '../../src/wire/index.js'
import { Fabric, type Host, VNI } from './fabric.js'

const ESI = '03:02:00:00:00:00:01:00:00:01'
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']
/** The port that leads to the segment; the other one leads to nobody else. */
const PORT = 1

const settings: fc.Arbitrary<SegmentSettings> = fc.record({
  esi: fc.constant(ESI),
  singleActive: fc.boolean(),
  algorithm: fc.constantFrom('modulo', 'hrw', 'preference', 'lowestPreference'),
  preference: fc.constantFrom(1, 2),
  dontPreempt: fc.boolean(),
  waitSeconds: fc.constantFrom(0, 3),
})

/** The hosts 0 to 2 share the segment; 3 is somebody else. */
const host = fc.nat(3)
const count = fc.nat(5)
const step = fc.oneof(
  fc.record({ do: fc.constant('port' as const), host, up: fc.boolean() }),
  fc.record({ do: fc.constant('frame' as const), host, port: fc.nat(1), mac: fc.nat(2) }),
  fc.record({ do: fc.constant('operations' as const), host, count }),
  fc.record({ do: fc.constant('events' as const), host, count }),
  fc.record({ do: fc.constant('routes' as const), host, from: host, count }),
  fc.record({ do: fc.constant('timers' as const), host }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function fireTimers(host: Host): void {
  for (const timer of host.timers.splice(0)) {
    if (timer.startsWith('segment')) host.step({ event: 'timer', timer })
  }
}

/** Everything arrives, and every timer ends. */
function settle(fabric: Fabric): void {
  for (let round = 0; round < 3; round++) {
    assert.ok(fabric.settle(), 'it comes to rest')
    for (const host of fabric.hosts) fireTimers(host)
  }
  assert.ok(fabric.settle())
}

function play(fabric: Fabric, each: Step): void {
  const host = fabric.hosts[each.host]!
  switch (each.do) {
    case 'port':
      host.dataplane.setPort(PORT, each.up)
      return
    case 'frame':
      host.dataplane.frame(each.port + 1, MACS[each.mac]!)
      return
    case 'operations':
      host.applyOperations(each.count)
      return
    case 'events':
      host.handEvents(each.count)
      return
    case 'routes':
      if (each.from !== each.host) host.receive(fabric.hosts[each.from]!, each.count)
      return
    case 'timers':
      fireTimers(host)
  }
}

function build(all: readonly SegmentSettings[]): Fabric {
  const fabric = new Fabric(4)
  for (const [i, segment] of all.entries()) {
    fabric.hosts[i]!.step({ event: 'portBound', binding: { vni: VNI, port: PORT, segment } })
  }
  return fabric
}

t.test('whatever comes late, the VTEPs of a segment agree in the end', async () => {
  fc.assert(
    fc.property(
      fc.array(settings, { minLength: 3, maxLength: 3 }),
      fc.boolean(),
      fc.array(step, { maxLength: 60, size: 'max' }),
      ([first, ...others], agree, steps) => {
        const all = [first!, ...others].map((each) => (agree ? first! : each))
        const fabric = build(all)
        for (const each of steps) play(fabric, each)
        settle(fabric)
        const sharing = fabric.hosts.slice(0, 3)
        const up = sharing.filter(({ dataplane }) => dataplane.ports.get(PORT)!.up)
        const designated = up.filter(
          ({ dataplane }) => dataplane.ports.get(PORT)!.segment?.designated,
        )
        assert.equal(designated.length, up.length === 0 ? 0 : 1, 'one forwarder')
        for (const host of sharing) {
          const { segment } = host.dataplane.ports.get(PORT)!
          const others = up.filter((each) => each !== host).map(({ vtep }) => vtep)
          assert.deepEqual(segment?.peers, others)
          const index = sharing.indexOf(host)
          const isForwarder = designated.includes(host)
          assert.equal(segment?.blocked, all[index]!.singleActive && !isForwarder)
        }
        const [{ dataplane }] = fabric.hosts.slice(3) as [Host]
        for (const { esi, via, remotes } of dataplane.snapshot().macGroups) {
          assert.equal(esi, ESI)
          if (via === undefined) {
            const reached = up.map(({ vtep }) => vtep)
            assert.ok(remotes.every((remote) => reached.includes(remote)))
            assert.deepEqual(remotes, reached, 'by all that are connected')
          } else assert.ok(remotes.length <= 1)
        }
        for (const { dataplane: tables } of fabric.hosts) {
          for (const mac of tables.snapshot().macs) {
            // Where a host is told to be behind our port, it is one that is open.
            if (mac.origin !== 'remote' || mac.port === undefined) continue
            const port = tables.ports.get(mac.port)!
            assert.ok(port.up && port.segment?.blocked === false)
          }
        }
        assert.ok(fabric.audit(), 'and nothing is left to repair')
        for (const { notices } of fabric.hosts) {
          assert.ok(!notices.some(({ kind }) => kind === 'repaired'))
        }
      },
    ),
    { numRuns: 300 },
  )
})

t.test('a host that speaks at every VTEP of its segment moves nowhere', async (t) => {
  const segment = {
    esi: ESI,
    singleActive: false,
    algorithm: 'modulo',
    preference: 0,
    dontPreempt: false,
    waitSeconds: 0,
  } as const
  const fabric = build([segment, segment, segment])
  settle(fabric)
  const mac = MACS[0]!
  for (const host of fabric.hosts.slice(0, 3)) {
    host.dataplane.frame(PORT, mac)
    settle(fabric)
  }
  for (const host of fabric.hosts) {
    t.notOk(host.notices.some(({ kind }) => kind === 'macMoved'))
    t.equal(host.evpn.mac(VNI, mac)?.sequence, 0)
  }
  const [first, , , far] = fabric.hosts as [Host, Host, Host, Host]
  const remotes = () => far.dataplane.snapshot().macGroups.map((group) => group.remotes)
  t.same(remotes(), [['10.0.0.1', '10.0.0.2', '10.0.0.3']])

  first.dataplane.setPort(PORT, false)
  settle(fabric)
  t.same(remotes(), [['10.0.0.2', '10.0.0.3']])
  t.match(first.dataplane.mac(VNI, mac), { origin: 'remote', esi: ESI }, 'by the others')
  first.dataplane.setPort(PORT, true)
  settle(fabric)
  t.match(first.dataplane.mac(VNI, mac), { origin: 'remote', port: PORT }, 'and here again')
  first.dataplane.frame(PORT, mac)
  settle(fabric)
  t.match(first.dataplane.mac(VNI, mac), { origin: 'local', port: PORT })
})

t.test('route targets of many networks go into as many type 1 routes as they need', async (t) => {
  const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
  const exportTargets = Array.from({ length: 600 }, (_, i) => `65000:${10_000 + i}`)
  const network = { name: 'blue', vni: VNI, agingSeconds: 300, suppress: true, exportTargets }
  evpn.step({ event: 'networkAdded', network })
  const segment = {
    esi: ESI,
    singleActive: true,
    algorithm: 'hrw',
    preference: 0,
    dontPreempt: false,
    waitSeconds: 0,
  } as const
  const actions = evpn.step({ event: 'portBound', binding: { vni: VNI, port: PORT, segment } })
  const routes = actions.flatMap((action) => (action.do === 'originate' ? action.routes : []))
  const whole = routes.filter(({ nlri }) => nlri.type === 'ead' && nlri.ethernetTag === 0xffffffff)
  t.same(
    whole.map(({ nlri }) => nlri.type === 'ead' && nlri.rd),
    ['10.0.0.1:0', '10.0.0.1:1', '10.0.0.1:2'],
  )
  const targets = whole.flatMap(({ attributes }) =>
    (attributes.extendedCommunities ?? []).flatMap((each) =>
      each.type === 'routeTarget' ? [each.target] : [],
    ),
  )
  t.same(targets, exportTargets)
  for (const { nlri, nextHop, attributes } of whole) {
    const mpReach = { family: 'evpn', nextHop, nlri: [nlri] } as const
    const path = { origin: 'igp', asPath: [], mpReach, ...attributes } as const
    const message = { kind: 'update', withdrawn: [], nlri: [], attributes: path } as const
    t.ok(encodeMessage(message, initialContext).length < 4096 - 512, 'with room for reflectors')
  }
})

t.test('a host route holds while its VTEP is connected to the segment', async (t) => {
  const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
  evpn.step({ event: 'vrfAdded', vrf: { name: 'a', vni: 50001 } })
  const communities = [
    { type: 'encapsulation', tunnelType: 8 },
    { type: 'routeTarget', target: '65000:50001' },
    { type: 'routerMac', mac: '02:76:0a:00:00:02' },
  ] as const
  const best = { nextHop: '10.0.0.2', attributes: { extendedCommunities: communities } }
  const common = { rd: '10.0.0.2:1', esi: ESI }
  const host = { type: 'macIp', ...common, ethernetTag: 0, mac: MACS[0]!, ip: '10.1.0.9' } as const
  const ead = { type: 'ead', ...common, ethernetTag: 0xffffffff, label: 0 } as const
  const hear = (
    key: string,
    nlri: typeof ead | (typeof host & { label: number; label2: number }),
    is: boolean,
  ) => evpn.step({ event: 'routes', changes: [{ key, nlri, best: is ? best : undefined }] })
  hear('host', { ...host, label: 10100, label2: 50001 }, true)
  t.same([...evpn.prefixes()], [])
  hear('ead', ead, true)
  t.match([...evpn.prefixes()], [{ prefix: '10.1.0.9/32', via: '10.0.0.2' }])
  hear('ead', ead, false)
  t.same([...evpn.prefixes()], [])
})
