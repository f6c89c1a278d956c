// The native packet path: starting a dataplane in this process, and attaching to one that runs, here or elsewhere.

import { randomInt } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type {
  CaptureFeed,
  CaptureSpec,
  Counters,
  Dataplane,
  DataplaneEvent,
  DataplaneReader,
  LargeTable,
  Operation,
  PortFrame,
  PortSpec,
  Snapshot,
  TableRows,
  UplinkState,
  VtepSpec,
} from '../fib/index.js'
import {
  type Addon,
  type AddonClient,
  DataplaneError,
  type KindInfo,
  type Polling,
} from './addon.js'
import { NativeCapture } from './capture.js'
import { packRingFrames, type RingFrame, unpackRingFrames } from './ring-frames.js'
import {
  formatKeyValues,
  keyValues,
  largeTables,
  namedDrops,
  packOperations,
  packPortFrames,
  readEvents,
  readPortCounters,
  readSnapshot,
  readTable,
} from './rows.js'

let loaded: Addon | undefined

/** The addon, loaded once. VTEP_ADDON names another file than the package's own. Throws DataplaneError ADDON_MISSING. */
export function loadAddon(): Addon {
  if (loaded !== undefined) return loaded
  const path =
    process.env['VTEP_ADDON'] ??
    fileURLToPath(new URL('../../../build/Release/vtep.node', import.meta.url))
  try {
    loaded = createRequire(import.meta.url)(path) as Addon
    return loaded
  } catch (error) {
    const cause = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new DataplaneError(
      'ADDON_MISSING',
      `native addon ${path}: ${cause}; build it with: npm run build`,
      { cause: error },
    )
  }
}

/** The hash of the shared layout that the addon was built with. */
export const layoutHash = (): string => loadAddon().layoutHash()

/** Every way to lose a frame, in the order of the counters. */
export const dropReasons = (): readonly { readonly name: string; readonly text: string }[] =>
  loadAddon().dropReasons()

/** The kinds of ports that openPort takes. */
export const portKinds = (): readonly KindInfo[] => loadAddon().portKinds()

/** The kinds of uplinks that configure takes, beside 'auto'. */
export const uplinkKinds = (): readonly KindInfo[] => loadAddon().uplinkKinds()

/** How the workers run. */
export interface WorkerSettings {
  /** Worker threads, 1 to 16. */
  readonly workers: number
  /** Default: adaptive. */
  readonly polling?: Polling
  /** CPUs that the workers are fixed to, in turn. Default: with one worker per CPU each lives on one, and leaves it under load. */
  readonly cpus?: readonly number[]
  /** Use the kernel's fast path where it can be had. Default: true. */
  readonly fastPath?: boolean
}

export interface DataplaneStart extends WorkerSettings {
  /** Path of the control socket to create. */
  readonly controlPath: string
  /** Keep this process alive until the dataplane ends, and let no terminal's end (SIGHUP) take it down. */
  readonly holdProcess?: boolean
}

/** A dataplane whose threads run in this process. */
export interface RunningDataplane {
  /** Resolves when it has ended: by close(), or by a controller's shutdown. */
  readonly closed: Promise<void>
  /** Stops the threads and closes ports, uplink and control socket. A second call does nothing. */
  close(): void
  /** Goes on by one each second in which every thread turned or slept. */
  beats(): number
}

/** Starts a dataplane. Throws DataplaneError FAILED when the control path is held by a live one, or is not usable. */
export function startDataplane(start: DataplaneStart): RunningDataplane {
  const addon = loadAddon()
  const { holdProcess = false, ...chosen } = start
  const settings = { fastPath: true, ...chosen }
  let resolveClosed: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve
  })
  const ignoreHangup = (): void => {}
  const close = (): void => {
    dataplane.close()
    process.off('exit', close)
    process.off('SIGHUP', ignoreHangup)
    resolveClosed()
  }
  const dataplane = failing(() => new addon.Dataplane({ ...settings, onShutdown: close }))
  // process.exit() runs no addon's clean-up: without this, threads would run into a process that is taken apart.
  process.on('exit', close)
  if (holdProcess) {
    dataplane.ref()
    process.on('SIGHUP', ignoreHangup)
  }
  return { closed, close, beats: () => dataplane.beats() }
}

