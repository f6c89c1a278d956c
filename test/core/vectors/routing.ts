// Routing: VRF 50001 with networks 10100 (port 1, 10.1.0.0/24) and 10200 (port 2, 10.2.0.0/24), and VTEPs that route.

import assert from 'node:assert/strict'
import type { Ip, Mac } from '../../../src/net/index.js'
import {
  concat,
  encoded,
  ethernet,
  type Frame,
  internetChecksum,
  type ModelOperation,
  onesComplementSum,
  protocols,
  pseudoHeader,
} from '../../../src/wire/frame/index.js'
import type { RouteHop } from '../../../src/wire/frame/model-routes.js'
import {
  arpFrame,
  discovery,
  filled,
  fromOuter,
  fromPort,
  ipFrame,
  macA,
  macB,
  macC,
  outer,
  type Packet,
  ping,
  tcp,
  udp,
} from '../frames.js'
import { vtep6 } from '../legs.js'
import { nextHop } from '../network.js'
import { bytesOf, type Vector } from './vector.js'

const vrf = 50001
const gatewayMac = '02:76:74:65:70:01'
const routerMac = '02:76:0a:00:00:01'
const farRouter = '02:76:0a:00:00:02'

const zero = '00:00:00:00:00:00'
const hop = (change: Partial<RouteHop> & Pick<RouteHop, 'kind'>): RouteHop => ({
  vni: 0,
  via: '::',
  mac: zero,
  ...change,
})
const add = (
  prefix: string,
  change: Partial<RouteHop> & Pick<RouteHop, 'kind'>,
): ModelOperation => ({
  op: 'routeAdd',
  vrf,
  prefix,
  ...hop(change),
})
const by = (via: Ip, mac: Mac = farRouter, vni = vrf) =>
  ({ kind: 'remote', vni, via, mac }) as const

const binding = (vni: number, ip: Ip, mac: Mac, gateway = false): ModelOperation => ({
  op: 'neighbourSet',
  vni,
  ip,
  mac,
  origin: 'local',
  static: true,
  router: gateway,
  override: true,
  gateway,
})

const local = (vni: number, mac: Mac, port: number): ModelOperation => ({
  op: 'macSetLocal',
  vni,
  mac,
  port,
  static: true,
  sticky: false,
})

function network(vni: number, ip4: Ip, ip6: Ip, port: number): ModelOperation[] {
  const addresses = { address4: ip4, address6: ip6 }
  return [
    {
      op: 'networkSet',
      vni,
      suppress: true,
      agingSeconds: 300,
      vrf,
      routerMac: gatewayMac,
      ...addresses,
    },
    { op: 'portAttach', port, vni },
    binding(vni, ip4, gatewayMac, true),
    binding(vni, ip6, gatewayMac, true),
    add(`${ip4}/32`, { kind: 'own' }),
    add(`${ip6}/128`, { kind: 'own' }),
    add(ip4.replace(/1$/, '0/24'), { kind: 'connected', vni }),
    add(ip6.replace(/1$/, '/64'), { kind: 'connected', vni }),
  ]
}

const routed = (mtu = 0): ModelOperation[] => [
  {
    op: 'networkSet',
    vni: vrf,
    suppress: false,
    agingSeconds: 0,
    vrf,
    routerMac,
    address4: '10.1.0.1',
    address6: 'fd01::1',
  },
  ...network(10100, '10.1.0.1', 'fd01::1', 1),
  ...network(10200, '10.2.0.1', 'fd02::1', 2),
  local(10200, macB, 2),
  binding(10200, '10.2.0.11', macB),
  binding(10200, 'fd02::11', macB),
  add('10.3.0.0/16', by('10.0.0.2')),
  add('fd03::/32', by('10.0.0.2')),
  nextHop('10.0.0.2', { mtu }),
]

const steps = (mtu = 0) => [{ apply: routed(mtu) }]
const toRouter = { destination: gatewayMac }
const to = (ip: Ip, packet: Packet = {}): Packet => ({
  ...toRouter,
  from: '10.1.0.10',
  to: ip,
  ...packet,
})
const to6 = (ip: Ip, packet: Packet = {}): Packet => ({
  ...toRouter,
  from: 'fd01::10',
  to: ip,
  ...packet,
})

