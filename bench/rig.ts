// tenant - host = wire = host - tenant: every device in turn within a trial, so that drift of the machine hits all alike.

import { readFileSync } from 'node:fs'
import {
  type Fabric,
  findProgram,
  type Host,
  reaches,
  run,
  sleep,
  tcp,
  wire,
} from '../test/lab/index.js'
import { type Device, devices, ipOf, macOf, wireMtu } from './devices/index.js'
import { measureTrial, tool } from './meter.js'

export interface RigOptions {
  readonly trials: number
  readonly tcpSeconds: number
  readonly floodSeconds: number
  /** Names of devices; empty = all. */
  readonly only: readonly string[]
}

/** One device, one value per trial. */
export interface RigRow {
  readonly device: string
  readonly summary: string
  readonly figures: Record<RigColumn, number[]>
}

export const rigColumns = {
  tcp1: 'TCP, 1 stream, Gbit/s',
  tcp4: 'TCP, 4 streams, Gbit/s',
  tcpCores: 'cores (TCP 1)',
  mpps: '64 B, Mpps',
  loss: '64 B overload loss, %',
  floodCores: 'cores (64 B)',
  rttP50: 'RTT p50, µs',
  rttP99: 'RTT p99, µs',
  memory: 'memory per host, MB',
} as const

export type RigColumn = keyof typeof rigColumns

export async function measureRig(options: RigOptions): Promise<RigRow[]> {
  const rows = devices
    .filter(({ name }) => options.only.length === 0 || options.only.includes(name))
    .filter(installed)
    .map((device) => ({ device, row: emptyRow(device) }))
  for (let trial = 1; trial <= options.trials; trial++) {
    for (const { device, row } of rows) {
      const started = performance.now()
      try {
        await measure(device, row.figures, options)
      } catch (error) {
        // One device that fails must not take the others' figures with it; its missing values show.
        process.stderr.write(
          `rig: ${device.name}: ${error instanceof Error ? error.message : error}\n`,
        )
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(0)
      process.stderr.write(
        `rig: trial ${trial} of ${options.trials}: ${device.name} (${seconds} s)\n`,
      )
    }
  }
  return rows.map(({ row }) => row)
}

function installed(device: Device): boolean {
  const absent = device.programs.filter((name) => findProgram(name) === undefined)
  if (absent.length > 0)
    process.stderr.write(`rig: without ${device.name}: not installed: ${absent.join(', ')}\n`)
  return absent.length === 0
}

function emptyRow(device: Device): RigRow {
  const columns = Object.keys(rigColumns) as RigColumn[]
  const figures = Object.fromEntries(columns.map((column) => [column, []])) as unknown
  return { device: device.name, summary: device.summary, figures: figures as RigRow['figures'] }
}

async function measure(
  device: Device,
  figures: RigRow['figures'],
  options: RigOptions,
): Promise<void> {
  const fabric = await wire(undefined, { mtu: wireMtu })
  try {
    const { tenants } = await device.start(fabric)
    const [a, b] = tenants
    await reaches(a, ipOf(2), 15)
    figures.memory.push(await memoryPerHost(fabric))
    const single = await withCores(() => tcp(a, b, ipOf(2), { seconds: options.tcpSeconds }))
    figures.tcp1.push(single.value.bitsPerSecond / 1e9)
    figures.tcpCores.push(single.cores)
    const four = await tcp(a, b, ipOf(2), { seconds: options.tcpSeconds, streams: 4 })
    figures.tcp4.push(four.bitsPerSecond / 1e9)
    await rtt(a.netns, b.netns, figures)
    await flood(a.netns, b.netns, figures, options.floodSeconds)
  } finally {
    await fabric.lab.close()
    await sleep(0.5)
  }
}

async function rtt(a: string, b: string, figures: RigRow['figures']): Promise<void> {
  const { p50, p99 } = await tool<{ p50: number; p99: number }>('rtt', a, b, ipOf(2), '64', '1.2')
  figures.rttP50.push(p50)
  figures.rttP99.push(p99)
}

async function flood(
  a: string,
  b: string,
  figures: RigRow['figures'],
  seconds: number,
): Promise<void> {
  const value = await measureTrial({
    tx: { netns: a, ifname: 'eth0' },
    rx: { netns: b, ifname: 'eth0' },
    to: macOf(2),
    from: macOf(1),
    seconds,
    cpus: [0, 1],
  })
  if (value.duplicates + value.corrupt > 0) {
    throw new Error(`64-byte frames: ${value.duplicates} duplicates, ${value.corrupt} damaged`)
  }
  figures.mpps.push(value.inTime / value.seconds / 1e6)
  figures.loss.push((100 * (value.sent - value.received)) / value.sent)
  figures.floodCores.push(value.cores)
}

/** Clock ticks that all processors spent on anything but idling and waiting. */
function busyTicks(): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .map(Number)
  return user! + nice! + system! + irq! + softirq! + steal!
}

const ticksPerSecond = 100

async function withCores<T>(act: () => Promise<T>): Promise<{ value: T; cores: number }> {
  const [ticks, started] = [busyTicks(), performance.now()]
  const value = await act()
  const seconds = (performance.now() - started) / 1000
  return { value, cores: (busyTicks() - ticks) / ticksPerSecond / seconds }
}

/** Proportional set size of the daemons of a host: pages that they share count once. 0 for the kernel's device. */
async function memoryPerHost({ hosts }: Fabric): Promise<number> {
  const each = await Promise.all(hosts.map(memoryOf))
  return each.reduce((sum, value) => sum + value, 0) / each.length
}

async function memoryOf(host: Host): Promise<number> {
  const pids = (await run(['ip', 'netns', 'pids', host.netns])).split('\n').filter(Boolean)
  return pids.reduce((sum, pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return sum + Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024
  }, 0)
}
