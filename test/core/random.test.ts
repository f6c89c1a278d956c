// Random operations and frames: the reference model, WebAssembly and the addon must stay equal, step by step, octet by octet.

import fc from 'fast-check'
import { test } from 'tap'
import { dropReasons } from '../../src/fib/tables.gen.js'
import { script } from './arbitraries.js'
import { deviceReasons, runEverywhere } from './legs.js'

/** More with CORE_RANDOM_RUNS; a failure prints the seed to repeat it with. */
const numRuns = Number(process.env['CORE_RANDOM_RUNS'] ?? 200)

test('random scripts', async (t) => {
  fc.assert(
    fc.property(script, (each) => {
      runEverywhere(each)
    }),
    { numRuns, verbose: 1 },
  )
  t.pass(`${numRuns} scripts, every build equal`)
})

/** The generator is worth something only if its frames get everywhere; one seed, so that this does not depend on luck. */
test('random frames get past the first check', async (t) => {
  const seen = new Set<string>()
  for (const each of fc.sample(script, { numRuns: 500, seed: 2 })) {
    for (const outcome of runEverywhere(each).flat()) {
      seen.add(outcome.kind === 'emit' ? 'emit' : outcome.reason)
    }
  }
  const missed = dropReasons.filter(({ name }) => !seen.has(name)).map(({ name }) => name)
  t.same(missed, deviceReasons)
})
