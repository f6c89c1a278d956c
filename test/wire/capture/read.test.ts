// Capture files: what tcpdump and Wireshark write, what somebody has cut or bent.

import fc from 'fast-check'
import { test } from 'tap'
import { readCapture } from '../../../src/wire/capture/index.js'

type Part = readonly ['u16' | 'u32', number] | Uint8Array

function octets(little: boolean, ...parts: readonly Part[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => {
      if (part instanceof Uint8Array) return part
      const [kind, value] = part
      const out = Buffer.alloc(kind === 'u16' ? 2 : 4)
      if (kind === 'u16') little ? out.writeUInt16LE(value) : out.writeUInt16BE(value)
      else little ? out.writeUInt32LE(value) : out.writeUInt32BE(value)
      return out
    }),
  )
}

const u16 = (value: number): Part => ['u16', value]
const u32 = (value: number): Part => ['u32', value]
const padded = (value: Uint8Array): Uint8Array =>
  Buffer.concat([value, Buffer.alloc(-value.length & 3)])

function pcap(little: boolean, nanoseconds: boolean, frames: readonly Uint8Array[]): Uint8Array {
  const head = octets(
    little,
    u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4),
    u16(2),
    u16(4),
    u32(0),
    u32(0),
    u32(65535),
    u32(1),
  )
  const records = frames.map((frame, i) =>
    octets(little, u32(1000 + i), u32(7), u32(frame.length), u32(frame.length + 3), frame),
  )
  return Buffer.concat([head, ...records])
}

function block(little: boolean, type: number, ...parts: readonly Part[]): Uint8Array {
  const body = octets(little, ...parts)
  const length = u32(body.length + 12)
  return octets(little, u32(type), length, body, length)
}

const option = (little: boolean, code: number, value: Uint8Array): Uint8Array =>
  octets(little, u16(code), u16(value.length), padded(value))

function pcapng(
  little: boolean,
  frames: readonly Uint8Array[],
  comment = 'dropped: storm',
): Uint8Array {
  const name = Buffer.from('vm1')
  return Buffer.concat([
    block(little, 0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff)),
    block(
      little,
      1,
      u16(1),
      u16(0),
      u32(0),
      option(little, 2, name),
      option(little, 9, Uint8Array.of(9)),
      u32(0),
    ),
    block(little, 0x0bad, u32(1)),
    ...frames.map((frame, i) =>
      block(
        little,
        6,
        u32(0),
        u32(0),
        u32(1000 + i),
        u32(frame.length),
        u32(frame.length),
        padded(frame),
        option(little, 1, Buffer.from(comment)),
        u32(0),
      ),
    ),
  ])
}

const someFrames = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 6 })

test('pcap in both orders and both units', async (t) => {
  fc.assert(
    fc.property(someFrames, fc.boolean(), fc.boolean(), (frames, little, nanoseconds) => {
      const read = readCapture(pcap(little, nanoseconds, frames))
      t.ok('frames' in read && read.problem === undefined && read.format === 'pcap')
      if (!('frames' in read)) return
      t.same(
        read.frames.map((frame) => [...frame.octets]),
        frames.map((frame) => [...frame]),
      )
      for (const [i, frame] of read.frames.entries()) {
        t.equal(frame.time, BigInt(1000 + i) * 1_000_000_000n + (nanoseconds ? 7n : 7000n))
        t.equal(frame.length, frame.octets.length + 3)
        t.equal(frame.linkType, 1)
      }
    }),
    { numRuns: 30 },
  )
})

test('pcapng in both orders, with names, units and comments', async (t) => {
  fc.assert(
    fc.property(someFrames, fc.boolean(), (frames, little) => {
      const read = readCapture(pcapng(little, frames))
      t.ok('frames' in read && read.problem === undefined && read.format === 'pcapng')
      if (!('frames' in read)) return
      t.same(
        read.frames.map((frame) => [...frame.octets]),
        frames.map((frame) => [...frame]),
      )
      for (const [i, frame] of read.frames.entries()) {
        t.match(frame, {
          number: i + 1,
          ifname: 'vm1',
          comments: ['dropped: storm'],
          time: BigInt(1000 + i),
        })
      }
    }),
    { numRuns: 30 },
  )
})

test('a file that was cut gives the frames before, and says where', async (t) => {
  const frames = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)]
  for (const whole of [pcap(true, false, frames), pcapng(false, frames)]) {
    const read = readCapture(whole.subarray(0, whole.length - 1))
    t.ok('frames' in read)
    if (!('frames' in read)) continue
    t.equal(read.frames.length, 1)
    t.match(read.problem, /: expected it whole, got the end of the file/)
  }
  t.match(readCapture(Uint8Array.of(1)), { problem: /less than 4 octets/ })
  t.match(readCapture(Buffer.from('GIF89a')), { problem: /begins with 47494638/ })
})

test('whatever octets come, it ends with frames or a sentence', async (t) => {
  const bent = fc
    .tuple(
      fc.boolean(),
      fc.boolean(),
      someFrames,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
    )
    .map(([ng, little, frames, changes]) => {
      const file = Uint8Array.from(ng ? pcapng(little, frames) : pcap(little, false, frames))
      for (const [at, value] of changes) file[at % file.length] = value
      return file
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), bent), (file) => {
      const read = readCapture(file)
      return 'frames' in read
        ? read.frames.every((frame) => frame.octets.length <= file.length)
        : read.problem !== ''
    }),
    { numRuns: 3000 },
  )
  t.pass('3000 files')
})
