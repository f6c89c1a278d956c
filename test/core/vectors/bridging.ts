// Learning, forwarding and flooding on ports.

import { concat, type ModelOperation } from '../../../src/wire/frame/index.js'
import {
  arpFrame,
  broadcast,
  filled,
  fromPort,
  link,
  macA,
  macB,
  macC,
  ping,
  tcp,
} from '../frames.js'
import { localMac, network, remoteMac, vni } from '../network.js'
import type { Vector } from './vector.js'

const known = (port: number, source: string) => ({
  now: 5,
  frames: [fromPort(port, ping({ source, destination: broadcast }))],
})

const storm = (framesPerSecond: number, burst: number): ModelOperation => ({
  op: 'networkSet',
  vni,
  suppress: true,
  agingSeconds: 300,
  stormFramesPerSecond: framesPerSecond,
  stormBurst: burst,
})

export const bridging: readonly Vector[] = [
  {
    name: 'an unknown destination is flooded to the other ports, then to the VTEPs',
    steps: [{ apply: network() }],
    frames: [fromPort(1, ping())],
    expected: ['emit 0 port 2', 'emit 0 remote 1'],
  },
  {
    name: 'what was learned is found by the next burst',
    steps: [{ apply: network() }, known(2, macB)],
    frames: [fromPort(1, ping({ source: macA, destination: macB }))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'a remote MAC goes to its VTEP alone',
    steps: [{ apply: network() }],
    frames: [fromPort(1, ping({ destination: macC }))],
    expected: ['emit 0 remote 1'],
  },
  {
    name: 'a destination behind the same port is not sent back',
    steps: [{ apply: network() }, known(1, macB)],
    frames: [fromPort(1, ping({ destination: macB }))],
    expected: ['drop 0 same_port'],
  },
  {
    name: 'a MAC that moves between ports is found at the new one',
    steps: [{ apply: network() }, known(1, macB), known(2, macB)],
    frames: [fromPort(1, ping({ destination: macB }))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'a configured MAC is not moved by frames',
    steps: [{ apply: [...network(), localMac(macB, 1)] }, known(2, macB)],
    frames: [fromPort(2, ping({ destination: macB }))],
    expected: ['emit 0 port 1'],
  },
  {
    name: 'a remote MAC is taken over by a local frame',
    steps: [{ apply: network() }, known(2, macC)],
    frames: [fromPort(1, ping({ destination: macC }))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'a sticky remote MAC is not',
    steps: [
      { apply: [...network(), remoteMac(macC, '10.0.0.2', { sticky: true })] },
      known(2, macC),
    ],
    frames: [fromPort(1, ping({ destination: macC }))],
    expected: ['emit 0 remote 1'],
  },
  {
    name: 'a remote MAC replaces a local one only with override',
    steps: [
      { apply: network() },
      known(1, macB),
      { apply: [remoteMac(macB, '10.0.0.2')] },
      { apply: [remoteMac(macA, '10.0.0.2', { override: true })] },
    ],
    frames: [
      fromPort(2, ping({ destination: macB })),
      fromPort(2, ping({ source: macC, destination: macA })),
    ],
    expected: ['emit 0 port 1', 'emit 1 remote 1'],
  },
  {
    name: 'a MAC that is not seen for the aging time is forgotten',
    steps: [{ apply: network() }, known(2, macB), { tick: 305 }],
    frames: [fromPort(1, ping({ destination: macB }))],
    now: 305,
    expected: ['emit 0 port 2', 'emit 0 remote 1'],
  },
  {
    name: 'traffic keeps a MAC young',
    steps: [
      { apply: network() },
      known(2, macB),
      { now: 200, frames: [fromPort(2, ping({ source: macB, destination: macC }))] },
      { tick: 400 },
    ],
    frames: [fromPort(1, ping({ destination: macB }))],
    now: 400,
    expected: ['emit 0 port 2'],
  },
  {
    name: 'a port that changes its network takes its MACs along to nowhere',
    steps: [
      { apply: [...network(), { op: 'networkSet', vni: 20000, suppress: false, agingSeconds: 0 }] },
      known(2, macB),
      {
        apply: [
          { op: 'portAttach', port: 2, vni: 20000 },
          { op: 'portAttach', port: 3, vni },
        ],
      },
    ],
    frames: [
      fromPort(1, ping({ destination: macB })),
      fromPort(2, ping({ source: macB, destination: macA })),
    ],
    expected: ['emit 0 port 3', 'emit 0 remote 1', 'drop 1 no_destination'],
  },
  {
    name: 'a network that is removed leaves its ports detached and its VTEP forgotten',
    steps: [{ apply: network() }, known(1, macA), { apply: [{ op: 'networkRemove', vni }] }],
    frames: [fromPort(1, ping())],
    expected: ['drop 0 port_detached'],
  },
  {
    name: 'group destinations are flooded, but not the bridge group addresses',
    steps: [{ apply: network() }],
    frames: [
      fromPort(1, link(0x88cc, filled(40), { destination: '01:80:c2:00:00:0e' })),
      fromPort(1, link(0x88cc, filled(40), { destination: '01:80:c2:00:00:10' })),
      fromPort(1, link(0x88cc, filled(40), { destination: '01:00:5e:00:00:01' })),
    ],
    expected: [
      'drop 0 reserved_group',
      'emit 1 port 2',
      'emit 1 remote 1',
      'emit 2 port 2',
      'emit 2 remote 1',
    ],
  },
  {
    name: 'frames that no station sends',
    steps: [{ apply: network() }],
    frames: [
      fromPort(1, filled(13)),
      fromPort(1, new Uint8Array(0)),
      fromPort(1, ping({ source: broadcast })),
      fromPort(1, ping({ source: '00:00:00:00:00:00' })),
      fromPort(1, link(0x8100, filled(3))),
      fromPort(
        1,
        link(0x0800, filled(2), { tags: [{ type: 0x8100, control: 5 }] }).subarray(0, 17),
      ),
      fromPort(9, ping()),
    ],
    expected: [
      'drop 0 too_short',
      'drop 1 too_short',
      'drop 2 source_multicast',
      'drop 3 source_multicast',
      'drop 4 malformed',
      'drop 5 malformed',
      'drop 6 port_detached',
    ],
  },
  {
    name: 'VLAN tags pass through unchanged',
    steps: [{ apply: network() }, known(2, macB)],
    frames: [
      fromPort(1, tcp({ destination: macB, tags: [{ type: 0x8100, control: 0x6005 }] })),
      fromPort(
        1,
        tcp({
          destination: macB,
          tags: [
            { type: 0x88a8, control: 7 },
            { type: 0x8100, control: 8 },
          ],
        }),
      ),
      fromPort(
        1,
        tcp({
          destination: macB,
          tags: [
            { type: 0x88a8, control: 7 },
            { type: 0x8100, control: 8 },
            { type: 0x8100, control: 9 },
          ],
        }),
      ),
    ],
    expected: ['emit 0 port 2', 'emit 1 port 2', 'emit 2 port 2'],
  },
  {
    name: 'a network without anybody else has nobody to flood to',
    steps: [
      {
        apply: [
          { op: 'networkSet', vni, suppress: false, agingSeconds: 0 },
          { op: 'portAttach', port: 1, vni },
        ],
      },
    ],
    frames: [fromPort(1, arpFrame()), fromPort(1, concat(ping().bytes, filled(3)))],
    expected: ['drop 0 no_destination', 'drop 1 no_destination'],
  },
  {
    name: 'storm control stops what a port floods beyond its burst, and nothing else',
    steps: [{ apply: [...network(), storm(1, 2)] }, known(2, macB)],
    frames: [
      fromPort(1, ping({ destination: broadcast })),
      fromPort(1, ping({ destination: macC })),
      fromPort(1, arpFrame()),
      fromPort(1, ping({ destination: '01:00:5e:00:00:05' })),
      fromPort(1, ping({ destination: macB })),
      fromPort(2, ping({ source: macB, destination: broadcast })),
    ],
    expected: [
      'emit 0 port 2',
      'emit 0 remote 1',
      'emit 1 remote 1',
      'emit 2 port 2',
      'emit 2 remote 1',
      'drop 3 storm_control',
      'emit 4 port 2',
      'emit 5 port 1',
      'emit 5 remote 1',
    ],
  },
  {
    name: 'storm control lets as many pass again as seconds have gone by',
    steps: [
      { apply: [...network(), storm(1, 3)] },
      { now: 10, frames: [1, 2, 3, 4].map(() => fromPort(1, arpFrame())) },
    ],
    now: 12,
    frames: [1, 2, 3].map(() => fromPort(1, arpFrame())),
    expected: [
      'emit 0 port 2',
      'emit 0 remote 1',
      'emit 1 port 2',
      'emit 1 remote 1',
      'drop 2 storm_control',
    ],
  },
  {
    name: 'a faster storm control does not remember what a slower one is owed',
    steps: [
      { apply: [...network(), storm(1, 5)] },
      { now: 10, frames: [1, 2, 3, 4, 5].map(() => fromPort(1, arpFrame())) },
      { apply: [storm(1000, 1)] },
      { now: 10, frames: [fromPort(1, arpFrame())] },
    ],
    now: 11,
    frames: [fromPort(1, arpFrame())],
    expected: ['emit 0 port 2', 'emit 0 remote 1'],
  },
]
