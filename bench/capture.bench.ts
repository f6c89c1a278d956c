// What captures cost a worker: nanoseconds per frame of switch and egress without a tap, with one that is off, and with
// captures, by turns in one process (tools/capture). Reading the rings is another process's work, and not in it.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../test/lab/index.js'
import { emit, type Figure } from './result.js'

const trials = 7

function figures(octets: number): Figure[] {
  const program = join(root, 'build/bench/capture-cost')
  const lines = execFileSync(program, [`${octets}`, `${trials}`], { encoding: 'utf8' })
  const rows = lines
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', values = ''] = line.split('\t')
      return { name, values: values.split(' ').map(Number) }
    })
  const [none] = rows
  return rows.flatMap(({ name, values }, row): Figure[] => {
    const what = `${name}, ${octets} octets`
    const figure = { what, unit: 'ns/frame', values }
    if (row === 0) return [figure]
    const ratios = values.map((value, trial) => value / none!.values[trial]!)
    return [figure, { what: `${what}, to no tap`, unit: '×', values: ratios }]
  })
}

execFileSync('bash', [join(root, 'bench/tools/capture/build.sh')], { stdio: 'inherit' })
emit('capture', [60, 1450].flatMap(figures))
