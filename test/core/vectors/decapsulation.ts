// Out of VXLAN: every check, and what GRO has made of packets.

import { concat, metaFlags, noMeta } from '../../../src/wire/frame/index.js'
import {
  broadcast,
  filled,
  fromOuter,
  fromVxlan,
  ipFrame,
  link,
  macA,
  macB,
  macC,
  outer,
  ping,
  tcp,
  vxlan,
} from '../frames.js'
import { vtep6 } from '../legs.js'
import { localMac, network, vni } from '../network.js'
import type { Vector } from './vector.js'

const steps = [
  {
    apply: [
      ...network(),
      localMac(macB, 2),
      { op: 'networkSet', vni: 555, suppress: false, agingSeconds: 0 },
    ],
  },
] as const
const steps6 = [{ apply: [...network('2001:db8::2'), localMac(macB, 2)] }]
const inner = ping({ source: macC, destination: macB }).bytes
const six = { from: '2001:db8::2', to: '2001:db8::1' } as const

/** An outer frame with one octet changed. */
const changed = (at: number, to: number, frame = outer(inner)): Uint8Array => {
  const copy = frame.slice()
  copy[at] = to
  return copy
}
const train = (checksumStart: number, gsoSize: number, gsoType = 5) => ({
  ...noMeta,
  flags: metaFlags.needsChecksum,
  gsoType,
  gsoSize,
  checksumStart,
  checksumOffset: 6,
})
/** A socket says no more than the size. */
const socketTrain = (gsoSize: number) => ({ ...noMeta, gsoType: 5, gsoSize })
const glued = concat(inner, vxlan(inner), vxlan(inner).subarray(0, 40))
const superInner = tcp({ source: macC, destination: macB, payload: filled(5000), gsoSize: 1400 })
const moved = {
  ...superInner.meta,
  checksumStart: superInner.meta.checksumStart + 50,
  headerLength: 0,
}

