// A dataplane in this process. Loads neither speaker nor schema: it should start fast and stay small.

import { availableParallelism } from 'node:os'
import { DataplaneError, startDataplane } from '../../io/index.js'
import { HostFailure, prepareRuntimeDir, runtimePaths } from '../instance/index.js'

export function defaultWorkers(): number {
  return Math.min(4, availableParallelism())
}

/** Runs a dataplane in this process until `stop` is aborted or a controller ends it. Throws HostFailure. */
export async function runDataplane(
  runtimeDir: string,
  workers: number,
  fastPath: boolean,
  stop: AbortSignal,
  onReady: () => void,
): Promise<void> {
  prepareRuntimeDir(runtimeDir)
  try {
    const { closed, close } = startDataplane({
      workers,
      fastPath,
      controlPath: runtimePaths(runtimeDir).control,
      holdProcess: true,
    })
    onReady()
    stop.addEventListener('abort', close, { once: true })
    if (stop.aborted) close()
    await closed
  } catch (error) {
    if (error instanceof DataplaneError) throw new HostFailure(error.message)
    throw error
  }
}
