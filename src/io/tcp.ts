// BGP's transport: executes what a speaker asks for and tells it what happens. Order of writes is kept, small writes of
// one turn leave together, and a connection that is closed is flushed first.

import { createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net'
import type { SpeakerAction, SpeakerEvent } from '../bgp/index.js'
import { type Ip, parseIp } from '../net/index.js'
import { formatHolder, portHolder } from './port-holder.js'
import { Transports, transportReason } from './transports.js'

export type TcpEvent = Extract<
  SpeakerEvent,
  { event: 'connected' | 'connectFailed' | 'closed' | 'received' | 'blocked' | 'drained' }
>

export type TcpAction = Extract<
  SpeakerAction,
  { do: 'protect' | 'connect' | 'cancelConnect' | 'send' | 'close' }
>

/** How long a closed connection may take to flush before it is cut off. */
const LINGER_SECONDS = 5

/** Why an address cannot be listened on: one sentence, with who is in the way. */
export class ListenError extends Error {
  readonly code: string

  constructor(address: Ip, port: number, code: string, why: string) {
    super(`cannot listen on TCP ${format(address, port)}: ${why}`)
    this.name = 'ListenError'
    this.code = code
  }
}

interface Established {
  readonly socket: Socket
  isBlocked: boolean
  isCorked: boolean
}

export class Tcp {
  readonly #emit: (event: TcpEvent) => void
  readonly #connecting = new Map<string, Socket>()
  readonly #established = new Map<number, Established>()
  /** Closed by us and not flushed yet. */
  readonly #closing = new Set<Socket>()
  readonly #servers: Server[] = []
  readonly #transports = new Transports()
  #count = 0

  /** `emit` may be called while `perform` runs. */
  constructor(emit: (event: TcpEvent) => void) {
    this.#emit = emit
  }

  perform(action: TcpAction): void {
    switch (action.do) {
      case 'protect':
        this.#transports.set(action.prefix, action.transport)
        break
      case 'connect':
        this.#connect(action)
        break
      case 'cancelConnect':
        this.#connecting.get(action.peer)?.destroy()
        this.#connecting.delete(action.peer)
        break
      case 'send':
        this.#send(action.connection, action.bytes)
        break
      case 'close':
        this.#close(action.connection)
        break
    }
  }

  /** Accepts connections. Rejects with ListenError. Gives the port, of use when 0 was asked for. */
  listen(address: Ip, port: number): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#accepted(socket))
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(listenError(address, port, error))
      })
      server.listen({ host: address, port }, () => {
        server.removeAllListeners('error')
        // A full descriptor table ends an accept, not the listening.
        server.on('error', () => undefined)
        this.#servers.push(server)
        this.#transports.listen(server)
        const bound = server.address()
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
      })
    })
  }

  /** Stops listening, flushes what is closing, cuts off what is left. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((done) => server.close(done)))
    for (const socket of this.#connecting.values()) socket.destroy()
    this.#connecting.clear()
    for (const id of [...this.#established.keys()]) this.#close(id)
    const flushed = [...this.#closing].map(
      (socket) => new Promise((done) => socket.once('close', done)),
    )
    await Promise.all([...closed, ...flushed])
  }

  #connect({
    peer,
    address,
    interface: scope,
    port,
    source,
  }: Extract<TcpAction, { do: 'connect' }>): void {
    this.#connecting.get(peer)?.destroy()
    let socket: Socket
    try {
      socket = unconnected(this.#transports.descriptorFor(address))
    } catch (error) {
      const why = transportReason(error)
      const reason = `${format(address, port)}: ${why}`
      // Never while the speaker is at work: it hears of the failure as of any other.
      queueMicrotask(() => this.#emit({ event: 'connectFailed', peer, reason }))
      return
    }
    const local = source === undefined ? {} : { localAddress: source }
    const host = scope === undefined ? address : `${address}%${scope}`
    socket.connect({ host, port, ...local })
    this.#connecting.set(peer, socket)
    let reason = 'connection refused'
    socket.once('error', (error: NodeJS.ErrnoException) => {
      reason = connectReason(error, format(address, port), source)
    })
    socket.once('connect', () => {
      if (this.#connecting.get(peer) !== socket) return
      this.#connecting.delete(peer)
      socket.removeAllListeners('close')
      socket.removeAllListeners('error')
      this.#opened(socket, 'out', peer)
    })
    socket.once('close', () => {
      if (this.#connecting.get(peer) !== socket) return
      this.#connecting.delete(peer)
      this.#emit({ event: 'connectFailed', peer, reason })
    })
  }

  #accepted(socket: Socket): void {
    const { remoteAddress } = socket
    const refusal =
      remoteAddress && this.#transports.accept(socket, plain(remoteAddress)) !== undefined
    if (refusal) socket.destroy()
    else this.#opened(socket, 'in')
  }

  #opened(socket: Socket, direction: 'in' | 'out', peer?: string): void {
    const { localAddress, remoteAddress, remotePort } = socket
    if (localAddress === undefined || remoteAddress === undefined || remotePort === undefined) {
      // Gone before we could look at it.
      socket.destroy()
      if (peer !== undefined) {
        this.#emit({ event: 'connectFailed', peer, reason: 'connection closed at once' })
      }
      return
    }
    const connection = ++this.#count
    const established: Established = { socket, isBlocked: false, isCorked: false }
    this.#established.set(connection, established)
    this.#watch(connection, established)
    this.#emit({
      event: 'connected',
      connection,
      direction,
      localAddress: plain(localAddress),
      remoteAddress: plain(remoteAddress),
      remotePort,
      ...scopeOf(remoteAddress),
      ...(peer === undefined ? {} : { peer }),
    })
  }

  #watch(connection: number, established: Established): void {
    const { socket } = established
    const isOurs = (): boolean => this.#established.get(connection) === established
    let reason = 'connection closed by the peer'
    socket.on('data', (data: Buffer) => {
      // Not the Buffer itself: its `slice` is a view, and whoever copies octets relies on a copy.
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length)
      const time = Math.floor(Date.now() / 1000)
      if (isOurs()) this.#emit({ event: 'received', connection, bytes, time })
    })
    socket.on('drain', () => {
      if (!isOurs()) return
      established.isBlocked = false
      this.#emit({ event: 'drained', connection })
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = reasons[error.code ?? ''] ?? error.message
    })
    socket.on('close', () => {
      this.#closing.delete(socket)
      if (!isOurs()) return
      this.#established.delete(connection)
      this.#emit({ event: 'closed', connection, reason })
    })
  }

  #send(connection: number, bytes: Uint8Array): void {
    const established = this.#established.get(connection)
    if (established === undefined) return
    const { socket } = established
    if (!established.isCorked) {
      established.isCorked = true
      socket.cork()
      queueMicrotask(() => {
        established.isCorked = false
        socket.uncork()
      })
    }
    if (socket.write(bytes) || established.isBlocked) return
    established.isBlocked = true
    this.#emit({ event: 'blocked', connection })
  }

  #close(connection: number): void {
    const established = this.#established.get(connection)
    if (established === undefined) return
    this.#established.delete(connection)
    const { socket } = established
    this.#closing.add(socket)
    const cut = setTimeout(() => socket.destroy(), LINGER_SECONDS * 1000)
    socket.once('close', () => clearTimeout(cut))
    // What the peer still sends is read and dropped: unread octets would turn our close into a reset, and the
    // NOTIFICATION before it would be lost.
    socket.end()
  }
}

const reasons: { readonly [code: string]: string } = {
  ECONNRESET: 'connection reset by the peer',
  EPIPE: 'connection closed by the peer',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ECONNREFUSED: 'connection refused',
}

function connectReason(error: NodeJS.ErrnoException, to: string, source: Ip | undefined): string {
  const code = error.code ?? ''
  if (code === 'EADDRNOTAVAIL' && source !== undefined) {
    return `${to}: expected the source address ${source} on this host, it is not there`
  }
  return `${to}: ${reasons[code] ?? error.message}`
}

function listenError(address: Ip, port: number, error: NodeJS.ErrnoException): ListenError {
  const code = error.code ?? 'UNKNOWN'
  const causes: { readonly [code: string]: () => string } = {
    EADDRINUSE: () => `the port is held by ${formatHolder(portHolder('tcp', address, port))}`,
    EACCES: () => 'ports below 1024 need root or the capability CAP_NET_BIND_SERVICE',
    EADDRNOTAVAIL: () => `expected an address of this host, ${address} is none`,
  }
  return new ListenError(address, port, code, causes[code]?.() ?? error.message)
}

/** A socket to connect, around a descriptor if there is one. */
function unconnected(descriptor: number | undefined): Socket {
  // Without `manualStart` Node.js would read at once, as it takes a descriptor for a connection.
  const around = descriptor === undefined ? {} : { fd: descriptor, manualStart: true }
  const options: SocketConstructorOpts & { noDelay: boolean } = { noDelay: true, ...around }
  return new Socket(options)
}

function format(address: Ip, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** The interface of a link-local address. */
function scopeOf(address: string): { readonly interface?: string } {
  const at = address.indexOf('%')
  return at < 0 ? {} : { interface: address.slice(at + 1) }
}

/** Canonical, and IPv4 as such when it came in on an IPv6 socket. */
function plain(address: string): Ip {
  const ip = parseIp(address.replace(/%.*$/, ''))
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip
}
