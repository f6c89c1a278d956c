// Runs the compiled tests and sums up: three networks at a time, what only computes in what those leave of the machine, one
// that compiles programs in the place of a network, and at the end, one by one, those that count lost frames. What platforms
// call (test/platforms) takes minutes: it runs when it is asked for by name, or with --all.
// One or two files that failed beside others run once more at the end, by themselves, and that result counts; both are told.
// Usage: node scripts/run-tests.mjs [--all | PATTERN...]   a pattern is a part of a path: npm test -- interop/frr

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sweep } from './sweep.mjs'
import { TapReader } from './tap-reader.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const base = join(root, 'dist/test')

// Tests that build networks (those that import the lab) wait for peers most of their time, so three share two cores well, and a fourth
// that yields to them fills the rest.
const laboratory = join(base, 'lab')
// Those that import this wait for each other, as two compilers are enough: one lane is.
const compilers = join(base, 'lab/native.js')
// These hold that not one frame is lost while traffic runs as fast as it can: a neighbour would make them lie.
const lossless = ['interop/restart', 'io-native/survival', 'host/lifecycle']
const platforms = 'platforms/'
const networkLanes = 3
const limitSeconds = 300
/** Of those that compile first, beside three others on as few as two processors. */
const compilerLimitSeconds = 600
const yielding = 15
/** Four lanes on two processors make a test fail now and then that is right. More than so many files are no accident. */
const mostAgain = 2
/** Between asking a test to end and ending it: a lab stops its daemons in order. */
const graceSeconds = 15

const running = new Set()
const compiling = new Set()
const totals = { passed: 0, failed: 0, skipped: 0 }
/** Failed beside others: path and what it counted. */
const again = []
/** By what: a signal, or the end of whoever reads. */
let interrupted

/** Compiled test files that have a source: what was renamed leaves its old product in dist. */
function testFiles(patterns) {
  const sources = new Set(
    readdirSync(join(root, 'test'), { recursive: true })
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => path.replace(/\.ts$/, '.js')),
  )
  return readdirSync(base, { recursive: true })
    .filter((path) => sources.has(path))
    .filter((path) =>
      patterns.length === 0
        ? all || !path.startsWith(platforms)
        : patterns.some((word) => path.includes(word)),
    )
    .sort()
}

/** True when a compiled file imports what is at `wanted`, itself or through others. */
function needs(wanted, file, seen = new Set()) {
  if (file.startsWith(wanted)) return true
  if (seen.has(file) || !existsSync(file)) return false
  seen.add(file)
  const imports = readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)
  return [...imports].some(([, path]) => needs(wanted, join(dirname(file), path), seen))
}

function count({ passed, failed, skipped }) {
  totals.passed += passed
  totals.failed += failed
  totals.skipped += skipped.length
}

/** Runs one file; never rejects. */
function runFile(path, yields, alone) {
  const seconds = compiling.has(path) ? compilerLimitSeconds : limitSeconds
  return new Promise((resolve) => {
    const started = process.hrtime.bigint()
    const reader = new TapReader()
    const child = spawn(process.execPath, ['--enable-source-maps', join(base, path)], {
      cwd: root,
      // A group of its own: Ctrl-C reaches this runner, which asks each test to end and waits.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // The limit is ours: tap's own would end the process without asking.
      env: { ...process.env, TAP_TIMEOUT: '0' },
    })
    if (yields && child.pid !== undefined) setPriority(child.pid, yielding)
    const test = { path, child, seconds, late: false }
    running.add(test)
    let noise = ''
    child.stdout.setEncoding('utf8').on('data', (text) => reader.write(text))
    child.stderr.setEncoding('utf8').on('data', (text) => {
      noise = (noise + text).slice(-20_000)
    })
    const timer = setTimeout(() => {
      test.late = true
      end(test)
    }, seconds * 1000)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(test)
      const result = reader.end()
      const why = verdict(test, result, code, signal)
      if (why !== undefined && result.failed === 0) result.failed = 1
      const mayGoAgain = !alone && !test.late && paths.length > 1 && interrupted === undefined
      if (result.failed > 0 && mayGoAgain) again.push({ path, result })
      else count(result)
      report(path, result, why, noise, Number(process.hrtime.bigint() - started) / 1e9)
      resolve()
    })
  })
}

