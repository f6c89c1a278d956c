// Properties over the registries: what is registered is covered.

import fc from 'fast-check'
import t from 'tap'
import { attributeTypes } from '../../../src/wire/bgp/attribute/index.js'
import { capabilityTypes, decodeCapability } from '../../../src/wire/bgp/capability/index.js'
import { communityTypes, extendedCommunity } from '../../../src/wire/bgp/community/index.js'
import {
  decodeEvpnRoutes,
  type EvpnRoute,
  encodeEvpnRoutes,
  routeTypes,
} from '../../../src/wire/bgp/evpn/index.js'
import {
  decodeMessage,
  type ExtendedCommunity,
  encodeMessage,
  evpnKey,
  formatEvpnRoute,
  formatExtendedCommunity,
  initialContext,
  type Message,
  parseExtendedCommunity,
  type WireContext,
} from '../../../src/wire/bgp/index.js'
import { messageTypes } from '../../../src/wire/bgp/message/index.js'
import { Reader, Writer } from '../../../src/wire/codec.js'
import { WireError } from '../../../src/wire/error.js'
import { evpnRoute, messages, ofShape, pathAttributes } from './support/arbitraries.js'
import { meaning, plain } from './support/plain.js'

const context: WireContext = { ...initialContext, extendedMessages: true }
const addPath: WireContext = { ...context, addPath: ['evpn', 'ipv4', 'ipv6', 'rtc'] }
const contexts = [
  context,
  addPath,
  { ...context, fourOctetAs: false },
  { ...addPath, isIbgp: true },
]

/** Decodes what `encode` writes. */
function octetsOf(encode: (w: Writer) => void): Uint8Array {
  const w = new Writer()
  encode(w)
  return w.finish()
}

/** A value or a WireError; any other exception fails the property. */
function valueOrWireError(decode: () => unknown): void {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
}

for (const row of messageTypes) {
  t.test(`message ${row.kind}: decode(encode(x)) is x`, async (t) => {
    fc.assert(
      fc.property(messages[row.kind], (message) => {
        const octets = encodeMessage(message, context)
        const decoded = decodeMessage(octets, context)
        t.same(meaning(decoded.message), meaning(message))
        t.same(encodeMessage(decoded.message!, context), octets, 'as received, octet for octet')
      }),
      { numRuns: 200 },
    )
  })

  t.test(`message ${row.kind}: any body gives a message or a problem`, async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...contexts), (body, ctx) => {
        const length = 19 + body.length
        const header = [...new Uint8Array(16).fill(0xff), length >> 8, length & 0xff, row.code]
        whole(Uint8Array.from([...header, ...body]), ctx)
      }),
      { numRuns: 1000 },
    )
  })

  t.test(`message ${row.kind}: one octet changed gives a message or a problem`, async () => {
    const changed = fc.tuple(
      messages[row.kind],
      fc.nat(),
      fc.nat(255),
      fc.constantFrom(...contexts),
    )
    fc.assert(
      fc.property(changed, ([message, at, octet, ctx]) => {
        const octets = encodeMessage(message, context)
        octets[at % octets.length] = octet
        whole(octets, ctx)
        whole(octets.subarray(0, at % octets.length), ctx)
      }),
      { numRuns: 500 },
    )
  })
}

/** decodeMessage never throws, and without a message it says what to send. What it gives can be encoded. */
function whole(octets: Uint8Array, ctx: WireContext): void {
  const { message, problems } = decodeMessage(octets, ctx)
  const reset = problems.find((problem) => problem.verdict === 'session-reset')
  if (message === undefined && reset?.notification === undefined) {
    throw new Error('neither a message nor a NOTIFICATION to send')
  }
  for (const { verdict, notification, family } of problems) {
    const strong = verdict === 'session-reset' || verdict === 'disable-afi-safi'
    if (strong && notification === undefined) throw new Error(`${verdict} without NOTIFICATION`)
    if (verdict === 'disable-afi-safi' && family === undefined) throw new Error('which family?')
  }
  if (message !== undefined) again(message, ctx)
}

function again(message: Message, ctx: WireContext): void {
  const octets = encodeMessage(message, ctx)
  const decoded = decodeMessage(octets, ctx).message
  const before = JSON.stringify(plain(message))
  const after = JSON.stringify(plain(decoded))
  // A reset drops attributes from the record of what was received only, so compare what was read.
  if (before !== after && JSON.stringify(meaning(message)) !== JSON.stringify(meaning(decoded))) {
    throw new Error(`decodes differently the second time: ${before} ${after}`)
  }
}

for (const row of routeTypes) {
  const type = row as { readonly fields: { readonly shape: Parameters<typeof ofShape>[0] } }
  t.test(`EVPN route type ${row.code} ${row.name}`, async (t) => {
    const routes = ofShape(type.fields.shape)
      .map((value) => ({ type: row.name, ...(value as object) }) as unknown as EvpnRoute)
      .filter((route) => row.check?.(route as never) === undefined)
    fc.assert(
      fc.property(routes, fc.option(fc.nat(), { nil: undefined }), (fields, pathId) => {
        const route = pathId === undefined ? fields : { ...fields, pathId }
        const withPathId = pathId !== undefined
        const octets = octetsOf((w) => encodeEvpnRoutes(w, [route], withPathId))
        const decoded = decodeEvpnRoutes(new Reader(octets), withPathId, fail)
        t.same(decoded, [route])
        t.equal(evpnKey(decoded[0]!), evpnKey(route), 'the key is stable')
        t.match(formatEvpnRoute(route), `[${row.code}]:`)
      }),
      { numRuns: 200 },
    )
    t.same([...row.key].sort(), evpnKeyFields(row.code), 'what tells one route from another')
  })

  t.test(`EVPN route type ${row.code} ${row.name}: any body`, async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (body) => {
        const octets = Uint8Array.of(row.code, body.length, ...body)
        let broken = 0
        const routes = decodeEvpnRoutes(new Reader(octets), false, () => broken++)
        if (routes.length + broken !== 1) throw new Error('a route got lost')
      }),
      { numRuns: 1000 },
    )
  })
}

