// What systemd hears and keeps: sd_notify(3), its watchdog, and descriptors that survive a restart (sd_pid_notify_with_fds(3)).

import { loadAddon } from './native.js'

export type SupervisorState = 'READY=1' | 'STOPPING=1' | 'RELOADING=1' | 'WATCHDOG=1'

type Environment = Readonly<Record<string, string | undefined>>

/** The first descriptor that a supervisor hands over, SD_LISTEN_FDS_START. */
const FIRST_DESCRIPTOR = 3

export class Supervisor {
  readonly #path: string | undefined
  readonly #watchdogMilliseconds: number | undefined
  readonly #kept: ReadonlyMap<string, number>

  /** The process's own; without one (NOTIFY_SOCKET is not set) everything here does nothing. */
  constructor(environment: Environment) {
    this.#path = environment['NOTIFY_SOCKET'] || undefined
    this.#kept = keptIn(environment)
    const microseconds = Number(environment['WATCHDOG_USEC'])
    const ours = [undefined, `${process.pid}`].includes(environment['WATCHDOG_PID'])
    this.#watchdogMilliseconds = ours && microseconds > 0 ? microseconds / 1000 : undefined
  }

  tell(state: SupervisorState): void {
    // A reload is timed by the supervisor: the time of its begin goes along.
    const time = `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`
    this.#send(state === 'RELOADING=1' ? `${state}\n${time}` : state)
  }

  /** From now on tells the watchdog twice in its time that we live, while `lives` says so and the event loop turns. */
  watch(lives: () => boolean = () => true): void {
    if (this.#path === undefined || this.#watchdogMilliseconds === undefined) return
    const beat = (): void => {
      if (lives()) this.tell('WATCHDOG=1')
    }
    setInterval(beat, this.#watchdogMilliseconds / 2).unref()
  }

  /** The descriptor that an earlier run left under this name. */
  kept(name: string): number | undefined {
    return this.#kept.get(name)
  }

  /** Leaves a descriptor for the next run; ours stays open. It is given up when the unit is stopped, not when it is restarted. */
  keep(name: string, descriptor: number): void {
    this.#send(`FDSTORE=1\nFDNAME=${name}`, [descriptor])
  }

  #send(message: string, descriptors: readonly number[] = []): void {
    if (this.#path === undefined) return
    try {
      loadAddon().supervisor.notify(this.#path, message, descriptors)
    } catch {
      // One that does not listen is no reason to stop.
    }
  }
}

/** LISTEN_FDS and LISTEN_FDNAMES, where they are meant for this process. */
function keptIn(environment: Environment): ReadonlyMap<string, number> {
  if (environment['LISTEN_PID'] !== `${process.pid}`) return new Map()
  const names = (environment['LISTEN_FDNAMES'] ?? '').split(':')
  const count = Math.min(Number(environment['LISTEN_FDS']) || 0, names.length)
  return new Map(names.slice(0, count).map((name, index) => [name, FIRST_DESCRIPTOR + index]))
}
