// npm run bench: runs the parts, keeps the raw figures in bench/out, and writes the tables of bench/README.md and the charts of
// bench/plots.
//   npm run bench -- [PART]... [DEVICE]... [--quick] [--trials N] [--write] [--onto FILE]

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, root } from '../test/lab/index.js'
import { devices } from './devices/index.js'
import { environment, validity } from './environment.js'
import { measureLearning } from './learn.js'
import { legend } from './limits.js'
import { buildTools } from './meter.js'
import { measureObserving } from './observe.js'
import { draw } from './plots.js'
import { measurePlug } from './plug.js'
import { probes } from './probes/index.js'
import { collect, type Figure, type Result } from './result.js'
import { measureRig, onto, type RigResult } from './rig.js'
import { measureScale, type ScaleRow, probeNames as scaleProbes } from './scale/index.js'
import { summaryTable } from './summary.js'
import {
  learnTable,
  microTable,
  observeTable,
  plugTable,
  probeTable,
  scaleTable,
  writeTable,
} from './tables.js'

const readme = join(root, 'bench/README.md')

interface Output {
  environment: Record<string, string>
  rig?: RigResult
  validity?: string[]
  learn?: Figure[]
  plug?: Figure[]
  observe?: Figure[]
  scale?: ScaleRow[]
  micro?: Result[]
}

/** Every *.bench.js by itself: one that fails is reported and the others run. */
async function micro(): Promise<Result[]> {
  const folder = join(root, 'dist/bench')
  const results: Result[] = []
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.bench.js'))
    .sort()) {
    process.stderr.write(`micro: ${file}\n`)
    const { code, stdout, stderr } = await attempt(
      [process.execPath, '--expose-gc', join(folder, file)],
      {
        timeoutSeconds: 300,
      },
    )
    if (code !== 0) {
      process.stderr.write(`micro: ${file}: ended with status ${code}\n${stderr}`)
      process.exitCode = 1
    }
    results.push(...collect(stdout))
  }
  return results
}

function usage(problem: string): never {
  const lines = [
    `bench: ${problem}`,
    'usage: npm run bench -- [PART]... [DEVICE]... [--quick] [--trials N] [--write] [--onto FILE]',
    `parts: rig (all of ${probes.map(({ name }) => name).join(', ')}), learn, plug, observe, scale (all of ${scaleProbes.join(', ')}), micro`,
    `devices: ${devices.map(({ name }) => `'${name}'`).join(', ')}`,
    '--quick: one short trial; --trials: 5 by default; --write: tables and charts also from a selection of devices or a quick run',
    '--onto: the rest of the figures from the JSON file of an earlier run',
  ]
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(2)
}

interface Wanted {
  readonly quick: boolean
  readonly write: boolean
  readonly trials: number
  readonly parts: readonly string[]
  readonly probes: readonly string[]
  readonly scale: readonly string[]
  readonly devices: readonly string[]
  readonly onto: string | undefined
}

function parse(words: readonly string[]): Wanted {
  const rest = [...words]
  const flag = (name: string): boolean => {
    const index = rest.indexOf(name)
    if (index >= 0) rest.splice(index, 1)
    return index >= 0
  }
  const [quick, write] = [flag('--quick'), flag('--write')]
  const at = rest.indexOf('--trials')
  const trials = at >= 0 ? Number(rest.splice(at, 2)[1]) : quick ? 1 : 5
  if (!Number.isInteger(trials) || trials < 1) usage('--trials: expected a positive number')
  const atOnto = rest.indexOf('--onto')
  const onto = atOnto >= 0 ? rest.splice(atOnto, 2)[1] : undefined
  const take = (names: readonly string[]): string[] =>
    names.filter((name) => rest.includes(name) && rest.splice(rest.indexOf(name), 1))
  const selected = take(probes.map(({ name }) => name))
  const chosen = take(devices.map(({ name }) => name))
  const scale = take(scaleProbes)
  const parts = take(['rig', 'learn', 'plug', 'observe', 'scale', 'micro'])
  if (rest.length > 0) usage(`${rest[0]}: expected a part or a device`)
  if (selected.length + chosen.length > 0 && !parts.includes('rig')) parts.push('rig')
  if (scale.length > 0 && !parts.includes('scale')) parts.push('scale')
  return {
    quick,
    write: write || (!quick && chosen.length + selected.length + scale.length === 0),
    trials,
    parts: parts.length > 0 ? parts : ['rig', 'learn', 'plug', 'observe', 'scale', 'micro'],
    probes: selected,
    scale,
    devices: chosen,
    onto,
  }
}

