// The switch by itself, without devices and threads: nanoseconds per frame of 64 octets in bursts of 64, every frame to another MAC,
// so that the memory of the last lookup does not help. First as machine code beside the least that such a switch has to do on this
// machine (tools/core), then as WebAssembly beside machine code.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { encodeOperations } from '../src/fib/tables.gen.js'
import { loadAddon, WasmCore } from '../src/io/index.js'
import type { Mac } from '../src/net/index.js'
import { encodeRun, type ModelOperation, type RunFrame } from '../src/wire/frame/index.js'
import { outer, udp } from '../test/core/frames.js'
import { tableOperation, vtep } from '../test/core/legs.js'
import { localMac, network, remoteMac } from '../test/core/network.js'
import { root } from '../test/lab/index.js'
import { emit, type Figure } from './result.js'

type AddonCore = Pick<WasmCore, 'apply' | 'repeat'>

const burst = 64
const trials = 7
const trialSeconds = 0.1
/** What makes a UDP packet 60 octets, which are 64 on the wire. */
const payload = new Uint8Array(60 - 14 - 20 - 8)

const mac = (kind: number, n: number): Mac =>
  `02:00:0${kind}:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16).padStart(2, '0')}`
const localOf = (n: number): Mac => mac(1, n)
const remoteOf = (n: number): Mac => mac(2, n)

/** So many MACs behind a port and behind a VTEP. */
function operations(macs: number): ModelOperation[] {
  const all = network()
  for (let n = 0; n < macs; n++) all.push(localMac(localOf(n), 2), remoteMac(remoteOf(n)))
  return all
}

interface Work {
  readonly what: string
  frame(n: number): RunFrame
}

const between = (source: Mac, destination: Mac, n: number) =>
  udp({ source, destination, ports: [1024 + n, 53], payload })

const works: readonly Work[] = [
  {
    what: 'encapsulate',
    frame: (n) => ({ form: 'port', port: 2, ...between(localOf(n), remoteOf(n), n) }),
  },
  {
    what: 'decapsulate',
    frame: (n) => {
      const inner = between(remoteOf(n), localOf(n), n)
      return { form: 'outer', meta: inner.meta, bytes: outer(inner.bytes) }
    },
  },
  {
    what: 'bridge',
    frame: (n) => ({ form: 'port', port: 1, ...between(localOf(0xff00), localOf(n), n) }),
  },
]

/** Bursts over all MACs in a stride that no prefetcher guesses. */
function input(work: Work, macs: number): Uint8Array {
  const frames: RunFrame[] = []
  for (let i = 0; i < Math.max(burst, macs); i++) frames.push(work.frame((i * 7919) % macs))
  return encodeRun({ now: 1, frames })
}

function nanoseconds(core: AddonCore, run: Uint8Array, frames: number): number {
  let iterations = 1
  for (;;) {
    const started = process.hrtime.bigint()
    const emitted = core.repeat(run, iterations)
    const took = Number(process.hrtime.bigint() - started)
    if (emitted !== frames * iterations) {
      throw new Error(`expected ${frames * iterations} frames to go out, got ${emitted}`)
    }
    if (took > trialSeconds * 1e9) return took / emitted
    iterations = Math.ceil(iterations * Math.min(100, (trialSeconds * 1.2e9) / Math.max(took, 1)))
  }
}

/** Trial by trial, so that what the machine did meanwhile is in both. */
const ratios = (these: readonly number[], those: readonly number[]): number[] =>
  these.map((value, trial) => value / those[trial]!)

/** Lines of the program: a name, and columns of one value per trial. */
function cost(...words: readonly string[]): { name: string; columns: number[][] }[] {
  const program = join(root, 'build/bench/core-cost')
  const lines = execFileSync(program, words, { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => {
    const [name = '', ...columns] = line.split('\t')
    return { name, columns: columns.map((column) => column.trim().split(' ').map(Number)) }
  })
}

/** Machine code and the limit; the program takes turns. */
const againstLimit = (command: 'speed' | 'routes', count: number): Figure[] =>
  cost(command, `${count}`, `${trials}`).flatMap(({ name, columns: [ours = [], ...limits] }) => {
    const what = `${name}, ${count} ${command === 'speed' ? 'MACs' : 'routes'}`
    return [
      { what, unit: 'ns/frame', values: ours },
      ...limits.flatMap((limit, n): Figure[] => {
        const of = n === 0 ? 'limit' : 'limit that learns'
        return [
          { what: `${what}, ${of}`, unit: 'ns/frame', values: limit },
          { what: `${what}, to ${of}`, unit: '×', values: ratios(ours, limit) },
        ]
      }),
    ]
  })

/** The table grows to a million MACs: what each takes, how fast, and what a worker notices. */
const growth = (): Figure[] => [
  ...cost('memory', '5').map(({ name, columns: [values = []] }) => ({
    what: name,
    unit: 'bytes',
    values,
  })),
  ...cost('learning', '5').map(({ name, columns: [values = []] }, row) => ({
    what: name,
    unit: ['MACs/s', 'ms'][row] ?? 'ns/frame',
    values,
  })),
]

/** A million routes: what each takes, and how fast they are added. */
const routeTable = (): Figure[] =>
  cost('route-table', '1000000').map(({ name, columns: [values = []] }, row) => ({
    what: name,
    unit: row === 0 ? 'bytes' : 'routes/s',
    values,
  }))

/** WebAssembly and machine code, both called from here. */
function againstNative(macs: number): Figure[] {
  const packed = encodeOperations(operations(macs).map(tableOperation))
  const frames = Math.max(burst, macs)
  return works.flatMap((work) => {
    const run = input(work, macs)
    const cores = [new (loadAddon().Core)(vtep), new WasmCore(vtep)] as const
    for (const core of cores) core.apply(packed)
    const native: number[] = []
    const wasm: number[] = []
    for (let trial = 0; trial < trials; trial++) {
      native.push(nanoseconds(cores[0], run, frames))
      wasm.push(nanoseconds(cores[1], run, frames))
    }
    const what = `${work.what}, ${macs} MACs, WebAssembly`
    return [
      { what, unit: 'ns/frame', values: wasm },
      { what: `${what} to native`, unit: '×', values: ratios(wasm, native) },
    ]
  })
}

execFileSync('bash', [join(root, 'bench/tools/core/build.sh')], { stdio: 'inherit' })
emit('core', [
  ...[256, 1_000_000].flatMap((macs) => againstLimit('speed', macs)),
  ...[1000, 1_000_000].flatMap((routes) => againstLimit('routes', routes)),
  ...routeTable(),
  ...growth(),
  ...[256, 4096].flatMap(againstNative),
])
