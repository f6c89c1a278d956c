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
  /** Goes on by one each second in which every thread turned or slept. */
  beats(): number
  ref(): void
  unref(): void
}

export interface AddonClient {
  request(verb: string, payload: Uint8Array | string): Promise<Buffer>
  snapshot(view: string): Buffer
  /** The same, on another thread. Where the digest is the one that is `known`, only the local rows. */
  read(view: string, known: string): Promise<{ readonly rows: Buffer; readonly digest: string }>
  /** As native/core/tracer.hpp has it. Throws an Error when the input is none. */
  trace(input: Uint8Array, handOver: boolean): Buffer
  /** The tables as one small segment, made on another thread; `vni` 0: all networks. */
  image(vni: number, seed: number, mostOctets: number): Promise<Buffer>
  counters(): { readonly drops: readonly bigint[]; readonly ports: Buffer; readonly uplink: Buffer }
  drainEvents(): { readonly events: Buffer; readonly lost: boolean }
  /** Of the capture that a request has begun. Throws when there is none. */
  captureRead(most: number): {
    readonly records: Buffer
    readonly missedRoom: number
    readonly missedRate: number
  }
  dataplanePid(): number
  close(): void
}

export interface AddonCore {
  apply(operations: Uint8Array): void
  run(input: Uint8Array): Buffer
  repeat(input: Uint8Array, iterations: number): number
  trace(input: Uint8Array): Buffer
  snapshot(view: string): Buffer
  drainEvents(): { readonly events: Buffer; readonly lost: boolean }
  tick(seconds: number): void
}

/** BFD sessions on a thread of their own. Throws as AddonTcp does. */
export interface AddonBfd {
  /** A new session in the place of one of that id. */
  add(options: {
    readonly id: string
    readonly local: string
    readonly remote: string
    /** Of link-local addresses, else empty. */
    readonly ifname: string
    readonly multihop: boolean
    readonly transmitUs: number
    readonly receiveUs: number
    readonly multiplier: number
  }): void
  /** With a word to the peer. */
  remove(id: string): void
  close(): void
}

/** Solicitations and advertisements of routers on one interface. Throws as AddonTcp does. */
export interface AddonIcmp6 {
  /** To all routers or all nodes of the link, as the message is one or the other. */
  send(message: Uint8Array): void
  close(): void
}

/** ICMP echo from one of our addresses, with the DF bit set. Throws as AddonTcp does. */
export interface AddonEcho {
  /** An IP packet of so many octets, 80 to 65535. */
  send(target: string, sequence: number, bytes: number): void
  close(): void
}

/** For sockets that Node.js uses under their descriptors. Throws an Error whose `code` is errno's name. */
export interface AddonTcp {
  /** A socket that is not connected; the caller owns the descriptor. */
  open(family: 4 | 6): number
  /** TTL or hop limit of what is sent, and the least that is accepted (RFC 5082); 0 leaves either as it is. */
  setTtl(descriptor: number, ttl: number, minimum: number): void
  /** TCP MD5 (RFC 2385) with the addresses of a prefix; an empty password ends it. */
  setPassword(descriptor: number, address: string, prefixLength: number, password: string): void
  /**
   * One more key of TCP-AO (RFC 5925) for the addresses of a prefix; the algorithm as the kernel names it. `isFirst`:
   * to begin a connection with. Before connecting, or (then never the first) on a listening socket.
   */
  addKey(
    descriptor: number,
    address: string,
    prefixLength: number,
    sendId: number,
    receiveId: number,
    algorithm: string,
    password: string,
    isFirst: boolean,
  ): void
  /** Takes a key from a listening socket. */
  removeKey(
    descriptor: number,
    address: string,
    prefixLength: number,
    sendId: number,
    receiveId: number,
  ): void
}

/** When a worker without work looks again at once: for a moment where it has paid off lately, never, or always. */
export type Polling = 'adaptive' | 'never' | 'always'

export interface Addon {
  layoutHash(): string
  /** A program of classic BPF. Rejects with one sentence: not the language, or libpcap is not there. */
  compileFilter(text: string): Promise<Buffer>
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
  /** State and diagnostic as RFC 5880 section 4.1 numbers them. */
  readonly Bfd: new (
    onState: (id: string, state: number, diagnostic: number) => void,
  ) => AddonBfd
  readonly Icmp6: new (
    ifname: string,
    onMessage: (message: Uint8Array, source: string) => void,
  ) => AddonIcmp6
  readonly Echo: new (
    source: string,
    onReply: (source: string, sequence: number, bytes: number, nanoseconds: number) => void,
  ) => AddonEcho
  readonly tcp: AddonTcp
  readonly supervisor: {
    /** One datagram of sd_notify(3), with descriptors. Throws an Error whose `code` is errno's name. */
    notify(path: string, message: string, descriptors: readonly number[]): void
  }
  readonly Core: new (options: {
    readonly localAddress: string
    readonly replicatorAddress?: string
    readonly udpPort: number
  }) => AddonCore & {
    /** See AddonClient.image. */
    image(vni: number): Buffer
  }
}
