// npm run bench: runs the parts, keeps the raw figures in bench/out and writes the tables of bench/README.md.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { attempt, root } from '../test/lab/index.js'
import { measureLearning } from './learn.js'
import { buildTools } from './meter.js'
import { collect, type Figure, type Result } from './result.js'
import { measureRig, type RigRow } from './rig.js'
import { learnTable, microTable, rigTable, writeTable } from './tables.js'

const readme = join(root, 'bench/README.md')

interface Output {
  environment: Record<string, string>
  rig?: RigRow[]
  learn?: Figure[]
  micro?: Result[]
}

/** First line that a program says of its version. */
function version(program: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return (stdout || stderr || 'not installed').trim().split('\n')[0]!
}

function environment(): Record<string, string> {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: version('git', '-C', root, 'rev-parse', '--short', 'HEAD'),
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    iperf3: version('iperf3', '--version'),
    ovs: version('ovs-vswitchd', '--version'),
    frr: version('/usr/lib/frr/bgpd', '--version'),
  }
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

const known = ['rig', 'learn', 'micro']
const words = process.argv.slice(2)
const quick = words.includes('--quick')
const parts = words.filter((word) => known.includes(word))
const only = words.filter((word) => word !== '--quick' && !known.includes(word))
const wanted = (part: string): boolean => parts.length === 0 || parts.includes(part)

if (process.getuid?.() !== 0 && (wanted('rig') || wanted('learn'))) {
  process.stderr.write(
    'bench: no privilege: rig and learn expect root; without: npm run bench -- micro\n',
  )
  process.exit(1)
}
await buildTools()
const output: Output = { environment: environment() }
if (wanted('rig')) {
  const seconds = quick ? 1 : 3
  const trials = quick ? 1 : 3
  output.rig = await measureRig({ trials, tcpSeconds: seconds, floodSeconds: seconds - 0.5, only })
}
if (wanted('learn')) output.learn = await measureLearning({ count: quick ? 5 : 50 })
if (wanted('micro')) output.micro = await micro()

const out = join(root, 'bench/out')
mkdirSync(out, { recursive: true })
const file = join(out, `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`)
writeFileSync(file, `${JSON.stringify(output, null, 1)}\n`)
const tables: Record<string, string> = {}
if (output.rig !== undefined) tables['rig'] = rigTable(output.rig)
if (output.learn !== undefined) tables['learn'] = learnTable(output.learn)
if (output.micro !== undefined) tables['micro'] = microTable(output.micro)
for (const [name, table] of Object.entries(tables)) {
  process.stdout.write(`\n${table}\n`)
  if (quick || only.length > 0) continue
  const facts = Object.entries(output.environment).map(([key, value]) => `${key} ${value}`)
  writeTable(readme, name, `${table}\n\n${facts.join('; ')}.`)
}
process.stdout.write(`\n${file}\n`)
