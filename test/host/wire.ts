// A transport in memory between the machines of hosts: what one writes the other reads when told.

import type { Machines } from '../../src/host/machines.js'
import type { TcpAction } from '../../src/io/index.js'

export interface WireEnd {
  readonly machines: Machines
  readonly address: string
}

/** Bytes and connections go to the other side when `deliver` is called, in order. */
export class Wire {
  readonly #queue: (() => void)[] = []
  #connections = 0
  /** Time of what arrives, in seconds since 1970. */
  now = 1_700_000_000
  readonly #ends = new Map<number, { side: WireEnd; connection: number }>()

  deliver(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
  }

  get hasMore(): boolean {
    return this.#queue.length > 0
  }

  /** The connections of a host break, without a word to it but that they are closed. */
  cut(side: WireEnd): void {
    const broken = [...this.#ends].filter(
      ([, end]) => end.side === side || this.#ends.get(end.connection)?.side === side,
    )
    for (const [connection] of broken) this.#ends.delete(connection)
    for (const [, end] of broken)
      end.side.machines.toSpeaker({ event: 'closed', connection: end.connection, reason: 'cut' })
    this.deliver()
  }

  perform(side: WireEnd, other: () => WireEnd, action: TcpAction): void {
    if (action.do === 'connect') this.#queue.push(() => this.#connect(side, other(), action.peer))
    else if (action.do === 'send') {
      const { connection, bytes } = action
      this.#queue.push(() => {
        const end = this.#ends.get(connection)
        const time = this.now
        end?.side.machines.toSpeaker({
          event: 'received',
          connection: end.connection,
          bytes,
          time,
        })
      })
    } else if (action.do === 'close') {
      const { connection } = action
      this.#queue.push(() => {
        const end = this.#ends.get(connection)
        this.#ends.delete(connection)
        if (end !== undefined && this.#ends.delete(end.connection)) {
          end.side.machines.toSpeaker({ event: 'closed', connection: end.connection })
        }
      })
    }
  }

  #connect(from: WireEnd, to: WireEnd, peer: string): void {
    const [out, into] = [++this.#connections, ++this.#connections]
    this.#ends.set(out, { side: to, connection: into })
    this.#ends.set(into, { side: from, connection: out })
    const opened = (side: WireEnd, connection: number, remote: string, direction: 'in' | 'out') =>
      side.machines.toSpeaker({
        event: 'connected',
        connection,
        direction,
        localAddress: side.address,
        remoteAddress: remote,
        remotePort: 40_000 + connection,
        ...(direction === 'out' ? { peer } : {}),
      })
    opened(from, out, to.address, 'out')
    opened(to, into, from.address, 'in')
  }
}
