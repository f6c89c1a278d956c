// A long-lived process of a lab, with a log and a pid file. It has a session of its own, so that Ctrl-C on the terminal
// reaches the lab first and the lab ends it in order.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until, type WaitOptions } from './wait.js'

/** Field of a process's or a thread's stat (proc(5)), counted from 1 as there; what is before 3 may hold blanks. */
function statField(path: string, field: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${path}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field - 3]
  } catch {
    return undefined
  }
}

/** Start time in clock ticks: a pid with another start time is another process. */
export const processStart = (pid: number): string | undefined => statField(String(pid), 22)

export interface ServiceOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export class Service {
  readonly pid: number
  readonly logFile: string
  readonly #pidFile: string
  readonly #child: ChildProcess
  #ended = false
  #status = ''

  readonly name: string

  constructor(
    name: string,
    directory: string,
    argv: readonly string[],
    options: ServiceOptions = {},
  ) {
    this.name = name
    this.logFile = join(directory, `${name}.log`)
    this.#pidFile = join(directory, `${name}.pid`)
    const log = openSync(this.logFile, 'a')
    const [program, ...args] = argv
    this.#child = spawn(program!, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    closeSync(log)
    this.#child.on('error', (error) => {
      this.#ended = true
      this.#status = error.message
    })
    this.#child.on('exit', (code, signal) => {
      this.#ended = true
      this.#status = signal ?? `status ${code}`
    })
    this.pid = this.#child.pid ?? -1
    writeFileSync(this.#pidFile, `${this.pid} ${processStart(this.pid) ?? ''}\n`)
  }

  get running(): boolean {
    return !this.#ended
  }

  /** How it ended: a signal's name or "status N". Empty while it runs. */
  get status(): string {
    return this.#status
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** Waits for a line in the log; fails at once, with the log, when the process ends first. */
  async said(pattern: RegExp | string, options: WaitOptions = {}): Promise<void> {
    const has = (): boolean => {
      const text = this.log()
      return typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)
    }
    await until(`${this.name}: ${pattern}`, () => has() || this.#ended, options).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${this.log().slice(-3000)}`)
      },
    )
    if (!has()) {
      throw new Error(
        `${this.name}: expected ${pattern}, it ended with ${this.#status}\n${this.log().slice(-3000)}`,
      )
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) process.kill(this.pid, signal)
  }

  /** Stops all its threads where they are. The signal alone says that they will be: on a busy machine they still work for a while. */
  async pause(): Promise<void> {
    this.signal('SIGSTOP')
    const threads = `${this.pid}/task`
    await until(
      `${this.name} stands still`,
      () => readdirSync(`/proc/${threads}`).every((id) => statField(`${threads}/${id}`, 3) === 'T'),
      { everySeconds: 0.002 },
    )
  }

  resume(): void {
    this.signal('SIGCONT')
  }

  /** Waits for the end; answers how it ended. */
  async ended(options: WaitOptions = {}): Promise<string> {
    await until(`${this.name} ends`, () => this.#ended, { everySeconds: 0.02, ...options })
    return this.#status
  }

  /** SIGTERM, then SIGKILL for it and its children when it does not end in `seconds`. */
  async stop(seconds = 5): Promise<void> {
    if (this.#ended) return
    this.signal('SIGTERM')
    await this.ended({ seconds }).catch(() => undefined)
    this.killNow()
    await this.ended({ seconds: 2 })
    rmSync(this.#pidFile, { force: true })
  }

  killNow(): void {
    if (this.#ended || this.pid <= 0) return
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // It ended by itself in the meantime.
    }
  }
}
