// Random operations and frames: the reference model, WebAssembly and the addon must stay equal, step by step, octet by octet.

import fc from 'fast-check'
import { test } from 'tap'
import { script } from './arbitraries.js'
import { runEverywhere } from './legs.js'

/** More with CORE_RANDOM_RUNS; a failure prints the seed to repeat it with. */
const numRuns = Number(process.env['CORE_RANDOM_RUNS'] ?? 200)

test('random scripts', { timeout: 600_000 }, async (t) => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(script, (each) => {
      for (const outcome of runEverywhere(each).flat()) {
        seen.add(outcome.kind === 'emit' ? 'emit' : outcome.reason)
      }
    }),
    { numRuns, verbose: 1 },
  )
  // The generator is worth something only if its frames get everywhere.
  for (const outcome of [
    'emit',
    'suppressed',
    'unresolved',
    'split_horizon',
    'bad_metadata',
    'vxlan_flags',
  ]) {
    t.ok(seen.has(outcome), outcome)
  }
})
