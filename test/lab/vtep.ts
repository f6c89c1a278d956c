// Our own daemon in a namespace, configured by an object and asked by its own command line.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { CommandResult } from './command.js'
import type { Namespace } from './namespace.js'
import type { Service } from './service.js'
import { sleep, until, witnesses } from './wait.js'

/** The checkout: compiled files live in dist/test/lab. */
export const root = fileURLToPath(new URL('../../../', import.meta.url))
const program = join(root, 'bin/vtep.js')
/** Of each view, the last ones. */
const accountRows = 12

/** The part of the configuration that tests and the demo write; the schema in src/host/config is the whole. */
export interface VtepConfig {
  readonly asn: number
  readonly routerId?: string
  readonly vtep: {
    readonly address: string
    readonly replicatorAddress?: string
    readonly udpPort?: number
    readonly uplink?: string
    readonly options?: Readonly<Record<string, string | number | boolean>>
    readonly interfaces?: readonly string[]
  }
  readonly bgp?: {
    readonly announceVtep?: boolean
    readonly listen?: { readonly address?: string; readonly port?: number }
    readonly neighbors?: readonly Readonly<Record<string, unknown>>[]
    readonly collectors?: readonly Readonly<Record<string, unknown>>[]
  }
  readonly api?: Readonly<Record<string, unknown>>
  readonly profile?: string
  readonly dataplane?: Readonly<Record<string, unknown>>
  readonly duplicateDetection?: { readonly moves: number; readonly seconds?: number }
  readonly vrfs?: readonly Readonly<Record<string, unknown>>[]
  readonly networks?: readonly VtepNetwork[]
}

export interface VtepNetwork {
  readonly name: string
  readonly vni: number
  readonly vrf?: string
  readonly gateway?: readonly string[]
  readonly routeTargets?: { readonly import: readonly string[]; readonly export: readonly string[] }
  readonly ports?: readonly Readonly<Record<string, unknown>>[]
  readonly remotes?: readonly { readonly address: string; readonly macs?: readonly string[] }[]
}

export interface PeerRow {
  readonly peer: string
  readonly asn: number
  readonly state: string
  readonly received: number
  readonly sent: number
}

export interface MacRow {
  readonly network: string
  readonly vni: number
  readonly mac: string
  readonly ips: readonly string[]
  readonly kind: 'local' | 'remote'
  readonly ifname?: string
  readonly dst?: string
  readonly sequence: number
  readonly sticky: boolean
}

export interface RouteRow {
  readonly type: number | string
  readonly rd: string
  readonly nextHop: string
  readonly routeTargets: readonly string[]
  readonly best: boolean
  readonly peer: string
  readonly [field: string]: unknown
}

export interface StartOptions {
  /** Arguments after `run`, for example --dataplane-only. */
  readonly args?: readonly string[]
  /** Name of the process, its files and its runtime directory: two daemons of one namespace differ here. */
  readonly name?: string
}

/** Starts `vtep run` and waits for "vtep: ready". */
export async function startVtep(
  host: Namespace,
  config: VtepConfig,
  options: StartOptions = {},
): Promise<Vtep> {
  const vtep = new Vtep(host, options.name ?? 'vtep')
  vtep.configure(config)
  await vtep.run(options.args)
  return vtep
}

export class Vtep {
  readonly configFile: string
  readonly runtimeDir: string
  #service: Service | undefined
  #starts = 0

  readonly host: Namespace
  readonly name: string

  constructor(host: Namespace, name = 'vtep') {
    this.host = host
    this.name = name
    this.configFile = join(host.directory, `${name}.yaml`)
    this.runtimeDir = join(host.directory, `${name}.run`)
    mkdirSync(this.runtimeDir, { recursive: true, mode: 0o755 })
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error(`${this.host.name}: vtep was not started`)
    return this.#service
  }

  configure(config: VtepConfig): void {
    writeFileSync(this.configFile, stringify(config))
  }

  async run(args: readonly string[] = []): Promise<Service> {
    const service = this.launch(args)
    await service.said('vtep: ready', { seconds: 20 })
    return service
  }

