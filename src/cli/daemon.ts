// The daemon's process: log, signals, and what the supervisor is told.

import { runHost } from '../api/index.js'
import {
  EventLog,
  type Host,
  type Log,
  logEvents,
  Refusal,
  reasonOf,
  Supervisor,
} from '../host/index.js'
import type { CliContext } from './context.js'
import { watchSignals } from './signals.js'

export interface DaemonSettings extends CliContext {
  readonly configFile: string
  readonly runtimeDir: string
  readonly stateDir: string
  /** Start a dataplane where none runs, and end it at the end. */
  readonly ownsDataplane: boolean
  /** File to write a recording to. */
  readonly record: string | undefined
}

/** Runs controller and dataplane until SIGTERM or SIGINT. Throws HostFailure when it can not start. */
export async function runDaemon(settings: DaemonSettings): Promise<void> {
  const { configFile, runtimeDir, stateDir, ownsDataplane, record } = settings
  const { stdout, stderr, environment } = settings
  const supervisor = new Supervisor(environment)
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
      supervisor,
      ...(record === undefined ? {} : { record }),
      onConfig: ({ log: { level } }) => {
        log ??= logEvents(events, { level, stream: stderr })
        log.setLevel(level)
      },
    })
    try {
      signals.onHangup(() => void reload(host, supervisor))
      stdout.write('vtep: ready\n')
      supervisor.tell('READY=1')
      supervisor.watch()
      // The dataplane goes on, the peers keep our routes (RFC 4724), and the next controller adopts both.
      if ((await signals.ended) === 'handOver') process.exit(0)
      supervisor.tell('STOPPING=1')
    } finally {
      await close()
    }
  } finally {
    signals.forget()
  }
}

async function reload(host: Host, supervisor: Supervisor): Promise<void> {
  supervisor.tell('RELOADING=1')
  try {
    await host.reload()
  } catch (error) {
    const problems =
      error instanceof Refusal ? error.problems.map(({ text }) => text) : [reasonOf(error)]
    for (const text of problems)
      host.events.add('error', 'reloadRefused', `nothing has changed: ${text}`)
  }
  supervisor.tell('READY=1')
}
