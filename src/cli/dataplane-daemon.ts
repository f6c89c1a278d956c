// The process of `vtep run --dataplane-only`.

import { runDataplane, workerSettings } from '../host/dataplane/index.js'
import { notify } from '../host/instance/index.js'
import type { CliContext } from './context.js'
import { watchSignals } from './signals.js'

export interface DataplaneDaemonSettings extends CliContext {
  readonly runtimeDir: string
  readonly workers: Parameters<typeof workerSettings>[0]
}

/** Runs a dataplane alone until SIGTERM, SIGINT or a controller's word. Throws HostFailure when it can not start. */
export async function runDataplaneDaemon(settings: DataplaneDaemonSettings): Promise<void> {
  const { runtimeDir, workers, stdout, environment } = settings
  const signals = watchSignals()
  const stop = new AbortController()
  void signals.ended.then(() => stop.abort())
  try {
    await runDataplane(runtimeDir, workerSettings(workers), stop.signal, () => {
      stdout.write('vtep: ready\n')
      void notify('READY=1', environment)
    })
  } finally {
    signals.forget()
  }
}
