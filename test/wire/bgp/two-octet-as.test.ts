import fc from 'fast-check'
import t from 'tap'
import {
  type AsPath,
  asPathLength,
  decodeMessage,
  encodeMessage,
  initialContext,
  type PathAttributes,
  withAs4,
  withoutAs4,
} from '../../../src/wire/bgp/index.js'

const old = { ...initialContext, fourOctetAs: false }
const sequence = (...asns: number[]) => ({ type: 'sequence' as const, asns })

/** What a two-octet speaker that passes the attributes on makes of them. */
function overOldSpeaker(attributes: PathAttributes): PathAttributes {
  const update = {
    kind: 'update',
    withdrawn: [],
    attributes: withAs4(attributes, old),
    nlri: [],
  } as const
  const { message } = decodeMessage(encodeMessage(update, old), old)
  return message?.kind === 'update' ? message.attributes : {}
}

t.test('a path that crosses a two-octet speaker comes back', async (t) => {
  const asn = fc.constantFrom(1, 65000, 4200000000, 70000)
  const segment = fc.record({
    type: fc.constantFrom('sequence' as const, 'set' as const),
    asns: fc.array(asn, { minLength: 1, maxLength: 4 }),
  })
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 4 }), asn, (asPath, asn) => {
      const aggregator = { asn, address: '10.0.0.1' }
      const back = withoutAs4(overOldSpeaker({ asPath, aggregator }), old)
      t.same(back.asPath, asPath)
      t.same(back.aggregator, aggregator)
    }),
  )
})

t.test('AS that the two-octet speakers prepended stay in front', async (t) => {
  const merged = (asPath: AsPath, as4Path: AsPath) => withoutAs4({ asPath, as4Path }, old).asPath
  t.same(merged([sequence(64512, 23456, 65000)], [sequence(4200000000, 65000)]), [
    sequence(64512, 4200000000, 65000),
  ])
  const set = { type: 'set' as const, asns: [1, 2] }
  t.same(merged([set, sequence(23456)], [sequence(70000)]), [set, sequence(70000)])
  t.same(merged([sequence(1, 23456)], [set]), [sequence(1), set])
  const confederation = { type: 'confedSequence' as const, asns: [65001] }
  t.same(merged([confederation, sequence(23456)], [confederation, sequence(70000)]), [
    confederation,
    sequence(70000),
  ])
  t.same(merged([sequence(1)], [sequence(70000, 2)]), [sequence(1)], 'a longer AS4_PATH is ignored')
  const long = Array.from({ length: 200 }, (_, i) => i + 1)
  t.equal(
    asPathLength(
      merged([sequence(...long, ...long.slice(0, 50)), sequence(...long)], [sequence(...long)])!,
    ),
    450,
  )
})

t.test('an AGGREGATOR that is not AS_TRANS makes both AS4 attributes stale', async (t) => {
  const attributes: PathAttributes = {
    asPath: [sequence(23456)],
    as4Path: [sequence(70000)],
    aggregator: { asn: 65000, address: '10.0.0.1' },
    as4Aggregator: { asn: 70000, address: '10.0.0.2' },
  }
  const { asPath, aggregator } = attributes
  t.same(withoutAs4(attributes, old), { asPath, aggregator })
  t.same(withoutAs4(attributes, initialContext), { asPath, aggregator }, 'a four-octet speaker')
  t.same(withAs4(attributes, initialContext), { asPath, aggregator })
})

t.test('path length: a set is one, confederations none', async (t) => {
  const path: AsPath = [
    { type: 'confedSequence', asns: [1, 2] },
    { type: 'confedSet', asns: [1] },
    sequence(1, 2, 3),
    { type: 'set', asns: [1, 2, 3] },
  ]
  t.equal(asPathLength(path), 4)
})
