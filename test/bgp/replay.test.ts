// Plays every file of test/replay/bgp. With VTEP_REPLAY_WRITE=1 it writes the actions into the files instead: read the
// difference before you commit it.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { formatEvent } from '../../src/bgp/index.js'
import { replay, rewritten } from './replay.js'

const folder = fileURLToPath(new URL('../../../test/replay/bgp/', import.meta.url))
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))

t.ok(files.length > 0, 'there are files')

for (const name of files) {
  t.test(name, async (t) => {
    const path = join(folder, name)
    const file = readFileSync(path, 'utf8')
    if (process.env['VTEP_REPLAY_WRITE'] !== undefined) writeFileSync(path, rewritten(file))
    const { steps } = replay(readFileSync(path, 'utf8'))
    for (const { text, expected, got } of steps) t.same(got, expected, text.slice(0, 120))
    const settings = file.split('\n').find((line) => line.startsWith('{'))!
    const recorded = [settings, ...steps.map(({ event }) => formatEvent(event))].join('\n')
    t.same(
      replay(recorded).steps.map(({ got }) => got),
      steps.map(({ got }) => got),
      'a recording of the events gives the same actions',
    )
  })
}
