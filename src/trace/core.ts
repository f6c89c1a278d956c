// The packet path's core on an image of the tables (GET /v1/image), as WebAssembly: the same look-ups and the same steps as on the
// host, in a browser or anywhere else. Needs nothing of Node.js.

import { decodePortViews, layoutHash, type PortView } from '../fib/tables.gen.js'
import type { Ip } from '../net/index.js'
import {
  concat,
  encoded,
  encodeRun,
  noMeta,
  type RunFrame,
  vxlanHeader,
} from '../wire/frame/index.js'
import { readTrace, type Trace, type TraceNames } from './trace.js'

/**
 * Where a frame enters: from a tenant's port; from a VTEP, the frame inside its VXLAN packet; or from the underlay, an outer Ethernet
 * frame as it is.
 */
export type TraceOrigin =
  | { readonly port: number }
  | { readonly vtep: Ip; readonly vni: number }
  | { readonly underlay: true }

/** What native/core/tracer.hpp takes. */
export function encodeTrace(frame: Uint8Array, from: TraceOrigin): Uint8Array {
  return encodeRun({ now: 0, frames: [runFrame(frame, from)] })
}

function runFrame(bytes: Uint8Array, from: TraceOrigin): RunFrame {
  if ('port' in from) return { form: 'port', port: from.port, bytes, meta: noMeta }
  if ('underlay' in from) return { form: 'outer', bytes, meta: noMeta }
  const packet = concat(encoded(vxlanHeader, { flags: VXLAN_INSTANCE, vni: from.vni }), bytes)
  return { form: 'vxlan', source: from.vtep, bytes: packet, meta: noMeta }
}

/** Of native/wasm/exports.cpp, what an image needs. Addresses are offsets into `memory`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  input_reserve(length: number): number
  image_open(length: number): number
  tables_trace(length: number, handOver: number): number
  tables_snapshot(view: number): number
  result_data(): number
  result_length(): number
  problem_text(): number
  layout_hash(): number
}

interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>
  instantiate(module: object): Promise<{ readonly exports: unknown }>
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }

/** The flag that says that there is a VNI (RFC 7348 section 5). */
const VXLAN_INSTANCE = 0x08

/** View in native/core/snapshot.hpp. */
const PORT_VIEW = 0

export interface TraceOptions {
  /** A frame to a VTEP without a next hop leaves all the same: so it is where the uplink is one of kernel sockets (`udp`). */
  readonly handOver?: boolean
  readonly names?: TraceNames
}

/** The core before it has tables. */
export interface TraceCore {
  /** Tables to trace by. Rejects with an Error whose sentence says what is wrong with the image. */
  open(image: Uint8Array): Promise<ImageTracer>
  /** One frame by one image. */
  trace(
    image: Uint8Array,
    frame: Uint8Array,
    from: TraceOrigin,
    options?: TraceOptions,
  ): Promise<Trace>
}

/** `wasm`: build/vtep-core.wasm. Rejects with an Error when it is of another version. */
export async function loadCore(wasm: Uint8Array): Promise<TraceCore> {
  const module = await WebAssembly.compile(wasm)
  const open = async (image: Uint8Array): Promise<ImageTracer> => {
    const { exports } = await WebAssembly.instantiate(module)
    return new ImageTracer(exports as Exports, image)
  }
  return {
    open,
    trace: async (image, frame, from, options) => (await open(image)).trace(frame, from, options),
  }
}

/** Traces by one image. */
export class ImageTracer {
  readonly #core: Exports
  /** The ports of the image. */
  readonly ports: readonly PortView[]

  /** loadCore() makes them. */
  constructor(core: Exports, image: Uint8Array) {
    this.#core = core
    const built = this.#text(core.layout_hash())
    if (built !== layoutHash) {
      throw new Error(`core: expected layout ${layoutHash}, got ${built}`)
    }
    this.#input(image)
    if (core.image_open(image.length) === 0) {
      throw new Error(`image: expected tables of layout ${layoutHash}, got ${this.#problem()}`)
    }
    this.#input(new Uint8Array(0))
    if (core.tables_snapshot(PORT_VIEW) === 0) throw new Error('image: no memory for its rows')
    this.ports = decodePortViews(this.#result())
  }

  /** The way of a frame. Throws an Error when `from` is no port of the image. */
  trace(
    frame: Uint8Array,
    from: TraceOrigin,
    { handOver = false, names }: TraceOptions = {},
  ): Trace {
    const input = encodeTrace(frame, from)
    this.#input(input)
    if (this.#core.tables_trace(input.length, handOver ? 1 : 0) === 0) {
      throw new Error(`trace: ${this.#problem()}`)
    }
    return readTrace(this.#result(), names ?? this.#names)
  }

  readonly #names: TraceNames = {
    port: (id) => this.ports.find((port) => port.id === id)?.name,
  }

  #input(bytes: Uint8Array): void {
    const at = this.#core.input_reserve(bytes.length)
    if (at === 0) throw new Error('core: no memory')
    new Uint8Array(this.#core.memory.buffer).set(bytes, at)
  }

  #result(): Uint8Array {
    const at = this.#core.result_data()
    return new Uint8Array(this.#core.memory.buffer).slice(at, at + this.#core.result_length())
  }

  #problem(): string {
    return this.#text(this.#core.problem_text())
  }

  #text(at: number): string {
    const memory = new Uint8Array(this.#core.memory.buffer)
    return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)))
  }
}
