// The switch by itself, without devices and threads: nanoseconds per frame, as machine code and as WebAssembly. Bursts of
// 64 frames of 64 octets, every frame of a burst to another MAC, so that the memory of the last lookup does not help.

import { encodeOperations } from '../src/fib/tables.gen.js'
import { loadAddon, WasmCore } from '../src/io/index.js'
import type { Mac } from '../src/net/index.js'
import { encodeRun, type ModelOperation, type RunFrame } from '../src/wire/frame/index.js'
import { outer, udp } from '../test/core/frames.js'
import { tableOperation, vtep } from '../test/core/legs.js'
import { localMac, network, remoteMac } from '../test/core/network.js'
import { emit, type Figure } from './result.js'

type AddonCore = Pick<WasmCore, 'apply' | 'repeat'>

const burst = 64
const trials = 5
const trialSeconds = 0.4
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

const builds: readonly { readonly name: string; make(): AddonCore }[] = [
  { name: 'native', make: () => new (loadAddon().Core)(vtep) },
  { name: 'WebAssembly', make: () => new WasmCore(vtep) },
]

const figures: Figure[] = []
for (const macs of [burst, 4096]) {
  const packed = encodeOperations(operations(macs).map(tableOperation))
  for (const work of works) {
    const run = input(work, macs)
    const frames = Math.max(burst, macs)
    for (const { name, make } of builds) {
      const core = make()
      core.apply(packed)
      const values = Array.from({ length: trials }, () => nanoseconds(core, run, frames))
      figures.push({ what: `${work.what}, ${macs} MACs, ${name}`, unit: 'ns/frame', values })
    }
  }
}
emit('core', figures)
