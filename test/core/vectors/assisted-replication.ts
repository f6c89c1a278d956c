// Assisted replication (RFC 9574): broadcasts of an AR-LEAF go to its replicator, who serves the others, and VTEPs get nothing that
// they do not want.

import type { ModelOperation, RunFrame } from '../../../src/wire/frame/index.js'
import {
  arpFrame,
  broadcast,
  fromOuter,
  fromPort,
  fromVxlan,
  macA,
  macB,
  macC,
  outer,
  ping,
  udp,
  vxlan,
} from '../frames.js'
import { groupMac } from '../membership-frames.js'
import { network, nextHop, vni } from '../network.js'
import { bytesOf, type Vector } from './vector.js'

const AR_IP = '10.0.0.9'
const UNKNOWN = '02:00:00:00:00:77'

/** Ports 1 and 2, the VTEPs 10.0.0.2 and 10.0.0.3 (remotes 1 and 2) and a replicator (remote 3). */
const leaf = (...more: readonly ModelOperation[]) => [
  {
    apply: [
      ...network(),
      { op: 'floodAdd', vni, remote: '10.0.0.3' },
      nextHop('10.0.0.3'),
      { op: 'floodAdd', vni, remote: AR_IP, noBroadcasts: true, noUnknown: true },
      nextHop(AR_IP),
      ...more,
    ] as ModelOperation[],
  },
]
const replicator = (remote?: string): ModelOperation => ({
  op: 'replicatorSet',
  vni,
  ...(remote === undefined ? {} : { remote }),
})
const prunes = (remote: string, what: { noBroadcasts?: boolean; noUnknown?: boolean }) =>
  ({ op: 'floodAdd', vni, remote, ...what }) as const

const said = fromPort(1, ping({ source: macA, destination: broadcast }))
const asked = fromPort(1, ping({ source: macA, destination: UNKNOWN }))

/** 10.1.0.12 is asked for by the router of the network. */
const routing: readonly ModelOperation[] = [
  {
    op: 'networkSet',
    vni: 50001,
    suppress: false,
    agingSeconds: 0,
    vrf: 50001,
    routerMac: macB,
    address4: '10.1.0.1',
  },
  {
    op: 'networkSet',
    vni,
    suppress: true,
    agingSeconds: 300,
    vrf: 50001,
    routerMac: macB,
    address4: '10.1.0.1',
  },
  {
    op: 'routeAdd',
    vrf: 50001,
    prefix: '10.1.0.0/24',
    kind: 'connected',
    vni,
    via: '::',
    mac: '00:00:00:00:00:00',
  },
]

const us = { localAddress: '10.0.0.1', replicatorAddress: AR_IP, udpPort: 4789 } as const

/** Ports 1 and 2, and the VTEPs 10.0.0.2 to 10.0.0.4 (remotes 1 to 3); we are the replicator. */
const replicates = (...more: readonly ModelOperation[]) => [
  {
    apply: [
      ...network(),
      { op: 'networkSet', vni, suppress: true, agingSeconds: 300, replicate: true },
      { op: 'floodAdd', vni, remote: '10.0.0.3' },
      { op: 'floodAdd', vni, remote: '10.0.0.4' },
      nextHop('10.0.0.3'),
      nextHop('10.0.0.4'),
      ...more,
    ] as ModelOperation[],
  },
]
const sent = (to: string, destination = broadcast, from = '10.0.0.2') =>
  fromOuter(outer(ping({ source: macB, destination }).bytes, { from, to }))
/** Port 2 leads to an Ethernet segment, and so do the peers. */
const segment = (designated: boolean, peers: readonly string[]): ModelOperation => ({
  op: 'portSegmentSet',
  port: 2,
  designated,
  blocked: false,
  peers,
})

