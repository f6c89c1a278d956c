// MRT records: octets as RFC 6396 draws them, and whatever is written is read again.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ZERO_ESI } from '../../../src/net/index.js'
import {
  decodeMrt,
  encodeMrt,
  type MrtRecord,
  parseExtendedCommunity,
} from '../../../src/wire/index.js'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')
const time = 0x65000000

const rows: readonly (readonly [MrtRecord, string])[] = [
  [
    {
      kind: 'peerIndex',
      routerId: '10.0.0.1',
      view: '',
      peers: [
        { routerId: '10.0.0.1', address: '10.0.0.1', asn: 65000 },
        { routerId: '10.0.0.2', address: '2001:db8::2', asn: 4200000001 },
      ],
    },
    `65000000 000d 0001 0000002e 0a000001 0000 0002 02 0a000001 0a000001 0000fde8
     03 0a000002 20010db8000000000000000000000002 fa56ea01`,
  ],
  [
    {
      kind: 'rib',
      sequence: 7,
      family: 'ipv4',
      nlri: { prefix: '10.1.0.0/16' },
      paths: [
        {
          peer: 1,
          since: time,
          nextHop: '10.0.0.2',
          attributes: { origin: 'igp', asPath: [{ type: 'sequence', asns: [65001] }] },
        },
      ],
    },
    `65000000 000d 0002 00000025 00000007 10 0a01 0001 0001 65000000 0014
     40 01 01 00 40 02 06 02 01 0000fde9 40 03 04 0a000002`,
  ],
  [
    {
      kind: 'rib',
      sequence: 8,
      family: 'evpn',
      nlri: { type: 'imet', rd: '10.0.0.2:1', ethernetTag: 0, originator: '10.0.0.2' },
      paths: [{ peer: 1, since: time, nextHop: '10.0.0.2', attributes: { origin: 'igp' } }],
    },
    `65000000 000d 0006 00000030 00000008 0019 46 03 11 00010a0000020001 00000000 20 0a000002
     0001 0001 65000000 000c 40 01 01 00 80 0e 05 04 0a000002`,
  ],
  [
    {
      kind: 'message',
      session: {
        peerAsn: 65001,
        localAsn: 65000,
        peerAddress: '10.0.0.2',
        localAddress: '10.0.0.1',
      },
      octets: Uint8Array.of(1, 2, 3),
    },
    '65000000 0010 0004 00000017 0000fde9 0000fde8 0000 0001 0a000002 0a000001 010203',
  ],
]

for (const [record, octets] of rows) {
  t.test(`octets of ${record.kind}`, async (t) => {
    t.equal(hex(encodeMrt(time, record)), octets.replace(/\s/g, ''))
    t.same([...decodeMrt(encodeMrt(time, record))], [{ seconds: time, record }])
  })
}

const ip = fc.nat(255).map((n) => `10.0.0.${n}`)
const record: fc.Arbitrary<MrtRecord> = fc
  .record({
    rd: ip.map((address) => `${address}:7`),
    n: fc.nat(255),
    vni: fc.integer({ min: 1, max: 0xffffff }),
    host: fc.option(ip, { nil: undefined }),
    peers: fc.array(fc.record({ peer: fc.nat(9), since: fc.nat(), nextHop: ip, mm: fc.nat() })),
  })
  .map(({ rd, n, vni, host, peers }) => {
    const mac = `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`
    const common = { type: 'macIp', rd, esi: ZERO_ESI, ethernetTag: 0, mac, label: vni } as const
    return {
      kind: 'rib',
      sequence: n,
      family: 'evpn',
      nlri: host === undefined ? common : { ...common, ip: host },
      paths: peers.map(({ mm, ...path }) => ({
        ...path,
        attributes: {
          origin: 'igp',
          extendedCommunities: ['encap:vxlan', `rt:65000:${vni}`, `mm:${mm}`].map(
            parseExtendedCommunity,
          ),
        },
      })),
    } as const
  })

t.test('what is written is read, and what is unknown is skipped', async () => {
  const unknown = encodeMrt(time, rows[3]![0])
  // OSPFv2, type 11.
  unknown[5] = 11
  fc.assert(
    fc.property(fc.array(record), (records) => {
      const file = Buffer.concat(records.flatMap((one) => [encodeMrt(time, one), unknown]))
      assert.deepEqual(
        [...decodeMrt(file)].map(({ record }) => record),
        records,
      )
    }),
  )
})

t.test('octets that are nothing are an error, and nothing worse', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(1, 2, 4, 6), (noise, subtype) => {
      const header = Uint8Array.of(0, 0, 0, 0, 0, 13, 0, subtype, 0, 0, 0, noise.length)
      try {
        for (const _ of decodeMrt(new Uint8Array([...header, ...noise])));
      } catch (error) {
        assert.equal((error as Error).name, 'WireError')
      }
    }),
    { numRuns: 2000 },
  )
})
