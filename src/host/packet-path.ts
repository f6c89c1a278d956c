// The dataplane as the host holds it: one that can go away and come back. Writes are gathered and ordered here; what
// comes back is handed on.

import { setTimeout as sleep } from 'node:timers/promises'
import type {
  CaptureFeed,
  CaptureSpec,
  Counters,
  Dataplane,
  DataplaneEvent,
  LargeTable,
  Operation,
  PortFrame,
  PortSpec,
  Snapshot,
  TableRows,
  UplinkState,
  VtepSpec,
} from '../fib/index.js'
import { HostFailure, reasonOf } from './instance/index.js'
import { OperationQueue } from './operation-queue.js'

export interface ObtainedDataplane {
  readonly dataplane: Dataplane
  /** It was running before, and forwards. */
  readonly adopted: boolean
  /** Resolves when it has ended after a shutdown; left out where that is at once. */
  readonly whenEnded?: () => Promise<void>
}

export interface PacketPathSettings {
  /** Gets hold of a dataplane. Throws HostFailure. */
  readonly obtain: () => Promise<ObtainedDataplane>
  readonly vtep: VtepSpec
}

export interface PacketPathListener {
  /** In the order in which it happened. */
  onEvents(events: readonly DataplaneEvent[]): void
  /** Nothing forwards any more. */
  onLost(reason: string): void
  /** One more attempt to get a dataplane back has failed. */
  onRestartFailed(reason: string, nextSeconds: number): void
  /** A dataplane is there again; its ports have to be opened and its tables filled. Never rejects. */
  onRestored(adopted: boolean): Promise<void>
  /** Operations were refused: compare the tables. */
  onRefused(reason: string): void
}

const BACKOFF_SECONDS = [0.2, 1, 2, 5, 10, 30]

export class PacketPath {
  readonly #settings: PacketPathSettings
  readonly #listener: PacketPathListener
  readonly #queue: OperationQueue
  #dataplane: Dataplane | undefined
  #whenEnded: (() => Promise<void>) | undefined
  #uplink: UplinkState | undefined
  #ending = new AbortController()
  #restarts = 0

  constructor(settings: PacketPathSettings, listener: PacketPathListener) {
    this.#settings = settings
    this.#listener = listener
    this.#queue = new OperationQueue(
      async (operations) => this.#dataplane?.apply(operations),
      (error) => {
        if (this.#dataplane !== undefined) listener.onRefused(reasonOf(error))
      },
    )
  }

  /** Gets the first dataplane. Throws HostFailure, and then leaves nothing running that it started. */
  async start(): Promise<{ readonly adopted: boolean }> {
    const obtained = await this.#settings.obtain()
    try {
      await this.#take(obtained)
    } catch (error) {
      if (!obtained.adopted) {
        await obtained.dataplane.shutdown().catch(() => {})
        await obtained.whenEnded?.()
      }
      throw new HostFailure(reasonOf(error))
    }
    return { adopted: obtained.adopted }
  }

  async #take({ dataplane, whenEnded }: ObtainedDataplane): Promise<void> {
    this.#uplink = await dataplane.configure(this.#settings.vtep)
    this.#dataplane = dataplane
    this.#whenEnded = whenEnded
    dataplane.onLost((reason) => this.#onLost(dataplane, reason))
  }

  /** Events flow from here on: the caller knows the ports they speak of. */
  listen(): void {
    this.#dataplane?.listen((events) => this.#listener.onEvents(events))
  }

  /** Undefined while there is no dataplane. */
  get uplink(): UplinkState | undefined {
    return this.#uplink
  }

  get up(): boolean {
    return this.#dataplane !== undefined
  }

  /** Process id of the dataplane; undefined while there is none, or where it is of this process. */
  get processId(): number | undefined {
    return this.#dataplane?.pid
  }

  /** How often it had to be started again. */
  get restarts(): number {
    return this.#restarts
  }

