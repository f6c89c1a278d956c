// What is read from the machine as a whole and from processes: time of processors, memory, huge pages.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { sleep } from '../test/lab/index.js'
import { atEnd } from './at-end.js'

const ticksPerSecond = 100

interface Ticks {
  /** Clock ticks that all processors spent on anything but idling and waiting. */
  readonly busy: number
  /** Taken by the hypervisor for others; not in `busy`. */
  readonly stolen: number
}

function readTicks(): Ticks {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .map(Number)
  return { busy: user! + nice! + system! + irq! + softirq!, stolen: steal! }
}

/** Cores that the whole machine burned while `act` ran. */
export async function withCores<T>(act: () => Promise<T>): Promise<{ value: T; cores: number }> {
  const [ticks, started] = [readTicks(), performance.now()]
  const value = await act()
  const seconds = (performance.now() - started) / 1000
  return { value, cores: (readTicks().busy - ticks.busy) / ticksPerSecond / seconds }
}

/** Share of all processors' time that the hypervisor gave to others while `act` ran. */
export async function withStolen(act: () => Promise<void>): Promise<{ stolen: number }> {
  const [ticks, started] = [readTicks(), performance.now()]
  await act()
  const seconds = (performance.now() - started) / 1000
  return { stolen: (readTicks().stolen - ticks.stolen) / ticksPerSecond / seconds / cpus().length }
}

/** Cores that the machine burns while we do nothing. */
export const coresOfOthers = async (seconds: number): Promise<number> =>
  (await withCores(() => sleep(seconds))).cores

/** Waits until the machine is as good as idle, some seconds at most: what was there before may still be taken apart. */
export async function quiet(): Promise<void> {
  const end = performance.now() + 5000
  for (let calm = 0; calm < 2 && performance.now() < end; ) {
    calm = (await coresOfOthers(0.25)) < 0.05 ? calm + 1 : 0
  }
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Seconds that the threads of these processes have run, to the nanosecond (ticks are too coarse for who sleeps mostly). */
export function runTime(pids: readonly number[]): number {
  const each = pids.flatMap((pid) =>
    threads(pid).map((tid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0])
      } catch {
        return 0 // It ended meanwhile.
      }
    }),
  )
  return each.reduce((sum, value) => sum + value, 0) / 1e9
}

/** MB of a process: its proportional share of pages, and huge pages, which that does not contain. */
export function memoryOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return kilobytes(rollup, ['Pss', 'Shared_Hugetlb', 'Private_Hugetlb']) / 1024
}

const kilobytes = (text: string, keys: readonly string[]): number =>
  keys.reduce(
    (sum, key) => sum + Number(new RegExp(`^${key}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0),
    0,
  )

/** MB of a process, every page counted whole whoever else uses it. */
export const residentMemory = (pid: number): number =>
  kilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), ['Rss']) / 1024

/** MB of a process of which a segment is counted whole, not as its share: who else maps it must not make it cheaper. */
export function memoryWithSegment(pid: number, segment: RegExp): number {
  const areas = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return (
    areas.reduce((sum, area) => {
      const isSegment = segment.test(area.slice(0, area.indexOf('\n')))
      return sum + kilobytes(area, [isSegment ? 'Rss' : 'Pss'])
    }, 0) / 1024
  )
}

export const commandLine = (pid: number): string =>
  readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()

const pageCount = '/proc/sys/vm/nr_hugepages'

/**
 * Reserves huge pages of 2 MiB, if fewer are there, and answers how to give them back. They are given back also when the
 * program ends before, or is interrupted.
 */
export function reserveHugePages(megabytes: number): () => void {
  const before = readFileSync(pageCount, 'utf8').trim()
  const wanted = Math.ceil(megabytes / 2)
  if (Number(before) >= wanted) return () => undefined
  const giveBack = atEnd(() => writeFileSync(pageCount, before))
  writeFileSync(pageCount, `${wanted}`)
  const got = Number(readFileSync(pageCount, 'utf8'))
  if (got < wanted) {
    giveBack()
    throw new Error(`huge pages: expected ${wanted} of 2 MiB, the machine has memory for ${got}`)
  }
  return giveBack
}
