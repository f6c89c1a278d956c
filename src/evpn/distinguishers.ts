// Route distinguishers of our networks (RFC 7432 section 7.9: type 1, "IP address of the PE : number").

import type { Ip, RouteDistinguisher } from '../net/index.js'

/**
 * Numbers of 16 bits, each for one VNI. A VNI that fits is its own number. A larger one gets a number from its hash,
 * or the next free one; when two of them hash alike, which gets which depends on their order, so who wants it stable
 * for ever gives an `rd` in the configuration.
 */
export class Distinguishers {
  readonly #routerId: Ip
  readonly #numbers = new Map<number, number>()
  readonly #vnis = new Map<number, number>()

  constructor(routerId: Ip) {
    this.#routerId = routerId
  }

  derive(vni: number): RouteDistinguisher {
    let number = this.#numbers.get(vni)
    if (number === undefined) {
      number = vni <= 0xffff ? vni : hash16(vni)
      while (this.#vnis.has(number)) number = number === 0xffff ? 1 : number + 1
      this.#numbers.set(vni, number)
      this.#vnis.set(number, vni)
    }
    return `${this.#routerId}:${number}`
  }

  release(vni: number): void {
    const number = this.#numbers.get(vni)
    if (number === undefined) return
    this.#numbers.delete(vni)
    this.#vnis.delete(number)
  }
}

/** The upper half of the numbers: small VNIs seldom are there. Fibonacci hashing spreads neighbours. */
function hash16(vni: number): number {
  return 0x8000 | (Math.imul(vni, 0x9e3779b1) >>> 17)
}