  /** Writes, in order. Without a dataplane they are forgotten: whoever comes back is filled from the image. */
  push(operations: readonly Operation[]): void {
    if (this.#dataplane !== undefined) this.#queue.push(operations)
  }

  /**
   * Calls `use` with the tables at a moment when every write is in them and every event up to then was handed on; never
   * without a dataplane.
   */
  async whenSettled(use: (snapshot: Snapshot) => void): Promise<void> {
    for (;;) {
      await this.#queue.whenIdle()
      if (this.#dataplane === undefined) return
      this.listen()
      // Those events may have caused writes. If not, nothing comes between them and the snapshot.
      if (this.#queue.idle) return use(this.#dataplane.snapshot())
    }
  }

  /** Resolves when all writes so far are applied. */
  settled(): Promise<void> {
    return this.#queue.whenIdle()
  }

  /** One table as it is; nothing while there is no dataplane. */
  table<Name extends keyof Snapshot>(name: Name): Snapshot[Name] | readonly [] {
    return this.#dataplane?.table(name) ?? []
  }

  /** A large table, or what of it is local where its digest is known; undefined while there is no dataplane. */
  async readAside<Name extends LargeTable>(
    name: Name,
    known?: string,
  ): Promise<TableRows<Name> | undefined> {
    return this.#dataplane?.readAside(name, known)
  }

  /** The way of one frame (DataplaneReader.trace); undefined while there is no dataplane. */
  trace(input: Uint8Array): Uint8Array | undefined {
    // Its sockets find ways that our tables do not know.
    return this.#dataplane?.trace(input, this.#uplink?.kind === 'udp')
  }

  /** The tables as one small segment (DataplaneReader.image); undefined while there is no dataplane. */
  async image(vni: number | undefined, mostOctets: number): Promise<Uint8Array | undefined> {
    return this.#dataplane?.image(vni, mostOctets)
  }

  /** Frames for tenants; forgotten while there is no dataplane. */
  async send(frames: readonly PortFrame[]): Promise<void> {
    await this.#dataplane?.send(frames)
  }

  /** Behind all writes, so that what hosts answer is heard, and what they use then is there. */
  async tellHosts(ports: readonly number[], frames: readonly Uint8Array[]): Promise<void> {
    await this.settled()
    const all = ports.flatMap((port) => frames.map((bytes) => ({ port, bytes })))
    // What could not be said now is said again.
    await this.send(all).catch(() => undefined)
  }

  counters(): Counters | undefined {
    return this.#dataplane?.counters()
  }

  async capture(spec: CaptureSpec): Promise<CaptureFeed> {
    if (this.#dataplane === undefined) throw new Error('the dataplane is down')
    return this.#dataplane.capture(spec)
  }

  openPort(spec: PortSpec): Promise<number> {
    if (this.#dataplane === undefined) return Promise.reject(new Error('the dataplane is down'))
    return this.#dataplane.openPort(spec)
  }

  async closePort(id: number): Promise<void> {
    await this.#dataplane?.closePort(id)
  }

  /** Lets go. `shutdown` ends the dataplane, too; else it goes on forwarding. */
  async end(shutdown: boolean): Promise<void> {
    this.#ending.abort()
    const dataplane = this.#dataplane
    this.#dataplane = undefined
    if (!shutdown) await dataplane?.detach()
    else if (dataplane !== undefined) {
      await dataplane.shutdown()
      await this.#whenEnded?.()
    }
  }

  #onLost(dataplane: Dataplane, reason: string): void {
    if (this.#dataplane !== dataplane) return
    this.#dataplane = undefined
    this.#uplink = undefined
    this.#queue.clear()
    this.#listener.onLost(reason)
    void this.#restore()
  }

  async #restore(): Promise<void> {
    for (let attempt = 0; !this.#ending.signal.aborted; attempt++) {
      const seconds = BACKOFF_SECONDS[Math.min(attempt, BACKOFF_SECONDS.length - 1)]!
      if (!(await this.#pause(seconds))) return
      let obtained: ObtainedDataplane
      try {
        obtained = await this.#settings.obtain()
        if (this.#ending.signal.aborted) return void (await obtained.dataplane.detach())
        await this.#take(obtained)
      } catch (error) {
        const next = BACKOFF_SECONDS[Math.min(attempt + 1, BACKOFF_SECONDS.length - 1)]!
        this.#listener.onRestartFailed(reasonOf(error), next)
        continue
      }
      this.#restarts++
      // Should it be lost again meanwhile, that loss begins a restore of its own.
      return this.#listener.onRestored(obtained.adopted)
    }
  }

  /** False when the wait was ended by `end`. */
  async #pause(seconds: number): Promise<boolean> {
    try {
      await sleep(seconds * 1000, undefined, { signal: this.#ending.signal })
      return true
    } catch {
      return false
    }
  }
}
