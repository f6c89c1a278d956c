// Into VXLAN: header contents, entropy, MTU, both families, offload metadata.

import assert from 'node:assert/strict'
import { filled, fragmentBody, fromPort, link, macC, ping, tcp, udp } from '../frames.js'
import { vtep6 } from '../legs.js'
import { network, nextHop, vni } from '../network.js'
import { bytesOf, type Vector } from './vector.js'

const steps = [{ apply: network() }]
const steps6 = [{ apply: network('2001:db8::2') }]
const v6 = { from: 'fd00::10', to: 'fd00::11' } as const

export const encapsulation: readonly Vector[] = [
  {
    name: 'an echo request over IPv4, octet by octet',
    steps,
    frames: [fromPort(1, link(0x0800, filled(20), { destination: macC }))],
    expected: ['emit 0 remote 1'],
    check: (outcomes) => {
      const hex = bytesOf(outcomes, 0).toString('hex')
      // Outer Ethernet; IPv4 of 70 octets, don't fragment, TTL 64; UDP to 4789 without checksum; VXLAN of VNI 10100.
      assert.match(
        hex,
        /^02000000010202000000010108004500004600004000401126a50a0000010a000002[c-f]...12b5003200000800000000277400/,
      )
      assert.equal(hex.length / 2, 50 + 34)
    },
  },
  {
    name: 'over IPv6 the UDP checksum is left to be completed',
    vtep: vtep6,
    steps: steps6,
    frames: [fromPort(1, ping({ destination: macC }))],
    expected: ['emit 0 remote 1'],
    check: ([outcome]) => {
      assert.equal(outcome?.kind, 'emit')
      if (outcome?.kind === 'emit') {
        assert.deepEqual(
          [
            outcome.frame.meta.flags,
            outcome.frame.meta.checksumStart,
            outcome.frame.meta.checksumOffset,
          ],
          [1, 54, 6],
        )
      }
    },
  },
  {
    name: 'flows spread over source ports; fragments of one packet stay together',
    steps,
    frames: [
      fromPort(1, udp({ destination: macC, ports: [1, 2] })),
      fromPort(1, udp({ destination: macC, ports: [2, 1] })),
      fromPort(1, udp({ destination: macC, ports: [1, 2], fragment: 0x2000 })),
      fromPort(1, udp({ destination: macC, ports: [9, 9], fragment: 0x0010 })),
      fromPort(1, udp({ ...v6, destination: macC })),
      fromPort(
        1,
        udp({ ...v6, destination: macC, extensions: [{ type: 44, body: fragmentBody(1) }] }),
      ),
      fromPort(
        1,
        udp({
          ...v6,
          destination: macC,
          ports: [7, 7],
          extensions: [{ type: 44, body: fragmentBody(0x10) }],
        }),
      ),
      fromPort(1, udp({ ...v6, destination: macC, extensions: [{ type: 0, body: filled(6) }] })),
      fromPort(
        1,
        udp({ ...v6, destination: macC, extensions: [{ type: 44, body: fragmentBody(0) }] }),
      ),
      fromPort(1, udp({ destination: macC, ports: [1, 2], tags: [{ type: 0x8100, control: 9 }] })),
      fromPort(1, udp({ destination: macC, ports: [1, 2], options: filled(8) })),
    ],
    expected: Array.from({ length: 11 }, (_, i) => `emit ${i} remote 1`),
    check: (outcomes) => {
      const ports = outcomes.map((_, i) => bytesOf(outcomes, i).readUInt16BE(34))
      assert.ok(ports.every((port) => port >= 49152))
      assert.notEqual(ports[0], ports[1])
      assert.equal(ports[2], ports[3], 'fragments of IPv4')
      assert.equal(ports[5], ports[6], 'fragments of IPv6')
      assert.equal(ports[4], ports[7], 'behind an extension header')
      assert.equal(ports[4], ports[8], 'an atomic fragment is none')
      assert.equal(ports[0], ports[9], 'behind a tag')
      assert.equal(ports[0], ports[10], 'behind IPv4 options')
    },
  },
  {
    name: 'what does not fit the path to the VTEP is lost by name',
    steps: [{ apply: [...network('10.0.0.2', 1500)] }],
    frames: [
      fromPort(1, link(0x0800, filled(1500 - 36 - 14), { destination: macC })),
      fromPort(1, link(0x0800, filled(1500 - 36 - 14 + 1), { destination: macC })),
      fromPort(1, tcp({ destination: macC, payload: filled(4000), gsoSize: 1410 })),
      fromPort(1, tcp({ destination: macC, payload: filled(4000), gsoSize: 1411 })),
    ],
    expected: [
      'emit 0 remote 1',
      'drop 1 exceeds_mtu remote 1',
      'emit 2 remote 1',
      'drop 3 exceeds_mtu remote 1',
    ],
  },
  {
    name: 'a VTEP without a way to it',
    steps: [
      {
        apply: [
          ...network(),
          { op: 'floodAdd', vni, remote: '10.0.0.3' },
          nextHop('10.0.0.2', { ifindex: 0 }),
        ],
      },
    ],
    frames: [fromPort(1, ping()), fromPort(1, ping({ destination: macC }))],
    expected: [
      'emit 0 port 2',
      'drop 0 unresolved remote 1',
      'drop 0 unresolved remote 2',
      'drop 1 unresolved remote 1',
    ],
  },
  {
    name: 'partial checksums and super-frames keep their metadata, moved by the outer headers',
    steps,
    frames: [
      fromPort(1, tcp({ destination: macC, partial: true })),
      fromPort(1, tcp({ destination: macC, payload: filled(5000), gsoSize: 1400 })),
      fromPort(1, udp({ ...v6, destination: macC, payload: filled(3000), gsoSize: 1200 })),
    ],
    expected: ['emit 0 remote 1', 'emit 1 remote 1', 'emit 2 remote 1'],
    check: (outcomes) => {
      const metas = outcomes.map((outcome) =>
        outcome.kind === 'emit' ? outcome.frame.meta : undefined,
      )
      assert.deepEqual(metas[0], {
        flags: 1,
        gsoType: 0,
        headerLength: 0,
        gsoSize: 0,
        checksumStart: 84,
        checksumOffset: 16,
      })
      assert.deepEqual(metas[1], {
        flags: 1,
        gsoType: 1,
        headerLength: 104,
        gsoSize: 1400,
        checksumStart: 84,
        checksumOffset: 16,
      })
      assert.deepEqual(metas[2], {
        flags: 1,
        gsoType: 5,
        headerLength: 112,
        gsoSize: 1200,
        checksumStart: 104,
        checksumOffset: 6,
      })
    },
  },
  {
    name: 'over IPv6 with the inner checksum partial, the outer one is made from the headers',
    vtep: vtep6,
    steps: steps6,
    frames: [
      fromPort(1, tcp({ destination: macC, partial: true, payload: filled(101) })),
      fromPort(1, tcp({ destination: macC, payload: filled(5000), gsoSize: 1400 })),
    ],
    expected: ['emit 0 remote 1', 'emit 1 remote 1'],
  },
  {
    name: 'a super-frame longer than an IP length can say',
    steps,
    frames: [fromPort(1, tcp({ destination: macC, payload: filled(65500), gsoSize: 1400 }))],
    expected: ['emit 0 remote 1'],
  },
]