export interface AttachOptions {
  readonly controlPath: string
  /** A controller may write and there is one at a time; observers only read, and there may be many. */
  readonly role: 'controller' | 'observer'
}

/** A dataplane, seen through its control socket and its shared segment. */
export class NativeDataplane implements Dataplane, DataplaneReader {
  readonly #client: AddonClient
  readonly #controlPath: string
  #listener: ((events: readonly DataplaneEvent[]) => void) | undefined
  #lostListener: ((reason: string) => void) | undefined
  #lostReason: string | undefined
  #ending = false

  /** Throws DataplaneError: LAYOUT_MISMATCH, REFUSED or UNREACHABLE. */
  static attach(options: AttachOptions): NativeDataplane {
    return new NativeDataplane(options)
  }

  private constructor({ controlPath, role }: AttachOptions) {
    const addon = loadAddon()
    this.#controlPath = controlPath
    this.#client = failing(
      () =>
        new addon.Client(controlPath, {
          onWake: () => this.#deliver(),
          onClosed: (reason) => this.#onClosed(reason),
          readOnly: role === 'observer',
        }),
    )
  }

  /** Process id of the dataplane. */
  get pid(): number {
    return this.#client.dataplanePid()
  }

  snapshot(): Snapshot {
    return readSnapshot((view) => this.#client.snapshot(view))
  }

  table<Name extends keyof Snapshot>(name: Name): Snapshot[Name] {
    return readTable(name, (view) => this.#client.snapshot(view))
  }

  async readAside<Name extends LargeTable>(name: Name, known = ''): Promise<TableRows<Name>> {
    const { view, size } = largeTables[name]
    const { rows, digest } = await this.#client.read(view, known).catch(asFailed)
    return {
      digest,
      length: rows.length / size,
      slice: (from, to) => readTable(name, () => rows.subarray(from * size, to * size)),
    }
  }

  counters(): Counters {
    const { drops, ports, uplink } = this.#client.counters()
    return {
      drops: namedDrops(drops),
      ports: readPortCounters(ports),
      uplink: readPortCounters(uplink)[0]!,
    }
  }

  trace(input: Uint8Array, handOver: boolean): Uint8Array {
    return failing(() => this.#client.trace(input, handOver))
  }

  image(vni: number | undefined, mostOctets: number): Promise<Uint8Array> {
    return this.#client.image(vni ?? 0, randomInt(2 ** 32), mostOctets).catch(asFailed)
  }

  async configure(spec: VtepSpec): Promise<UplinkState> {
    const {
      address,
      replicatorAddress,
      udpPort,
      uplink,
      interfaces,
      learnLimit = 0,
      options,
    } = spec
    const reply = keyValues(
      await this.#request(
        'configure',
        formatKeyValues({
          address,
          ...(replicatorAddress === undefined ? {} : { replicatorAddress }),
          udpPort: String(udpPort),
          uplink,
          interfaces: interfaces.join(','),
          learnLimit: String(learnLimit),
          ...options,
        }),
      ),
    )
    return {
      kind: reply['kind'] ?? '',
      reason: reply['reason'] ?? '',
      fastPathRefusal: reply['fastPath'] ?? '',
    }
  }

  async openPort({ name, kind, options }: PortSpec): Promise<number> {
    return Number(await this.#request('port-open', formatKeyValues({ name, kind, ...options })))
  }

  async closePort(id: number): Promise<void> {
    await this.#request('port-close', String(id))
  }

  async apply(operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return
    try {
      await this.#request('apply', packOperations(operations))
    } catch (error) {
      throw withOperation(error, operations)
    }
  }

  async send(frames: readonly PortFrame[]): Promise<void> {
    if (frames.length > 0) await this.#request('port-send', packPortFrames(frames))
  }

  async capture(spec: CaptureSpec): Promise<CaptureFeed> {
    const addon = loadAddon()
    const { filter } = spec
    const program =
      filter === undefined ? undefined : await addon.compileFilter(filter).catch(asFailed)
    let lost: string | undefined
    const client = failing(
      () =>
        new addon.Client(this.#controlPath, {
          onWake: () => {},
          onClosed: (reason) => {
            lost = reason
          },
          readOnly: true,
        }),
    )
    return NativeCapture.start(client, () => lost, spec, program).catch(asFailed)
  }

  listen(listener: (events: readonly DataplaneEvent[]) => void): void {
    this.#listener = listener
    this.#deliver()
  }

  onLost(listener: (reason: string) => void): void {
    this.#lostListener = listener
    if (this.#lostReason !== undefined) listener(this.#lostReason)
  }

  /** Round trip to the dataplane: resolves when its keeper answers. */
  async ping(): Promise<void> {
    await this.#request('ping', '')
  }

  /** Sends frames into a `ring` port as if a tenant had. */
  async ringSend(port: number, frames: readonly RingFrame[]): Promise<void> {
    await this.#request('ring-send', withPort(port, packRingFrames(frames)))
  }

  /** The frames that a `ring` port was given since the last call, up to what one message holds. */
  async ringReceive(port: number): Promise<readonly Required<RingFrame>[]> {
    const payload = withPort(port, new Uint8Array(0))
    return unpackRingFrames(await this.#client.request('ring-receive', payload).catch(asFailed))
  }

  async detach(): Promise<void> {
    this.#ending = true
    this.#client.close()
  }

  async shutdown(): Promise<void> {
    this.#ending = true
    await this.#request('shutdown', '')
    this.#client.close()
  }

  async #request(verb: string, payload: Uint8Array | string): Promise<string> {
    return (await this.#client.request(verb, payload).catch(asFailed)).toString()
  }

  #deliver(): void {
    if (this.#listener === undefined || this.#ending || this.#lostReason !== undefined) return
    const { events, lost } = this.#client.drainEvents()
    const batch = readEvents(events)
    if (lost) batch.unshift({ event: 'resync' })
    if (batch.length > 0) this.#listener(batch)
  }

  #onClosed(reason: string): void {
    if (this.#ending) return
    this.#lostReason = reason
    this.#lostListener?.(reason)
  }
}

function withPort(port: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + rest.length)
  new DataView(bytes.buffer).setUint32(0, port, true)
  bytes.set(rest, 4)
  return bytes
}

/** The dataplane knows an operation's place and code; people want to know which one it was. */
function withOperation(error: unknown, operations: readonly Operation[]): unknown {
  if (!(error instanceof DataplaneError)) return error
  const place = /^operation (\d+) \(code \d+\)/.exec(error.message)
  const operation = operations[Number(place?.[1])]
  if (place === null || operation === undefined) return error
  const words = Object.entries(operation).map(([key, value]) =>
    key === 'op' ? value : `${key} ${value}`,
  )
  const message = `operation ${place[1]} (${words.join(' ')})${error.message.slice(place[0].length)}`
  return new DataplaneError(error.code, message, { cause: error })
}

const codes = ['UNREACHABLE', 'REFUSED', 'LAYOUT_MISMATCH'] as const

function failing<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error
    const { code } = error as { code?: unknown }
    throw new DataplaneError(codes.find((each) => each === code) ?? 'FAILED', error.message, {
      cause: error,
    })
  }
}

function asFailed(error: unknown): never {
  throw new DataplaneError('FAILED', error instanceof Error ? error.message : String(error), {
    cause: error,
  })
}
