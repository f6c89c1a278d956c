// Packing: every route once, as many as fit, no message too long.

import fc from 'fast-check'
import t from 'tap'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import type { RouteNlri } from '../../src/bgp/index.js'
import { UpdateWriter } from '../../src/bgp/update-writer.js'
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

function written(
  write: (sink: { send(octets: Uint8Array): void; tooLong(nlri: RouteNlri): void }) => void,
): { updates: Update[]; sizes: number[]; tooLong: RouteNlri[] } {
  const [updates, sizes, tooLong]: [Update[], number[], RouteNlri[]] = [[], [], []]
  write({
    send: (octets) => {
      const { message, problems } = decodeMessage(octets, context)
      if (message?.kind !== 'update' || problems.length > 0)
        throw new Error(JSON.stringify(problems))
      updates.push(message)
      sizes.push(octets.length)
    },
    tooLong: (nlri) => tooLong.push(nlri),
  })
  return { updates, sizes, tooLong }
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
      const plus = written((sink) => new UpdateWriter().announce('evpn', nlri, set, context, sink))
      const minus = written((sink) => new UpdateWriter().withdraw('evpn', nlri, context, sink))
      const reached = plus.updates.flatMap(
        ({ attributes }) => (attributes.mpReach?.nlri ?? []) as EvpnRoute[],
      )
      const gone = minus.updates.flatMap(
        ({ attributes }) => (attributes.mpUnreach?.nlri ?? []) as EvpnRoute[],
      )
      const isWhole = [reached, gone].every((got) => String(keys(got)) === String(keys(nlri)))
      const isShort = [...plus.sizes, ...minus.sizes].every((size) => size <= 4096)
      return isWhole && isShort
    }),
    { numRuns: 30 },
  )
})

t.test('messages are full', async (t) => {
  const nlri = Array.from({ length: 1000 }, (_, n) => macIp(n).nlri)
  const { sizes } = written((sink) => new UpdateWriter().announce('evpn', nlri, set, context, sink))
  for (const size of sizes.slice(0, -1)) t.ok(size > 4096 - 40, `${size} octets`)
  const long = { ...context, extendedMessages: true }
  let count = 0
  new UpdateWriter().announce('evpn', nlri, set, long, {
    send: () => count++,
    tooLong: () => t.fail(),
  })
  t.equal(count, 1, 'one extended message (RFC 8654)')
})

t.test('IPv4 unicast in its own fields', async (t) => {
  const nlri = Array.from({ length: 2000 }, (_, n) => ({ prefix: `10.${n >> 8}.${n & 255}.0/24` }))
  const plus = written((sink) => new UpdateWriter().announce('ipv4', nlri, set, context, sink))
  t.same(
    plus.updates.flatMap((one) => one.nlri),
    nlri,
  )
  t.equal(plus.updates[0]?.attributes.nextHop, '10.0.0.1')
  const minus = written((sink) => new UpdateWriter().withdraw('ipv4', nlri, context, sink))
  t.same(
    minus.updates.flatMap((one) => one.withdrawn),
    nlri,
  )
})

t.test('IPv4 unicast with an IPv6 next hop (RFC 8950)', async (t) => {
  const nlri = [{ prefix: '10.1.0.0/16' }]
  const six = sets.intern({ origin: 'igp', asPath: [], localPref: 100 }, 'fe80::1')
  const { updates } = written((sink) =>
    new UpdateWriter().announce('ipv4', nlri, six, context, sink),
  )
  t.match(updates[0]?.attributes.mpReach, { family: 'ipv4', nextHop: 'fe80::1', nlri })
  t.same(updates[0]?.nlri, [])
})

t.test('attributes that no message can hold', async (t) => {
  const communities = Array.from({ length: 2000 }, (_, n) => n)
  const large = sets.intern({ ...set.attributes, communities }, '10.0.0.1')
  const nlri = [macIp(1).nlri, macIp(2).nlri]
  const { updates, tooLong } = written((sink) =>
    new UpdateWriter().announce('evpn', nlri, large, context, sink),
  )
  t.equal(updates.length, 0)
  t.same(tooLong, nlri)
})

t.test(
  'what was written once is not written again, and never taken for something else',
  async (t) => {
    const writer = new UpdateWriter()
    const routes = [1, 2, 3].map((n) => macIp(n).nlri)
    const write = (nlri: readonly RouteNlri[], ctx = context): Uint8Array => {
      let octets = new Uint8Array(0)
      writer.announce('evpn', nlri, set, ctx, {
        send: (sent) => (octets = sent.slice()),
        tooLong: () => t.fail(),
      })
      return octets
    }
    const sink = (into: Uint8Array[]) => ({
      send: (sent: Uint8Array) => into.push(sent),
      tooLong: () => t.fail(),
    })
    const [first, second]: [Uint8Array[], Uint8Array[]] = [[], []]
    writer.announce('evpn', routes, set, context, sink(first))
    writer.announce('evpn', [...routes], set, { ...context }, sink(second))
    t.equal(first[0], second[0], 'the same octets')
    t.notSame(write(routes.slice(0, 2)), write(routes), 'fewer routes')
    t.notSame(write(routes.toReversed()), write(routes), 'another order')
    const asPath = [{ type: 'sequence' as const, asns: [70000] }]
    const long = sets.intern({ ...set.attributes, asPath }, '10.0.0.1')
    const [four, two]: [Uint8Array[], Uint8Array[]] = [[], []]
    writer.announce('evpn', routes, long, context, sink(four))
    writer.announce('evpn', routes, long, { ...context, fourOctetAs: false }, sink(two))
    t.notSame(four, two, 'other AS numbers')
  },
)
