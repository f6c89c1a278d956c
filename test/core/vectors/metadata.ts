// Offload metadata that does not fit the frame, and frames finished in software.

import type { Frame, Meta } from '../../../src/wire/frame/index.js'
import {
  filled,
  finish,
  finishPartial,
  fragmentBody,
  fromPort,
  macB,
  ping,
  tcp,
  udp,
} from '../frames.js'
import { localMac, network } from '../network.js'
import type { Vector } from './vector.js'

const steps = [{ apply: [...network(), localMac(macB, 2)] }]
const v6 = { from: 'fd00::10', to: 'fd00::11' } as const
const said = (frame: Frame, meta: Partial<Meta>): Frame => ({
  ...frame,
  meta: { ...frame.meta, ...meta },
})
const superFrame = tcp({ payload: filled(4000), gsoSize: 1000 })

const contradictions: readonly Frame[] = [
  said(tcp({ partial: true }), { checksumStart: 12 }),
  said(tcp({ partial: true }), { checksumStart: 60, checksumOffset: 16 }),
  said(tcp({ partial: true }), { checksumStart: 65535, checksumOffset: 65535 }),
  said(tcp({ partial: true }), { checksumStart: 33 }),
  said(tcp({ partial: true }), { checksumOffset: 15 }),
  said(superFrame, { gsoSize: 0 }),
  said(superFrame, { flags: 0 }),
  said(superFrame, { headerLength: 5000 }),
  said(superFrame, { gsoType: 4 }),
  said(superFrame, { gsoType: 5 }),
  said(superFrame, { gsoType: 0x80 }),
  said(superFrame, { checksumStart: 36 }),
  said(superFrame, { checksumOffset: 6 }),
  said(superFrame, { gsoSize: 1 }),
  said(udp({ payload: filled(4000), gsoSize: 1000 }), { gsoType: 1 }),
  said(udp({ payload: filled(4000), gsoSize: 1000 }), { gsoType: 0x85 }),
  tcp({ payload: filled(4000), gsoSize: 1000, fragment: 0x2000 }),
  said(ping(), { gsoType: 1, flags: 1, gsoSize: 10, checksumStart: 34, checksumOffset: 16 }),
]

export const metadata: readonly Vector[] = [
  {
    name: 'metadata that contradicts the frame',
    steps,
    frames: contradictions.map((frame) => fromPort(1, frame)),
    expected: contradictions.map((_, i) => `drop ${i} bad_metadata`),
  },
  {
    name: 'super-frames of kinds that can not be cut',
    steps,
    frames: [
      fromPort(1, said(superFrame, { gsoType: 3 })),
      fromPort(
        1,
        tcp({
          ...v6,
          payload: filled(4000),
          gsoSize: 1000,
          extensions: [{ type: 60, body: filled(254) }],
        }),
      ),
    ],
    expected: ['drop 0 gso_unsupported', 'drop 1 gso_unsupported'],
  },
  {
    name: 'what a tenant says of checked checksums is not passed on',
    steps,
    frames: [
      fromPort(1, said(tcp(), { flags: 2 })),
      fromPort(
        1,
        said(tcp(), {
          flags: 0xfe,
          headerLength: 54,
          gsoSize: 9,
          checksumStart: 9,
          checksumOffset: 9,
        }),
      ),
      fromPort(
        1,
        said(tcp({ payload: filled(100), gsoSize: 1000, ecn: true }), { headerLength: 0 }),
      ),
    ],
    expected: ['emit 0 port 2', 'emit 1 port 2', 'emit 2 port 2'],
  },
  {
    name: 'super-frames cut in software',
    steps: [],
    frames: [
      finish(superFrame),
      finish(tcp({ ...v6, payload: filled(2501), gsoSize: 500, flags: 0x99, ecn: true })),
      finish(
        tcp({
          payload: filled(3000),
          gsoSize: 999,
          tags: [
            { type: 0x88a8, control: 1 },
            { type: 0x8100, control: 2 },
          ],
          options: filled(12),
          tcpOptions: filled(12),
        }),
      ),
      finish(
        tcp({
          ...v6,
          payload: filled(3000),
          gsoSize: 1000,
          extensions: [{ type: 0, body: filled(14) }],
        }),
      ),
      finish(udp({ payload: filled(3000), gsoSize: 1472 })),
      finish(udp({ ...v6, payload: filled(3001), gsoSize: 1000 })),
      finish(tcp({ payload: filled(10), gsoSize: 1000 })),
      finish(tcp({ payload: filled(0), gsoSize: 1000 })),
      finishPartial(superFrame),
    ],
    expected: [
      ...Array<string>(4).fill('emit 0'),
      ...Array<string>(6).fill('emit 1'),
      ...Array<string>(4).fill('emit 2'),
      ...Array<string>(3).fill('emit 3'),
      ...Array<string>(3).fill('emit 4'),
      ...Array<string>(4).fill('emit 5'),
      'emit 6',
      'emit 7',
      ...Array<string>(4).fill('emit 8'),
    ],
  },
  {
    name: 'partial checksums completed in software, or left',
    steps: [],
    frames: [
      finish(tcp({ partial: true })),
      finish(udp({ ...v6, partial: true, payload: filled(33) })),
      finish(udp({ ...v6, partial: true, extensions: [{ type: 44, body: fragmentBody(0) }] })),
      finish(ping()),
      finishPartial(tcp({ partial: true })),
      finish({ ...ping(), bytes: filled(5) }),
      finish(said(superFrame, { gsoType: 3 })),
    ],
    expected: [
      'emit 0',
      'emit 1',
      'emit 2',
      'emit 3',
      'emit 4',
      'drop 5 too_short',
      'drop 6 gso_unsupported',
    ],
  },
]