function ping6(packet: Packet): Frame {
  const body = concat(Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1), filled(48))
  const pseudo = pseudoHeader(packet.from!, packet.to!, protocols.icmp6, body.length)
  new DataView(body.buffer).setUint16(2, internetChecksum(concat(pseudo, body)))
  return { ...ping(), bytes: ipFrame(protocols.icmp6, body, packet) }
}

/** Everything in an IPv4 packet behind Ethernet that has a checksum has a right one. */
function checkIcmp4(bytes: Buffer, at = 0): void {
  assert.equal(onesComplementSum(bytes.subarray(at + 14, at + 34)), 0xffff)
  assert.equal(
    onesComplementSum(bytes.subarray(at + 34, at + 14 + bytes.readUInt16BE(at + 16))),
    0xffff,
  )
}

function checkIcmp6(bytes: Buffer): void {
  const body = bytes.subarray(54)
  const pseudo = Buffer.alloc(40)
  bytes.copy(pseudo, 0, 22, 54)
  pseudo.writeUInt32BE(body.length, 32)
  pseudo[39] = protocols.icmp6
  assert.equal(onesComplementSum(concat(pseudo, body)), 0xffff)
}

const OUTER = 50

export const routing: readonly Vector[] = [
  {
    name: 'into another network: addresses of the link, TTL and header checksum change, nothing else',
    steps: steps(),
    frames: [fromPort(1, tcp(to('10.2.0.11'))), fromPort(1, tcp(to6('fd02::11')))],
    expected: ['emit 0 port 2', 'emit 1 port 2'],
    check: (outcomes) => {
      const before = Buffer.from(tcp(to('10.2.0.11')).bytes)
      const after = bytesOf(outcomes, 0)
      assert.equal(after.subarray(0, 14).toString('hex'), '02000000000b0276746570010800')
      assert.equal(after[22], before[22]! - 1)
      assert.equal(onesComplementSum(after.subarray(14, 34)), 0xffff)
      assert.deepEqual(after.subarray(26), before.subarray(26))
      const six = bytesOf(outcomes, 1)
      assert.equal(six[21], 63)
      assert.deepEqual(six.subarray(22), Buffer.from(tcp(to6('fd02::11')).bytes.subarray(22)))
    },
  },
  {
    name: 'a super-frame is routed whole, with its metadata',
    steps: steps(1500),
    frames: [fromPort(1, tcp({ ...to('10.2.0.11'), payload: filled(5000), gsoSize: 1400 }))],
    expected: ['emit 0 port 2'],
    check: ([outcome]) => {
      assert.ok(outcome?.kind === 'emit')
      assert.equal(outcome.frame.meta.gsoSize, 1400)
      assert.equal(outcome.frame.bytes.length, 14 + 40 + 5000)
    },
  },
  {
    name: 'to a VTEP: on the label, from our router MAC to its one',
    steps: steps(),
    frames: [fromPort(1, udp(to('10.3.9.9'))), fromPort(1, udp(to6('fd03::9')))],
    expected: ['emit 0 remote 1', 'emit 1 remote 1'],
    check: (outcomes) => {
      const bytes = bytesOf(outcomes, 0)
      assert.equal(bytes.readUIntBE(OUTER - 4, 3), vrf)
      assert.equal(
        bytes.subarray(OUTER, OUTER + 14).toString('hex'),
        '02760a00000202760a0000010800',
      )
    },
  },
  {
    name: 'to a host behind a VTEP in a network of ours: there by its MAC, as asymmetric IRB has it, unless a route of its own leads elsewhere',
    steps: [
      ...steps(),
      {
        apply: [
          {
            op: 'macSetRemote',
            vni: 10200,
            mac: macC,
            remote: '10.0.0.2',
            static: false,
            sticky: false,
            override: true,
          },
          binding(10200, '10.2.0.12', macC),
          binding(10200, '10.2.0.13', macC),
          add('10.2.0.13/32', by('10.0.0.2')),
        ],
      },
    ],
    frames: [fromPort(1, udp(to('10.2.0.12'))), fromPort(1, udp(to('10.2.0.13')))],
    expected: ['emit 0 remote 1', 'emit 1 remote 1'],
    check: (outcomes) => {
      const inner = (index: number) => {
        const bytes = bytesOf(outcomes, index)
        return `${bytes.readUIntBE(OUTER - 4, 3)} ${bytes.subarray(OUTER, OUTER + 12).toString('hex')}`
      }
      assert.equal(inner(0), '10200 02000000000c027674657001', 'from the gateway of the network')
      assert.equal(inner(1), `${vrf} 02760a00000202760a000001`, 'from router to router')
    },
  },
  {
    name: 'from a VTEP on the L3 VNI, into a network; only to the router MAC, and only by VTEPs that routes name',
    steps: steps(),
    frames: [
      fromOuter(
        outer(
          udp({ ...to('10.2.0.11'), from: '10.3.0.7', destination: routerMac, source: farRouter })
            .bytes,
          { vni: vrf },
        ),
      ),
      fromOuter(
        outer(
          udp({ ...to('10.2.0.11'), from: '10.3.0.7', destination: macC, source: farRouter }).bytes,
          { vni: vrf },
        ),
      ),
      fromOuter(
        outer(udp({ ...to('10.2.0.11'), destination: routerMac }).bytes, {
          vni: vrf,
          from: '10.0.0.9',
        }),
      ),
    ],
    expected: ['emit 0 port 2', 'drop 1 no_destination', 'drop 2 unknown_vtep'],
  },
  {
    name: 'the longest prefix decides, and it is found anew when it goes',
    steps: [
      ...steps(),
      {
        apply: [
          add('10.3.4.0/24', by('10.0.0.3')),
          add('10.3.4.5/32', { kind: 'blackhole' }),
          add('0.0.0.0/0', by('10.0.0.3')),
          nextHop('10.0.0.3'),
        ],
      },
      {
        now: 5,
        frames: ['10.3.4.4', '10.3.4.5', '10.3.5.4', '172.16.0.1'].map((ip) =>
          fromPort(1, udp(to(ip))),
        ),
      },
      { apply: [{ ...add('10.3.4.0/24', by('10.0.0.3')), op: 'routeRemove' } as ModelOperation] },
    ],
    frames: [fromPort(1, udp(to('10.3.4.4')))],
    expected: ['emit 0 remote 1'],
  },
  {
    name: 'a route by way of a host goes to its MAC, wherever that is',
    steps: [
      ...steps(),
      { apply: [add('192.0.2.0/24', { kind: 'gateway', vni: 10200, via: '10.2.0.11' })] },
    ],
    frames: [fromPort(1, udp(to('192.0.2.77')))],
    expected: ['emit 0 port 2'],
    check: (outcomes) =>
      assert.equal(bytesOf(outcomes, 0).subarray(0, 6).toString('hex'), '02000000000b'),
  },
  {
    name: 'a route by way of a host that nobody knows yet asks for it, goes to its MAC as soon as that is known, and asks again',
    steps: [
      ...steps(),
      { apply: [add('192.0.2.0/24', { kind: 'gateway', vni: 10200, via: '10.2.0.77' })] },
      { now: 5, frames: [fromPort(1, udp(to('192.0.2.77')))] },
      { apply: [binding(10200, '10.2.0.77', macB)] },
      { now: 5, frames: [fromPort(1, udp(to('192.0.2.77')))] },
      { apply: [{ op: 'neighbourRemove', vni: 10200, ip: '10.2.0.77', origin: 'local' }] },
    ],
    frames: [fromPort(1, udp(to('192.0.2.77')))],
    expected: ['emit 0 port 2', 'drop 0 no_neighbour'],
    check: (outcomes) =>
      assert.deepEqual(
        bytesOf(outcomes, 0),
        Buffer.from(
          arpFrame({ source: gatewayMac, senderIp: '10.2.0.1', targetIp: '10.2.0.77' }).bytes,
        ),
      ),
  },
  {
    name: 'nobody is known to have the address: it is asked for, by our address',
    steps: steps(),
    frames: [fromPort(1, udp(to('10.2.0.99'))), fromPort(1, udp(to6('fd02::99')))],
    expected: ['emit 0 port 2', 'drop 0 no_neighbour', 'emit 1 port 2', 'drop 1 no_neighbour'],
    check: (outcomes) => {
      assert.deepEqual(
        bytesOf(outcomes, 0),
        Buffer.from(
          arpFrame({ source: gatewayMac, senderIp: '10.2.0.1', targetIp: '10.2.0.99' }).bytes,
        ),
      )
      const question = bytesOf(outcomes, 2)
      assert.equal(question.subarray(0, 6).toString('hex'), '3333ff000099')
      checkIcmp6(question)
    },
  },
  {
    name: 'a MAC that nobody has seen: to all of its network',
    steps: [...steps(), { apply: [binding(10200, '10.2.0.12', macC)] }],
    frames: [fromPort(1, udp(to('10.2.0.12')))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'TTL and hop limit end: the sender is told',
    steps: steps(),
    frames: [
      fromPort(1, udp({ ...to('10.2.0.11'), ttl: 1 })),
      fromPort(1, udp({ ...to6('fd02::11'), ttl: 1 })),
      fromPort(1, udp({ ...to('10.2.0.11'), ttl: 2 })),
    ],
    expected: [
      'emit 0 port 1',
      'drop 0 ttl_exceeded',
      'emit 1 port 1',
      'drop 1 ttl_exceeded',
      'emit 2 port 2',
    ],
    check: (outcomes) => {
      const four = bytesOf(outcomes, 0)
      checkIcmp4(four)
      assert.equal(four.subarray(0, 14).toString('hex'), '02000000000a0276746570010800')
      assert.equal(four.subarray(26, 36).toString('hex'), '0a010001' + '0a01000a' + '0b00')
      const six = bytesOf(outcomes, 2)
      checkIcmp6(six)
      assert.equal(six[54], 3)
    },
  },
  {
    name: 'no route: the sender is told, but not about errors, fragments and link-local packets',
    steps: steps(),
    frames: [
      fromPort(1, udp(to('172.16.0.1'))),
      fromPort(1, {
        ...ping(),
        bytes: ipFrame(1, concat(Uint8Array.of(3, 1, 0, 0), filled(32)), to('172.16.0.1')),
      }),
      fromPort(1, udp({ ...to('172.16.0.1'), fragment: 7 })),
      fromPort(1, udp(to6('fd09::1'))),
      fromPort(1, udp(to6('fd09::1', { from: 'fe80::a' }))),
      fromPort(1, udp(to6('fe80::b'))),
    ],
    expected: [
      'emit 0 port 1',
      'drop 0 no_route',
      'drop 1 no_route',
      'drop 2 no_route',
      'emit 3 port 1',
      'drop 3 no_route',
      'drop 4 not_routable',
      'drop 5 not_routable',
    ],
  },
  {
    name: 'too large for the way: told with the MTU of the tenant, 50 octets below the underlay',
    steps: steps(1500),
    frames: [
      fromPort(1, udp({ ...to('10.3.0.1'), payload: filled(1450 - 28) })),
      fromPort(1, udp({ ...to('10.3.0.1'), payload: filled(1451 - 28) })),
      fromPort(1, udp({ ...to6('fd03::1'), payload: filled(1451 - 48) })),
    ],
    expected: [
      'emit 0 remote 1',
      'emit 1 port 1',
      'drop 1 exceeds_mtu',
      'emit 2 port 1',
      'drop 2 exceeds_mtu',
    ],
    check: (outcomes) => {
      const four = bytesOf(outcomes, 1)
      checkIcmp4(four)
      assert.equal(four.subarray(34, 36).toString('hex'), '0304')
      assert.equal(four.readUInt32BE(38), 1450)
      const six = bytesOf(outcomes, 3)
      checkIcmp6(six)
      assert.equal(six.readUInt32BE(58), 1450)
    },
  },
  {
    name: 'over an IPv6 underlay it is 70 octets',
    vtep: vtep6,
    steps: [
      {
        apply: [
          ...routed(),
          add('10.6.0.0/16', by('2001:db8::2')),
          nextHop('2001:db8::2', { mtu: 1500 }),
        ],
      },
    ],
    frames: [fromPort(1, udp({ ...to('10.6.0.1'), payload: filled(1431 - 28) }))],
    expected: ['emit 0 port 1', 'drop 0 exceeds_mtu'],
    check: (outcomes) => assert.equal(bytesOf(outcomes, 0).readUInt32BE(38), 1430),
  },
  {
    name: 'the gateway answers ARP and ND, suppression on or off, also to who asks it alone',
    steps: [
      ...steps(),
      { apply: [{ ...(routed()[1] as ModelOperation & { op: 'networkSet' }), suppress: false }] },
    ],
    frames: [
      fromPort(1, arpFrame({ targetIp: '10.1.0.1' })),
      fromPort(1, arpFrame({ targetIp: '10.1.0.1', destination: gatewayMac })),
      fromPort(1, discovery(135, { target: 'fd01::1', linkAddress: macA, from: 'fd01::10' })),
      fromPort(1, arpFrame({ targetIp: '10.1.0.77', destination: gatewayMac })),
    ],
    expected: [
      'emit 0 port 1',
      'drop 0 suppressed',
      'emit 1 port 1',
      'drop 1 suppressed',
      'emit 2 port 1',
      'drop 2 suppressed',
      'drop 3 for_router',
    ],
  },
  {
    name: 'the gateway answers echoes and has no services',
    steps: steps(),
    frames: [
      fromPort(1, ping(to('10.1.0.1'))),
      fromPort(1, ping6(to6('fd02::1'))),
      fromPort(1, udp(to('10.1.0.1'))),
      fromPort(1, tcp(to6('fd01::1'))),
      fromOuter(
        outer(
          ping({ from: '10.3.0.7', to: '10.2.0.1', destination: routerMac, source: farRouter })
            .bytes,
          { vni: vrf },
        ),
      ),
    ],
    expected: [
      'emit 0 port 1',
      'drop 0 for_router',
      'emit 1 port 1',
      'drop 1 for_router',
      'emit 2 port 1',
      'drop 2 for_router',
      'emit 3 port 1',
      'drop 3 for_router',
      'emit 4 remote 1',
      'drop 4 for_router',
    ],
    check: (outcomes) => {
      const echo = bytesOf(outcomes, 0)
      checkIcmp4(echo)
      assert.equal(echo.subarray(0, 12).toString('hex'), '02000000000a027674657001')
      assert.equal(echo[34], 0)
      checkIcmp6(bytesOf(outcomes, 2))
      const port = bytesOf(outcomes, 4)
      checkIcmp4(port)
      assert.equal(port.subarray(34, 36).toString('hex'), '0303')
      checkIcmp4(bytesOf(outcomes, 8), OUTER)
    },
  },
  {
    name: 'what is no packet that may be routed',
    steps: steps(),
    frames: [
      fromPort(1, { ...udp(), bytes: spoiled(udp(to('10.2.0.11')).bytes) }),
      fromPort(1, udp(to('10.2.0.11', { tags: [{ type: 0x8100, control: 5 }] }))),
      fromPort(1, udp(to('224.0.0.9'))),
      fromPort(1, udp(to('127.0.0.1'))),
      fromPort(1, udp({ ...to('10.2.0.11'), from: '0.0.0.0' })),
      fromPort(1, {
        ...udp(),
        bytes: concat(
          encoded(ethernet, { destination: gatewayMac, source: macA, etherType: 0x88cc }),
          filled(40),
        ),
      }),
    ],
    expected: [0, 1, 2, 3, 4, 5].map((i) => `drop ${i} not_routable` as const),
  },
  {
    name: "the gateway's MAC is nobody else's: not of a frame that says so, nor of a route",
    steps: [
      ...steps(),
      { now: 5, frames: [fromPort(2, udp({ source: gatewayMac }))] },
      {
        apply: [
          {
            op: 'macSetRemote',
            vni: 10100,
            mac: gatewayMac,
            remote: '10.0.0.2',
            static: false,
            sticky: true,
            override: true,
          },
        ],
      },
    ],
    frames: [fromPort(1, udp(to('10.2.0.11')))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'a network whose gateway took the MAC of a host can be removed',
    steps: [
      {
        apply: [
          { op: 'networkSet', vni: 10300, suppress: false, agingSeconds: 300 },
          { op: 'portAttach', port: 3, vni: 10300 },
          local(10300, gatewayMac, 3),
          ...routed(),
          {
            op: 'networkSet',
            vni: 10300,
            suppress: false,
            agingSeconds: 300,
            vrf,
            routerMac: gatewayMac,
            address4: '10.4.0.1',
          },
          { op: 'networkRemove', vni: 10300 },
        ],
      },
    ],
    frames: [fromPort(1, udp(to('10.2.0.11')))],
    expected: ['emit 0 port 2'],
  },
]

function spoiled(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[14 + 11]! ^= 1
  return copy
}
