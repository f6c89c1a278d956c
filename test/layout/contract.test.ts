// The contract of the shared segment: generated files are fresh, padding is refused, the hash moves with what matters, bytes are as described.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'tap'
import { contractOf, generatedFiles, readDropReasons } from '../../native/layout/generate.js'
import { operations, tables, views } from '../../native/layout/layout.js'
import {
  alignmentOf,
  checkStructure,
  type FieldType,
  field,
  isSpare,
  offsets,
  type Structure,
  sizeOf,
  structureSize,
} from '../../native/layout/schema.js'
import {
  decodeEvents,
  decodeMacViews,
  dropReasons,
  encodeOperations,
  layoutHash,
  type TableOperation,
} from '../../src/fib/tables.gen.js'

const drops = readDropReasons(readFileSync('native/core/drop.def', 'utf8'))

test('the committed files are what the generator writes', async (t) => {
  for (const { path, text } of generatedFiles()) {
    t.equal(readFileSync(path, 'utf8'), text, `${path}; else run: npm run generate`)
  }
  t.equal(contractOf(drops).hash, layoutHash)
  t.same(dropReasons, drops)
  t.match(readFileSync('native/core/tables.gen.hpp', 'utf8'), `0x${layoutHash}`)
})

test('every line of drop.def is read', async (t) => {
  const lines = readFileSync('native/core/drop.def', 'utf8').match(/^DROP/gm)
  t.equal(drops.length, lines?.length)
})

test('the hash covers names, order and limits, not sentences', async (t) => {
  const { hash } = contractOf(drops)
  t.equal(contractOf(drops.map((reason) => ({ ...reason, text: 'else' }))).hash, hash)
  t.not(contractOf(drops.toReversed()).hash, hash)
  t.not(contractOf(drops.slice(1)).hash, hash)
})

const structure = (...types: readonly FieldType[]): Structure => ({
  name: 'planted',
  doc: '',
  fields: types.map((type, i) => field(`f${i}`, type, '')),
})

test('a structure that a compiler would pad is refused, with the place', async (t) => {
  t.throws(
    () => checkStructure(structure('u8', 'u32')),
    /planted\.f1: a u32 at offset 1 needs padding/,
  )
  t.throws(
    () => checkStructure(structure('u32', 'u64')),
    /planted\.f1: a u64 at offset 4 needs padding/,
  )
  t.throws(
    () => checkStructure(structure('u32', 'u8')),
    /planted: 5 bytes are no multiple of the alignment 4/,
  )
  t.doesNotThrow(() => checkStructure(structure('u8', 'u8', 'u16', 'mac', 'u16', 'ip', 'u32')))
})

test('offsets follow from sizes', async (t) => {
  const type = fc.constantFrom<FieldType>(
    'u8',
    'u16',
    'u32',
    'u64',
    'mac',
    'ip',
    'bytes5',
    'text16',
  )
  fc.assert(
    fc.property(fc.array(type, { minLength: 1, maxLength: 20 }), (types) => {
      const planted = structure(...types)
      const places = offsets(planted)
      const aligned =
        places.every(({ field: each, offset }) => offset % alignmentOf(each.type) === 0) &&
        structureSize(planted) % Math.max(...types.map(alignmentOf)) === 0
      let accepted = true
      try {
        checkStructure(planted)
      } catch {
        accepted = false
      }
      return (
        accepted === aligned &&
        structureSize(planted) === types.reduce((sum, each) => sum + sizeOf(each), 0)
      )
    }),
  )
  t.pass('accepted exactly where nothing needs padding')
})

test('rows fit the cache lines they are meant for', async (t) => {
  const sizeOfTable = (name: string): number =>
    structureSize(tables.find((each) => each.name === name)!)
  t.equal(sizeOfTable('remote'), 128)
  t.equal(4 + 5 * sizeOfTable('fdbSlot'), 64)
  t.ok(4 + 4 * sizeOfTable('neighbourSlot') <= 128)
  t.ok(4 + 5 * sizeOfTable('prefixSlot') <= 128)
  t.ok(4 + 3 * sizeOfTable('channelSlot') <= 128)
  t.equal(sizeOfTable('network'), 128)
  t.equal(sizeOfTable('nextHop'), 64)
  t.equal(sizeOfTable('group'), 192)
})

