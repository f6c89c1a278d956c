// Multicast where IGMP and MLD are heard: who gets a group, and what is passed on of what hosts say.

import type { ModelOperation, RunFrame } from '../../../src/wire/frame/index.js'
import {
  broadcast,
  filled,
  fromPort,
  fromVxlan,
  ipFrame,
  link,
  macA,
  macB,
  udp,
  vxlan,
} from '../frames.js'
import { aboutGroup, groupMac, report } from '../membership-frames.js'
import { network, nextHop, vni } from '../network.js'
import type { Vector } from './vector.js'

type Place = { readonly port: number } | { readonly remote: string }

const wants = (group: string, place: Place, source?: string): ModelOperation => ({
  op: 'listenerAdd',
  vni,
  group,
  ...(source === undefined ? {} : { source }),
  ...place,
})
const leaves = (group: string, place: Place): ModelOperation => ({
  op: 'listenerRemove',
  vni,
  group,
  ...place,
})

/** Ports 1 to 3 and the VTEPs 10.0.0.2 and 10.0.0.3; it is heard who wants what. */
const snooping = (...more: ModelOperation[]) => [
  {
    apply: [
      ...network(),
      { op: 'networkSet', vni, suppress: true, agingSeconds: 300, snoop: true },
      { op: 'portAttach', port: 3, vni },
      { op: 'floodAdd', vni, remote: '10.0.0.3' },
      nextHop('10.0.0.3'),
      ...more,
    ] as ModelOperation[],
  },
]

const stream = (to: string, from = to.includes(':') ? 'fd00::10' : '10.1.0.10') =>
  udp({ from, to, destination: groupMac(to) })
const all = (index: number) => [
  `emit ${index} port 2`,
  `emit ${index} port 3`,
  `emit ${index} remote 1`,
  `emit ${index} remote 2`,
]
const lost = (index: number) => [`drop ${index} no_multicast_listener`]
const heard = (index: number) => [`drop ${index} no_multicast_router`]

const general: readonly RunFrame[] = [
  fromPort(1, aboutGroup(0x11, '0.0.0.0', { code: 100, from: '10.1.0.1' })),
  fromPort(1, aboutGroup(0x11, '0.0.0.0', { from: '10.1.0.1' })),
  fromPort(1, aboutGroup(0x11, '239.1.1.1', { from: '0.0.0.0', tail: filled(4) })),
  fromPort(1, aboutGroup(130, '::', { code: 1000 })),
  fromPort(1, aboutGroup(130, 'ff05::1', { code: 1000, tail: filled(4) })),
]

