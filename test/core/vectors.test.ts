// The written vectors through the reference model, WebAssembly and the addon: equal octets, and what the vector says.

import { test } from 'tap'
import { dropReasons } from '../../src/fib/tables.gen.js'
import { addonMissing, deviceReasons, runEverywhere, summary } from './legs.js'
import { groups } from './vectors/index.js'

test('the addon takes part', { skip: addonMissing ?? false }, async (t) => {
  t.equal(addonMissing, undefined)
})

const seen = new Set<string>(deviceReasons)

for (const [group, vectors] of Object.entries(groups)) {
  test(group, async (t) => {
    for (const { name, vtep, steps, frames, now = 10, expected, check } of vectors) {
      await t.test(name, async (t) => {
        const script = { steps: [...steps, { now, frames }], ...(vtep && { vtep }) }
        const outcomes = runEverywhere(script).at(-1)!
        t.same(outcomes.map(summary), expected)
        check?.(outcomes)
        for (const outcome of outcomes) if (outcome.kind === 'drop') seen.add(outcome.reason)
      })
    }
  })
}

test('every reason of the core to drop a frame has a vector', async (t) => {
  t.same(
    dropReasons.filter(({ name }) => !seen.has(name)),
    [],
  )
})
