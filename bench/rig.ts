// tenant - host = wire = host - tenant: every device in turn within a trial, so that drift of the machine hits all alike.

import { existsSync } from 'node:fs'
import { findProgram } from '../test/lab/index.js'
import { Bed } from './bed.js'
import { type Device, devices } from './devices/index.js'
import { coresOfOthers, quiet, reserveHugePages, withStolen } from './machine.js'
import { type Probe, probes } from './probes/index.js'

export interface RigOptions {
  readonly trials: number
  readonly quick: boolean
  /** Names of devices and probes; empty = all. */
  readonly devices: readonly string[]
  readonly probes: readonly string[]
}

/** One device; by column, what each trial gave. */
export interface RigRow {
  readonly device: string
  readonly summary: string
  readonly kind: Device['kind']
  readonly figures: Record<string, number[]>
}

export interface RigResult {
  readonly rows: RigRow[]
  /** What could not be measured, and why: one line each. */
  readonly problems: string[]
  /** Cores that others burned before each trial. */
  readonly others: number[]
  /** Share of the machine's time that the hypervisor gave to others in each trial. */
  readonly stolen: number[]
  /** What else whoever reads the figures has to know. */
  readonly remarks?: readonly string[]
}

interface Work {
  readonly device: Device
  readonly row: RigRow
  readonly probes: readonly Probe[]
}

/**
 * A run of all takes half an hour: this one's figures in the place of those that an earlier one had of the same devices and
 * probes. Both are ratios to rivals of their own run, as a probe is measured whole.
 */
export function onto(
  earlier: RigResult,
  later: RigResult,
  probeNames: readonly string[],
  from: string,
): RigResult {
  const columns = probes
    .filter(({ name }) => probeNames.includes(name))
    .flatMap((probe) => Object.keys(probe.columns))
  const rows = earlier.rows.map((row) => {
    const kept = Object.entries(row.figures).filter(([column]) => !columns.includes(column))
    const fresh = later.rows.find(({ device }) => device === row.device)?.figures ?? {}
    return { ...row, figures: { ...Object.fromEntries(kept), ...fresh } }
  })
  return {
    rows,
    problems: [...earlier.problems, ...later.problems],
    others: [...earlier.others, ...later.others],
    stolen: [...earlier.stolen, ...later.stolen],
    remarks: [`all but ${probeNames.join(', ')} are of an earlier run: ${from}`],
  }
}

/** `onTrial` gets what there is after each. */
export async function measureRig(
  options: RigOptions,
  onTrial: (result: RigResult) => void,
): Promise<RigResult> {
  const result: RigResult = { rows: [], problems: [], others: [], stolen: [] }
  const works = worksOf(options, result)
  result.rows.push(...works.map(({ row }) => row))
  const pages = Math.max(0, ...works.map(({ device }) => device.hugePages ?? 0))
  const giveBack = reserved(pages, result)
  try {
    for (let trial = 1; trial <= options.trials; trial++) {
      result.others.push(await coresOfOthers(1))
      const { stolen } = await withStolen(async () => {
        for (const work of works) {
          if (trial <= trialsOf(work.device)) await once(work, trial, options, result)
        }
      })
      result.stolen.push(stolen)
      onTrial(result)
    }
  } finally {
    giveBack()
  }
  return result
}

/** What has no overlay says what is possible, and nothing is a ratio to it: three trials do. */
const trialsOf = ({ kind }: Device): number => (kind === 'limit' ? 3 : Number.POSITIVE_INFINITY)

function say(result: RigResult, problem: string): void {
  // The same in every trial is one problem.
  if (!result.problems.includes(problem)) result.problems.push(problem)
  process.stderr.write(`rig: ${problem}\n`)
}

function reserved(megabytes: number, result: RigResult): () => void {
  try {
    return reserveHugePages(megabytes)
  } catch (error) {
    say(result, firstLine(error))
    return () => undefined
  }
}

function worksOf(options: RigOptions, result: RigResult): Work[] {
  const among = (names: readonly string[], name: string): boolean =>
    names.length === 0 || names.includes(name)
  return devices
    .filter(({ name }) => among(options.devices, name))
    .filter((device) => installed(device, result))
    .map((device) => ({
      device,
      row: { device: device.name, summary: device.summary, kind: device.kind, figures: {} },
      // Whoever names probe and device gets it.
      probes: probes
        .filter((probe) => among(options.probes, probe.name) && probe.suits(device))
        .filter(({ name }) => options.devices.length > 0 || device.leaves?.includes(name) !== true),
    }))
    .filter((work) => work.probes.length > 0)
}

function installed(device: Device, result: RigResult): boolean {
  const absent = device.programs.filter((name) =>
    name.startsWith('/') ? !existsSync(name) : findProgram(name) === undefined,
  )
  if (absent.length > 0) say(result, `without ${device.name}: not installed: ${absent.join(', ')}`)
  return absent.length === 0
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : `${error}`).split('\n')[0]!

async function once(
  work: Work,
  trial: number,
  options: RigOptions,
  result: RigResult,
): Promise<void> {
  const { device } = work
  const started = performance.now()
  const common = work.probes.filter(({ bed }) => bed === undefined)
  if (common.length > 0) await onBed(work, common, options, result)
  for (const probe of work.probes.filter(({ bed }) => bed !== undefined)) {
    await onBed(work, [probe], options, result)
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  process.stderr.write(`rig: trial ${trial} of ${options.trials}: ${device.name} (${seconds} s)\n`)
}

/** One device that fails must not take the others' figures with it, one probe not the other probes': its missing values show. */
async function onBed(
  { device, row }: Work,
  todo: readonly Probe[],
  options: RigOptions,
  result: RigResult,
): Promise<void> {
  const attempt = async (what: string, act: () => Promise<void>): Promise<boolean> => {
    try {
      await act()
      return true
    } catch (error) {
      if (process.env['BENCH_VERBOSE'] !== undefined) console.error(error)
      say(result, `${device.name}: ${what}: ${firstLine(error)}`)
      return false
    }
  }
  const measure = (probe: Probe): Promise<boolean> =>
    attempt(probe.name, async () => {
      const values = await probe.measure(bed!, options)
      for (const [column, value] of Object.entries(values)) {
        row.figures[column] = [...(row.figures[column] ?? []), value].flat()
      }
    })
  let bed: Bed | undefined
  // Interfaces and huge pages of the bed before go in the background: not at this one's cost.
  await quiet()
  const opened = await attempt('wire', async () => {
    bed = await Bed.open(device, todo[0]!.bed)
  })
  if (!opened) return
  try {
    const single = todo.filter(({ hosts }) => hosts === 1)
    const double = todo.filter(({ hosts }) => hosts === 2)
    if (single.length > 0 && !(await attempt('start at one host', () => bed!.one()))) return
    for (const probe of single) await measure(probe)
    if (double.length === 0 || !(await attempt('start at both hosts', () => bed!.both()))) return
    for (const probe of double) await measure(probe)
  } finally {
    await attempt('clean-up', () => bed!.close())
  }
}
