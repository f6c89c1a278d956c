// The traffic tools of bench/tools, as functions.

import { join } from 'node:path'
import { root, run } from '../test/lab/index.js'

/** Compiles what has changed; any number of callers at once. */
export async function buildTools(): Promise<void> {
  await run(['bash', join(root, 'bench/tools/build.sh')], { timeoutSeconds: 120 })
}

export const toolPath = (name: string): string => join(root, 'build/bench', name)

/** A tool that prints one JSON object. */
export async function tool<T>(name: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await run([toolPath(name), ...args], { timeoutSeconds: 90 })) as T
}

/** An interface in a namespace. */
export interface Side {
  readonly netns: string
  readonly ifname: string
}

export interface Tunnel {
  readonly vni: number
  readonly macs: { readonly to: string; readonly from: string }
  readonly addresses: { readonly to: string; readonly from: string }
}

export interface MeterOptions {
  readonly tx: Side
  readonly rx: Side
  readonly to: string
  readonly from: string
  /** Octets without FCS; default 64. */
  readonly size?: number
  readonly flows?: number
  readonly macs?: number
  readonly seconds?: number
  /** Frames per second; default as fast as it goes. */
  readonly rate?: number
  readonly count?: number
  /** Of source and sink; default not pinned. */
  readonly cpus?: readonly [number, number]
  /** sendmmsg instead of AF_XDP. */
  readonly packet?: boolean
  /** Send inside VXLAN. */
  readonly tunnel?: Tunnel
  /** Accept only frames that arrive inside VXLAN with this VNI. */
  readonly expectVni?: number
  readonly warm?: number
}

/** One trial: frames, but for the times and `cores`. */
export interface Trial {
  readonly source: 'af_xdp' | 'sendmmsg'
  readonly seconds: number
  readonly sent: number
  /** Verified, each once, whenever it came. */
  readonly received: number
  /** Of these, what had arrived when the source ended. */
  readonly inTime: number
  readonly duplicates: number
  readonly reordered: number
  readonly corrupt: number
  readonly corruptOuter: number
  readonly foreign: number
  /** What the sending device would not take; it counts as sent. */
  readonly refused: number
  /** What came faster than the sink could read. */
  readonly sinkDrops: number
  /** Different outer UDP source ports, with `expectVni`. */
  readonly outerPorts: number
  /** Of the whole machine, source and sink included. */
  readonly cores: number
}

export interface Search {
  readonly source: Trial['source']
  /** Frames per second; 0 when no rate passed. */
  readonly rate: number
  /** Per cent, the worst of the confirming trials. */
  readonly loss: number
  readonly trials: readonly { rate: number; sent: number; loss: number; good: boolean }[]
}

function argumentsOf(options: MeterOptions): string[] {
  const { tx, rx, tunnel } = options
  const args = ['--tx', `${tx.netns}/${tx.ifname}`, '--rx', `${rx.netns}/${rx.ifname}`]
  args.push('--to', options.to, '--from', options.from)
  for (const key of ['size', 'flows', 'macs', 'seconds', 'rate', 'count', 'warm'] as const) {
    if (options[key] !== undefined) args.push(`--${key}`, `${options[key]}`)
  }
  if (options.cpus !== undefined) args.push('--cpus', options.cpus.join(','))
  if (options.packet === true) args.push('--packet')
  if (options.expectVni !== undefined) args.push('--expect', `${options.expectVni}`)
  if (tunnel !== undefined) {
    const { vni, macs, addresses } = tunnel
    args.push('--tunnel', [vni, macs.to, macs.from, addresses.to, addresses.from].join(','))
  }
  return args
}

export const measureTrial = (options: MeterOptions): Promise<Trial> =>
  tool<Trial>('meter', ...argumentsOf(options))

export interface SearchOptions {
  /** Loss that still passes, per cent. */
  readonly lossPercent: number
  /** Where the bisection starts, frames per second. */
  readonly from: number
  readonly steps: number
  /** Trials that the result has to pass once more. */
  readonly confirm: number
}

/** The highest rate that passes, found by bisection and confirmed. */
export function searchRate(options: MeterOptions, search: SearchOptions): Promise<Search> {
  const { lossPercent, from, steps, confirm } = search
  const words = [lossPercent, Math.round(from), steps, confirm].join(',')
  return tool<Search>('meter', ...argumentsOf(options), '--search', words)
}