function verdict(test, result, code, signal) {
  if (interrupted !== undefined) return `interrupted by ${interrupted}`
  if (test.late) return `expected to end within ${test.seconds} s`
  if (signal !== null) return `ended by ${signal}`
  if (result.plan === undefined) return `ended with status ${code} before its plan`
  if (code !== 0 && result.failed === 0) return `ended with status ${code}`
  return undefined
}

function report(path, result, why, noise, seconds) {
  const bad = result.failed > 0
  const parts = [`${result.passed} passed`]
  if (bad) parts.push(`${result.failed} failed`)
  if (result.skipped.length > 0) parts.push(`${result.skipped.length} skipped`)
  console.log(`${bad ? 'FAIL' : 'ok  '} ${path}  ${parts.join(', ')}  ${seconds.toFixed(1)} s`)
  for (const line of result.skipped) console.log(`     skipped: ${line}`)
  if (!bad) return
  for (const line of result.failures) console.log(`     ${line}`)
  if (why !== undefined) console.log(`     ${why}`)
  if (noise.trim() !== '') console.log(noise.trimEnd().replaceAll(/^/gm, '     | '))
}

/** Asks a test to end, then ends it and all that it started in its group. */
function end(test) {
  test.child.kill('SIGTERM')
  setTimeout(() => {
    if (!running.has(test)) return
    try {
      process.kill(-test.child.pid, 'SIGKILL')
    } catch {
      // It ended in the meantime.
    }
  }, graceSeconds * 1000).unref()
}

/** One after the other from the queues, the first that has some; `yields` to whoever else wants the machine. */
async function lane(queues, { yields = false, alone = false } = {}) {
  while (interrupted === undefined) {
    const path = queues.find((queue) => queue.length > 0)?.shift()
    if (path === undefined) return
    await runFile(path, yields, alone)
  }
}

function interrupt(by) {
  if (interrupted !== undefined) return
  interrupted = by
  for (const test of running) end(test)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt(signal))
// Nobody reads any more (npm test | head).
process.stdout.on('error', () => interrupt('a closed output'))

const all = process.argv[2] === '--all'
const patterns = process.argv
  .slice(all ? 3 : 2)
  .map((word) => (relative('test', word).startsWith('..') ? word : relative('test', word)))
const paths = testFiles(patterns)
if (paths.length === 0) {
  console.error(`run-tests: no test matches: ${patterns.join(' ')}`)
  process.exit(2)
}
const isLossless = (path) => lossless.some((word) => path.startsWith(word))
/** Takes what needs it out of the rest. */
const take = (wanted) => {
  const taken = rest.filter((path) => needs(wanted, join(base, path)))
  rest = rest.filter((path) => !taken.includes(path))
  return taken
}
sweep()
let rest = paths.filter((path) => !isLossless(path))
const [compiled, networks, units] = [take(compilers), take(laboratory), rest]
for (const path of compiled) compiling.add(path)
await Promise.all([
  lane([units], { yields: true }),
  lane([compiled, networks, units]),
  ...Array.from({ length: networkLanes - 1 }, () => lane([networks, units])),
])
await lane([paths.filter(isLossless)], { alone: true })
if (again.length > mostAgain) for (const { result } of again) count(result)
else {
  const before = totals.failed
  for (const { path } of again) console.log(`     ${path} failed beside others: again, alone`)
  await lane([again.map(({ path }) => path)], { alone: true })
  if (again.length > 0 && totals.failed === before)
    console.log(
      '     It passes alone; what it said beside others deserves a look before the next commit.',
    )
}
for (const left of sweep()) {
  console.log(`FAIL left behind: ${left}`)
  totals.failed += 1
}
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`)
process.exitCode =
  interrupted !== undefined ? 130 : totals.failed > 0 || totals.passed === 0 ? 1 : 0
