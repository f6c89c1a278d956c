// How often an address may show a wrong token: who guesses waits. Guessing 256 bits is hopeless in any case; this keeps it
// from costing us time, and from filling the log.

import { isIPv6 } from 'node:net'
import { parsePrefix } from '../../net/index.js'

const MOST = 10
const WINDOW_MILLISECONDS = 60_000
/** Addresses remembered; of more the oldest are forgotten. */
const ADDRESSES = 4096

interface Failures {
  count: number
  readonly since: number
}

export class Attempts {
  readonly #now: () => number
  readonly #failures = new Map<string, Failures>()

  /** `now`: milliseconds that only go up. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Seconds to wait before another try is looked at; 0 when it is now. */
  waitSeconds(address: string): number {
    const key = keyOf(address)
    const failures = this.#failures.get(key)
    if (failures === undefined) return 0
    const left = failures.since + WINDOW_MILLISECONDS - this.#now()
    if (left <= 0) {
      this.#failures.delete(key)
      return 0
    }
    return failures.count < MOST ? 0 : Math.ceil(left / 1000)
  }

  /** True for the one that makes the address wait. */
  failed(address: string): boolean {
    const key = keyOf(address)
    const known = this.#failures.get(key)
    const failures = known ?? { count: 0, since: this.#now() }
    failures.count++
    if (known === undefined) {
      const [oldest] = this.#failures.keys()
      if (this.#failures.size >= ADDRESSES && oldest !== undefined) this.#failures.delete(oldest)
      this.#failures.set(key, failures)
    }
    return failures.count === MOST
  }
}

/** Of IPv6 the first 64 bits: who has one address has them all. */
function keyOf(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '')
  return isIPv6(plain) ? parsePrefix(`${plain}/64`) : plain
}
