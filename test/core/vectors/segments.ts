// Ethernet segments: hosts behind several VTEPs, and ports that lead to a link that other VTEPs have, too.

import type { ModelOperation } from '../../../src/wire/frame/index.js'
import { broadcast, fromOuter, fromPort, macA, macB, macC, outer, ping, udp } from '../frames.js'
import { localMac, network, nextHop, vni } from '../network.js'
import type { Vector } from './vector.js'

const esi = '03:02:00:00:00:00:01:00:00:01'
const peer = '10.0.0.2'
const other = '10.0.0.3'

const group = (remotes: readonly string[], via = '::'): ModelOperation => ({
  op: 'macGroupSet',
  vni,
  esi,
  via,
  remotes,
})

const groupMac = (mac: string, via = '::', override = false): ModelOperation => ({
  op: 'macSetGroup',
  vni,
  mac,
  esi,
  via,
  static: false,
  sticky: false,
  override,
})

const peerMac = (mac: string, port: number, override = false): ModelOperation => ({
  op: 'macSetPeer',
  vni,
  mac,
  port,
  static: false,
  sticky: false,
  override,
})

/** Port 2 leads to the segment, and so does the VTEP 10.0.0.2. */
const segment = (
  state: 'designated' | 'waiting' | 'blocked',
  peers: readonly string[] = [peer],
): ModelOperation => ({
  op: 'portSegmentSet',
  port: 2,
  designated: state === 'designated',
  blocked: state === 'blocked',
  peers,
})

/** Two VTEPs, of which 10.0.0.2 is remote 1 and 10.0.0.3 remote 2. */
const two: readonly ModelOperation[] = [
  ...network(),
  { op: 'floodAdd', vni, remote: other },
  nextHop(other),
]

const macH = '02:00:00:00:00:01'
const flow = (port: number, ingress = 1) =>
  fromPort(ingress, udp({ source: macA, destination: macH, ports: [port, 53] }))
const from = (vtep: string, destination: string) =>
  fromOuter(outer(ping({ source: macC, destination }).bytes, { from: vtep }))

