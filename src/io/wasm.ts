// The packet path's core in this process, as WebAssembly: needs no compiler and no privilege. The same bytes in and out as the addon's
// class Core (native/core/run.hpp says which); one object is one switch.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { layoutHash } from '../fib/tables.gen.js'
import { type Ip, ipToBytes } from '../net/index.js'
import { type AddonCore, DataplaneError } from './addon.js'
import type { ViewName } from './rows.js'

/** Most entries of each table; left out: what native/core/segment.hpp has as default. */
export interface CoreCapacities {
  readonly ports?: number
  readonly networks?: number
  readonly remotes?: number
  readonly macs?: number
  readonly neighbours?: number
}

export interface WasmCoreOptions {
  /** Our VTEP address. */
  readonly localAddress: Ip
  /** Our AR-IP (RFC 9574). Left out: none. */
  readonly replicatorAddress?: Ip
  readonly udpPort: number
  readonly capacities?: CoreCapacities
  /** Keys the hash tables; 32 bits. */
  readonly seed?: number
}

/** What native/wasm/exports.cpp exports. Addresses are offsets into `memory`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  core_create(
    address: number,
    udpPort: number,
    ports: number,
    networks: number,
    remotes: number,
    macs: number,
    neighbours: number,
    seed: number,
  ): number
  input_reserve(length: number): number
  core_apply(length: number): number
  apply_failed_index(): number
  apply_failed_code(): number
  core_run(length: number): number
  core_repeat(length: number, iterations: number): bigint
  tables_trace(length: number, handOver: number): number
  tables_snapshot(view: number): number
  core_drain_events(): number
  core_tick(seconds: number): void
  result_data(): number
  result_length(): number
  problem_text(): number
  layout_hash(): number
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

// Node's types do not name it without the browser's; the engine has it.
const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }

/** In the order of View in native/core/snapshot.hpp. */
const views: readonly ViewName[] = [
  'port',
  'network',
  'remote',
  'underlay',
  'flood',
  'macGroup',
  'mac',
  'route',
  'neighbour',
  'listener',
]

let compiled: object | undefined

function compile(): object {
  if (compiled !== undefined) return compiled
  const candidates = [
    process.env['VTEP_WASM'],
    ...['build', 'wasm'].map((folder) =>
      fileURLToPath(new URL(`../../../${folder}/vtep-core.wasm`, import.meta.url)),
    ),
  ]
  const path = candidates.find((candidate) => candidate !== undefined && existsSync(candidate))
  if (path === undefined) {
    throw new DataplaneError(
      'ADDON_MISSING',
      `WebAssembly core: expected ${candidates[1]}, found nothing; build it with: npm run build`,
    )
  }
  compiled = new WebAssembly.Module(readFileSync(path))
  return compiled
}

/** A switch in this process. Throws DataplaneError ADDON_MISSING or LAYOUT_MISMATCH. */
export class WasmCore implements AddonCore {
  readonly #core: Exports

  constructor(options: WasmCoreOptions) {
    const { localAddress, replicatorAddress = '::', udpPort, capacities = {}, seed = 0 } = options
    this.#core = new WebAssembly.Instance(compile()).exports as Exports
    const built = this.#text(this.#core.layout_hash())
    if (built !== layoutHash) {
      throw new DataplaneError(
        'LAYOUT_MISMATCH',
        `WebAssembly core: expected layout ${layoutHash}, got ${built}; build it with: npm run build`,
      )
    }
    const addresses = new Uint8Array(32)
    for (const [i, address] of [localAddress, replicatorAddress].entries()) {
      const octets = ipToBytes(address)
      const end = 16 * (i + 1)
      if (octets.length === 4) addresses.fill(0xff, end - 6, end - 4)
      addresses.set(octets, end - octets.length)
    }
    const { ports = 0, networks = 0, remotes = 0, macs = 0, neighbours = 0 } = capacities
    const at = this.#input(addresses)
    if (
      this.#core.core_create(at, udpPort, ports, networks, remotes, macs, neighbours, seed) === 0
    ) {
      throw new DataplaneError('FAILED', 'WebAssembly core: no memory for its tables')
    }
  }

  /** Packed operations (encodeOperations). Throws an Error that names the first one that failed; the others are applied. */
  apply(operations: Uint8Array): void {
    this.#input(operations)
    if (this.#core.core_apply(operations.length) === 0) return
    const index = this.#core.apply_failed_index()
    const code = this.#core.apply_failed_code()
    throw new Error(`operation ${index} (code ${code}): ${this.#problem()}`)
  }

  /** Frames in, frames out. Throws an Error when the input is not as run.hpp says. */
  run(input: Uint8Array): Buffer {
    this.#input(input)
    if (this.#core.core_run(input.length) === 0) throw new Error(`Core.run: ${this.#problem()}`)
    return this.#result()
  }

  /** The same input `iterations` times without output, for measuring. Gives the frames that went out. */
  repeat(input: Uint8Array, iterations: number): number {
    this.#input(input)
    return Number(this.#core.core_repeat(input.length, iterations))
  }

  /** What run() would do with the one frame of the input, step by step; nothing changes. */
  trace(input: Uint8Array): Buffer {
    this.#input(input)
    if (this.#core.tables_trace(input.length, 0) === 0) {
      throw new Error(`Core.trace: ${this.#problem()}`)
    }
    return this.#result()
  }

  /** Packed rows of a view. */
  snapshot(view: ViewName): Buffer {
    this.#input(new Uint8Array(0))
    if (this.#core.tables_snapshot(views.indexOf(view)) === 0) throw this.#noMemory()
    return this.#result()
  }

  drainEvents(): { readonly events: Buffer; readonly lost: boolean } {
    this.#input(new Uint8Array(0))
    const outcome = this.#core.core_drain_events()
    if (outcome === 0) throw this.#noMemory()
    return { events: this.#result(), lost: outcome === 2 }
  }

  /** Moves the clock and ages what has not been seen. */
  tick(seconds: number): void {
    this.#core.core_tick(seconds)
  }

  #input(bytes: Uint8Array): number {
    const at = this.#core.input_reserve(bytes.length)
    if (at === 0) throw this.#noMemory()
    new Uint8Array(this.#core.memory.buffer).set(bytes, at)
    return at
  }

  #result(): Buffer {
    const at = this.#core.result_data()
    return Buffer.from(this.#core.memory.buffer.slice(at, at + this.#core.result_length()))
  }

  #problem(): string {
    return this.#text(this.#core.problem_text())
  }

  #text(at: number): string {
    const memory = Buffer.from(this.#core.memory.buffer)
    return memory.toString('latin1', at, memory.indexOf(0, at))
  }

  #noMemory(): DataplaneError {
    return new DataplaneError('FAILED', 'WebAssembly core: no memory')
  }
}
