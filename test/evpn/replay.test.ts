// Every file of replay/ is a rule, shown by events and what has to follow from them.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { replay } from './replay.js'

// Compiled, this file is in dist; the recordings stay where they are.
const folder = join(process.cwd(), 'test/evpn/replay')

for (const name of readdirSync(folder).sort()) {
  const { title, expectations, left } = replay(readFileSync(join(folder, name), 'utf8'))
  t.test(`${name}: ${title}`, async (t) => {
    t.ok(expectations.length > 0, 'expects something')
    for (const { line, expected, got } of expectations) {
      t.strictSame(got, expected, `${name}:${line}`)
    }
    t.strictSame(left, [], 'all actions were expected')
  })
}
