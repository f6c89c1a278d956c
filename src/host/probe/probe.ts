// Questions to far VTEPs, on demand: are they alive, how far are they, what does the way there carry. Bounded in time and
// number, whatever they answer.

import { connect } from 'node:net'
import { Echo } from '../../io/index.js'
import { type Ip, ipFamily } from '../../net/index.js'
import { pathMtu } from './path-mtu.js'

/** How a VTEP has shown that it is there. `unknown`: we may not ask. */
export interface Life {
  readonly sign: 'icmp' | 'tcp' | 'none' | 'unknown'
  /** Least round trip. */
  readonly milliseconds?: number
}

export interface Probe {
  lives(vtep: Ip): Promise<Life>
  /** Whether an IP packet of so many octets gets there and back; undefined: it can not be told. */
  carries(vtep: Ip, bytes: number): Promise<boolean | undefined>
  /** The largest that does, up to `most`; undefined: nobody answers. */
  pathMtu(vtep: Ip, most: number): Promise<number | undefined>
}

const ECHOES = 3
const LIFE_MILLISECONDS = 500
/** An answer takes at most so many times the round trip, and so long at least. */
const PATIENCE = 4
const LEAST_MILLISECONDS = 60
const TCP_MILLISECONDS = 1000

/** An ordinary echo, and the least MTU that RFC 8200 and RFC 791 promise. */
const SMALL_BYTES = 84
const LEAST_MTU = { 4: 576, 6: 1280 } as const

export class VtepProbe implements Probe {
  readonly #source: Ip
  readonly #udpPort: number
  readonly #signal: AbortSignal
  #echo: Echo | undefined
  readonly #known = new Map<Ip, Promise<Life>>()

  /** From our VTEP address. Ask `close` when done. */
  constructor(source: Ip, udpPort: number, signal: AbortSignal) {
    this.#source = source
    this.#udpPort = udpPort
    this.#signal = signal
    try {
      this.#echo = new Echo(source)
    } catch {
      // Without privilege there is TCP.
    }
    signal.addEventListener('abort', () => this.close(), { once: true })
  }

  lives(vtep: Ip): Promise<Life> {
    let life = this.#known.get(vtep)
    if (life === undefined) this.#known.set(vtep, (life = this.#lives(vtep)))
    return life
  }

  async #lives(vtep: Ip): Promise<Life> {
    const times: number[] = []
    for (let i = 0; i < ECHOES && this.#echo !== undefined; i++) {
      const milliseconds = await this.#echo.ask(vtep, SMALL_BYTES, LIFE_MILLISECONDS)
      if (milliseconds !== undefined) times.push(milliseconds)
    }
    if (times.length > 0) return { sign: 'icmp', milliseconds: Math.min(...times) }
    // A firewall may keep echoes to itself: a host that is there refuses a connection at least.
    if (await this.#speaksTcp(vtep)) return { sign: 'tcp' }
    return { sign: this.#signal.aborted ? 'unknown' : 'none' }
  }

  /** A refusal is an answer. Nobody listens on the port of VXLAN by TCP. */
  #speaksTcp(host: Ip): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host, port: this.#udpPort, localAddress: this.#source })
      const end = (isThere: boolean): void => {
        clearTimeout(timer)
        socket.destroy()
        resolve(isThere)
      }
      const timer = setTimeout(() => end(false), TCP_MILLISECONDS)
      socket.once('connect', () => end(true))
      socket.once('error', ({ code }: NodeJS.ErrnoException) =>
        end(code === 'ECONNREFUSED' || code === 'ECONNRESET'),
      )
    })
  }

  async carries(vtep: Ip, bytes: number): Promise<boolean | undefined> {
    const { sign, milliseconds } = await this.lives(vtep)
    if (sign !== 'icmp' || this.#echo === undefined) return undefined
    const echo = this.#echo
    const patience = Math.max(LEAST_MILLISECONDS, (milliseconds ?? 0) * PATIENCE)
    for (let i = 0; i < 2; i++)
      if ((await echo.ask(vtep, bytes, patience)) !== undefined) return true
    return false
  }

  async pathMtu(vtep: Ip, most: number): Promise<number | undefined> {
    const { sign, milliseconds } = await this.lives(vtep)
    const echo = this.#echo
    if (sign !== 'icmp' || echo === undefined) return undefined
    const patience = Math.max(LEAST_MILLISECONDS, (milliseconds ?? 0) * PATIENCE)
    const carries = async (bytes: number): Promise<boolean> =>
      (await echo.ask(vtep, bytes, patience)) !== undefined
    const least = Math.min(most, LEAST_MTU[ipFamily(vtep)])
    return pathMtu(carries, { least, most })
  }

  close(): void {
    this.#echo?.close()
    this.#echo = undefined
  }
}
