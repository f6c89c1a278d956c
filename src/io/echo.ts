// ICMP echo from one of our addresses: whether somebody answers, how long it takes, and whether packets of a size get there.

import type { Ip } from '../net/index.js'
import type { AddonEcho } from './addon.js'
import { loadAddon } from './native.js'

interface Waiting {
  readonly target: Ip
  readonly answer: (milliseconds: number | undefined) => void
  readonly timer: NodeJS.Timeout
}

export class Echo {
  readonly #waiting = new Map<number, Waiting>()
  readonly #socket: AddonEcho
  #sequence = 0

  /** Throws an Error whose `code` is errno's name: EACCES or EPERM where we may not, EADDRNOTAVAIL for no address of ours. */
  constructor(source: Ip) {
    const { Echo: Socket } = loadAddon()
    this.#socket = new Socket(source, (from, sequence, _bytes, nanoseconds) => {
      const waiting = this.#waiting.get(sequence)
      if (waiting?.target !== from) return
      this.#end(sequence, nanoseconds / 1e6)
    })
  }

  /**
   * Sends one IP packet of so many octets (80 to 65535), not to be fragmented on its way. The time of the round trip in milliseconds;
   * undefined when nothing came back in time, or it could not be sent at all.
   */
  ask(target: Ip, bytes: number, timeoutMilliseconds: number): Promise<number | undefined> {
    const sequence = ++this.#sequence
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(sequence, undefined), timeoutMilliseconds)
      this.#waiting.set(sequence, { target, answer: resolve, timer })
      try {
        this.#socket.send(target, sequence, bytes)
      } catch {
        // Too large for the interface, or no way there: no answer, and no need to wait.
        this.#end(sequence, undefined)
      }
    })
  }

  /** What is still waited for is not answered. */
  close(): void {
    for (const sequence of [...this.#waiting.keys()]) this.#end(sequence, undefined)
    this.#socket.close()
  }

  #end(sequence: number, milliseconds: number | undefined): void {
    const waiting = this.#waiting.get(sequence)
    if (waiting === undefined) return
    this.#waiting.delete(sequence)
    clearTimeout(waiting.timer)
    waiting.answer(milliseconds)
  }
}
