// pcapng: octets as the draft draws them, whatever is written is read again, in pieces and in either order of octets, and
// Wireshark's tools understand it.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  decodePcapng,
  encodePcapng,
  LINK_ETHERNET,
  type PcapngBlock,
  PcapngReader,
} from '../../../src/wire/index.js'
import { findProgram } from '../../lab/index.js'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')
const plain = (text: string): string => text.replace(/\s/g, '')

t.test('octets', async (t) => {
  const rows: readonly (readonly [PcapngBlock, string])[] = [
    [{ block: 'section' }, '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000'],
    [
      { block: 'interface', linkType: 1, snapLength: 96, name: 'vm1' },
      `01000000 28000000 0100 0000 60000000 0200 0300 766d3100 0900 0100 09000000 00000000 28000000`,
    ],
    [
      {
        block: 'packet',
        interface: 0,
        timeNanoseconds: 0x0102030405060708n,
        length: 60,
        bytes: Uint8Array.of(1, 2, 3, 4, 5),
        comment: 'x',
        direction: 'out',
        id: 7n,
      },
      `06000000 48000000 00000000 04030201 08070605 05000000 3c000000 0102030405000000
       0100 0100 78000000 0200 0400 02000000 0500 0800 0700000000000000 00000000 48000000`,
    ],
  ]
  for (const [block, expected] of rows) t.equal(hex(encodePcapng(block)), plain(expected))
})

const text = fc.string({ minLength: 1, maxLength: 40 })
const time = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n })
const given = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T

const interfaces = fc.array(
  fc.record({
    block: fc.constant('interface' as const),
    linkType: fc.constant(LINK_ETHERNET),
    snapLength: fc.nat(0xffffff),
    name: given(text),
    description: given(text),
  }),
  { minLength: 1, maxLength: 5 },
)
const packets = (count: number) =>
  fc.record({
    block: fc.constant('packet' as const),
    interface: fc.nat(count - 1),
    timeNanoseconds: time,
    length: fc.nat(70_000),
    bytes: fc.uint8Array({ maxLength: 200 }),
    comment: given(text),
    direction: given(fc.constantFrom('in' as const, 'out' as const)),
    id: given(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
  })
const statistics = (count: number) =>
  fc.record({
    block: fc.constant('statistics' as const),
    interface: fc.nat(count - 1),
    timeNanoseconds: time,
    received: given(fc.bigInt({ min: 0n, max: 1n << 60n })),
    dropped: given(fc.bigInt({ min: 0n, max: 1n << 60n })),
    comment: given(text),
  })
const files: fc.Arbitrary<PcapngBlock[]> = interfaces.chain((all) =>
  fc
    .array(fc.oneof(packets(all.length), statistics(all.length)), { maxLength: 8 })
    .map((rest) =>
      [{ block: 'section' as const, application: 'vtep' }, ...all, ...rest].map(
        (block) => present(block) as PcapngBlock,
      ),
    ),
)

const written = (blocks: readonly PcapngBlock[]): Buffer =>
  Buffer.concat(blocks.map((block) => encodePcapng(block)))

t.test('what is written is read again, however it is cut', async (t) => {
  fc.assert(
    fc.property(files, fc.integer({ min: 1, max: 50 }), (blocks, part) => {
      const octets = written(blocks)
      t.same(decodePcapng(octets), blocks)
      const reader = new PcapngReader()
      const read: PcapngBlock[] = []
      for (let at = 0; at < octets.length; at += part)
        read.push(...reader.push(octets.subarray(at, at + part)))
      t.same(read, blocks)
      t.equal(reader.pending, 0)
    }),
    { numRuns: 150 },
  )
})

t.test('in the other order of octets, and with other time stamps', async (t) => {
  const octets = Buffer.from(
    plain(`0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
      00000001 00000014 0001 0000 00000000 00000014
      00000001 00000020 0001 0000 00000000 0009 0001 83000000 0000 0000 00000020
      00000006 00000024 00000000 00000000 00000002 00000001 00000001 ff000000 00000024
      00000006 00000024 00000001 00000000 00000002 00000001 00000001 ff000000 00000024
      00000bad 00000010 01020304 00000010`),
    'hex',
  )
  t.match(decodePcapng(octets), [
    { block: 'section' },
    { block: 'interface', linkType: 1 },
    { block: 'interface', linkType: 1 },
    { block: 'packet', timeNanoseconds: 2000n },
    { block: 'packet', timeNanoseconds: 250_000_000n },
    { block: 'other', type: 0xbad, body: Uint8Array.of(1, 2, 3, 4) },
  ])
})

t.test('what is no pcapng is refused with a place', async (t) => {
  const good = written([
    { block: 'section' },
    { block: 'interface', linkType: 1, snapLength: 0 },
    { block: 'packet', interface: 0, timeNanoseconds: 1n, length: 1, bytes: Uint8Array.of(1) },
  ])
  const broken = (change: (octets: Buffer) => void): Buffer => {
    const octets = Buffer.from(good)
    change(octets)
    return octets
  }
  const rows: readonly (readonly [string, Buffer, number])[] = [
    ['a pcap', Buffer.from('d4c3b2a1020004000000000000000000', 'hex'), 0],
    ['the end of a block', good.subarray(0, good.length - 4), 60],
    ['its second length', broken((octets) => octets.writeUInt32LE(99, octets.length - 4)), 60],
    ['a packet longer than its block', broken((octets) => octets.writeUInt32LE(99, 60 + 20)), 60],
    ['an interface that is not there', broken((octets) => octets.writeUInt32LE(5, 60 + 8)), 60],
    ['a length that is no multiple of 4', broken((octets) => octets.writeUInt32LE(22, 32)), 28],
  ]
  for (const [what, octets, offset] of rows)
    t.throws(() => decodePcapng(octets), { name: 'WireError', offset }, what)
})

t.test(
  'tshark and capinfos read it',
  { skip: findProgram('tshark') === undefined && 'not installed: tshark' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vt-pcapng-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'x.pcapng')
    const bytes = new Uint8Array(60).fill(2)
    writeFileSync(
      file,
      written([
        { block: 'section', application: 'vtep 1' },
        { block: 'interface', linkType: 1, snapLength: 0, name: 'vm1:from-port' },
        { block: 'interface', linkType: 1, snapLength: 96, name: 'underlay:after-encap' },
        {
          block: 'packet',
          interface: 1,
          timeNanoseconds: 1_700_000_000_123_456_789n,
          length: 1500,
          bytes,
          comment: 'point=drop reason=exceeds_mtu; too large',
          direction: 'in',
          id: 5n,
        },
        { block: 'statistics', interface: 0, timeNanoseconds: 1n, received: 1n, dropped: 9n },
      ]),
    )
    const fields = ['frame.interface_name', 'frame.comment', 'frame.time_epoch', 'frame.len']
    const read = spawnSync(
      'tshark',
      ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
      { encoding: 'utf8', env: { ...process.env, HOME: folder, TZ: 'UTC' } },
    )
    t.equal(
      read.stdout.trim(),
      'underlay:after-encap\tpoint=drop reason=exceeds_mtu; too large\t1700000000.123456789\t1500',
      read.stderr,
    )
    if (findProgram('capinfos') === undefined) return
    const info = spawnSync('capinfos', [file], { encoding: 'utf8' })
    t.equal(info.status, 0, info.stderr)
    t.match(info.stdout, /Name = vm1:from-port/)
    t.match(info.stdout, /Number of packets: +1/)
    t.match(info.stdout, /vtep 1/)
  },
)
