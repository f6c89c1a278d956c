// Packing: every route once, as many as fit, no message too long.

import fc from 'fast-check'
import t from 'tap'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import type { RouteNlri } from '../../src/bgp/index.js'
import { writeAnnouncement, writeWithdrawal } from '../../src/bgp/update-writer.js'
import {
  decodeMessage,
  type EvpnRoute,
  evpnKey,
  initialContext,
  type Update,
} from '../../src/wire/index.js'
import { imet, macIp } from './routes.js'

const context = { ...initialContext, isIbgp: true }
const sets = new AttributeSets()
const set = sets.intern({ origin: 'igp', asPath: [], localPref: 100 }, '10.0.0.1')

function decoded(messages: readonly Uint8Array[]): Update[] {
  return messages.map((octets) => {
    const { message, problems } = decodeMessage(octets, context)
    if (message?.kind !== 'update' || problems.length > 0) throw new Error(JSON.stringify(problems))
    return message
  })
}

const anyRoute = fc.oneof(
  fc.nat(1e6).map((n) => macIp(n).nlri),
  fc.nat(1e6).map((n) => macIp(n, { ip: '10.9.9.9' }).nlri),
  fc.nat(1e6).map((n) => macIp(n, { ip: '2001:db8::1' }).nlri),
  fc.nat(250).map((n) => imet(`10.0.0.1:${n}`, '10.0.0.1').nlri),
)
const keys = (nlri: readonly RouteNlri[]) => nlri.map((one) => evpnKey(one as EvpnRoute))

t.test('mixed routes', async () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 700 }), (nlri) => {
      const plus = writeAnnouncement('evpn', nlri, set, context).messages
      const minus = writeWithdrawal('evpn', nlri, context)
      const reached = decoded(plus).flatMap(
        ({ attributes }) => (attributes.mpReach?.nlri ?? []) as EvpnRoute[],
      )
      const gone = decoded(minus).flatMap(
        ({ attributes }) => (attributes.mpUnreach?.nlri ?? []) as EvpnRoute[],
      )
      const isWhole = [reached, gone].every((got) => String(keys(got)) === String(keys(nlri)))
      const isShort = [...plus, ...minus].every(({ length }) => length <= 4096)
      return isWhole && isShort
    }),
    { numRuns: 30 },
  )
})

t.test('messages are full', async (t) => {
  const nlri = Array.from({ length: 1000 }, (_, n) => macIp(n).nlri)
  const { messages } = writeAnnouncement('evpn', nlri, set, context)
  for (const { length } of messages.slice(0, -1)) t.ok(length > 4096 - 40, `${length} octets`)
  const long = { ...context, extendedMessages: true }
  const extended = writeAnnouncement('evpn', nlri, set, long)
  t.equal(extended.messages.length, 1, 'one extended message (RFC 8654)')
  t.same(extended.tooLong, [])
})

t.test('IPv4 unicast in its own fields', async (t) => {
  const nlri = Array.from({ length: 2000 }, (_, n) => ({ prefix: `10.${n >> 8}.${n & 255}.0/24` }))
  const plus = decoded(writeAnnouncement('ipv4', nlri, set, context).messages)
  t.same(
    plus.flatMap((one) => one.nlri),
    nlri,
  )
  t.equal(plus[0]?.attributes.nextHop, '10.0.0.1')
  const minus = decoded(writeWithdrawal('ipv4', nlri, context))
  t.same(
    minus.flatMap((one) => one.withdrawn),
    nlri,
  )
})

t.test('IPv4 unicast with an IPv6 next hop (RFC 8950)', async (t) => {
  const nlri = [{ prefix: '10.1.0.0/16' }]
  const six = sets.intern({ origin: 'igp', asPath: [], localPref: 100 }, 'fe80::1')
  const updates = decoded(writeAnnouncement('ipv4', nlri, six, context).messages)
  t.match(updates[0]?.attributes.mpReach, { family: 'ipv4', nextHop: 'fe80::1', nlri })
  t.same(updates[0]?.nlri, [])
})

t.test('attributes that no message can hold', async (t) => {
  const communities = Array.from({ length: 2000 }, (_, n) => n)
  const large = sets.intern({ ...set.attributes, communities }, '10.0.0.1')
  const nlri = [macIp(1).nlri, macIp(2).nlri]
  const { messages, tooLong } = writeAnnouncement('evpn', nlri, large, context)
  t.equal(messages.length, 0)
  t.same(
    tooLong.map(({ index }) => index),
    [0, 1],
  )
})