const wanted = parse(process.argv.slice(2))
const has = (part: string): boolean => wanted.parts.includes(part)
if (process.getuid?.() !== 0 && ['rig', 'learn', 'plug', 'observe', 'scale'].some(has)) {
  process.stderr.write(
    'bench: no privilege: rig, learn, plug, observe and scale expect root; without: npm run bench -- micro\n',
  )
  process.exit(1)
}
await buildTools()
const started = performance.now()
const out = join(root, 'bench/out')
mkdirSync(out, { recursive: true })
const stamp = new Date().toISOString().replaceAll(':', '-').slice(0, 19)
const file = join(out, `${stamp}.json`)
const save = (what: Output): void => writeFileSync(file, `${JSON.stringify(what, null, 1)}\n`)
const output: Output = { environment: environment() }
const facts = Object.entries(output.environment)
  .map(([key, value]) => `${key} ${value}`)
  .join('; ')
const tables: Record<string, string> = {}
let charts: Record<string, string> = {}
if (has('rig')) {
  // Written after every trial: who interrupts a long run keeps what there is.
  output.rig = await measureRig(wanted, (rig) => save({ ...output, rig }))
  if (wanted.onto !== undefined) output.rig = ontoEarlier(output.rig, wanted.onto)
  output.validity = validity(output.rig)
  const { date, commit, kernel } = output.environment
  charts = draw(
    output.rig.rows,
    `medians and ranges of ${wanted.trials}; ${date}, commit ${commit}, kernel ${kernel}`,
  )
}
if (has('learn')) {
  await guarded('learn', async () => {
    output.learn = await measureLearning({ count: wanted.quick ? 5 : 50 })
    tables['learn'] = `${learnTable(output.learn)}\n\n${facts}.`
  })
}
if (has('plug')) {
  await guarded('plug', async () => {
    output.plug = await measurePlug({ count: wanted.quick ? 10 : 100 })
    tables['plug'] = `${plugTable(output.plug)}\n\n${facts}.`
  })
}
if (has('observe')) {
  await guarded('observe', async () => {
    output.observe = await measureObserving({ count: wanted.quick ? 3 : 40 })
    tables['observe'] = `${observeTable(output.observe)}\n\n${facts}.`
  })
}
if (has('scale')) {
  await guarded('scale', async () => {
    output.scale = await measureScale(wanted, wanted.scale)
    tables['scale'] = `${scaleTable(output.scale)}\n\n${facts}.`
  })
}
if (has('micro')) {
  await guarded('micro', async () => {
    output.micro = await micro()
    tables['micro'] = `${microTable(output.micro)}\n\n${facts}.`
  })
}
if (output.rig !== undefined) rigTables(output.rig, output.validity ?? [])

function ontoEarlier(rig: RigResult, path: string): RigResult {
  const earlier = JSON.parse(readFileSync(path, 'utf8')) as Output
  const { date, commit } = earlier.environment
  if (earlier.rig === undefined) return rig
  return onto(earlier.rig, rig, wanted.probes, `${date}, commit ${commit}`)
}

/** What was measured before must not be lost with a part that fails. */
async function guarded(part: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    process.stderr.write(`${part}: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}

function rigTables(result: RigResult, words: readonly string[]): void {
  const { rows } = result
  const summary = summaryTable(rows, output.micro)
  if (summary !== undefined) tables['summary'] = summary
  const sheets = probes.map((probe) => probeTable(probe, rows)).filter((text) => text !== undefined)
  const names = rows.map(({ device, summary: text }) => `- ${device}: ${text}`)
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n')
  tables['rig'] = [
    `${wanted.trials} trial${wanted.trials === 1 ? '' : 's'}; at most three of what has no overlay.`,
    list(legend),
    Object.keys(charts)
      .map((name) => `![${name.replace('.svg', '')}](plots/${name})`)
      .join('\n\n'),
    sheets.join('\n\n'),
    `### Devices\n\n${names.join('\n')}`,
    `### Validity\n\n${list(words)}`,
    `${facts}.`,
  ].join('\n\n')
}

save(output)
for (const [name, table] of Object.entries(tables)) {
  process.stdout.write(`\n${table}\n`)
  if (wanted.write) writeTable(readme, name, table)
}
// What is not for the README stands beside the figures.
const plots = wanted.write ? join(root, 'bench/plots') : join(out, stamp)
if (Object.keys(charts).length > 0) mkdirSync(plots, { recursive: true })
for (const [name, text] of Object.entries(charts)) writeFileSync(join(plots, name), text)
const minutes = ((performance.now() - started) / 60_000).toFixed(1)
process.stdout.write(`\n${file} (${minutes} minutes)\n`)
