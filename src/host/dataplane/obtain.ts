// Getting hold of a dataplane: the one that runs, or a new process that outlives us.

import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DataplaneError, NativeDataplane, type WorkerSettings } from '../../io/index.js'
import { HostFailure, reasonOf, runtimePaths } from '../instance/index.js'
import type { ObtainedDataplane } from '../packet-path.js'

const START_SECONDS = 15
/** A controller that was killed is noticed at once, but not in no time. */
const REFUSED_SECONDS = 2
const POLL_MILLISECONDS = 20
/** So long a dataplane that was told to end may take. */
const END_SECONDS = 5

export interface DataplaneSource {
  readonly runtimeDir: string
  readonly workers: WorkerSettings
  /** Start one when there is none; else wait for somebody to do it. */
  readonly start: boolean
}

/** Attaches to the running dataplane, or to a new one. Throws HostFailure with one sentence that says what to do. */
export async function obtainDataplane(source: DataplaneSource): Promise<ObtainedDataplane> {
  const { control } = runtimePaths(source.runtimeDir)
  const running = await attachWithin(control, REFUSED_SECONDS, 'REFUSED')
  if (running !== undefined) return obtained(running, true)
  if (!source.start) {
    const late = await attachWithin(control, START_SECONDS, 'UNREACHABLE')
    if (late !== undefined) return obtained(late, true)
    throw new HostFailure(
      `no dataplane answers on ${control}: start one with \`vtep run --dataplane-only\``,
    )
  }
  return obtained(await startProcess(source, control), false)
}

/** Throws HostFailure where a dataplane runs that this version cannot drive. Answers whether one runs; changes nothing. */
export async function checkDataplane(runtimeDir: string): Promise<boolean> {
  try {
    const { control } = runtimePaths(runtimeDir)
    await NativeDataplane.attach({ controlPath: control, role: 'observer' }).detach()
    return true
  } catch (error) {
    if (!(error instanceof DataplaneError)) throw error
    if (error.code === 'UNREACHABLE') return false
    throw new HostFailure(explain(error))
  }
}

function obtained(dataplane: NativeDataplane, adopted: boolean): ObtainedDataplane {
  const process = `/proc/${dataplane.pid}`
  const whenEnded = async (): Promise<void> => {
    const end = performance.now() + END_SECONDS * 1000
    while (isRunning(process) && performance.now() < end) await sleep(POLL_MILLISECONDS)
  }
  return { dataplane, adopted, whenEnded }
}

/** A process that has ended stays visible until its parent has looked: state Z. */
function isRunning(directory: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`${directory}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Starts the process in a session of its own, so that it goes on when we do not. */
async function startProcess(source: DataplaneSource, control: string): Promise<NativeDataplane> {
  const { runtimeDir, workers } = source
  const path = runtimePaths(runtimeDir).dataplaneLog
  const log = openSync(path, 'a', 0o640)
  const logStart = fstatSync(log).size
  const main = fileURLToPath(new URL('../../main.js', import.meta.url))
  const words = ['run', '--dataplane-only', '--runtime-dir', runtimeDir, ...asOptions(workers)]
  const { NOTIFY_SOCKET: _, ...env } = process.env
  const child = spawn(process.execPath, [main, ...words], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env,
  })
  closeSync(log)
  child.unref()
  let ended: string | undefined
  child.once('error', (error) => {
    ended = error.message
  })
  child.once('exit', (code, signal) => {
    ended = lastWords(path, logStart) || `it ended with ${signal ?? `code ${code}`}`
  })
  const started = await attachWithin(
    control,
    START_SECONDS,
    'UNREACHABLE',
    () => ended !== undefined,
  )
  if (started !== undefined) return started
  if (ended === undefined) child.kill('SIGKILL')
  throw new HostFailure(
    `the dataplane did not start: ${ended ?? `it did not answer within ${START_SECONDS} seconds`}`,
  )
}

function asOptions({ workers, polling, cpus = [], fastPath = true }: WorkerSettings): string[] {
  return [
    ...['--workers', `${workers}`],
    ...(polling === undefined ? [] : ['--polling', polling]),
    ...(cpus.length === 0 ? [] : ['--cpus', cpus.join(',')]),
    ...(fastPath ? [] : ['--no-fast-path']),
  ]
}

/** What the process said on its log, without our own prefix. */
function lastWords(path: string, from: number): string {
  try {
    const lines = readFileSync(path).subarray(from).toString().trim().split('\n')
    return lines.map((line) => line.replace(/^vtep: /, '')).join('; ')
  } catch {
    return ''
  }
}

/** Tries for so long while the answer is `wait`; undefined when nobody answered. Throws HostFailure for other answers. */
async function attachWithin(
  controlPath: string,
  seconds: number,
  wait: 'REFUSED' | 'UNREACHABLE',
  giveUp: () => boolean = () => false,
): Promise<NativeDataplane | undefined> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    try {
      return NativeDataplane.attach({ controlPath, role: 'controller' })
    } catch (error) {
      if (!(error instanceof DataplaneError)) throw error
      const again = error.code === wait && performance.now() < end && !giveUp()
      if (!again && error.code === 'UNREACHABLE') return undefined
      if (!again) throw new HostFailure(explain(error))
      await sleep(POLL_MILLISECONDS)
    }
  }
}

function explain(error: DataplaneError): string {
  if (error.code !== 'LAYOUT_MISMATCH') return reasonOf(error)
  return `${error.message}; go on with the version that started it, or end that dataplane first (forwarding stops until a new one is up)`
}
