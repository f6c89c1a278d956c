// Our own daemon on the loopback interface, with ring ports and high port numbers: needs no privilege and no network of
// its own. Ends with its test, together with the dataplane it may have left.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { attempt, type CommandResult, until } from '../lab/index.js'

export interface Owner {
  teardown(handler: () => Promise<void>): void
}

/** Compiled files live in dist/test/host. */
export const program = fileURLToPath(new URL('../../../bin/vtep.js', import.meta.url))

/** Ports of the loopback address, different for each test process and call. */
let nextPort = 20_000 + (process.pid % 4000) * 8
export const freePort = (): number => nextPort++

/** Daemons that have not been destroyed: nothing of them may stay, however the test ends. */
const alive = new Set<Daemon>()

function guard(): void {
  const sweep = (): void => {
    for (const daemon of alive) daemon.sweep()
  }
  process.on('exit', sweep)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGALRM'] as const) {
    const handler = (): void => {
      sweep()
      process.off(signal, handler)
      process.kill(process.pid, signal)
    }
    process.on(signal, handler)
  }
}

guard()

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

export class Daemon {
  readonly directory: string
  readonly configFile: string
  readonly runtimeDir: string
  readonly environment: Record<string, string> = {}
  /** Goes in front of the command that runs the daemon: into a namespace. */
  enter: readonly string[] = []
  stdout = ''
  stderr = ''
  #child: ChildProcess | undefined
  #exit: Promise<number | string> | undefined

  constructor(owner: Owner, config: object | string) {
    this.directory = mkdtempSync(join(tmpdir(), 'vt-host-'))
    this.configFile = join(this.directory, 'vtep.yaml')
    this.runtimeDir = join(this.directory, 'run')
    mkdirSync(this.runtimeDir)
    this.configure(config)
    alive.add(this)
    owner.teardown(() => this.destroy())
  }

  configure(config: object | string): void {
    writeFileSync(this.configFile, typeof config === 'string' ? config : stringify(config))
  }

  /** Starts `vtep run`, without waiting for anything. */
  launch(...args: readonly string[]): void {
    this.stdout = ''
    this.stderr = ''
    const words = ['run', '--config', this.configFile, '--runtime-dir', this.runtimeDir, ...args]
    const [first, ...rest] = [...this.enter, process.execPath, program, ...words]
    const child = spawn(first!, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.environment },
    })
    child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.#child = child
    this.#exit = new Promise((resolve) =>
      child.once('close', (code, signal) => resolve(signal ?? code ?? 0)),
    )
  }

  async start(...args: readonly string[]): Promise<void> {
    this.launch(...args)
    const ended = this.ended()
    await until(
      'vtep: ready',
      async () => {
        const over = await Promise.race([ended, Promise.resolve(undefined)])
        return over !== undefined || this.stdout.includes('vtep: ready\n')
      },
      { seconds: 20, everySeconds: 0.02 },
    )
    if (!this.stdout.includes('vtep: ready')) throw new Error(`did not start: ${this.stderr}`)
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Exit code, or the signal's name. */
  ended(): Promise<number | string> {
    return this.#exit ?? Promise.resolve(0)
  }

  async stop(): Promise<number | string> {
    this.signal('SIGTERM')
    return this.ended()
  }

  /** Any verb, as typed. */
  cli(...words: readonly string[]): Promise<CommandResult> {
    return attempt([process.execPath, program, ...words], {
      env: { VTEP_RUNTIME_DIR: this.runtimeDir, ...this.environment },
    })
  }

  async read<T>(...words: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.cli(...words, '--json')
    if (code !== 0) throw new Error(`vtep ${words.join(' ')}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  /** A view, or the kept events, without the time that a command takes to start. */
  async get<T>(view: string): Promise<T> {
    const { status, json, text } = await this.http('GET', `/v1/${view}`, undefined, {
      accept: 'application/json',
    })
    if (status !== 200) throw new Error(`GET /v1/${view}: ${status} ${text}`)
    return json as T
  }

  /** One HTTP request on the unix socket. */
  http(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const socketPath = join(this.runtimeDir, 'api.sock')
    return exchange({ socketPath }, method, path, body, headers)
  }

  /** Process id of the dataplane; undefined when none runs here. */
  dataplanePid(): number | undefined {
    return processesWith(this.runtimeDir).find((pid) => pid !== this.pid)
  }

  async destroy(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
    this.sweep()
  }

  /** Ends what runs here and removes the files, without waiting. */
  sweep(): void {
    this.signal('SIGKILL')
    for (const pid of processesWith(this.runtimeDir)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    rmSync(this.directory, { recursive: true, force: true })
    alive.delete(this)
  }
}

/** Processes of ours that have the directory in their command line. */
export function processesWith(directory: string): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  return pids.filter((pid) => {
    try {
      return (
        pid !== process.pid &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(directory)
      )
    } catch {
      return false
    }
  })
}

/** One HTTP request. A text body goes as it is. */
export function exchange(
  where:
    | { readonly socketPath: string }
    | { readonly host: string; readonly port: number; readonly localAddress?: string },
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const type = text === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...where, method, path, headers: { ...type, ...headers } },
      (response) => {
        let got = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          got += chunk
        })
        response.once('end', () => {
          const contentType = response.headers['content-type'] ?? ''
          const json = contentType.includes('json') ? (JSON.parse(got) as unknown) : undefined
          const { headers, statusCode = 0 } = response
          resolve({ status: statusCode, contentType, headers, text: got, json })
        })
      },
    )
    outgoing.once('error', reject)
    outgoing.end(text)
  })
}