export const assistedReplication: readonly Vector[] = [
  {
    name: 'what is sent to our AR-IP goes to ports and to every VTEP but its own',
    vtep: us,
    steps: replicates(),
    frames: [sent(AR_IP), sent(AR_IP, broadcast, '10.0.0.4')],
    expected: [
      'emit 0 port 1',
      'emit 0 port 2',
      'emit 0 remote 2',
      'emit 0 remote 3',
      'emit 1 port 1',
      'emit 1 port 2',
      'emit 1 remote 1',
      'emit 1 remote 2',
    ],
  },
  {
    name: 'our own address is the source of the copies',
    vtep: us,
    steps: replicates(),
    frames: [sent(AR_IP)],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 0 remote 2', 'emit 0 remote 3'],
    check: (outcomes) => {
      const header = bytesOf(outcomes, 2).subarray(26, 34).toString('hex')
      if (header !== '0a0000010a000003') throw new Error(`from and to ${header}`)
    },
  },
  {
    name: 'a socket says that it was sent there, too',
    vtep: us,
    steps: replicates(),
    frames: [
      {
        ...fromVxlan(vxlan(ping({ source: macB, destination: broadcast }).bytes)),
        toReplicator: true,
      },
    ] as RunFrame[],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 0 remote 2', 'emit 0 remote 3'],
  },
  {
    name: 'what is sent to our other address goes to ports only, and unicast from either',
    vtep: us,
    steps: replicates({ op: 'macSetLocal', vni, mac: macA, port: 1, static: true, sticky: false }),
    frames: [sent('10.0.0.1'), sent(AR_IP, UNKNOWN), sent(AR_IP, macA), sent(AR_IP, macC)],
    expected: [
      'emit 0 port 1',
      'emit 0 port 2',
      'emit 1 port 1',
      'emit 1 port 2',
      'emit 2 port 1',
      'drop 3 split_horizon',
    ],
  },
  {
    name: 'a way that was found for a copy is none for unicast behind it',
    vtep: us,
    steps: replicates({ op: 'floodRemove', vni, remote: '10.0.0.4' }),
    frames: [sent(AR_IP, broadcast, '10.0.0.3'), sent('10.0.0.1', macC, '10.0.0.3')],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 0 remote 1', 'drop 1 split_horizon'],
  },
  {
    name: 'in a network that does not replicate it is as any other address',
    vtep: us,
    steps: [{ apply: network() }],
    frames: [sent(AR_IP)],
    expected: ['emit 0 port 1', 'emit 0 port 2'],
  },
  {
    name: 'nobody who does not speak in the network is served',
    vtep: us,
    steps: replicates(),
    frames: [sent(AR_IP, broadcast, '10.0.0.7'), sent(AR_IP, broadcast, AR_IP), sent('10.0.0.8')],
    expected: ['drop 0 unknown_vtep', 'drop 1 unknown_vtep', 'drop 2 not_ours'],
  },
  {
    name: 'VTEPs that want no broadcasts get none, and other replicators are not used',
    vtep: us,
    steps: replicates(prunes('10.0.0.3', { noBroadcasts: true }), replicator('10.0.0.4')),
    frames: [sent(AR_IP)],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 0 remote 3'],
  },
  {
    name: 'a group goes to those that want it',
    vtep: us,
    steps: replicates(
      { op: 'networkSet', vni, suppress: true, agingSeconds: 300, snoop: true, replicate: true },
      { op: 'listenerAdd', vni, group: '239.1.1.1', remote: '10.0.0.2' },
      { op: 'listenerAdd', vni, group: '239.1.1.1', remote: '10.0.0.3' },
      { op: 'listenerAdd', vni, group: '239.1.1.1', port: 2 },
      { op: 'listenerAdd', vni, group: '239.1.1.2', remote: '10.0.0.2' },
    ),
    frames: ['239.1.1.1', '239.1.1.2'].map((to) =>
      fromOuter(
        outer(udp({ from: '10.1.0.10', to, source: macB, destination: groupMac(to) }).bytes, {
          to: AR_IP,
        }),
      ),
    ),
    expected: ['emit 0 port 2', 'emit 0 remote 2', 'drop 1 no_multicast_listener'],
  },
  {
    name: 'of what we replicate we deliver to segments ourselves, but for those that the sender leads to',
    vtep: us,
    steps: replicates(segment(false, ['10.0.0.3'])),
    frames: [sent(AR_IP), sent(AR_IP, broadcast, '10.0.0.3'), sent('10.0.0.1')],
    expected: [
      'emit 0 port 1',
      'emit 0 port 2',
      'emit 0 remote 2',
      'emit 0 remote 3',
      'emit 1 port 1',
      'drop 1 local_bias port 2',
      'emit 1 remote 1',
      'emit 1 remote 3',
      'emit 2 port 1',
      'drop 2 not_designated port 2',
    ],
  },
  {
    name: 'a copy that can not go is lost alone',
    vtep: us,
    steps: replicates(nextHop('10.0.0.3', { ifindex: 0 }), nextHop('10.0.0.4', { mtu: 60 })),
    frames: [sent(AR_IP)],
    expected: [
      'emit 0 port 1',
      'emit 0 port 2',
      'drop 0 unresolved remote 2',
      'drop 0 exceeds_mtu remote 3',
    ],
  },
  {
    name: 'the same over IPv6',
    vtep: { localAddress: '2001:db8::1', replicatorAddress: '2001:db8::9', udpPort: 4789 },
    steps: [
      {
        apply: [
          ...network('2001:db8::2'),
          { op: 'networkSet', vni, suppress: true, agingSeconds: 300, replicate: true },
          { op: 'floodAdd', vni, remote: '2001:db8::3' },
          nextHop('2001:db8::3'),
        ],
      },
    ],
    frames: [
      sent('2001:db8::9', broadcast, '2001:db8::2'),
      sent('2001:db8::1', broadcast, '2001:db8::2'),
      sent('2001:db8::8', broadcast, '2001:db8::2'),
    ],
    expected: [
      'emit 0 port 1',
      'emit 0 port 2',
      'emit 0 remote 2',
      'emit 1 port 1',
      'emit 1 port 2',
      'drop 2 not_ours',
    ],
  },
  {
    name: 'our AR-IP is no other VTEP',
    vtep: us,
    steps: replicates({ op: 'floodAdd', vni, remote: AR_IP }, replicator(AR_IP)),
    frames: [said],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 0 remote 2', 'emit 0 remote 3'],
  },
  {
    name: 'broadcasts go to the replicator alone, unknown unicast to every VTEP',
    steps: leaf(replicator(AR_IP)),
    frames: [said, asked, fromPort(2, arpFrame({ senderIp: '10.1.0.5', targetIp: '10.1.0.6' }))],
    expected: [
      'emit 0 port 2',
      'emit 0 remote 3',
      'emit 1 port 2',
      'emit 1 remote 1',
      'emit 1 remote 2',
      'emit 2 port 1',
      'emit 2 remote 3',
    ],
  },
  {
    name: 'without it they go to every VTEP again, but not to its AR-IP',
    steps: leaf(replicator(AR_IP), replicator()),
    frames: [said],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 0 remote 2'],
  },
  {
    name: 'a replicator may speak here',
    steps: leaf(),
    frames: [fromVxlan(vxlan(ping({ source: macB, destination: broadcast }).bytes), AR_IP)],
    expected: ['emit 0 port 1', 'emit 0 port 2'],
  },
  {
    name: 'it may also where it is on no list',
    steps: leaf(replicator('10.0.0.8')),
    frames: [fromVxlan(vxlan(ping({ source: macB, destination: broadcast }).bytes), '10.0.0.8')],
    expected: ['emit 0 port 1', 'emit 0 port 2'],
  },
  {
    name: 'and is a stranger when it goes',
    steps: leaf(replicator('10.0.0.8'), replicator()),
    frames: [fromVxlan(vxlan(ping({ source: macB, destination: broadcast }).bytes), '10.0.0.8')],
    expected: ['drop 0 unknown_vtep'],
  },
  {
    name: 'the network takes its replicator along',
    steps: leaf(replicator('10.0.0.8'), { op: 'networkRemove', vni }, ...network()),
    frames: [said, fromVxlan(vxlan(ping({ source: macB }).bytes), '10.0.0.8')],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'drop 1 unknown_vtep'],
  },
  {
    name: 'a group goes to the replicator where any VTEP wants it, else to ports',
    steps: leaf(
      replicator(AR_IP),
      { op: 'networkSet', vni, suppress: true, agingSeconds: 300, snoop: true },
      { op: 'listenerAdd', vni, group: '239.1.1.1', remote: '10.0.0.2' },
      { op: 'listenerAdd', vni, group: '239.1.1.1', remote: '10.0.0.3' },
      { op: 'listenerAdd', vni, group: '239.1.1.1', port: 2 },
      { op: 'listenerAdd', vni, group: '239.1.1.2', port: 2 },
    ),
    frames: ['239.1.1.1', '239.1.1.2', '239.1.1.3'].map((to) =>
      fromPort(1, udp({ from: '10.1.0.10', to, destination: groupMac(to) })),
    ),
    expected: ['emit 0 port 2', 'emit 0 remote 3', 'emit 1 port 2', 'drop 2 no_multicast_listener'],
  },
  {
    name: 'questions of the router go to it, too',
    steps: leaf(replicator(AR_IP), ...routing),
    frames: [fromPort(1, ping({ source: macA, destination: macB, to: '10.1.0.12' }))],
    expected: ['emit 0 port 1', 'emit 0 port 2', 'emit 0 remote 3', 'drop 0 no_neighbour'],
  },
  {
    name: 'a VTEP gets no broadcasts that it does not want, and no unknown unicast',
    steps: leaf(
      prunes('10.0.0.2', { noBroadcasts: true }),
      prunes('10.0.0.3', { noUnknown: true }),
      ...routing,
    ),
    frames: [
      said,
      asked,
      fromPort(1, ping({ source: macA, destination: macB, to: '10.1.0.12' })),
      fromVxlan(vxlan(ping({ source: macB, destination: broadcast }).bytes)),
    ],
    expected: [
      'emit 0 port 2',
      'emit 0 remote 2',
      'emit 1 port 2',
      'emit 1 remote 1',
      'emit 2 port 1',
      'emit 2 port 2',
      'emit 2 remote 2',
      'drop 2 no_neighbour',
      'emit 3 port 1',
      'emit 3 port 2',
    ],
  },
  {
    name: 'nor any of both, until it changes its mind',
    steps: [
      ...leaf(prunes('10.0.0.2', { noBroadcasts: true, noUnknown: true })),
      { now: 10, frames: [said, asked] },
      { apply: [prunes('10.0.0.2', {}), { op: 'floodRemove', vni, remote: '10.0.0.3' }] },
    ],
    frames: [said, asked],
    expected: ['emit 0 port 2', 'emit 0 remote 1', 'emit 1 port 2', 'emit 1 remote 1'],
  },
  {
    name: 'a flood that nobody wants is lost',
    steps: [
      {
        apply: [
          ...network(),
          { op: 'portAttach', port: 2, vni: 0 },
          prunes('10.0.0.2', { noBroadcasts: true }),
        ],
      },
    ],
    frames: [said, asked],
    expected: ['drop 0 no_destination', 'emit 1 remote 1'],
  },
  {
    name: 'a list keeps what its VTEPs want when it is copied and when one goes',
    steps: leaf(
      prunes('10.0.0.2', { noBroadcasts: true }),
      { op: 'portAttach', port: 3, vni },
      { op: 'floodRemove', vni, remote: '10.0.0.3' },
      { op: 'floodRemove', vni, remote: AR_IP },
    ),
    frames: [said, asked],
    expected: [
      'emit 0 port 2',
      'emit 0 port 3',
      'emit 1 port 2',
      'emit 1 port 3',
      'emit 1 remote 1',
    ],
  },
]
