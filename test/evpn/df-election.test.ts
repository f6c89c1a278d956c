// Designated forwarders: the algorithms by themselves (RFC 7432 section 8.5, RFC 8584, RFC 9785).

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  agreedAlgorithm,
  type Candidate,
  dfAlgorithms,
  electForwarder,
  yieldingCandidacy,
} from '../../src/evpn/df-election.js'
import { compareIp, esiToBytes, ipToBytes } from '../../src/net/index.js'

const ESI = '03:02:00:00:00:00:01:00:00:01'
const always = () => true

const candidate = (address: string, change: Partial<Candidate> = {}): Candidate => ({
  address,
  algorithm: dfAlgorithms.modulo,
  preference: 0,
  dontPreempt: false,
  acInfluenced: false,
  ...change,
})

const addresses = fc.uniqueArray(
  fc.oneof(
    fc.ipV4().filter((ip) => ip !== '0.0.0.0'),
    fc.nat(0xfffe).map((n) => `2001:db8::${(n + 1).toString(16)}`),
  ),
  { minLength: 1, maxLength: 6 },
)
const claims = fc.record({
  algorithm: fc.constantFrom(0, 1, 2, 3, 2, 7),
  preference: fc.constantFrom(0, 100, 100, 65535),
  dontPreempt: fc.boolean(),
  acInfluenced: fc.boolean(),
})
const tag = fc.integer({ min: 1, max: 0xffffff })

/** Some that may or may not agree. */
const candidates = addresses.chain((all) =>
  fc
    .tuple(claims, fc.boolean(), fc.array(claims, { minLength: all.length, maxLength: all.length }))
    .map(([common, agree, each]) =>
      all.map((address, i) => ({
        ...candidate(address),
        ...each[i],
        ...(agree ? { algorithm: common.algorithm } : {}),
      })),
    ),
)

t.test('all who know the same candidates name the same one, in whatever order', async () => {
  fc.assert(
    fc.property(
      candidates.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
      ),
      tag,
      ([all, shuffled], vni) => {
        const forwarder = electForwarder(all, ESI, vni, always)
        assert.ok(forwarder !== undefined && all.includes(forwarder))
        assert.equal(electForwarder(shuffled, ESI, vni, always), forwarder)
      },
    ),
  )
})

t.test(
  'RFC 7432 section 8.5: the VNI modulo the number of VTEPs, lowest address first',
  async (t) => {
    const all = ['10.0.0.10', '10.0.0.9', '10.0.1.1'].map((address) => candidate(address))
    const names = [0, 1, 2, 3].map((i) => electForwarder(all, ESI, 10101 + i, always)?.address)
    t.same(names, ['10.0.0.9', '10.0.0.10', '10.0.1.1', '10.0.0.9'], '10101 is a multiple of 3')
  },
)

t.test('RFC 8584 section 3.2: the highest random weight, as the formula has it', async () => {
  /** The same with numbers of any size, word by word. */
  const weight = (address: string, vni: number): bigint => {
    const octets = [0, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, ...esiToBytes(ESI)]
    let crc = 0xffffffffn
    for (const octet of octets) {
      crc ^= BigInt(octet)
      for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xedb88320n : crc >> 1n
    }
    const digest = (crc ^ 0xffffffffn) % 2n ** 31n
    const server = ipToBytes(address).reduce((sum, octet) => sum * 256n + BigInt(octet), 0n)
    return (1103515245n * ((1103515245n * server + 12345n) ^ digest) + 12345n) % 2n ** 31n
  }
  fc.assert(
    fc.property(addresses, tag, (all, vni) => {
      const heaviest = [...all].sort((a, b) => {
        const [left, right] = [weight(a, vni), weight(b, vni)]
        return left === right ? compareIp(a, b) : left > right ? -1 : 1
      })[0]
      const hrw = all.map((address) => candidate(address, { algorithm: dfAlgorithms.hrw }))
      assert.equal(electForwarder(hrw, ESI, vni, always)?.address, heaviest)
    }),
  )
})

t.test('RFC 8584: who goes takes along what it had, and moves nothing else', async () => {
  fc.assert(
    fc.property(addresses, fc.nat(), tag, (all, index, vni) => {
      const hrw = all.map((address) => candidate(address, { algorithm: dfAlgorithms.hrw }))
      const before = electForwarder(hrw, ESI, vni, always)
      const gone = hrw[index % hrw.length]!
      const left = hrw.filter((each) => each !== gone)
      if (before !== gone) assert.equal(electForwarder(left, ESI, vni, always), before)
    }),
  )
})

