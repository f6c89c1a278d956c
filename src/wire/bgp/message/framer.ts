// Cuts a stream of octets into messages. Pure: it keeps the octets of a message that is not whole yet, no more than
// one message's worth beyond what it is given.

import { Reader } from '../../codec.js'
import type { WireContext } from '../context.js'
import type { ErrorReport } from '../problem.js'
import { HEADER_LENGTH } from './header.js'
import { readHeader } from './index.js'

/** Whole messages, and the header error behind them if there is one: nothing after it can be read. */
export interface Framed {
  readonly messages: readonly Uint8Array[]
  readonly error?: ErrorReport
}

/** Turns octets as TCP gives them into whole messages. */
export class Framer {
  #held: Uint8Array = new Uint8Array(0)
  #error: ErrorReport | undefined

  /** Octets that wait for the rest of their message. */
  get heldBytes(): number {
    return this.#held.length
  }

  /**
   * Takes more octets. Messages may be views of `octets`, which must not change under them. `ctx` may change from call to call; it
   * applies to headers that were not read before, which is why `limit` exists: after an OPEN, ask for one message.
   */
  push(octets: Uint8Array, ctx: WireContext, limit = Number.POSITIVE_INFINITY): Framed {
    const all = this.#held.length === 0 ? octets : concatenate(this.#held, octets)
    const messages: Uint8Array[] = []
    let offset = 0
    while (
      this.#error === undefined &&
      messages.length < limit &&
      all.length - offset >= HEADER_LENGTH
    ) {
      const header = readHeader(new Reader(all, offset), ctx)
      if (header.error !== undefined) {
        this.#error = header.error
        break
      }
      if (all.length - offset < header.length) break
      messages.push(all.subarray(offset, offset + header.length))
      offset += header.length
    }
    this.#held = this.#error === undefined ? all.slice(offset) : new Uint8Array(0)
    return this.#error === undefined ? { messages } : { messages, error: this.#error }
  }
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length)
  all.set(a, 0)
  all.set(b, a.length)
  return all
}
