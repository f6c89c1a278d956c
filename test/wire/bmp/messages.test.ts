// BMP messages: octets as RFC 7854 draws them, and whatever is written is read again.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type BmpMessage, type BmpPeer, decodeBmp, encodeBmp } from '../../../src/wire/index.js'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')

t.test('octets', async (t) => {
  const rows: readonly (readonly [BmpMessage, string])[] = [
    [
      { kind: 'initiation', information: [{ type: 2, text: 'h1' }] },
      '03 0000000c 04 0002 0002 6831',
    ],
    [{ kind: 'termination' }, '03 0000000c 05 0001 0002 0000'],
    [
      {
        kind: 'peerDown',
        peer: { view: 'postPolicy', address: '2001:db8::1', asn: 4200000001, routerId: '10.0.0.2' },
        reason: 2,
        data: new Uint8Array(2),
      },
      `03 00000033 02 00 c0 0000000000000000 20010db8000000000000000000000001 fa56ea01 0a000002
       00000000 00000000 02 0000`,
    ],
    [
      {
        kind: 'statistics',
        peer: { view: 'locRib', asn: 65000, routerId: '10.0.0.1' },
        statistics: [
          { type: 8, value: 2n ** 32n + 5n },
          { type: 10, value: 3n, afiSafi: { afi: 25, safi: 70 } },
          { type: 0, value: 7 },
        ],
      },
      `03 00000057 01 03 00 0000000000000000 00000000000000000000000000000000 0000fde8 0a000001
       00000000 00000000 00000003 0008 0008 0000000100000005 000a 000b 0019 46 0000000000000003
       0000 0004 00000007`,
    ],
  ]
  for (const [message, octets] of rows) {
    t.equal(hex(encodeBmp(message)), octets.replace(/\s/g, ''), message.kind)
    t.same(decodeBmp(encodeBmp(message))?.message, message)
  }
})

const octets = (most: number) => fc.uint8Array({ maxLength: most })
const ip4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => `10.${parts.join('.')}`)
const peer: fc.Arbitrary<BmpPeer> = fc.oneof(
  fc.record({
    view: fc.constantFrom('prePolicy' as const, 'postPolicy' as const),
    address: fc.oneof(ip4, fc.constant('2001:db8::2')),
    asn: fc.nat(),
    routerId: ip4,
  }),
  fc.record({ view: fc.constant('locRib' as const), asn: fc.nat(), routerId: ip4 }),
)
const information = fc.array(fc.record({ type: fc.nat(0xffff), text: fc.string() }))
/** A BGP message as far as BMP looks: its length behind the marker. */
const open = octets(100).map((body) => {
  const message = new Uint8Array(19 + body.length).fill(0xff)
  message.set([0, message.length, 1, ...body], 16)
  return message
})
const message: fc.Arbitrary<BmpMessage> = fc.oneof(
  fc.record({ kind: fc.constant('initiation' as const), information }),
  fc.record({
    kind: fc.constant('peerUp' as const),
    peer,
    localAddress: ip4,
    localPort: fc.nat(0xffff),
    remotePort: fc.nat(0xffff),
    sentOpen: open,
    receivedOpen: open,
    information,
  }),
  fc.record({
    kind: fc.constant('peerDown' as const),
    peer,
    reason: fc.nat(6),
    data: octets(30),
  }),
  fc.record({ kind: fc.constant('routeMonitoring' as const), peer, update: octets(100) }),
)

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(message, octets(10), (one, behind) => {
      // Both addresses of a Peer Up are of the peer's family.
      if (one.kind === 'peerUp' && one.peer.address?.includes(':') === true)
        one = { ...one, localAddress: '2001:db8::1' }
      const written = encodeBmp(one)
      const { message, rest } = decodeBmp(new Uint8Array([...written, ...behind]))!
      assert.deepEqual(message, structuredClone(one))
      assert.deepEqual(rest, behind)
      for (let length = 0; length < written.length; length += 7)
        assert.equal(decodeBmp(written.subarray(0, length)), undefined, 'not whole yet')
    }),
  )
})

t.test('octets that are nothing are an error, and nothing worse', async () => {
  fc.assert(
    fc.property(octets(80), (noise) => {
      try {
        decodeBmp(noise)
      } catch (error) {
        assert.equal((error as Error).name, 'WireError')
      }
    }),
    { numRuns: 2000 },
  )
})
