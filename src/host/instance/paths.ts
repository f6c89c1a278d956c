// Where an instance keeps its files. Imports nothing heavy: every command line verb needs it.

import { basename, dirname, join, resolve } from 'node:path'

export const DEFAULT_RUNTIME_DIR = '/run/vtep'

/** The runtime directory of `--runtime-dir`, VTEP_RUNTIME_DIR or the default, in this order. */
export function runtimeDirOf(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return resolve(option ?? (environment['VTEP_RUNTIME_DIR'] || DEFAULT_RUNTIME_DIR))
}

/**
 * Where run-time additions survive a restart: `--state-dir`, VTEP_STATE_DIR or, as /run is lost with a reboot,
 * /var/lib/NAME for /run/NAME and `state` inside any other runtime directory.
 */
export function stateDirOf(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  runtimeDir: string,
): string {
  const named = option ?? environment['VTEP_STATE_DIR']
  if (named !== undefined && named !== '') return resolve(named)
  return dirname(runtimeDir) === '/run'
    ? join('/var/lib', basename(runtimeDir))
    : join(runtimeDir, 'state')
}

export interface RuntimePaths {
  /** HTTP API. */
  readonly api: string
  /** HTTP API for those who only read. */
  readonly apiRead: string
  /** Key of browsers' sessions. */
  readonly sessionKey: string
  /** The dataplane's control socket. */
  readonly control: string
  /** Log of a dataplane that the controller started. */
  readonly dataplaneLog: string
  /** The controller's lock. */
  readonly lock: string
  /** What platforms have asked for since the machine was booted. */
  readonly attachments: string
}

export function runtimePaths(runtimeDir: string): RuntimePaths {
  return {
    api: join(runtimeDir, 'api.sock'),
    apiRead: join(runtimeDir, 'read.sock'),
    sessionKey: join(runtimeDir, 'session.key'),
    control: join(runtimeDir, 'control.sock'),
    dataplaneLog: join(runtimeDir, 'dataplane.log'),
    lock: join(runtimeDir, 'controller.pid'),
    attachments: join(runtimeDir, 'attachments.json'),
  }
}
