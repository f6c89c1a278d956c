// The process of `vtep run --dataplane-only`.

import { runDataplane, Supervisor, workerSettings } from '../host/dataplane/index.js'
import type { CliContext } from './context.js'
import { watchSignals } from './signals.js'

export interface DataplaneDaemonSettings extends CliContext {
  readonly runtimeDir: string
  readonly workers: Parameters<typeof workerSettings>[0]
  /** Its section `dataplane` counts, then, in the place of `workers`. */
  readonly configFile: string | undefined
}

/** Runs a dataplane alone until SIGTERM, SIGINT or a controller's word. Throws HostFailure when it can not start. */
export async function runDataplaneDaemon(settings: DataplaneDaemonSettings): Promise<void> {
  const { runtimeDir, stdout, environment } = settings
  const workers = await workersOf(settings)
  const supervisor = new Supervisor(environment)
  const signals = watchSignals()
  const stop = new AbortController()
  void signals.ended.then(() => stop.abort())
  try {
    await runDataplane(runtimeDir, workerSettings(workers), stop.signal, (beats) => {
      stdout.write('vtep: ready\n')
      supervisor.tell('READY=1')
      supervisor.watch(advancing(beats))
    })
  } finally {
    signals.forget()
  }
}

async function workersOf({ workers, configFile }: DataplaneDaemonSettings) {
  if (configFile === undefined) return workers
  // Only who asks for it pays for schema and parser.
  const { configOfFile } = await import('../host/index.js')
  return configOfFile(configFile).dataplane
}

/** Whether a count has gone on since it was last asked. */
function advancing(count: () => number): () => boolean {
  let last = -1
  return () => {
    const before = last
    last = count()
    return last !== before
  }
}