export const multicast: readonly Vector[] = [
  {
    name: 'a group goes to those that want it, and of a VTEP only to ports',
    steps: snooping(
      wants('239.1.1.1', { port: 2 }),
      wants('239.1.1.1', { remote: '10.0.0.3' }),
      wants('ff05::1', { port: 3 }),
    ),
    frames: [
      fromPort(1, stream('239.1.1.1')),
      fromPort(2, stream('239.1.1.1')),
      fromPort(1, stream('ff05::1')),
      fromPort(1, stream('239.1.1.2')),
      fromVxlan(vxlan(stream('239.1.1.1').bytes), '10.0.0.3'),
      fromVxlan(vxlan(stream('ff05::2').bytes), '10.0.0.3'),
    ],
    expected: [
      'emit 0 port 2',
      'emit 0 remote 2',
      'emit 1 remote 2',
      'emit 2 port 3',
      ...lost(3),
      'emit 4 port 2',
      ...lost(5),
    ],
  },
  {
    name: 'of a source to those that want it, of others to those that want any',
    steps: snooping(
      wants('232.1.1.1', { port: 2 }, '10.1.0.10'),
      wants('232.1.1.1', { port: 3 }, '10.1.0.10'),
      wants('232.1.1.1', { port: 3 }),
    ),
    frames: [
      fromPort(1, stream('232.1.1.1', '10.1.0.10')),
      fromPort(1, stream('232.1.1.1', '10.1.0.11')),
      fromPort(1, stream('232.1.1.2', '10.1.0.10')),
    ],
    expected: ['emit 0 port 2', 'emit 0 port 3', 'emit 1 port 3', ...lost(2)],
  },
  {
    name: 'what nobody wants goes to routers and VTEPs that say nothing, by family',
    steps: snooping(
      wants('0.0.0.0', { port: 2 }),
      wants('0.0.0.0', { remote: '10.0.0.2' }),
      wants('239.1.1.1', { port: 3 }),
    ),
    frames: [
      fromPort(1, stream('239.9.9.9')),
      fromPort(1, stream('239.1.1.1')),
      fromPort(1, stream('ff05::9')),
    ],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 1 port 3', ...lost(2)],
  },
  {
    name: 'the last one that leaves takes the group along, and so does a port that goes',
    steps: [
      ...snooping(wants('239.1.1.1', { port: 2 }), wants('239.1.1.2', { port: 3 })),
      { apply: [leaves('239.1.1.1', { port: 2 }), leaves('239.1.1.1', { port: 2 })] },
      { apply: [{ op: 'portAttach', port: 3, vni: 0 }] },
      { apply: [{ op: 'portAttach', port: 3, vni }] },
    ],
    frames: [fromPort(1, stream('239.1.1.1')), fromPort(1, stream('239.1.1.2'))],
    expected: [...lost(0), ...lost(1)],
  },
  {
    name: 'everybody gets link-local groups, broadcasts, tagged frames and what is no IP',
    steps: snooping(wants('239.1.1.1', { port: 2 })),
    frames: [
      fromPort(1, stream('224.0.0.251')),
      fromPort(1, stream('ff02::fb')),
      fromPort(1, udp({ to: '255.255.255.255', destination: broadcast })),
      fromPort(
        1,
        udp({
          to: '239.1.1.1',
          destination: groupMac('239.1.1.1'),
          tags: [{ type: 0x8100, control: 5 }],
        }),
      ),
      fromPort(1, link(0x88b5, filled(50), { destination: '01:00:5e:01:01:01' })),
      fromPort(1, udp({ to: '10.1.0.11', destination: '01:00:5e:01:01:01' })),
    ],
    expected: [0, 1, 2, 3, 4, 5].flatMap(all),
  },
  {
    name: 'where nothing is heard everybody gets everything',
    steps: [
      ...snooping(wants('239.1.1.1', { port: 2 })),
      { apply: [{ op: 'networkSet', vni, suppress: true, agingSeconds: 300 }] },
    ],
    frames: [fromPort(1, stream('239.1.1.1')), fromPort(1, aboutGroup(0x16, '239.1.1.1'))],
    expected: [...all(0), ...all(1)],
  },
  {
    name: 'reports go to routers alone',
    steps: snooping(wants('0.0.0.0', { port: 3 }), wants('0.0.0.0', { remote: '10.0.0.2' })),
    frames: [
      fromPort(1, aboutGroup(0x12, '239.1.1.1')),
      fromPort(1, aboutGroup(0x16, '239.1.1.1')),
      fromPort(1, aboutGroup(0x17, '239.1.1.1', { to: '224.0.0.2' })),
      fromPort(1, report([{ mode: 2, group: '239.1.1.1' }])),
      fromPort(1, aboutGroup(131, 'ff05::1')),
      fromPort(1, aboutGroup(132, 'ff05::1', { to: 'ff02::2' })),
      fromPort(1, report([{ mode: 4, group: 'ff05::1' }])),
      fromVxlan(vxlan(aboutGroup(0x16, '239.1.1.1').bytes), '10.0.0.3'),
    ],
    expected: [
      ...[0, 1, 2, 3].flatMap((index) => [`emit ${index} port 3`, `emit ${index} remote 1`]),
      ...[4, 5, 6].flatMap(heard),
      'emit 7 port 3',
    ],
  },
  {
    name: 'reports of all modes, sources and auxiliary data',
    steps: snooping(),
    frames: [
      fromPort(
        1,
        report([
          { mode: 1, group: '232.1.1.1', sources: ['10.1.0.5', '10.1.0.6'] },
          { mode: 2, group: '239.1.1.1', sources: ['10.1.0.7'], auxiliary: 2 },
          { mode: 3, group: '239.1.1.2', sources: ['10.1.0.5', '224.1.1.1'] },
          { mode: 4, group: '239.1.1.3' },
          { mode: 5, group: '232.1.1.2', sources: ['10.1.0.5'] },
          { mode: 6, group: '232.1.1.2', sources: ['10.1.0.6'] },
          { mode: 7, group: '232.1.1.3', sources: ['10.1.0.6'] },
          { mode: 4, group: '224.0.0.251' },
          { mode: 4, group: '10.1.0.9' },
        ]),
      ),
      fromPort(
        2,
        report([
          { mode: 1, group: 'ff3e::1', sources: ['fd00::5', 'fd00::6'] },
          { mode: 3, group: 'ff05::1' },
          { mode: 4, group: 'ff02::fb' },
        ]),
      ),
      fromPort(2, report([{ mode: 4, group: 'ff05::1' }], { from: '::' })),
    ],
    expected: [0, 1, 2].flatMap(heard),
  },
  {
    name: 'what is damaged says nothing and goes its way',
    steps: snooping(wants('239.1.1.1', { port: 2 })),
    frames: [
      fromPort(1, aboutGroup(0x16, '239.1.1.1', { checksumError: 1 })),
      fromPort(1, report([{ mode: 4, group: '239.1.1.1' }], { count: 2 })),
      fromPort(1, report([{ mode: 4, group: 'ff05::1' }], { checksumError: 1 })),
      fromPort(1, report([{ mode: 4, group: 'ff05::1' }], { ttl: 2 })),
      fromPort(1, report([{ mode: 4, group: 'ff05::1' }], { from: 'fd00::10' })),
      fromPort(1, ipFrame(2, filled(7), { to: '239.1.1.1', destination: groupMac('239.1.1.1') })),
      fromPort(1, aboutGroup(0x30, '239.1.1.1')),
      fromPort(1, aboutGroup(0x16, '239.1.1.1', { fragment: 0x2000 })),
    ],
    expected: [
      'emit 0 port 2',
      ...[1, 2, 3, 4].flatMap(all),
      'emit 5 port 2',
      'emit 6 port 2',
      'emit 7 port 2',
    ],
  },
  {
    name: 'a checksum that the device has still to write is not looked at',
    steps: snooping(),
    frames: [
      fromPort(1, aboutGroup(0x16, '239.1.1.1', { partial: true })),
      fromPort(1, report([{ mode: 4, group: 'ff05::1' }], { partial: true })),
    ],
    expected: [0, 1].flatMap(heard),
  },
  {
    name: 'queries and the words of multicast routers go to everybody',
    steps: snooping(),
    frames: [
      ...general.slice(0, 2),
      fromPort(
        1,
        ipFrame(103, filled(20), { to: '224.0.0.13', destination: groupMac('224.0.0.13') }),
      ),
      ...general.slice(3, 4),
      fromVxlan(
        vxlan(aboutGroup(0x11, '0.0.0.0', { code: 100, from: '10.1.0.1' }).bytes),
        '10.0.0.3',
      ),
    ],
    expected: [...[0, 1, 2, 3].flatMap(all), 'emit 4 port 1', 'emit 4 port 2', 'emit 4 port 3'],
  },
  {
    name: 'a question about a group goes to its listeners',
    steps: snooping(wants('239.1.1.1', { port: 3 })),
    frames: [...general.slice(2, 3), ...general.slice(4)],
    expected: ['emit 0 port 3', ...lost(1)],
  },
  {
    name: 'unknown unicast is flooded as ever',
    steps: snooping(wants('239.1.1.1', { port: 2 })),
    frames: [fromPort(1, udp({ source: macA, destination: macB }))],
    expected: all(0),
  },
]