/** RFC 7432 section 7, RFC 9136 section 3.1. */
function evpnKeyFields(code: number): readonly string[] {
  const fields: { readonly [code: number]: readonly string[] } = {
    1: ['rd', 'esi', 'ethernetTag'],
    2: ['rd', 'ethernetTag', 'mac', 'ip'],
    3: ['rd', 'ethernetTag', 'originator'],
    4: ['rd', 'esi', 'originator'],
    5: ['rd', 'ethernetTag', 'prefix'],
    6: ['rd', 'ethernetTag', 'source', 'group', 'originator'],
    7: ['rd', 'esi', 'ethernetTag', 'source', 'group', 'originator'],
    8: ['rd', 'esi', 'ethernetTag', 'source', 'group', 'originator'],
  }
  return fields[code]?.toSorted() ?? []
}

function fail(broken: { readonly text: string }): void {
  throw new Error(broken.text)
}

t.test(
  'EVPN routes beside each other keep their order; different keys are different routes',
  async (t) => {
    fc.assert(
      fc.property(fc.array(evpnRoute, { maxLength: 6 }), (routes) => {
        const octets = octetsOf((w) => encodeEvpnRoutes(w, routes, false))
        t.same(decodeEvpnRoutes(new Reader(octets), false, fail), routes)
      }),
      { numRuns: 200 },
    )
  },
)

for (const row of attributeTypes) {
  const value = row.value as unknown as {
    readonly shape: Parameters<typeof ofShape>[0]
    decode(r: Reader, ctx: unknown): unknown
    encode(w: Writer, value: unknown, ctx: WireContext): void
  }
  const attributeContext = { ...context, onBrokenRoute: () => {} }
  t.test(`attribute ${row.name}`, async (t) => {
    fc.assert(
      fc.property(ofShape(value.shape), (x) => {
        const octets = octetsOf((w) => value.encode(w, x, context))
        const r = new Reader(octets)
        t.same(plain(value.decode(r, attributeContext)), plain(x))
        r.finish()
      }),
      { numRuns: 200 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        valueOrWireError(() => value.decode(new Reader(octets), attributeContext))
      }),
      { numRuns: 500 },
    )
  })
}

t.test('attributes of two-octet speakers', async (t) => {
  const ctx = { ...context, fourOctetAs: false }
  const asPath = [{ type: 'sequence' as const, asns: [65000, 4200000000, 1] }]
  const message: Message = { kind: 'update', withdrawn: [], attributes: { asPath }, nlri: [] }
  const decoded = decodeMessage(encodeMessage(message, ctx), ctx).message
  t.match(decoded, { attributes: { asPath: [{ asns: [65000, 23456, 1] }] } })
})

t.test(
  'attributes keep the order and flags they came with, and take the registry’s without',
  async (t) => {
    fc.assert(
      fc.property(pathAttributes, fc.infiniteStream(fc.nat(1000)), (attributes, stream) => {
        const rows = attributeTypes.filter((row) => attributes[row.name] !== undefined)
        const keys = new Map(rows.map((row) => [row.code, stream.next().value ?? 0]))
        const asReceived = rows
          .map((row) => ({ code: row.code, flags: row.flags | 0x10 }))
          .sort((a, b) => keys.get(a.code)! - keys.get(b.code)!)
        const message: Message = {
          kind: 'update',
          withdrawn: [],
          attributes: { ...attributes, asReceived },
          nlri: [],
        }
        const decoded = decodeMessage(encodeMessage(message, context), context).message
        t.same(decoded?.kind === 'update' && decoded.attributes.asReceived, asReceived)
      }),
      { numRuns: 100 },
    )
  },
)

for (const row of capabilityTypes) {
  t.test(`capability ${row.name}: any value is read or kept`, async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
        const octets = Uint8Array.of(row.code, value.length, ...value)
        decodeCapability(new Reader(octets), () => {})
      }),
      { numRuns: 500 },
    )
  })
}

for (const row of communityTypes) {
  t.test(`extended community ${row.name}`, async (t) => {
    const values = ofShape(row.octets.shape).map(
      (value) => ({ type: row.name, ...(value as object) }) as unknown as ExtendedCommunity,
    )
    fc.assert(
      fc.property(values, (value) => {
        const octets = octetsOf((w) => extendedCommunity.encode(w, value))
        t.equal(octets.length, 8)
        t.same(extendedCommunity.decode(new Reader(octets)), value)
        t.same(parseExtendedCommunity(formatExtendedCommunity(value)), value, 'text')
        t.same(JSON.parse(JSON.stringify(value)), value, 'JSON')
      }),
      { numRuns: 200 },
    )
  })
}

t.test('any eight octets are an extended community with a text', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (octets) => {
      const value = extendedCommunity.decode(new Reader(octets))
      t.same(parseExtendedCommunity(formatExtendedCommunity(value)), value)
    }),
    { numRuns: 1000 },
  )
})

t.test('codes and names are registered once', async (t) => {
  const once = (values: readonly unknown[]) => t.equal(new Set(values).size, values.length)
  for (const rows of [attributeTypes, capabilityTypes, routeTypes]) {
    once(rows.map((row) => row.code))
    once(rows.map((row) => row.name))
  }
  once(communityTypes.flatMap((row) => row.codes))
  once(communityTypes.map((row) => row.word))
})
