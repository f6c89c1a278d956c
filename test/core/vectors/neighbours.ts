// ARP and neighbour discovery: snooping, suppression, and the questions that must go through.

import assert from 'node:assert/strict'
import {
  arpFrame,
  broadcast,
  discovery,
  filled,
  fromPort,
  fromVxlan,
  macA,
  macB,
  macC,
  routerSolicitation,
  vxlan,
} from '../frames.js'
import { binding, network, vni } from '../network.js'
import { bytesOf, type Vector } from './vector.js'

const answers = (change = {}) => [
  { apply: [...network(), binding('10.1.0.11', macC, change), binding('fd00::11', macC, change)] },
]
const through = (index: number) => [`emit ${index} port 2`, `emit ${index} remote 1`]
const answered = (index: number) => [`emit ${index} port 1`, `drop ${index} suppressed`]

const advertising = [
  {
    apply: [
      ...network(),
      { op: 'networkSet', vni, suppress: true, agingSeconds: 300, advertise: true },
    ],
  },
] as const

export const neighbours: readonly Vector[] = [
  {
    // Events are compared between the builds; which ones there are, test/core/arbitraries and the daemon's tests say.
    name: 'who looks for a router is heard, and so are its other routers',
    steps: advertising,
    frames: [
      fromPort(1, routerSolicitation()),
      fromPort(1, routerSolicitation({ from: '::' })),
      fromPort(1, routerSolicitation({ linkAddress: macA })),
      fromPort(1, routerSolicitation({ from: '::', linkAddress: macA })),
      fromPort(1, routerSolicitation({ hopLimit: 64 })),
      fromPort(1, routerSolicitation({ checksumError: 1 })),
    ],
    expected: [0, 1, 2, 3, 4, 5].flatMap(through),
  },
  {
    name: 'an address that is bound is not learned from what another host says',
    steps: [{ apply: [...network(), binding('10.1.0.10', macC, { static: true })] }],
    frames: [fromPort(1, arpFrame())],
    expected: through(0),
  },
  {
    name: 'an ARP request for a known address is answered on the spot',
    steps: answers(),
    frames: [fromPort(1, arpFrame())],
    expected: answered(0),
    check: (outcomes) =>
      assert.equal(
        bytesOf(outcomes, 0).toString('hex'),
        '02000000000a02000000000c08060001080006040002' +
          '02000000000c0a01000b' +
          '02000000000a0a01000a',
      ),
  },
  {
    name: 'a probe is answered, an announcement and a reply go through, and so do questions to one host',
    steps: answers(),
    frames: [
      fromPort(1, arpFrame({ senderIp: '0.0.0.0' })),
      fromPort(1, arpFrame({ senderIp: '10.1.0.11' })),
      fromPort(1, arpFrame({ operation: 2, targetMac: broadcast })),
      fromPort(1, arpFrame({ destination: macB })),
      fromPort(1, arpFrame({ targetIp: '10.1.0.12' })),
      fromPort(1, arpFrame({ senderMac: macB })),
      fromPort(1, arpFrame({ tags: [{ type: 0x8100, control: 5 }] })),
      fromPort(1, arpFrame({ senderIp: '224.0.0.1' })),
      fromPort(1, arpFrame({ targetIp: '255.255.255.255' })),
      fromPort(1, arpFrame({ change: { hardwareLength: 8 } })),
      fromPort(1, arpFrame({ change: { protocolType: 0x86dd } })),
      fromPort(1, { ...arpFrame(), bytes: arpFrame().bytes.subarray(0, 41) }),
      fromPort(1, arpFrame({ operation: 3 })),
    ],
    expected: [...answered(0), ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].flatMap(through)],
  },
  {
    name: 'who asks for its own address is not told that it is taken',
    steps: answers(),
    frames: [
      fromPort(1, arpFrame({ source: macC, senderIp: '0.0.0.0' })),
      fromPort(1, discovery(135, { source: macC, from: '::' })),
    ],
    expected: [...through(0), ...through(1)],
  },
  {
    name: 'snooped addresses do not answer; configured ones do',
    steps: [
      ...answers({ origin: 'local' }),
      { now: 5, frames: [fromPort(2, arpFrame({ source: macB, senderIp: '10.1.0.20' }))] },
      { apply: [binding('10.1.0.21', macB, { origin: 'local', static: true })] },
    ],
    frames: [
      fromPort(1, arpFrame()),
      fromPort(1, arpFrame({ targetIp: '10.1.0.20' })),
      fromPort(1, arpFrame({ targetIp: '10.1.0.21' })),
    ],
    expected: [...through(0), ...through(1), ...answered(2)],
  },
  {
    name: 'without suppression nothing is answered',
    steps: [
      ...answers(),
      { apply: [{ op: 'networkSet', vni, suppress: false, agingSeconds: 300 }] },
    ],
    frames: [fromPort(1, arpFrame()), fromPort(1, discovery(135, { linkAddress: macA }))],
    expected: [...through(0), ...through(1)],
  },
  {
    name: 'a solicitation is answered: solicited, override as the route says, router where it is one',
    steps: answers({ router: true }),
    frames: [fromPort(1, discovery(135, { linkAddress: macA }))],
    expected: answered(0),
    check: (outcomes) => {
      const bytes = bytesOf(outcomes, 0)
      assert.equal(bytes.subarray(0, 14).toString('hex'), '02000000000a02000000000c86dd')
      assert.equal(bytes[58], 0xe0)
      assert.equal(bytes.length, 86)
    },
  },
  {
    name: 'duplicate address detection is answered to all nodes, unsolicited',
    steps: answers({ override: false }),
    frames: [fromPort(1, discovery(135, { from: '::' }))],
    expected: answered(0),
    check: (outcomes) => {
      const bytes = bytesOf(outcomes, 0)
      assert.equal(bytes.subarray(0, 6).toString('hex'), '333300000001')
      assert.equal(bytes.subarray(38, 54).toString('hex'), 'ff020000000000000000000000000001')
      assert.equal(bytes[58], 0)
    },
  },
  {
    name: 'solicitations that do not add up go through unanswered',
    steps: answers(),
    frames: [
      discovery(135, { linkAddress: macA, hopLimit: 254 }),
      discovery(135, { linkAddress: macA, code: 1 }),
      discovery(135, { linkAddress: macA, checksumError: 4 }),
      discovery(135, { linkAddress: macB }),
      discovery(135, { linkAddress: macA, target: 'ff02::1' }),
      discovery(135, { linkAddress: macA, target: '::ffff:10.1.0.11' }),
      discovery(135, { from: '::', linkAddress: macA }),
      discovery(135, { from: '::', to: 'fd00::11' }),
      discovery(135, { from: 'ff02::1', linkAddress: macA }),
      discovery(135, { options: Uint8Array.of(1, 0, 1, 2, 3, 4, 5, 6) }),
      discovery(135, { options: Uint8Array.of(1, 2, 1, 2, 3, 4, 5, 6) }),
      discovery(135, { options: Uint8Array.of(9) }),
      discovery(135, { linkAddress: macA, extensions: [{ type: 60, body: filled(6) }] }),
      discovery(136, {}),
    ].map((frame) => fromPort(1, frame)),
    expected: Array.from({ length: 14 }, (_, i) => through(i)).flat(),
  },
  {
    name: 'a solicitation without a link address is answered; one with other options, too',
    steps: answers(),
    frames: [
      fromPort(1, discovery(135)),
      fromPort(
        1,
        discovery(135, {
          options: Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 10),
        }),
      ),
    ],
    expected: [...answered(0), ...answered(1)],
  },
  {
    name: 'what ARP and ND say is remembered and told, until it ages',
    steps: [
      { apply: network() },
      {
        now: 10,
        frames: [
          fromPort(1, arpFrame({ senderIp: '10.1.0.10' })),
          fromPort(1, discovery(135, { from: 'fe80::a', linkAddress: macA })),
          fromPort(2, discovery(136, { source: macB, target: 'fe80::b', flags: 0x80 })),
          fromPort(2, discovery(136, { source: macB, target: 'fe80::b' })),
          fromPort(2, discovery(136, { source: macB, target: 'fe80::c', linkAddress: macA })),
          fromPort(2, arpFrame({ source: macB, senderIp: '10.1.0.10' })),
          fromPort(1, arpFrame({ senderIp: '10.1.0.10' })),
        ],
      },
      { now: 200, frames: [fromPort(2, discovery(136, { source: macB, target: 'fe80::b' }))] },
      { tick: 310 },
      { apply: [{ op: 'portAttach', port: 2, vni: 0 }] },
    ],
    frames: [],
    expected: [],
  },
  {
    name: 'a binding from a route gives way to a local claim, and comes back by the route',
    steps: [
      ...answers(),
      { now: 10, frames: [fromPort(2, arpFrame({ source: macB, senderIp: '10.1.0.11' }))] },
      { now: 10, frames: [fromPort(1, arpFrame())] },
      { apply: [binding('10.1.0.11')] },
      { now: 10, frames: [fromPort(2, arpFrame({ source: macB, senderIp: '10.1.0.11' }))] },
      {
        apply: [
          binding('10.1.0.11'),
          { op: 'neighbourRemove', vni, ip: '10.1.0.11', origin: 'local' },
        ],
      },
    ],
    frames: [fromPort(1, arpFrame())],
    expected: answered(0),
  },
  {
    name: 'where unknown addresses are not asked for, known ones are, and announcements go through',
    steps: [
      ...answers(),
      {
        apply: [
          { op: 'networkSet', vni, suppress: true, suppressUnknown: true, agingSeconds: 300 },
        ],
      },
      { now: 5, frames: [fromPort(2, arpFrame({ source: macB, senderIp: '10.1.0.20' }))] },
    ],
    frames: [
      fromPort(1, arpFrame({ targetIp: '10.1.0.99' })),
      fromPort(1, discovery(135, { target: 'fd00::99', linkAddress: macA })),
      fromPort(1, arpFrame()),
      fromPort(1, arpFrame({ targetIp: '10.1.0.20' })),
      fromPort(1, arpFrame({ senderIp: '10.1.0.10', targetIp: '10.1.0.10' })),
      fromPort(1, arpFrame({ destination: macB, targetIp: '10.1.0.99' })),
      fromPort(1, discovery(136, { linkAddress: macA })),
      fromVxlan(vxlan(arpFrame({ targetIp: '10.1.0.99' }).bytes)),
    ],
    expected: [
      'drop 0 unknown_neighbour',
      'drop 1 unknown_neighbour',
      ...answered(2),
      ...[3, 4].flatMap(through),
      'emit 5 port 2',
      ...through(6),
      'emit 7 port 1',
      'emit 7 port 2',
    ],
  },
  {
    name: 'an advertisement that overrides nothing is remembered so',
    steps: [
      { apply: network() },
      {
        now: 10,
        frames: [
          fromPort(2, discovery(136, { source: macB, target: 'fe80::b', linkAddress: macB })),
          fromPort(
            2,
            discovery(136, { source: macB, target: 'fe80::c', linkAddress: macB, flags: 0x20 }),
          ),
          fromPort(2, discovery(136, { source: macB, target: 'fe80::d' })),
          fromPort(
            2,
            discovery(136, { source: macB, target: 'fe80::d', linkAddress: macB, flags: 0xa0 }),
          ),
          fromPort(2, discovery(136, { source: macB, target: 'fe80::d', linkAddress: macB })),
        ],
      },
    ],
    frames: [],
    expected: [],
  },
  {
    name: 'nothing is answered or learned for what comes from the underlay',
    steps: answers(),
    frames: [
      arpFrame({ source: macC, senderIp: '10.1.0.77' }),
      arpFrame({ senderIp: '0.0.0.0' }),
      discovery(135, { linkAddress: macA }),
      discovery(135, { from: '::' }),
    ].map(({ bytes }) => fromVxlan(vxlan(bytes))),
    expected: [0, 1, 2, 3].flatMap((i) => [`emit ${i} port 1`, `emit ${i} port 2`] as const),
  },
]
