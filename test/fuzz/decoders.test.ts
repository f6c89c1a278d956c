// Whatever octets come: no decoder throws anything but what it says, hangs, or makes much of little; and a hostile peer
// costs nobody but itself its session. Longer: FUZZ_SECONDS=600; the same again: FUZZ_SEED=number; one: FUZZ_TARGET=BMP.

import tap, { test } from 'tap'
import { fuzz } from './mutation.js'
import { targets } from './targets.js'

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 20)
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

tap.setTimeout((seconds + 60) * targets.length * 1000)

for (const target of targets) {
  if (!target.name.includes(process.env['FUZZ_TARGET'] ?? '')) continue
  test(target.name, { timeout: (seconds + 60) * 1000 }, async (t) => {
    const { runs, outcomes, slowestMilliseconds } = await fuzz(target, seconds, seed)
    t.ok(runs > 100, `${runs} runs`)
    t.comment(`${runs} runs, ${outcomes} outcomes, slowest ${slowestMilliseconds.toFixed(1)} ms`)
  })
}
