// TCP segments that follow each other reach a port that takes super-frames as one. Whatever is joined, cutting it again gives back what was
// sent: held against a second port that takes no super-frames and so gets every segment as it was.

import t from 'tap'
import type { RingFrame } from '../../src/io/ring-frames.js'
import { until } from '../lab/wait.js'
import { checksumsRight, layer4, pattern, superTcp, tcp, tcpParts } from './frames.js'
import { startRings } from './rings.js'

const flow = { sourceMac: '02:00:00:00:00:0a', destinationMac: 'ff:ff:ff:ff:ff:ff' }

/** As a device would: the segments of a super-frame, or the frame itself. */
function cut({ bytes, gsoType, gsoSize }: Required<RingFrame>): Uint8Array[] {
  if (gsoType === 0) return [bytes]
  const { sequence, flags, payload } = tcpParts(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const segments: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += gsoSize) {
    const last = at + gsoSize >= payload.length
    segments.push(
      tcp(flow, payload.subarray(at, at + gsoSize), {
        sequence: sequence + at,
        flags: last ? flags : flags & ~8,
        sourcePort: view.getUint16(layer4),
        acknowledgement: view.getUint32(layer4 + 8),
      }),
    )
  }
  return segments
}

/** A super-frame is a promise; this checks that a device can keep it. */
function isSound(frame: Required<RingFrame>): boolean {
  if (frame.gsoType === 0) return checksumsRight(frame.bytes)
  const { bytes, flags, gsoType, headerLength, checksumStart, checksumOffset } = frame
  const whole = superTcp(flow, tcpParts(bytes).payload, frame.gsoSize)
  return (
    flags === 1 &&
    gsoType === 1 &&
    headerLength === layer4 + 20 &&
    checksumStart === layer4 &&
    checksumOffset === 16 &&
    // Length, IPv4 checksum and pseudo-header sum are those of a frame made whole.
    Buffer.compare(bytes.subarray(16, 18), whole.bytes.subarray(16, 18)) === 0 &&
    Buffer.compare(bytes.subarray(24, 26), whole.bytes.subarray(24, 26)) === 0 &&
    Buffer.compare(
      bytes.subarray(layer4 + 16, layer4 + 18),
      whole.bytes.subarray(layer4 + 16, layer4 + 18),
    ) === 0
  )
}

t.test('joins what was cut, byte for byte', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const whole = await open('whole')
  const payload = pattern(20 * 1000 + 17)
  const segments = Array.from({ length: 21 }, (_, i) =>
    tcp(flow, payload.subarray(i * 1000, (i + 1) * 1000), {
      sequence: 1000 + i * 1000,
      flags: i === 20 ? 0x18 : 0x10,
    }),
  )
  // How many frames of a batch the worker finds at its first look is a matter of luck: try again.
  let fewest = segments.length
  for (let attempt = 0; attempt < 200 && fewest > 1; attempt++) {
    await dataplane.ringSend(
      a,
      segments.map((bytes) => ({ bytes })),
    )
    const got: Required<RingFrame>[] = []
    await until(
      'all of the payload',
      async () => {
        got.push(...(await dataplane.ringReceive(whole)))
        const bytes = got.reduce((sum, each) => sum + tcpParts(each.bytes).payload.length, 0)
        return bytes >= payload.length
      },
      { everySeconds: 0.002 },
    )
    t.ok(got.every(isSound))
    t.same(
      got.flatMap(cut).map((each) => Buffer.from(each)),
      segments.map((each) => Buffer.from(each)),
    )
    fewest = Math.min(fewest, got.length)
  }
  t.ok(fewest <= 3, `21 segments arrived as ${fewest} frames at best`)
  await receive(whole, 0)
})

t.test('never changes what tenants see', { timeout: 60_000 }, async (t) => {
  const { dataplane, open } = await startRings(t)
  const a = await open('a')
  const whole = await open('whole')
  const plain = await open('plain', { offloads: 'no' })
  let random = 12345
  const below = (limit: number): number => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    return (random >>> 8) % limit
  }
  let joined = 0
  for (let round = 0; round < 150; round++) {
    const sequences = [1000, 2000, 3000]
    const frames: RingFrame[] = []
    for (let i = 0; i < 40; i++) {
      const n = below(3)
      const payload = pattern([0, 100, 100, 100, 100, 60, 101][below(7)]!)
      const bytes = tcp(flow, payload, {
        sequence: sequences[n]! + (below(12) === 0 ? 5 : 0),
        flags: [0x10, 0x10, 0x10, 0x10, 0x10, 0x18, 0x11, 0x50, 0x02][below(9)]!,
        sourcePort: 40000 + n,
        acknowledgement: below(15) === 0 ? 78 : 77,
      })
      sequences[n]! += payload.length
      // A checksum that is wrong has to stay wrong.
      if (below(20) === 0) bytes[bytes.length - 1]! ^= 1
      frames.push({ bytes })
    }
    await dataplane.ringSend(a, frames)
    const got = { whole: [] as Required<RingFrame>[], plain: [] as Required<RingFrame>[] }
    const segments = (): Uint8Array[] => got.whole.flatMap(cut)
    await until(
      'both ports have all',
      async () => {
        got.whole.push(...(await dataplane.ringReceive(whole)))
        got.plain.push(...(await dataplane.ringReceive(plain)))
        return got.plain.length === frames.length && segments().length >= frames.length
      },
      { everySeconds: 0.002 },
    )
    // Flows may pass each other; within a flow nothing may.
    for (const n of [0, 1, 2]) {
      const ofFlow = (all: readonly Uint8Array[]): Buffer[] =>
        all
          .map((each) => Buffer.from(each))
          .filter((each) => each.readUInt16BE(layer4) === 40000 + n)
      const expected = ofFlow(got.plain.map(({ bytes }) => bytes))
      if (Buffer.compare(Buffer.concat(ofFlow(segments())), Buffer.concat(expected)) !== 0) {
        t.same(ofFlow(segments()), expected, `round ${round}, flow ${n}`)
      }
    }
    joined += frames.length - got.whole.length
  }
  t.ok(joined > 300, `${joined} of 6000 frames were joined to others`)
})
