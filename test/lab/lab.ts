// A lab owns namespaces, processes and a directory, all named vt-<pid>-<n>, and leaves none of them behind: not at the
// end of a test, not when it fails, not after Ctrl-C. What a SIGKILL leaves, scripts/sweep.mjs finds by those names.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.js'
import { Namespace } from './namespace.js'
import type { Service } from './service.js'
import { processStart } from './service.js'

/** The part of a tap test that a lab needs. */
export interface Owner {
  teardown(handler: () => Promise<void>): void
}

const open = new Set<Lab>()
let count = 0

function guard(): void {
  process.on('exit', () => {
    for (const lab of open) lab.destroy()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGALRM'] as const) {
    const handler = (): void => {
      for (const lab of open) lab.destroy()
      process.off(signal, handler)
      process.kill(process.pid, signal)
    }
    process.on(signal, handler)
  }
}

export class Lab {
  readonly prefix: string
  /** Configurations, logs and sockets, one folder per node. Readable by the peers' own users. */
  readonly directory: string
  readonly #namespaces: Namespace[] = []
  readonly #services: Service[] = []

  private constructor() {
    if (count === 0) guard()
    this.prefix = `vt-${process.pid}-${++count}`
    this.directory = join(tmpdir(), this.prefix)
    rmSync(this.directory, { recursive: true, force: true })
    mkdirSync(this.directory, { mode: 0o755 })
    open.add(this)
  }

  /** Opens a lab that ends with its owner (a tap test), or with `close`. */
  static open(owner?: Owner): Lab {
    const lab = new Lab()
    owner?.teardown(() => lab.close())
    return lab
  }

  /** Makes a namespace; `make` builds a subclass (a host, a tenant). */
  async add<T extends Namespace>(namespace: T): Promise<T> {
    if (!open.has(this)) throw new Error(`${this.prefix}: the lab is closed`)
    this.#namespaces.push(namespace)
    mkdirSync(namespace.directory, { recursive: true, mode: 0o755 })
    await run(['ip', 'netns', 'add', namespace.netns])
    await namespace.prepare()
    return namespace
  }

  namespace(name: string): Promise<Namespace> {
    return this.add(new Namespace(this, name))
  }

  /** A namespace of this lab by its short name (a tenant's is host-port). */
  find(name: string): Namespace | undefined {
    return this.#namespaces.find((namespace) => namespace.name === name)
  }

  adopt(service: Service): void {
    if (!open.has(this)) {
      service.killNow()
      throw new Error(`${this.prefix}: the lab is closed`)
    }
    this.#services.push(service)
  }

  /** Stops the services, latest first, then removes everything. */
  async close(): Promise<void> {
    if (!open.has(this)) return
    for (const service of this.#services.toReversed()) await service.stop()
    this.destroy()
  }

  /** The same at once and without waiting: for `exit` and signals. */
  destroy(): void {
    if (!open.delete(this)) return
    for (const service of this.#services) service.killNow()
    for (const namespace of this.#namespaces) {
      // A service may have started others (a controller its dataplane): all that lives in our namespaces is ours.
      const pids = spawnSync('ip', ['netns', 'pids', namespace.netns], { encoding: 'utf8' }).stdout
      for (const pid of pids?.split('\n').filter(Boolean) ?? []) {
        if (processStart(Number(pid)) !== undefined) kill(Number(pid))
      }
    }
    const lines = this.#namespaces.map(({ netns }) => `netns del ${netns}\n`)
    spawnSync('ip', ['-force', '-batch', '-'], { input: lines.join('') })
    if (process.env['VTEP_LAB_KEEP'] === undefined) {
      rmSync(this.directory, { recursive: true, force: true })
    }
  }

  /** Ends of all logs: what a failed test wants to show. */
  logs(lines = 20): string {
    const out: string[] = []
    for (const entry of readdirSync(this.directory, { recursive: true }) as string[]) {
      if (!entry.endsWith('.log')) continue
      const text = readFileSync(join(this.directory, entry), 'utf8').trimEnd()
      if (text !== '') out.push(`--- ${entry}`, ...text.split('\n').slice(-lines))
    }
    return out.join('\n')
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}
