// A host with its API, from a configuration file: what `vtep run` and the library start.

import { join } from 'node:path'
import {
  AmendmentsFile,
  type Config,
  EventLog,
  Host,
  HostFailure,
  Journal,
  type LoadedConfig,
  lockRuntimeDir,
  obtainDataplane,
  packageVersion,
  parseSocketAddress,
  prepareRuntimeDir,
  readConfigFile,
  reasonOf,
  requiredPortKinds,
  runtimeDirOf,
  runtimePaths,
  type Supervisor,
  stateDirOf,
  TokenFile,
  workerSettings,
} from '../host/index.js'
import { groupId } from './group.js'
import { type Api, type ApiSettings, startApi } from './server.js'

export interface RunHostSettings {
  readonly configFile: string
  /** Directory of the instance. Default: VTEP_RUNTIME_DIR or /run/vtep. */
  readonly runtimeDir?: string
  /** Where run-time changes survive a restart. Default: VTEP_STATE_DIR, or as the runtime directory says. */
  readonly stateDir?: string
  /** Start a dataplane process where none runs, and end it at the end. Default true; else somebody else does. */
  readonly ownsDataplane?: boolean
  /** File that every event of the run is written to, for `vtep replay`. */
  readonly record?: string
  /** What happens goes here. */
  readonly events?: EventLog
  /** Keeps the API's socket open over a restart. Default: nobody does. */
  readonly supervisor?: Supervisor
  /** The configuration is in force: at the start and after each reload. */
  readonly onConfig?: (config: Config) => void
}

export interface RunningHost {
  readonly host: Host
  /** Withdraws all routes, ends the sessions, and the dataplane if it is ours. A second call does nothing. */
  close(): Promise<void>
}

/**
 * Resolves when BGP listens, the dataplane forwards, the ports are open and the API answers. Rejects with HostFailure,
 * a sentence for each thing that is wrong; then nothing is left behind.
 */
export async function runHost(settings: RunHostSettings): Promise<RunningHost> {
  const { configFile, ownsDataplane = true, events = new EventLog(Date.now) } = settings
  const runtimeDir = runtimeDirOf(settings.runtimeDir, process.env)
  const stateDir = stateDirOf(settings.stateDir, process.env, runtimeDir)
  const portKinds = requiredPortKinds()
  const readConfig = (): LoadedConfig => readConfigFile(configFile)
  const loaded = readConfig()
  if ('problems' in loaded) throw new HostFailure(...loaded.problems.map(({ text }) => text))
  const { config, hints } = loaded
  prepareRuntimeDir(runtimeDir)
  let api: Api | undefined
  // Undone in reverse.
  const undo: (() => unknown)[] = [lockRuntimeDir(runtimeDir)]
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    settings.onConfig?.(config)
    undo.push(keepEvents(config, stateDir, events))
    for (const { text } of hints) events.add('warn', 'hint', text)
    const workers = workerSettings(config.dataplane)
    const host = await Host.start({
      version: packageVersion(),
      config,
      fileName: configFile,
      readConfig,
      portKinds,
      amendments: new AmendmentsFile(stateDir, runtimeDir),
      obtainDataplane: () => obtainDataplane({ runtimeDir, workers, start: ownsDataplane }),
      endsDataplane: ownsDataplane,
      events,
      ...(settings.record === undefined ? {} : { record: settings.record }),
      onConfig: (now) => {
        settings.onConfig?.(now)
        renew(api, events)
      },
    })
    undo.push(() => host.stop())
    api = await startApi(host, apiSettings(config, runtimeDir, stateDir, settings.supervisor))
    undo.push(() => api?.close())
    return { host, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Where the API listens, and who may use it. Throws HostFailure. */
function apiSettings(
  { api: { listen, readOnly, authenticate, readGroup, tls } }: Config,
  runtimeDir: string,
  stateDir: string,
  supervisor: Supervisor | undefined,
): ApiSettings {
  const paths = runtimePaths(runtimeDir)
  return {
    socketPath: paths.api,
    ...(supervisor === undefined ? {} : { supervisor }),
    ...(readGroup === undefined
      ? {}
      : { readSocket: { path: paths.apiRead, groupId: groupId(readGroup) } }),
    ...(listen === undefined
      ? {}
      : {
          tcp: {
            listen: parseSocketAddress(listen),
            readOnly,
            authenticate,
            tokens: new TokenFile(stateDir),
            sessionKeyFile: paths.sessionKey,
            ...(tls === undefined ? {} : { tls }),
          },
        }),
  }
}

/** From now on events are kept on disk. Answers how to end it. Throws HostFailure. */
function keepEvents(
  { events: { keep, fileKilobytes, files, debugPerSecond } }: Config,
  stateDir: string,
  events: EventLog,
): () => void {
  events.setDebugRate(debugPerSecond)
  if (!keep) return () => {}
  const directory = join(stateDir, 'events')
  const journal = new Journal(events, { directory, fileBytes: fileKilobytes * 1024, files })
  return () => journal.close()
}

/** With a reload come the certificates that have been renewed meanwhile. */
function renew(api: Api | undefined, events: EventLog): void {
  try {
    api?.renew()
  } catch (error) {
    events.add('error', 'certificateRefused', `the old certificate holds on: ${reasonOf(error)}`)
  }
}
