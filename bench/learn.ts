// From a tenant's first frame to the forwarding entry at the other host: learning, BGP and writing the table together.
// Both sides are looked at in their own words: the kernel's notifications, our shared memory.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { NativeDataplane } from '../src/io/index.js'
import {
  findProgram,
  type Host,
  type KernelVtep,
  root,
  startFrr,
  startVtep,
  type Tenant,
  until,
  type Vtep,
  wire,
} from '../test/lab/index.js'
import { tenantOf, vni } from './devices/device.js'
import type { Figure } from './result.js'

type Kind = 'vtep' | 'FRR'

const pairs: readonly (readonly [Kind, Kind])[] = [
  ['vtep', 'vtep'],
  ['FRR', 'FRR'],
  ['vtep', 'FRR'],
  ['FRR', 'vtep'],
]

const asn = 65000
const limitSeconds = 5

export interface LearnOptions {
  readonly count: number
}

/** Milliseconds for each new MAC, one figure per pair of implementations. */
export async function measureLearning(options: LearnOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [from, to] of pairs) {
    if ([from, to].includes('FRR') && findProgram('vtysh') === undefined) continue
    figures.push({
      what: `${from} → ${to}`,
      unit: 'ms',
      values: await measurePair(from, to, options.count),
    })
    process.stderr.write(`learn: ${from} → ${to}\n`)
  }
  return figures
}

async function measurePair(from: Kind, to: Kind, count: number): Promise<number[]> {
  const fabric = await wire(undefined)
  try {
    const [source, target] = [fabric.hosts[0]!, fabric.hosts[1]!]
    const tenant = await start(from, source, target, 1)
    const watch = await start(to, target, source, 2)
    await watch.ready()
    return await sample(tenant.tenant, watch, count)
  } finally {
    await fabric.lab.close()
  }
}

interface Side {
  readonly tenant: Tenant
  /** Resolves when routes flow. */
  ready(): Promise<void>
  /** Watches for remote MACs; answers CLOCK_MONOTONIC nanoseconds of the entry for a MAC. */
  watcher(): Promise<Watcher>
}

interface Watcher {
  appeared(mac: string): Promise<bigint>
  close(): void
}

function start(kind: Kind, host: Host, far: Host, n: number): Promise<Side> {
  return kind === 'FRR' ? startFrrSide(host, far, n) : startVtepSide(host, far, n)
}

async function startFrrSide(host: Host, far: Host, n: number): Promise<Side> {
  const kernel = await host.kernelVtep(vni)
  const tenant = await host.tenant('port0', { ...tenantOf(n), bridge: kernel.bridge })
  const frr = await startFrr(host, { asn, peers: [{ address: far.vtep4, asn }] })
  return {
    tenant,
    ready: () => frr.established(far.vtep4),
    watcher: () => kernelWatcher(kernel),
  }
}

async function startVtepSide(host: Host, far: Host, n: number): Promise<Side> {
  const tenant = await host.tenant('port0', tenantOf(n))
  const vtep = await startVtep(host, {
    asn,
    vtep: { address: host.vtep4 },
    bgp: { listen: {}, neighbors: [{ address: far.vtep4, asn }] },
    networks: [{ name: 'bench', vni, ports: [{ name: 'port0' }] }],
  })
  return {
    tenant,
    ready: () => vtep.established(far.vtep4),
    watcher: async () => ourWatcher(vtep),
  }
}

async function kernelWatcher(kernel: KernelVtep): Promise<Watcher> {
  const child = spawn(join(root, 'build/bench/fdb-watch'), [kernel.host.netns, kernel.device])
  const seen = new Map<string, bigint>()
  let ready = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [mac, time] = line.split(' ')
    if (time === undefined) ready = true
    else if (!seen.has(mac!)) seen.set(mac!, BigInt(time))
  })
  await until('fdb-watch', () => ready, { everySeconds: 0.01 })
  return {
    appeared: (mac) =>
      until(`FDB entry ${mac}`, () => seen.get(mac), {
        seconds: limitSeconds,
        everySeconds: 0.005,
      }),
    close: () => child.kill(),
  }
}

/** Looks at the shared memory every 0.2 ms, without a call into the daemon. */
function ourWatcher(vtep: Vtep): Watcher {
  const controlPath = join(vtep.runtimeDir, 'control.sock')
  const observer = NativeDataplane.attach({ controlPath, role: 'observer' })
  const pause = new Int32Array(new SharedArrayBuffer(4))
  return {
    appeared: async (mac) => {
      const end = performance.now() + limitSeconds * 1000
      while (performance.now() < end) {
        const { macs } = observer.snapshot()
        const time = process.hrtime.bigint()
        if (macs.some((row) => row.mac === mac && row.origin === 'remote')) return time
        Atomics.wait(pause, 0, 0, 0.2)
      }
      throw new Error(`remote entry ${mac}: expected within ${limitSeconds} s`)
    },
    close: () => void observer.detach(),
  }
}

async function sample(tenant: Tenant, side: Side, count: number): Promise<number[]> {
  const sender = spawn(join(root, 'build/bench/first-frame'), [tenant.netns, 'eth0'])
  const sent = new Map<string, bigint>()
  createInterface({ input: sender.stdout }).on('line', (line) => {
    const [mac, time] = line.split(' ')
    sent.set(mac!, BigInt(time!))
  })
  const watcher = await side.watcher()
  const milliseconds: number[] = []
  try {
    // The first ones warm both sides up.
    for (let i = -2; i < count; i++) {
      const took = await one(sender, sent, watcher, macOf(i + 2))
      if (i >= 0) milliseconds.push(took)
    }
  } finally {
    watcher.close()
    sender.kill()
  }
  return milliseconds
}

const macOf = (n: number): string =>
  `02:fd:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16).padStart(2, '0')}`

async function one(
  sender: ChildProcessWithoutNullStreams,
  sent: ReadonlyMap<string, bigint>,
  watcher: Watcher,
  mac: string,
): Promise<number> {
  sender.stdin.write(`${mac}\n`)
  const arrived = await watcher.appeared(mac)
  const start = await until(`frame of ${mac}`, () => sent.get(mac), { everySeconds: 0.001 })
  // Not in step with anybody's timers.
  await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 150))
  return Number(arrived - start) / 1e6
}