export const segments: readonly Vector[] = [
  {
    name: 'flows to a host behind two VTEPs are spread over them, and each keeps its own',
    steps: [{ apply: [...two, group([peer, other]), groupMac(macH)] }],
    frames: [flow(1), flow(2), flow(3), flow(4), flow(1), flow(2), flow(3), flow(4)],
    expected: [
      'emit 0 remote 1',
      'emit 1 remote 1',
      'emit 2 remote 2',
      'emit 3 remote 1',
      'emit 4 remote 1',
      'emit 5 remote 1',
      'emit 6 remote 2',
      'emit 7 remote 1',
    ],
  },
  {
    name: 'one operation takes a VTEP away from every host of the segment',
    steps: [
      { apply: [...two, group([peer, other]), groupMac(macH), groupMac(macB)] },
      { apply: [group([other])] },
    ],
    frames: [
      flow(1),
      flow(2),
      flow(3),
      fromPort(1, udp({ source: macA, destination: macB, ports: [1, 53] })),
    ],
    expected: ['emit 0 remote 2', 'emit 1 remote 2', 'emit 2 remote 2', 'emit 3 remote 2'],
  },
  {
    name: 'a host that no VTEP leads to is unknown',
    steps: [{ apply: [...two, group([peer]), groupMac(macH), group([])] }],
    frames: [flow(1)],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 0 remote 2'],
  },
  {
    name: 'a group is made for each VTEP that announces hosts of a single-active segment',
    steps: [
      {
        apply: [
          ...two,
          group([peer], peer),
          group([peer], other),
          groupMac(macH, peer),
          groupMac(macB, other),
        ],
      },
      { apply: [group([other], other)] },
    ],
    frames: [flow(1), fromPort(1, ping({ destination: macB }))],
    expected: ['emit 0 remote 1', 'emit 1 remote 2'],
  },
  {
    name: 'a group with hosts can not be removed, and members may speak as long as it is there',
    steps: [
      {
        apply: [
          { op: 'networkSet', vni, suppress: false, agingSeconds: 0 },
          { op: 'portAttach', port: 1, vni },
          { op: 'portAttach', port: 2, vni },
          group([peer]),
          nextHop(peer),
          groupMac(macH),
        ],
      },
      { apply: [{ op: 'macGroupRemove', vni, esi, via: '::' }] },
    ],
    frames: [from(peer, broadcast), flow(1)],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 1 remote 1'],
  },
  {
    name: 'behind the last of its hosts it can, and then nobody speaks',
    steps: [
      { apply: [...network(), group([other]), groupMac(macH)] },
      {
        apply: [
          { op: 'macRemove', vni, mac: macH, origin: 'remote' },
          { op: 'macGroupRemove', vni, esi, via: '::' },
        ],
      },
    ],
    frames: [from(other, broadcast)],
    expected: ['drop 0 unknown_vtep'],
  },
  {
    name: 'from a VTEP nothing goes to a VTEP, nor to a group of them',
    steps: [{ apply: [...two, group([peer, other]), groupMac(macH)] }],
    frames: [from(peer, macH)],
    expected: ['drop 0 split_horizon'],
  },
  {
    name: 'the network of a group takes it along',
    steps: [
      { apply: [...two, group([peer]), groupMac(macH)] },
      { apply: [{ op: 'networkRemove', vni }] },
      { apply: two },
    ],
    frames: [flow(1)],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 0 remote 2'],
  },
  {
    name: 'what a peer told of is behind the port at once, and is learned when it speaks there',
    steps: [
      { apply: [...network(), segment('designated'), peerMac(macB, 2)] },
      { now: 5, frames: [fromPort(2, ping({ source: macB, destination: broadcast }))] },
      { apply: [{ op: 'macRemove', vni, mac: macB, origin: 'remote' }] },
    ],
    frames: [fromPort(1, ping({ destination: macB }))],
    expected: ['emit 0 port 2'],
  },
  {
    name: 'until then it is of remote origin, and goes with the word of the peer',
    steps: [
      { apply: [...network(), segment('designated'), peerMac(macB, 2)] },
      { apply: [{ op: 'macRemove', vni, mac: macB, origin: 'local' }] },
      { tick: 10_000 },
    ],
    frames: [fromPort(1, ping({ destination: macB })), from(peer, macB)],
    expected: ['emit 0 port 2', 'emit 1 port 2'],
  },
  {
    name: 'it does not take the place of what was learned, unless it has won',
    steps: [
      { apply: [...network(), { op: 'portAttach', port: 3, vni }] },
      { now: 5, frames: [fromPort(3, ping({ source: macB, destination: broadcast }))] },
      { apply: [peerMac(macB, 2)] },
    ],
    frames: [fromPort(1, ping({ destination: macB }))],
    expected: ['emit 0 port 3'],
  },
  {
    name: 'a port that leaves the network takes what peers told of along',
    steps: [
      { apply: [...network(), peerMac(macB, 2)] },
      { apply: [{ op: 'portAttach', port: 2, vni: 0 }] },
      { apply: [{ op: 'portAttach', port: 2, vni }] },
    ],
    frames: [fromPort(1, ping({ destination: macB }))],
    expected: ['emit 0 port 2', 'emit 0 remote 1'],
  },
  {
    name: 'a broadcast of a VTEP that leads to the segment, too, is not delivered there',
    steps: [{ apply: [...two, segment('designated')] }],
    frames: [from(peer, broadcast), from(other, broadcast)],
    expected: ['emit 0 port 1', 'drop 0 local_bias port 2', 'emit 1 port 1', 'emit 1 port 2'],
  },
  {
    name: 'who is not designated delivers no broadcast of a VTEP, but those of its own ports',
    steps: [{ apply: [...two, segment('waiting')] }],
    frames: [from(other, broadcast), fromPort(1, ping({ destination: broadcast }))],
    expected: [
      'emit 0 port 1',
      'drop 0 not_designated port 2',
      'emit 1 port 2',
      'emit 1 remote 1',
      'emit 1 remote 2',
    ],
  },
  {
    name: 'unknown unicast counts as broadcast, known unicast passes',
    steps: [{ apply: [...two, segment('waiting'), localMac(macB, 2)] }],
    frames: [from(other, '02:00:00:00:00:99'), from(other, macB), from(peer, macB)],
    expected: ['emit 0 port 1', 'drop 0 not_designated port 2', 'emit 1 port 2', 'emit 2 port 2'],
  },
  {
    name: 'nothing passes a port whose segment another VTEP serves',
    steps: [{ apply: [...two, segment('blocked'), localMac(macB, 2)] }],
    frames: [
      from(other, macB),
      from(other, broadcast),
      fromPort(1, ping({ destination: macB })),
      fromPort(2, ping({ source: macB, destination: macA })),
      fromPort(2, udp({ source: macB, destination: macC, ports: [1, 2] })),
    ],
    expected: [
      'drop 0 segment_blocked port 2',
      'emit 1 port 1',
      'drop 1 segment_blocked port 2',
      'drop 2 segment_blocked port 2',
      'drop 3 segment_blocked',
      'drop 4 segment_blocked',
    ],
  },
  {
    name: 'the end of a segment leaves an ordinary port',
    steps: [
      { apply: [...two, segment('blocked')] },
      { apply: [{ op: 'portSegmentClear', port: 2 }] },
    ],
    frames: [from(peer, broadcast), fromPort(2, ping({ source: macB, destination: macC }))],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 1 remote 1'],
  },
  {
    name: 'a packet that is routed to a host behind two VTEPs takes the way of its flow',
    steps: [
      {
        apply: [
          ...two,
          { op: 'networkSet', vni: 50001, suppress: false, agingSeconds: 0, vrf: 50001 },
          {
            op: 'networkSet',
            vni,
            suppress: true,
            agingSeconds: 300,
            vrf: 50001,
            routerMac: '02:76:74:65:70:01',
          },
          {
            op: 'routeAdd',
            vrf: 50001,
            prefix: '10.7.0.0/16',
            kind: 'connected',
            vni,
            via: '::',
            mac: '00:00:00:00:00:00',
          },
          group([peer, other]),
          groupMac(macH),
          {
            op: 'neighbourSet',
            vni,
            ip: '10.7.0.1',
            mac: macH,
            origin: 'remote',
            static: false,
            router: false,
            override: true,
          },
        ],
      },
    ],
    frames: [1, 2, 3, 5, 6, 7].map((port) =>
      fromPort(
        1,
        udp({
          source: macA,
          destination: '02:76:74:65:70:01',
          to: '10.7.0.1',
          ports: [port, 53],
        }),
      ),
    ),
    expected: [2, 2, 2, 1, 1, 1].map((remote, i) => `emit ${i} remote ${remote}`),
  },
]
