// The codecs of wire/frame: one description, both directions; and the functions whose exact value is a contract.

import fc from 'fast-check'
import { test } from 'tap'
import { Reader } from '../../../src/wire/codec.js'
import {
  arp,
  encoded,
  ethernet,
  extensionHeader,
  findLayers,
  finish,
  flowHash,
  fragmentHeader,
  internetChecksum,
  ipv4Header,
  ipv6Header,
  linkAddressOption,
  neighbourMessage,
  tcpHeader,
  udpHeader,
  vlanTag,
  vxlanHeader,
} from '../../../src/wire/frame/index.js'
import { filled, tcp, udp } from '../../core/frames.js'
import { ofShape } from '../bgp/support/arbitraries.js'

const codecs = {
  arp,
  ethernet,
  extensionHeader,
  fragmentHeader,
  ipv4Header,
  ipv6Header,
  linkAddressOption,
  neighbourMessage,
  tcpHeader,
  udpHeader,
  vlanTag,
  vxlanHeader,
}

test('decode(encode(value)) is the value', async (t) => {
  for (const [name, codec] of Object.entries(codecs)) {
    await t.test(name, async (t) => {
      fc.assert(
        fc.property(ofShape(codec.shape), (value) => {
          const octets = encoded(codec as never, value as never)
          const again = encoded(codec as never, codec.decode(new Reader(octets)) as never)
          return Buffer.compare(octets, again) === 0
        }),
      )
      t.pass()
    })
  }
})

test('headers of RFC texts and captures', async (t) => {
  // RFC 1071 section 3, its example words.
  t.equal(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), 0x220d)
  t.equal(internetChecksum(Uint8Array.of(1)), 0xfeff)
  const header = encoded(vxlanHeader, { flags: 8, vni: 10100 })
  t.equal(Buffer.from(header).toString('hex'), '0800000000277400')
})

test('the flow hash is a contract: these values must never change', async (t) => {
  const hashOf = (bytes: Uint8Array): number => flowHash(bytes, findLayers(bytes)!)
  t.same(
    [
      hashOf(tcp().bytes),
      hashOf(udp({ from: 'fd00::10', to: 'fd00::11' }).bytes),
      hashOf(udp({ fragment: 0x2000 }).bytes),
      hashOf(filled(60)),
    ],
    [288819815, 4292130069, 4241680288, 3750014782],
  )
})

test('every segment of a cut super-frame has right checksums, and together they are the payload', async (t) => {
  const size = fc.integer({ min: 1, max: 3000 })
  const family = fc.constantFrom({}, { from: 'fd00::10', to: 'fd00::11' })
  fc.assert(
    fc.property(
      size,
      fc.integer({ min: 1, max: 1500 }),
      family,
      fc.boolean(),
      (length, gsoSize, packet, isTcp) => {
        fc.pre(length / gsoSize < 2000)
        const payload = filled(length)
        const frame = isTcp
          ? tcp({ ...packet, payload, gsoSize })
          : udp({ ...packet, payload, gsoSize })
        const frames = finish(frame, 'complete')
        if (typeof frames === 'string') throw new Error(frames)
        const head = frame.meta.headerLength
        const parts = frames.map(({ bytes }) => Buffer.from(bytes.subarray(head)))
        if (!parts.slice(0, -1).every((part) => part.length === gsoSize)) return false
        return Buffer.concat(parts).equals(payload) && frames.every(({ bytes }) => isSummed(bytes))
      },
    ),
  )
  t.pass()
})

/** By the definition alone: all 16-bit words of pseudo header and segment add up to ones. */
function isSummed(bytes: Uint8Array): boolean {
  const { version, l3, l4, protocol } = findLayers(bytes)!
  const addresses =
    version === 4 ? bytes.subarray(l3 + 12, l3 + 20) : bytes.subarray(l3 + 8, l3 + 40)
  const body = bytes.subarray(l4)
  let sum = protocol + body.length
  for (const part of [addresses, body]) {
    for (let i = 0; i < part.length; i++) sum += part[i]! * (i % 2 === 0 ? 256 : 1)
  }
  const ip = version === 4 ? bytes.subarray(l3, l4) : new Uint8Array(0)
  const ipSum = ip.reduce((total, octet, i) => total + octet * (i % 2 === 0 ? 256 : 1), 0)
  return sum % 0xffff === 0 && ipSum % 0xffff === 0
}