export const decapsulation: readonly Vector[] = [
  {
    name: 'to the port that has the MAC; unknown and group destinations to all ports, never to a VTEP',
    steps,
    frames: [
      fromOuter(outer(inner)),
      fromOuter(outer(ping({ source: macC, destination: macA }).bytes)),
      fromOuter(outer(ping({ source: macC, destination: broadcast }).bytes)),
      fromOuter(outer(ping({ source: macB, destination: macC }).bytes)),
      fromVxlan(vxlan(inner)),
    ],
    expected: [
      'emit 0 port 2',
      'emit 1 port 1',
      'emit 1 port 2',
      'emit 2 port 1',
      'emit 2 port 2',
      'drop 3 split_horizon',
      'emit 4 port 2',
    ],
  },
  {
    name: 'outer headers that are not for us, or not whole',
    steps,
    frames: [
      fromOuter(outer(inner, { to: '10.0.0.9' })),
      fromOuter(outer(inner, { udpPort: 4790 })),
      fromOuter(outer(inner, { protocol: 6 })),
      fromOuter(link(0x0806, filled(40))),
      fromOuter(filled(33)),
      fromOuter(changed(14, 0x55)),
      fromOuter(changed(14, 0x44)),
      fromOuter(changed(17, 0xff)),
      fromOuter(changed(24, 1)),
      fromOuter(outer(inner, { fragment: 0x2000 })),
      fromOuter(outer(inner, { fragment: 0x0001 })),
      fromOuter(outer(inner, { udpLength: 15 })),
      fromOuter(outer(inner, { udpLength: 9000 })),
      fromOuter(outer(inner, { checksum: 'wrong' })),
      fromOuter(ipFrame(17, filled(7), { from: '10.0.0.2', to: '10.0.0.1' })),
    ],
    expected: [
      'drop 0 not_ours',
      'drop 1 not_vxlan',
      'drop 2 not_vxlan',
      'drop 3 not_vxlan',
      'drop 4 outer_malformed',
      'drop 5 outer_malformed',
      'drop 6 outer_malformed',
      'drop 7 outer_malformed',
      'drop 8 outer_malformed',
      'drop 9 outer_fragment',
      'drop 10 outer_fragment',
      'drop 11 outer_malformed',
      'drop 12 outer_malformed',
      'drop 13 outer_malformed',
      'drop 14 outer_malformed',
    ],
  },
  {
    name: 'Ethernet padding, IP options, a right or vouched checksum, and a shorter UDP datagram are fine',
    steps,
    frames: [
      fromOuter(concat(outer(inner), filled(6))),
      fromOuter(outer(inner, { options: filled(8) })),
      fromOuter(outer(inner, { checksum: 'right' })),
      fromOuter({
        bytes: outer(inner, { checksum: 'wrong' }),
        meta: { ...noMeta, flags: metaFlags.dataValid },
      }),
      fromOuter(outer(inner, { udpLength: 8 + 8 + 40 })),
    ],
    expected: ['emit 0 port 2', 'emit 1 port 2', 'emit 2 port 2', 'emit 3 port 2', 'emit 4 port 2'],
  },
  {
    name: 'IPv6 underlay',
    vtep: vtep6,
    steps: steps6,
    frames: [
      fromOuter(outer(inner, six)),
      fromOuter(outer(inner, { ...six, checksum: 'right' })),
      fromOuter(outer(inner, { ...six, checksum: 'wrong' })),
      fromOuter(outer(inner, { ...six, to: '2001:db8::9' })),
      fromOuter(outer(inner, { ...six, protocol: 44 })),
      fromOuter(outer(inner, { ...six, protocol: 0 })),
      fromOuter(outer(inner, { ...six, from: '::ffff:10.0.0.2' })),
      fromOuter(changed(14, 0x50, outer(inner, six))),
      fromOuter(changed(18, 0x7f, outer(inner, six))),
      fromOuter(outer(inner, six).subarray(0, 53)),
      fromOuter(outer(inner)),
    ],
    expected: [
      'emit 0 port 2',
      'emit 1 port 2',
      'drop 2 outer_malformed',
      'drop 3 not_ours',
      'drop 4 outer_fragment',
      'drop 5 not_vxlan',
      'drop 6 outer_malformed',
      'drop 7 outer_malformed',
      'drop 8 outer_malformed',
      'drop 9 outer_malformed',
      'drop 10 not_ours',
    ],
  },
  {
    name: 'VXLAN header and who may speak',
    steps,
    frames: [
      fromVxlan(filled(7)),
      fromVxlan(vxlan(inner, { flags: 0 })),
      fromVxlan(vxlan(inner, { flags: 0x0c })),
      fromVxlan(vxlan(inner, { flags: 0x18 })),
      fromVxlan(vxlan(inner, { flags: 0x09 })),
      fromVxlan(vxlan(inner, { flags: 0x8a })),
      fromVxlan(vxlan(inner, { vni: 10101 })),
      fromVxlan(vxlan(inner, { vni: 555 })),
      fromVxlan(vxlan(inner), '10.0.0.3'),
      fromVxlan(vxlan(inner), '10.0.0.1'),
      fromVxlan(vxlan(new Uint8Array(0))),
      fromVxlan(vxlan(filled(13))),
      fromVxlan(vxlan(ping({ source: broadcast }).bytes)),
      fromVxlan(vxlan(link(0x88cc, filled(40), { destination: '01:80:c2:00:00:00' }))),
      fromVxlan(vxlan(link(0x8100, filled(1)))),
    ],
    expected: [
      'drop 0 outer_malformed',
      'drop 1 vxlan_flags',
      'drop 2 vxlan_flags',
      'drop 3 vxlan_flags',
      'drop 4 vxlan_flags',
      'emit 5 port 2',
      'drop 6 unknown_vni',
      'drop 7 unknown_vtep',
      'drop 8 unknown_vtep',
      'drop 9 own_address',
      'drop 10 too_short',
      'drop 11 too_short',
      'drop 12 source_multicast',
      'drop 13 reserved_group',
      'drop 14 malformed',
    ],
  },
  {
    name: 'a VTEP may speak where a MAC is behind it, and no longer when that has gone',
    steps: [
      {
        apply: [...network(), localMac(macB, 2), { op: 'floodRemove', vni, remote: '10.0.0.2' }],
      },
      { now: 1, frames: [fromVxlan(vxlan(inner))] },
      { apply: [{ op: 'macRemove', vni, mac: macC, origin: 'remote' }] },
    ],
    frames: [fromVxlan(vxlan(inner))],
    expected: ['drop 0 unknown_vtep'],
  },
  {
    name: 'a network without ports has nobody to flood to',
    steps: [
      {
        apply: [
          { op: 'networkSet', vni, suppress: false, agingSeconds: 0 },
          { op: 'floodAdd', vni, remote: '10.0.0.2' },
        ],
      },
    ],
    frames: [fromVxlan(vxlan(inner))],
    expected: ['drop 0 no_destination'],
  },
  {
    name: 'trains of packets that GRO has glued together are taken apart',
    steps,
    frames: [
      fromOuter({ bytes: outer(glued), meta: train(34, 8 + inner.length) }),
      fromVxlan({ bytes: vxlan(glued), meta: socketTrain(8 + inner.length) }),
      fromOuter({ bytes: outer(glued), meta: train(34, 7) }),
      fromVxlan({ bytes: vxlan(glued), meta: socketTrain(7) }),
      fromVxlan({ bytes: vxlan(glued), meta: { ...socketTrain(100), gsoType: 1 } }),
      fromOuter({ bytes: outer(glued), meta: train(34, 1000, 1) }),
      fromOuter({ bytes: outer(glued), meta: train(36, 1000) }),
    ],
    expected: [
      'emit 0 port 2',
      'emit 0 port 2',
      'emit 0 port 2',
      'emit 1 port 2',
      'emit 1 port 2',
      'emit 1 port 2',
      'drop 2 bad_metadata',
      'drop 3 bad_metadata',
      'drop 4 bad_metadata',
      'drop 5 bad_metadata',
      'drop 6 bad_metadata',
    ],
  },
  {
    name: 'an uplink of a UDP socket may know the metadata of the frame inside',
    steps,
    frames: [
      fromVxlan({
        bytes: vxlan(superInner.bytes),
        meta: { ...superInner.meta, checksumStart: superInner.meta.checksumStart + 8 },
      }),
      fromVxlan({ bytes: vxlan(superInner.bytes), meta: { ...superInner.meta, checksumStart: 7 } }),
      fromVxlan({ bytes: vxlan(superInner.bytes), meta: { ...superInner.meta, checksumStart: 9 } }),
    ],
    expected: ['emit 0 port 2', 'drop 1 bad_metadata', 'drop 2 bad_metadata'],
  },
  {
    name: 'a super-frame inside the outer packet keeps its metadata, counted from its own start',
    steps,
    frames: [
      fromOuter({ bytes: outer(superInner.bytes), meta: moved }),
      fromOuter({ bytes: outer(superInner.bytes, { checksum: 'wrong' }), meta: moved }),
      fromOuter({
        bytes: outer(tcp({ source: macC, destination: macB, partial: true }).bytes),
        meta: { ...noMeta, flags: 1, checksumStart: 84, checksumOffset: 16 },
      }),
      fromOuter({
        bytes: outer(inner),
        meta: { ...noMeta, flags: 1, checksumStart: 34, checksumOffset: 6 },
      }),
      fromOuter({
        bytes: outer(inner),
        meta: { ...noMeta, flags: 1, checksumStart: 50, checksumOffset: 6 },
      }),
      fromOuter({ bytes: outer(superInner.bytes), meta: { ...moved, gsoSize: 0 } }),
      fromOuter({ bytes: changed(16, 0, changed(17, 0, outer(superInner.bytes))), meta: moved }),
    ],
    expected: [
      'emit 0 port 2',
      'emit 1 port 2',
      'emit 2 port 2',
      'emit 3 port 2',
      'drop 4 bad_metadata',
      'drop 5 bad_metadata',
      'drop 6 outer_malformed',
    ],
  },
]
