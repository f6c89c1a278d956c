// The shape of the native addon (native/node), and the error of this side of it.

/** Something between this process and a dataplane failed. */
export class DataplaneError extends Error {
  override readonly name = 'DataplaneError'
  /**
   * ADDON_MISSING: not built or not loadable. UNREACHABLE: nobody answers. REFUSED: another controller is attached.
   * LAYOUT_MISMATCH: the dataplane is of another version. FAILED: the dataplane answered with an error, or is gone.
   */
  readonly code: 'ADDON_MISSING' | 'UNREACHABLE' | 'REFUSED' | 'LAYOUT_MISMATCH' | 'FAILED'

  constructor(code: DataplaneError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface OptionInfo {
  readonly name: string
  readonly type: 'text' | 'number' | 'flag' | 'mac' | 'list'
  readonly fallback: string
  readonly help: string
}

/** A port kind or uplink kind with the options it takes. */
export interface KindInfo {
  readonly name: string
  readonly summary: string
  readonly options: readonly OptionInfo[]
}

export interface AddonDataplane {
  close(): void
  ref(): void
  unref(): void
}

export interface AddonClient {
  request(verb: string, payload: Uint8Array | string): Promise<Buffer>
  snapshot(view: string): Buffer
  /** The same, on a thread of its own. */
  read(view: string): Promise<Buffer>
  counters(): { readonly drops: readonly bigint[]; readonly ports: Buffer; readonly uplink: Buffer }
  drainEvents(): { readonly events: Buffer; readonly lost: boolean }
  dataplanePid(): number
  close(): void
}

export interface AddonCore {
  apply(operations: Uint8Array): void
  run(input: Uint8Array): Buffer
  repeat(input: Uint8Array, iterations: number): number
  snapshot(view: string): Buffer
  drainEvents(): { readonly events: Buffer; readonly lost: boolean }
  tick(seconds: number): void
}

/** When a worker without work looks again at once: for a moment where it has paid off lately, never, or always. */
export type Polling = 'adaptive' | 'never' | 'always'

export interface Addon {
  layoutHash(): string
  dropReasons(): readonly { readonly name: string; readonly text: string }[]
  portKinds(): readonly KindInfo[]
  uplinkKinds(): readonly KindInfo[]
  readonly Dataplane: new (options: {
    readonly workers: number
    readonly polling?: Polling
    readonly cpus?: readonly number[]
    readonly controlPath: string
    readonly fastPath: boolean
    readonly onShutdown?: () => void
  }) => AddonDataplane
  readonly Client: new (
    path: string,
    options: {
      readonly onWake: () => void
      readonly onClosed: (reason: string) => void
      readonly readOnly: boolean
    },
  ) => AddonClient
  readonly Core: new (options: {
    readonly localAddress: string
    readonly udpPort: number
  }) => AddonCore
}
