// Frames as text: layers by name, and whatever octets come.

import fc from 'fast-check'
import { test } from 'tap'
import { dissect } from '../../../src/wire/frame/index.js'

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const inner =
  '020000000002 020000000001 0800 4500001c000100004001b9bd 0a010001 0a010002 0800f7fd 00010001'
const outerHeaders =
  '020000000012 020000000011 0800 4500004e000040004011f000 0aff0001 0aff0002 c00012b5003a0000 0800000000277400'

test('VXLAN around a ping', async (t) => {
  const layers = dissect(bytes(outerHeaders + inner))
  t.same(
    layers.map(({ name, text }) => `${name}: ${text}`),
    [
      'ethernet: 02:00:00:00:00:11 → 02:00:00:00:00:12',
      'ipv4: 10.255.0.1 → 10.255.0.2',
      'udp: 49152 → 4789',
      'vxlan: VNI 10100',
      'ethernet: 02:00:00:00:00:01 → 02:00:00:00:00:02',
      'ipv4: 10.1.0.1 → 10.1.0.2',
      'icmp: echo request',
    ],
  )
  t.same(
    layers.map(({ offset }) => offset),
    [0, 14, 34, 42, 50, 64, 84],
  )
})

test('ARP with a tag, IPv6 with ND', async (t) => {
  const arp =
    'ffffffffffff 020000000001 8100 6064 0806 0001080006040001 020000000001 0a010001 000000000000 0a010002'
  t.same(
    dissect(bytes(arp)).map(({ name, text }) => `${name}: ${text}`),
    [
      'ethernet: 02:00:00:00:00:01 → ff:ff:ff:ff:ff:ff',
      'vlan: VLAN 100',
      'arp: who has 10.1.0.2? tell 10.1.0.1',
    ],
  )
  const nd =
    '3333ff000002 020000000001 86dd 6000000000183aff fe800000000000000000000000000001 ff0200000000000000000001ff000002 87000000 00000000 fe800000000000000000000000000002'
  t.equal(dissect(bytes(nd)).at(-1)?.text, 'who has fe80::2?')
})

test('layers follow each other and end with the frame, whatever octets come', async (t) => {
  const start = bytes(outerHeaders + inner)
  const bent = fc
    .array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
    .map((changes) => {
      const frame = Uint8Array.from(start)
      for (const [at, value] of changes) frame[at % frame.length] = value
      return frame
    })
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), bent),
      fc.nat({ max: 300 }),
      (octets, cut) => {
        const frame = octets.subarray(0, Math.max(0, octets.length - cut))
        let offset = 0
        for (const layer of dissect(frame)) {
          if (layer.offset !== offset || layer.length <= 0) return false
          offset += layer.length
        }
        return offset === frame.length
      },
    ),
    { numRuns: 3000 },
  )
  t.pass('3000 frames')
})
