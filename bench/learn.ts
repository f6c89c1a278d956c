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
  routedFabric,
  sleep,
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

interface Way {
  readonly from: Kind
  readonly to: Kind
  /** The reflector between them. */
  readonly by?: Kind
}

const ways: readonly Way[] = [
  { from: 'vtep', to: 'vtep' },
  { from: 'FRR', to: 'FRR' },
  { from: 'vtep', to: 'FRR' },
  { from: 'FRR', to: 'vtep' },
  { from: 'vtep', to: 'vtep', by: 'vtep' },
  { from: 'vtep', to: 'vtep', by: 'FRR' },
  { from: 'FRR', to: 'FRR', by: 'FRR' },
]

const asn = 65000
const limitSeconds = 5

export interface LearnOptions {
  readonly count: number
}

/** Milliseconds for each new MAC, one figure per pair of implementations; and for each move of a VM. */
export async function measureLearning(options: LearnOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  const add = (what: string, values: number[]): void => {
    figures.push({ what, unit: 'ms', values })
    process.stderr.write(`learn: ${what}\n`)
  }
  const hasFrr = findProgram('vtysh') !== undefined
  for (const way of ways) {
    const { from, to, by } = way
    if ([from, to, by].includes('FRR') && !hasFrr) continue
    const what = `${from} → ${to}${by === undefined ? '' : `, by a reflector (${by})`}`
    add(what, await measureWay(way, options.count))
  }
  add(
    'a VM that moves, `port move` → a third vtep, by a reflector',
    await measureMoves(options.count),
  )
  return figures
}

async function measureWay({ from, to, by }: Way, count: number): Promise<number[]> {
  const fabric = by === undefined ? await wire(undefined) : await routedFabric(undefined)
  try {
    const [source, target] = [fabric.hosts[0]!, fabric.hosts[1]!]
    if (by !== undefined) await reflect(by, fabric.spine!, [source, target])
    const [behindSource, behindTarget] =
      by === undefined ? [target, source] : [fabric.spine!, fabric.spine!]
    const tenant = await start(from, source, behindSource, 1)
    const watch = await start(to, target, behindTarget, 2)
    await tenant.ready()
    await watch.ready()
    return await sample(tenant.tenant, watch, count)
  } finally {
    await fabric.lab.close()
  }
}

async function reflect(kind: Kind, host: Host, clients: readonly Host[]): Promise<void> {
  if (kind === 'FRR') {
    const peers = clients.map(({ vtep4 }) => ({ address: vtep4, asn, passive: true }))
    await startFrr(host, { asn, role: 'reflector', peers })
    return
  }
  await startVtep(host, {
    asn,
    vtep: { address: host.vtep4 },
    bgp: {
      listen: {},
      neighbors: clients.map(({ vtep4 }) => ({
        address: vtep4,
        asn,
        routeReflectorClient: true,
        passive: true,
      })),
    },
  })
}

/** Two hosts have a port for a VM; a third one sees where it is. */
async function measureMoves(count: number): Promise<number[]> {
  const fabric = await routedFabric(undefined, { hosts: 3 })
  try {
    const { hosts, spine } = fabric
    await reflect('vtep', spine, hosts)
    const sides = await Promise.all(
      hosts.map((host, i) => startVtepSide(host, spine, i + 1, { moves: 0 })),
    )
    for (const side of sides) await side.ready()
    const controlPath = join(sides[2]!.vtep.runtimeDir, 'control.sock')
    const observer = NativeDataplane.attach({ controlPath, role: 'observer' })
    try {
      return await sampleMoves(sides, hosts, observer, count)
    } finally {
      await observer.detach()
    }
  } finally {
    await fabric.lab.close()
  }
}

async function sampleMoves(
  sides: readonly VtepSide[],
  hosts: readonly Host[],
  observer: NativeDataplane,
  count: number,
): Promise<number[]> {
  const mac = macOf(9999)
  const milliseconds: number[] = []
  for (let i = -2; i < count; i++) {
    const at = (i + 2) % 2
    const start = performance.now()
    await sides[at]!.vtep.request('POST', '/v1/ports/port0/move', { mac })
    const isThere = (): boolean =>
      observer.table('macs').some((row) => row.mac === mac && row.remote === hosts[at]!.vtep4)
    while (!isThere()) {
      if (performance.now() - start > limitSeconds * 1000) throw new Error(`move ${i} is not seen`)
      await sleep(0.0005)
    }
    if (i >= 0) milliseconds.push(performance.now() - start)
    await sleep(0.1 + Math.random() * 0.15)
  }
  return milliseconds
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

interface VtepSide extends Side {
  readonly vtep: Vtep
}

async function startVtepSide(
  host: Host,
  far: Host,
  n: number,
  duplicateDetection = { moves: 5 },
): Promise<VtepSide> {
  const tenant = await host.tenant('port0', tenantOf(n))
  const vtep = await startVtep(host, {
    asn,
    vtep: { address: host.vtep4 },
    bgp: { listen: {}, neighbors: [{ address: far.vtep4, asn }] },
    duplicateDetection,
    networks: [{ name: 'bench', vni, ports: [{ name: 'port0' }] }],
  })
  return {
    tenant,
    vtep,
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
