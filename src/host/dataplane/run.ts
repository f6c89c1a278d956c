// A dataplane in this process. Loads neither speaker nor schema: it should start fast and stay small.

import { availableParallelism } from 'node:os'
import { DataplaneError, startDataplane, type WorkerSettings } from '../../io/index.js'
import { HostFailure, prepareRuntimeDir, runtimePaths } from '../instance/index.js'

/** What is left open gets its default. */
export function workerSettings(wanted: Partial<WorkerSettings>): WorkerSettings {
  const { cpus = [] } = wanted
  const workers =
    cpus.length === 0 ? Math.min(4, availableParallelism()) : Math.min(16, cpus.length)
  return { ...wanted, workers: wanted.workers ?? workers }
}

/** Runs a dataplane in this process until `stop` is aborted or a controller ends it. Throws HostFailure. */
export async function runDataplane(
  runtimeDir: string,
  workers: WorkerSettings,
  stop: AbortSignal,
  onReady: (beats: () => number) => void,
): Promise<void> {
  prepareRuntimeDir(runtimeDir)
  try {
    const { closed, close, beats } = startDataplane({
      ...workers,
      controlPath: runtimePaths(runtimeDir).control,
      holdProcess: true,
    })
    onReady(beats)
    stop.addEventListener('abort', close, { once: true })
    if (stop.aborted) close()
    await closed
  } catch (error) {
    if (error instanceof DataplaneError) throw new HostFailure(error.message)
    throw error
  }
}
