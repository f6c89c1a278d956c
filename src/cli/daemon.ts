// The daemon's process: log, signals, and what the supervisor is told.

import { runHost } from '../api/index.js'
import {
  defaultWorkers,
  EventLog,
  type Host,
  type Log,
  logEvents,
  notify,
  Refusal,
  reasonOf,
  runDataplane,
} from '../host/index.js'
import type { CliContext } from './context.js'

export interface DaemonSettings extends CliContext {
  readonly configFile: string
  readonly runtimeDir: string
  readonly stateDir: string
  /** Start a dataplane where none runs, and end it at the end. */
  readonly ownsDataplane: boolean
}

/** Runs controller and dataplane until SIGTERM or SIGINT. Throws HostFailure when it can not start. */
export async function runDaemon(settings: DaemonSettings): Promise<void> {
  const { configFile, runtimeDir, stateDir, ownsDataplane, stdout, stderr, environment } = settings
  const signals = watchSignals()
  const events = new EventLog(Date.now)
  let log: Log | undefined
  try {
    const { host, close } = await runHost({
      configFile,
      runtimeDir,
      stateDir,
      ownsDataplane,
      events,
      onConfig: ({ log: { level } }) => {
        log ??= logEvents(events, { level, stream: stderr })
        log.setLevel(level)
      },
    })
    try {
      signals.onHangup(() => void reload(host, environment))
      stdout.write('vtep: ready\n')
      // A supervisor that is slow to listen holds nothing up.
      void notify('READY=1', environment)
      await signals.ended
      void notify('STOPPING=1', environment)
    } finally {
      await close()
    }
  } finally {
    signals.forget()
  }
}

async function reload(host: Host, environment: CliContext['environment']): Promise<void> {
  const told = notify('RELOADING=1', environment)
  try {
    await host.reload()
  } catch (error) {
    const problems =
      error instanceof Refusal ? error.problems.map(({ text }) => text) : [reasonOf(error)]
    for (const text of problems)
      host.events.add('error', 'reloadRefused', `nothing has changed: ${text}`)
  }
  await told
  await notify('READY=1', environment)
}

export interface DataplaneDaemonSettings extends CliContext {
  readonly runtimeDir: string
  readonly workers: number | undefined
}

/** Runs a dataplane alone until SIGTERM, SIGINT or a controller's word. Throws HostFailure when it can not start. */
export async function runDataplaneDaemon(settings: DataplaneDaemonSettings): Promise<void> {
  const { runtimeDir, workers = defaultWorkers(), stdout, environment } = settings
  const signals = watchSignals()
  const stop = new AbortController()
  void signals.ended.then(() => stop.abort())
  try {
    await runDataplane(runtimeDir, workers, stop.signal, () => {
      stdout.write('vtep: ready\n')
      void notify('READY=1', environment)
    })
  } finally {
    signals.forget()
  }
}

interface Signals {
  /** The first SIGTERM or SIGINT. A second one ends the process at once. */
  readonly ended: Promise<void>
  /** SIGHUP; before this is called it is ignored. */
  onHangup(listener: () => void): void
  forget(): void
}

function watchSignals(): Signals {
  let listener = (): void => {}
  const hangup = (): void => listener()
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let asked = false
  const onEnd = (): void => {
    if (asked) process.exit(1)
    asked = true
    end()
  }
  process.on('SIGTERM', onEnd)
  process.on('SIGINT', onEnd)
  process.on('SIGHUP', hangup)
  return {
    ended,
    onHangup: (next) => {
      listener = next
    },
    forget: () => {
      process.off('SIGTERM', onEnd)
      process.off('SIGINT', onEnd)
      process.off('SIGHUP', hangup)
    },
  }
}