t.test('hrw spreads networks over the VTEPs', async (t) => {
  const hrw = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
    candidate(address, { algorithm: dfAlgorithms.hrw }),
  )
  const counts = new Map<string, number>()
  for (let vni = 10_000; vni < 13_000; vni++) {
    const { address } = electForwarder(hrw, ESI, vni, always)!
    counts.set(address, (counts.get(address) ?? 0) + 1)
  }
  for (const [address, count] of counts) t.ok(count > 600, `${address} has ${count} of 3000`)
  t.equal(counts.size, 3)
})

t.test(
  'RFC 9785 section 4.1: preference, then who must not be pre-empted, then the lowest address',
  async (t) => {
    const forwarder = (algorithm: number, ...some: Partial<Candidate>[]) =>
      electForwarder(
        some.map((each, i) => candidate(`10.0.0.${i + 1}`, { algorithm, ...each })),
        ESI,
        1,
        always,
      )?.address
    const { preference, lowestPreference } = dfAlgorithms
    t.equal(forwarder(preference, { preference: 100 }, { preference: 500 }), '10.0.0.2')
    t.equal(forwarder(lowestPreference, { preference: 100 }, { preference: 500 }), '10.0.0.1')
    t.equal(forwarder(preference, {}, { dontPreempt: true }, { dontPreempt: true }), '10.0.0.2')
    t.equal(forwarder(lowestPreference, {}, { dontPreempt: true }), '10.0.0.2')
    t.equal(forwarder(preference, {}, {}), '10.0.0.1')
  },
)

t.test('RFC 8584 section 2.2: who does not agree falls back to RFC 7432', async (t) => {
  const { modulo, hrw, preference } = dfAlgorithms
  const some = (...algorithms: number[]) =>
    agreedAlgorithm(algorithms.map((algorithm) => candidate('10.0.0.1', { algorithm })))
  t.equal(some(hrw, hrw), hrw)
  t.equal(some(hrw, preference), modulo)
  t.equal(some(hrw, modulo), modulo)
  t.equal(some(31, 31), modulo, 'one that we do not have')
  t.equal(some(), modulo)
})

t.test('RFC 8584 section 4: who has no circuit is passed over, where all ask for it', async (t) => {
  const some = (acInfluenced: boolean) => [
    candidate('10.0.0.1', { acInfluenced: true }),
    candidate('10.0.0.2', { acInfluenced }),
  ]
  const isSecond = ({ address }: Candidate) => address === '10.0.0.2'
  t.equal(electForwarder(some(true), ESI, 2, isSecond)?.address, '10.0.0.2')
  t.equal(electForwarder(some(false), ESI, 2, isSecond)?.address, '10.0.0.1')
  t.equal(
    electForwarder(some(true), ESI, 2, () => false),
    undefined,
  )
  t.equal(electForwarder([], ESI, 2, always), undefined)
})

t.test('RFC 9785 section 4.3: who comes back takes nothing from whom is there', async () => {
  const algorithm = fc.constantFrom(dfAlgorithms.preference, dfAlgorithms.lowestPreference)
  const ours = fc.record({ preference: fc.nat(3), dontPreempt: fc.constant(true) })
  const theirs = fc.record({ preference: fc.nat(3), dontPreempt: fc.boolean() })
  fc.assert(
    fc.property(
      algorithm,
      ours,
      fc.array(theirs, { minLength: 1, maxLength: 4 }),
      fc.nat(4),
      (algorithm, own, others, at) => {
        const there = others.map((each, i) =>
          candidate(`10.0.0.${i + (i < at ? 1 : 2)}`, { algorithm, ...each }),
        )
        const us = candidate(`10.0.0.${at + 1}`, { algorithm, ...own })
        const before = electForwarder(there, ESI, 1, always)!
        const joined = { ...us, ...yieldingCandidacy(us, there) }
        const after = electForwarder([joined, ...there], ESI, 1, always)!
        if (before.dontPreempt) assert.equal(after.address, before.address)
        else assert.deepEqual(joined, us, 'who may be pre-empted is')
      },
    ),
  )
})
