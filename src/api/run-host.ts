// A host with its API, from a configuration file: what `vtep run` and the library start.

import {
  AmendmentsFile,
  type Config,
  EventLog,
  Host,
  HostFailure,
  type LoadedConfig,
  lockRuntimeDir,
  obtainDataplane,
  packageVersion,
  parseSocketAddress,
  prepareRuntimeDir,
  readConfigFile,
  requiredPortKinds,
  runtimeDirOf,
  runtimePaths,
  type Supervisor,
  stateDirOf,
  workerSettings,
} from '../host/index.js'
import { startApi } from './server.js'

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
  const portKinds = requiredPortKinds()
  const readConfig = (): LoadedConfig => readConfigFile(configFile)
  const loaded = readConfig()
  if ('problems' in loaded) throw new HostFailure(...loaded.problems.map(({ text }) => text))
  const { config, hints } = loaded
  prepareRuntimeDir(runtimeDir)
  // Undone in reverse.
  const undo: (() => unknown)[] = [lockRuntimeDir(runtimeDir)]
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    settings.onConfig?.(config)
    for (const { text } of hints) events.add('warn', 'hint', text)
    const workers = workerSettings(config.dataplane)
    const host = await Host.start({
      version: packageVersion(),
      config,
      fileName: configFile,
      readConfig,
      portKinds,
      amendments: new AmendmentsFile(
        stateDirOf(settings.stateDir, process.env, runtimeDir),
        runtimeDir,
      ),
      obtainDataplane: () => obtainDataplane({ runtimeDir, workers, start: ownsDataplane }),
      endsDataplane: ownsDataplane,
      events,
      ...(settings.record === undefined ? {} : { record: settings.record }),
      ...(settings.onConfig === undefined ? {} : { onConfig: settings.onConfig }),
    })
    undo.push(() => host.stop())
    const { listen, readOnly } = config.api
    const api = await startApi(host, {
      socketPath: runtimePaths(runtimeDir).api,
      readOnly,
      ...(settings.supervisor === undefined ? {} : { supervisor: settings.supervisor }),
      ...(listen === undefined ? {} : { listen: parseSocketAddress(listen) }),
    })
    undo.push(() => api.close())
    return { host, close }
  } catch (error) {
    await close()
    throw error
  }
}
