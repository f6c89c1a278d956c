// Duplicate detection (RFC 7432 section 15.1): what moves N times in M seconds is left alone. MACs and IPs are counted
// apart. It calms down by itself after another M seconds, or is cleared.

import type { Ip, Mac } from '../net/index.js'
import type { EvpnSettings } from './events.js'
import { Expiring, type Ticks } from './expiring.js'

/** Moves of the last so many seconds, and the last of them. */
export interface Moves {
  readonly count: number
  /** VTEPs of a MAC, MACs of an address. */
  readonly from: Ip | Mac
  readonly to: Ip | Mac
}

/** Defaults of RFC 7432 section 15.1. */
const DEFAULTS = { moves: 5, seconds: 180 } as const

export class Duplicates<K> {
  readonly #limit: number
  readonly #moves: Expiring<K, Moves>
  readonly #frozen: Expiring<K, true>

  constructor(ticks: Ticks, settings: EvpnSettings['duplicates']) {
    const { moves, seconds } = settings || DEFAULTS
    this.#limit = settings === false ? Number.POSITIVE_INFINITY : moves
    this.#moves = new Expiring(ticks, seconds)
    this.#frozen = new Expiring(ticks, seconds)
  }

  has(key: K): boolean {
    return this.#frozen.size > 0 && this.#frozen.get(key) === true
  }

  /** All that is left alone. */
  keys(): IterableIterator<K> {
    return this.#frozen.keys()
  }

  /** Undefined where nothing has moved lately, or nobody counts. */
  movesOf(key: K): Moves | undefined {
    return this.#moves.get(key)
  }

  /** Counts a move from one to another. True when this one is too many. */
  moved(key: K, from: Ip | Mac, to: Ip | Mac): boolean {
    if (this.#limit === Number.POSITIVE_INFINITY) return false
    const count = (this.#moves.get(key)?.count ?? 0) + 1
    this.#moves.update(key, { count, from, to })
    if (count < this.#limit || this.has(key)) return false
    this.#frozen.set(key, true)
    return true
  }

  /** True when it was frozen. */
  clear(key: K): boolean {
    this.#moves.delete(key)
    return this.#frozen.delete(key)
  }

  /** A tick has passed; `onThaw` gets each that has calmed down. */
  expire(onThaw: (key: K) => void): void {
    this.#moves.expire()
    this.#frozen.expire((key) => {
      this.#moves.delete(key)
      onThaw(key)
    })
  }
}