  /** Starts it without waiting: for configurations that it has to refuse. */
  launch(args: readonly string[] = []): Service {
    witnesses.add(this.#account)
    this.#starts += 1
    const name = this.#starts === 1 ? this.name : `${this.name}-${this.#starts}`
    this.#service = this.host.start(name, [
      process.execPath,
      program,
      'run',
      '--config',
      this.configFile,
      '--runtime-dir',
      this.runtimeDir,
      ...args,
    ])
    return this.#service
  }

  /** What it knows, for who waited in vain. */
  readonly #account = async (): Promise<string> => {
    if (!existsSync(this.runtimeDir)) {
      // Its lab is gone: of an earlier test of the file.
      witnesses.delete(this.#account)
      return ''
    }
    const name = `${this.name} of ${this.host.name}`
    if (!this.service.running) return `${name} has ended: ${this.service.log().slice(-500)}`
    const lines = await Promise.all(
      ['peers', 'macs', 'ports', 'drops', 'events'].map(async (view) => {
        const late = sleep(2).then(() => 'no answer')
        const answer = this.request('GET', `/v1/${view}`).catch((error: Error) => error.message)
        const rows = [await Promise.race([answer, late])].flat()
        const telling = rows.filter((row) => (row as { count?: number }).count !== 0)
        return telling.slice(-accountRows).map((row) => `  ${view} ${JSON.stringify(row)}`)
      }),
    )
    return [name, ...lines.flat()].join('\n')
  }

  /** Any verb, as typed. */
  cli(...args: readonly string[]): Promise<CommandResult> {
    return this.host.attempt([process.execPath, program, ...args], {
      env: { VTEP_RUNTIME_DIR: this.runtimeDir },
    })
  }

  /** A verb with --json that has to succeed. */
  read<T>(...args: readonly string[]): Promise<T> {
    return this.host.json<T>([process.execPath, program, ...args, '--json'], {
      env: { VTEP_RUNTIME_DIR: this.runtimeDir },
    })
  }

  /** One HTTP request on the daemon's socket, without the time that a command takes to start. */
  request<T>(method: string, path: string, body?: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: join(this.runtimeDir, 'api.sock'),
          method,
          path,
          headers: {
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          response.once('end', () => {
            if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text) as T)
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`))
          })
        },
      )
      outgoing.once('error', reject)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  peers(): Promise<PeerRow[]> {
    return this.read<PeerRow[]>('peers')
  }

  macs(): Promise<MacRow[]> {
    return this.read<MacRow[]>('macs')
  }

  routes(...args: readonly string[]): Promise<RouteRow[]> {
    return this.read<RouteRow[]>('routes', ...args)
  }

  /** Waits until all peers, or the one named, are Established. */
  async established(peer?: string, seconds = 20): Promise<void> {
    await until(
      `${this.host.name}: BGP with ${peer ?? 'every peer'}`,
      async () => {
        const peers = (await this.peers()).filter((row) => peer === undefined || row.peer === peer)
        return peers.length > 0 && peers.every((row) => row.state === 'Established')
      },
      { seconds },
    )
  }

  /** Waits for a MAC in the table, behind `dst` when given. */
  async learned(mac: string, want: Partial<MacRow> = {}, seconds = 10): Promise<MacRow> {
    return until(
      `${this.host.name}: MAC ${mac} ${JSON.stringify(want)}`,
      async () => {
        const rows = (await this.macs()).filter((row) => row.mac === mac)
        const keys = Object.keys(want) as (keyof MacRow)[]
        const row = rows.find((one) => keys.every((key) => one[key] === want[key]))
        if (row === undefined) throw new Error(`got ${JSON.stringify(rows)}`)
        return row
      },
      { seconds },
    )
  }

  /** Waits until a MAC is gone. */
  async forgot(mac: string, seconds = 10): Promise<void> {
    await until(
      `${this.host.name}: no MAC ${mac}`,
      async () => (await this.macs()).every((row) => row.mac !== mac),
      { seconds },
    )
  }

  stop(): Promise<void> {
    return this.service.stop()
  }

  get built(): boolean {
    return existsSync(program)
  }
}
