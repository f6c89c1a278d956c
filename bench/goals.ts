// What the dataplane must reach, as ratios to the best rival of the same run: floor and aim of each figure.

import type { RigRow } from './rig.js'

type Choice = (row: RigRow) => boolean

export interface Goal {
  readonly figure: string
  /** Column of a probe. */
  readonly column: string
  /** Rivals that count; without, floor and aim are absolute. */
  readonly against?: Choice
  readonly ours: Choice
  readonly floor: number
  readonly aim?: number
}

/** A figure of a micro-benchmark that is a ratio already: less is better. */
export interface MicroGoal {
  readonly benchmark: string
  /** Of the figure; its first group and `rival` name the figure that it is a ratio to. */
  readonly what: RegExp
  readonly rival: string
  readonly ours: string
  readonly floor: number
  readonly aim?: number
}

export const microGoals: readonly MicroGoal[] = [
  {
    benchmark: 'core',
    what: /^((?!.*another source).*), to limit$/,
    rival: ', limit',
    ours: '',
    floor: 2,
    aim: 1.5,
  },
  // Whoever switches frames of ever other sources has to look those up, too.
  {
    benchmark: 'core',
    what: /^(.*another source.*), to limit that learns$/,
    rival: ', limit that learns',
    ours: '',
    floor: 2,
    aim: 1.5,
  },
  {
    benchmark: 'core',
    what: /^(.*), WebAssembly to native$/,
    rival: '',
    ours: ', WebAssembly',
    floor: 2.5,
  },
]

const any: Choice = () => true
const named =
  (part: string): Choice =>
  ({ device }) =>
    device.includes(part)
const kernel: Choice = ({ device }) => device === 'kernel'
const ovs = named('OVS')
const [netdev, tap, bridged] = [named(' netdev/'), named(' tap/'), named(' tap+bridge/')]
const vm = named(', VM')
const veth: Choice = (row) => netdev(row) && !vm(row)
const trunk: Choice = (row) => bridged(row) && !vm(row)
const kernelVm: Choice = ({ device }) => device === 'kernel, VM'

const tcp = (figure: string, column: string, floor: number, aim: number): Goal[] => [
  { figure: `${figure}, veth tenant`, column, against: kernel, ours: veth, floor, aim },
  { figure: `${figure}, tap tenant`, column, against: kernel, ours: tap, floor, aim },
  { figure: `${figure}, tap in a bridge`, column, against: kernel, ours: trunk, floor, aim },
  { figure: `${figure}, VM`, column, against: kernelVm, ours: vm, floor, aim },
]

export const goals: readonly Goal[] = [
  ...tcp('TCP 1, BBR', 'tcp1', 0.75, 1),
  ...tcp('TCP 1, Reno', 'reno1', 0.75, 1),
  { figure: 'TCP 1, BBR, to OVS', column: 'tcp1', against: ovs, ours: any, floor: 3.5 },
  ...tcp('TCP 4, BBR', 'tcp4', 0.65, 1),
  ...tcp('TCP 4, Reno', 'reno4', 0.65, 1),
  ...tcp('TCP 1, wire at MTU, GRO', 'framedGro', 0.85, 1.1),
  { figure: '64 B end to end', column: 'mpps', against: any, ours: any, floor: 1.1, aim: 1.4 },
  { figure: '64 B no-drop', column: 'noDrop', against: any, ours: any, floor: 1.3, aim: 1.6 },
  { figure: '64 B encap, one host', column: 'encap', against: any, ours: any, floor: 1, aim: 1.1 },
  { figure: '64 B decap, one host', column: 'decap', against: any, ours: any, floor: 1, aim: 1.1 },
  {
    figure: 'round trip, two CPUs, p50',
    column: 'rttApart50',
    against: kernel,
    ours: any,
    floor: 1.3,
    aim: 0.7,
  },
  {
    figure: 'round trip, two CPUs, p99',
    column: 'rttApart99',
    against: kernel,
    ours: any,
    floor: 1.3,
    aim: 0.7,
  },
  {
    figure: 'round trip, one CPU, p50',
    column: 'rttTogether50',
    against: kernel,
    ours: any,
    floor: 3,
    aim: 1.5,
  },
  { figure: 'idle CPU, 8 ports', column: 'idleOwn', ours: any, floor: 1, aim: 0.2 },
  { figure: 'memory at 1 k MACs', column: 'memoryFew', ours: any, floor: 80, aim: 60 },
  { figure: 'memory per further MAC', column: 'memoryMac', ours: any, floor: 96, aim: 64 },
]
