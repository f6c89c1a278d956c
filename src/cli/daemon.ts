// The daemon's process: configuration, lock, host, API, signals, and what the supervisor is told.

import { readFileSync } from 'node:fs'
import { startApi } from '../api/index.js'
import {
  AmendmentsFile,
  type Config,
  defaultWorkers,
  EventLog,
  Host,
  HostFailure,
  type LoadedConfig,
  loadConfig,
  lockRuntimeDir,
  logEvents,
  notify,
  obtainDataplane,
  parseSocketAddress,
  prepareRuntimeDir,
  Refusal,
  reasonOf,
  requiredPortKinds,
  runDataplane,
  runtimePaths,
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
  const portKinds = requiredPortKinds()
  const { configFile, runtimeDir, stateDir } = settings
  const readConfig = (): LoadedConfig => loadConfig(readFile(configFile), configFile, portKinds)
  const loaded = readConfig()
  if ('problems' in loaded) throw new HostFailure(...loaded.problems.map(({ text }) => text))
  const { config } = loaded
  prepareRuntimeDir(runtimeDir)
  const unlock = lockRuntimeDir(runtimeDir)
  const signals = watchSignals()
  try {
    const events = new EventLog(Date.now)
    const log = logEvents(events, { level: config.log.level, stream: settings.stderr })
    for (const { text } of loaded.hints) events.add('warn', 'hint', text)
    const host = await Host.start({
      version: settings.version,
      config,
      fileName: configFile,
      readConfig,
      portKinds,
      amendments: new AmendmentsFile(stateDir),
      obtainDataplane: () =>
        obtainDataplane({
          runtimeDir,
          workers: config.dataplane.workers ?? defaultWorkers(),
          start: settings.ownsDataplane,
        }),
      endsDataplane: settings.ownsDataplane,
      events,
      onConfig: ({ log: { level } }) => log.setLevel(level),
    })
    try {
      await serve(host, config, settings, signals)
    } finally {
      await host.stop()
    }
  } finally {
    signals.forget()
    unlock()
  }
}

/** From ready to the signal that ends it. */
async function serve(
  host: Host,
  config: Config,
  { runtimeDir, stdout, environment }: DaemonSettings,
  signals: Signals,
): Promise<void> {
  const { listen, readOnly } = config.api
  const api = await startApi(host, {
    socketPath: runtimePaths(runtimeDir).api,
    readOnly,
    ...(listen === undefined ? {} : { listen: parseSocketAddress(listen) }),
  })
  signals.onHangup(() => void reload(host, environment))
  stdout.write('vtep: ready\n')
  await notify('READY=1', environment)
  await signals.ended
  await notify('STOPPING=1', environment)
  await api.close()
}

async function reload(host: Host, environment: CliContext['environment']): Promise<void> {
  await notify('RELOADING=1', environment)
  try {
    await host.reload()
  } catch (error) {
    const problems =
      error instanceof Refusal ? error.problems.map(({ text }) => text) : [reasonOf(error)]
    for (const text of problems)
      host.events.add('error', 'reloadRefused', `nothing has changed: ${text}`)
  }
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

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new HostFailure(`configuration ${path}: ${reasonOf(error)}`)
  }
}