/** A value for every operation, so that each field is told from its neighbours. */
const esi = '00:01:02:03:04:05:06:07:08:09'
const samples: readonly TableOperation[] = [
  {
    op: 'networkSet',
    vni: 0x010203,
    flags: 0x11121314,
    agingSeconds: 0x21222324,
    stormFramesPerSecond: 0x31323334,
    stormBurst: 0x41424344,
    vrf: 0x51525354,
    mac: '02:03:04:05:06:07',
    address4: '10.0.0.1',
    address6: '2001:db8::1',
  },
  { op: 'networkRemove', vni: 1 },
  { op: 'portAttach', port: 1, vni: 2 },
  { op: 'floodAdd', vni: 1, flags: 2, remote: '10.0.0.1' },
  { op: 'floodRemove', vni: 1, remote: '2001:db8::1' },
  { op: 'macSetRemote', vni: 1, flags: 2, mac: '02:03:04:05:06:07', remote: '10.0.0.1' },
  { op: 'macSetLocal', vni: 1, port: 2, flags: 3, mac: '02:03:04:05:06:07' },
  { op: 'macRemove', vni: 1, flags: 2, mac: '02:03:04:05:06:07' },
  { op: 'neighbourSet', vni: 1, flags: 2, mac: '02:03:04:05:06:07', ip: '10.0.0.1' },
  { op: 'neighbourRemove', vni: 1, flags: 2, ip: 'fe80::1' },
  ...(['routeAdd', 'routeRemove'] as const).map((op) => ({
    op,
    vrf: 0x010203,
    prefix: '10.1.0.0',
    length: 112,
    kind: 4,
    vni: 0x111213,
    via: '2001:db8::1',
    mac: '02:03:04:05:06:07',
  })),
  ...(['listenerAdd', 'listenerRemove'] as const).map((op) => ({
    op,
    vni: 0x010203,
    port: 0x11121314,
    group: '239.1.1.1',
    source: '10.1.0.5',
    remote: '2001:db8::1',
  })),
  {
    op: 'nextHopSet',
    remote: '10.0.0.1',
    nextHop: '10.0.0.2',
    source: '10.0.0.3',
    ifindex: 4,
    mtu: 5,
    mac: '02:03:04:05:06:07',
    sourceMac: '02:03:04:05:06:08',
  },
  { op: 'macGroupSet', vni: 1, esi, via: '10.0.0.1', remotes: ['10.0.0.2', '2001:db8::1'] },
  { op: 'macGroupRemove', vni: 1, esi, via: 'fe80::1' },
  { op: 'macSetGroup', vni: 1, flags: 2, mac: '02:03:04:05:06:07', esi, via: '10.0.0.1' },
  { op: 'macSetPeer', vni: 1, port: 2, flags: 3, mac: '02:03:04:05:06:07' },
  { op: 'portSegmentSet', port: 1, flags: 2, peers: ['10.0.0.2'] },
  { op: 'portSegmentClear', port: 1 },
  { op: 'replicatorSet', vni: 1, remote: '10.0.0.1' },
]

test('operations are packed as the layout says', async (t) => {
  t.same(
    samples.map(({ op }) => op),
    operations.map(({ name }) => name),
    'there is a sample for each',
  )
  for (const [i, sample] of samples.entries()) {
    const packed = Buffer.from(encodeOperations([sample]))
    const described = operations[i]!
    t.equal(packed.readUInt16LE(0), i + 1)
    t.equal(packed.readUInt16LE(2), structureSize(described))
    t.equal(packed.length, 4 + structureSize(described))
    for (const { field: each, offset } of offsets(described)) {
      const at = 4 + offset
      const octets = packed.subarray(at, at + sizeOf(each.type))
      const value = (sample as unknown as Record<string, unknown>)[each.name]
      t.same(
        octets,
        isSpare(each) ? Buffer.alloc(octets.length) : octetsOf(each.type, value),
        `${sample.op}.${each.name}`,
      )
    }
  }
})

function octetsOf(type: FieldType, value: unknown): Buffer {
  const size = sizeOf(type)
  if (typeof value === 'number') {
    const octets = Buffer.alloc(size)
    octets.writeUIntLE(value, 0, size)
    return octets
  }
  if (type === 'ips16') {
    const octets = (value as string[]).map((ip) => octetsOf('ip', ip))
    return Buffer.concat([...octets, Buffer.alloc(size)], size)
  }
  const text = String(value)
  if (type === 'mac' || type === 'esi') return Buffer.from(text.replaceAll(':', ''), 'hex')
  if (text.includes('.'))
    return Buffer.from([...Array(10).fill(0), 255, 255, ...text.split('.').map(Number)])
  return Buffer.from(
    {
      '2001:db8::1': '20010db8000000000000000000000001',
      'fe80::1': 'fe800000000000000000000000000001',
    }[text]!,
    'hex',
  )
}

test('rows are read back as they lie', async (t) => {
  const row = Buffer.alloc(48)
  row.writeUInt32LE(10100, 0)
  row.writeUInt32LE(7, 4)
  row.writeUInt32LE(9, 8)
  row.write('020304050607', 12, 'hex')
  row[18] = 5
  row.write('00000000000000000000ffff0a000002', 20, 'hex')
  t.same(decodeMacViews(Buffer.concat([row, row])), [
    ...Array(2).fill({
      vni: 10100,
      port: 7,
      ageSeconds: 9,
      mac: '02:03:04:05:06:07',
      flags: 5,
      remote: '10.0.0.2',
      esi: '00:00:00:00:00:00:00:00:00:00',
    }),
  ])
  t.equal(structureSize(views.find(({ name }) => name === 'macView')!), 48)
  t.throws(() => decodeMacViews(row.subarray(1)), /expected a multiple of 48 bytes, got 47/)
  const event = Buffer.alloc(72)
  event.writeBigUInt64LE(2n ** 60n, 0)
  t.equal(decodeEvents(event)[0]?.sequence, 2n ** 60n)
})
