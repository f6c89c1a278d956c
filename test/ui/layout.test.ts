// The picture of the topology, for any number of things: no box over another, all within the picture.

import fc from 'fast-check'
import { test } from 'tap'
import { type Box, type Item, layOut, prefixOf } from '../../src/ui/topology-layout.js'

const items = (prefix: string, most: number): fc.Arbitrary<Item[]> =>
  fc
    .array(
      fc.tuple(
        fc.integer({ min: 0, max: 0xffff }),
        fc.constantFrom('good' as const, 'warn' as const, 'bad' as const),
      ),
      { maxLength: most },
    )
    .map((list) =>
      [...new Map(list)].map(([n, tone]) => {
        const key = `${prefix}${n >> 8}.${n & 255}`
        return { key, title: key, note: '', tone }
      }),
    )

const apart = (a: Box, b: Box): boolean =>
  a.x + a.width <= b.x + 1e-6 ||
  b.x + b.width <= a.x + 1e-6 ||
  a.y + a.height <= b.y + 1e-6 ||
  b.y + b.height <= a.y + 1e-6

test('nothing overlaps, nothing is outside, and nothing is lost', async (t) => {
  const shown = fc.record({
    peers: items('10.0.', 40),
    networks: items('n', 60),
    vteps: items('10.255.', 500),
  })
  fc.assert(
    fc.property(shown, fc.integer({ min: 300, max: 2000 }), (given, width) => {
      const { peers, networks, vteps, groups, host, left, ...size } = layOut(given, width)
      const boxes = [host, ...[...peers, ...networks, ...vteps, ...groups].map(({ box }) => box)]
      for (const [i, a] of boxes.entries())
        for (const b of boxes.slice(i + 1)) if (!apart(a, b)) return false
      for (const { tiles } of groups)
        for (const [i, a] of tiles.entries())
          for (const b of tiles.slice(i + 1, i + 40)) if (!apart(a, b)) return false
      const inside = (inner: Box, outer: Box): boolean =>
        inner.x >= outer.x - 1e-6 &&
        inner.y >= outer.y - 1e-6 &&
        inner.x + inner.width <= outer.x + outer.width + 1e-6 &&
        inner.y + inner.height <= outer.y + outer.height + 1e-6
      if (!boxes.every((box) => inside(box, { x: 0, y: 0, ...size }))) return false
      if (!groups.every(({ box, tiles }) => tiles.every((tile) => inside(tile, box)))) return false
      const seen = vteps.length + groups.reduce((sum, { tiles }) => sum + tiles.length, 0)
      return (
        peers.length + left.peers === given.peers.length &&
        networks.length + left.networks === given.networks.length &&
        (left.groups > 0 || seen === given.vteps.length)
      )
    }),
    { numRuns: 200 },
  )
  t.pass('200 pictures')
})

test('prefixes of whole octets and words', async (t) => {
  t.equal(prefixOf('10.255.3.4', 3, 4), '10.255.3.0/24')
  t.equal(prefixOf('10.255.3.4', 2, 3), '10.255.0.0/16')
  t.equal(prefixOf('fd00:255::7', 3, 4), 'fd00:255::/64')
  t.equal(prefixOf('2001:db8:1:2:3:4:5:6', 3, 4), '2001:db8:1:2::/64')
  t.equal(prefixOf('::1', 3, 4), '0::/64')
})
