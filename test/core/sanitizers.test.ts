// The core with a writer and readers at once: under the thread sanitizer, and at full speed, where changes are so many that the model of
// race.cpp (native/worker/test) sees what is in place for some nanoseconds only. What damaged input does: test/fuzz.

import { test } from 'tap'
import { missing, run } from '../lab/index.js'
import { builtNative, nativeTools } from '../lab/native.js'

const raceSeconds = Number(process.env['CORE_RACE_SECONDS'] ?? 3)

for (const [name, sanitizer] of [
  ['thread sanitizer', 'thread'],
  ['full speed', 'none'],
] as const) {
  test(`what never changes is found while everything around it does: ${name}`, {
    skip: missing('g++', ...nativeTools),
    timeout: 590_000,
  }, async (t) => {
    const program = await builtNative(sanitizer, 'race')
    const text = await run([program, String(raceSeconds)], { timeoutSeconds: raceSeconds + 60 })
    t.match(text, /frames \d{3,} snapshots [1-9]\d* moves \d{3,}/)
  })
}
