// Damages octets, again and again, and keeps what showed something new: a fuzzer for decoders that run in this process.

import { setImmediate as turn } from 'node:timers/promises'

/** A small generator of random numbers: the same seed gives the same run (Marsaglia's xorshift). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** From 0 to `below` - 1. */
  next(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % below
  }

  pick<T>(from: readonly T[]): T {
    return from[this.next(from.length)]!
  }
}

type Mutation = (octets: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array

const interesting = [0, 1, 2, 3, 4, 8, 16, 32, 33, 34, 48, 63, 64, 127, 128, 129, 254, 255]

function cut(octets: Uint8Array, from: number, to: number, between: Uint8Array): Uint8Array {
  const out = new Uint8Array(from + between.length + octets.length - to)
  out.set(octets.subarray(0, from))
  out.set(between, from)
  out.set(octets.subarray(to), from + between.length)
  return out
}

const nothing = new Uint8Array(0)

const mutations: readonly Mutation[] = [
  // One bit, one octet, a number of two or four octets.
  (octets, random) => {
    const out = octets.slice()
    const at = random.next(out.length)
    out[at] = out[at]! ^ (1 << random.next(8))
    return out
  },
  (octets, random) => {
    const out = octets.slice()
    out[random.next(out.length)] = random.pick(interesting)
    return out
  },
  (octets, random) => {
    const out = octets.slice()
    const at = random.next(out.length)
    const width = random.pick([2, 4])
    for (let i = 0; i < width && at + i < out.length; i++) {
      out[at + i] = random.pick([0, 0, 1, 255, random.next(256)])
    }
    return out
  },
  // Up or down by little: lengths that nearly fit.
  (octets, random) => {
    const out = octets.slice()
    const at = random.next(out.length)
    out[at] = out[at]! + random.pick([-2, -1, 1, 2])
    return out
  },
  // Without a piece, with a piece twice, with a piece of another one.
  (octets, random) => {
    const from = random.next(octets.length)
    return cut(octets, from, from + random.next(Math.min(16, octets.length - from) + 1), nothing)
  },
  (octets, random) => {
    const from = random.next(octets.length)
    const to = from + random.next(Math.min(64, octets.length - from) + 1)
    return cut(octets, to, to, octets.subarray(from, to))
  },
  (octets, random, corpus) => {
    const other = random.pick(corpus)
    const start = random.next(other.length)
    const piece = other.subarray(start, start + random.next(Math.min(64, other.length - start) + 1))
    const from = random.next(octets.length + 1)
    return cut(
      octets,
      from,
      random.pick([from, Math.min(octets.length, from + piece.length)]),
      piece,
    )
  },
  // The end is missing.
  (octets, random) => octets.slice(0, random.next(octets.length) + 1),
]

/** A damaged copy of something in the corpus. */
export function mutated(
  corpus: readonly Uint8Array[],
  random: Random,
  mostOctets: number,
): Uint8Array {
  let octets = random.pick(corpus)
  for (let i = random.next(4); i >= 0; i--) {
    if (octets.length === 0) return octets
    octets = random.pick(mutations)(octets, random, corpus)
  }
  return octets.length > mostOctets ? octets.slice(0, mostOctets) : octets
}

export interface FuzzTarget {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  /** Made good again where a decoder would look no further: lengths and checksums that wrap the rest. */
  readonly repair?: (octets: Uint8Array) => Uint8Array
  /** Throws when something is wrong; gives, in short, what happened: what is new is worth being damaged further. */
  readonly run: (octets: Uint8Array) => string
}

export interface FuzzResult {
  readonly runs: number
  /** Different things that happened. */
  readonly outcomes: number
  readonly slowestMilliseconds: number
}

/** No input of a few thousand octets may take so long, at the best of some times: another program may have the processor. */
const HANG_MILLISECONDS = 500
const AGAIN = 5
const MOST_OCTETS = 4096
const MOST_KEPT = 4000
const MOST_OUTCOMES = 100_000
const TURN = 1000

/** Runs a target for so long. Rejects with the input that broke it, in hex, and the seed. */
export async function fuzz(target: FuzzTarget, seconds: number, seed: number): Promise<FuzzResult> {
  const random = new Random(seed)
  const corpus = target.seeds.filter(({ length }) => length > 0)
  const seen = new Set<string>()
  let [runs, slowestMilliseconds] = [0, 0]
  const end = performance.now() + seconds * 1000
  for (let start = performance.now(); start < end; ) {
    const damaged = mutated(corpus, random, MOST_OCTETS)
    const octets =
      target.repair !== undefined && random.next(8) > 0 ? target.repair(damaged) : damaged
    let outcome: string
    try {
      outcome = target.run(octets)
    } catch (error) {
      const hex = Buffer.from(octets).toString('hex')
      throw new Error(`${target.name}, seed ${seed}, run ${runs}: ${hex}`, { cause: error })
    }
    runs++
    const now = performance.now()
    if (now - start > HANG_MILLISECONDS) {
      const best = bestTime(target, octets)
      const hex = Buffer.from(octets).toString('hex')
      if (best > HANG_MILLISECONDS) {
        throw new Error(`${target.name}, seed ${seed}: ${best} ms for ${hex}`)
      }
    }
    slowestMilliseconds = Math.max(slowestMilliseconds, now - start)
    // What a WeakRef points to is kept until the loop turns.
    if (runs % TURN === 0) await turn()
    start = performance.now()
    if (seen.size < MOST_OUTCOMES && !seen.has(outcome)) {
      seen.add(outcome)
      if (corpus.length < MOST_KEPT) corpus.push(octets)
    }
  }
  return { runs, outcomes: seen.size, slowestMilliseconds }
}

function bestTime(target: FuzzTarget, octets: Uint8Array): number {
  const times = Array.from({ length: AGAIN }, () => {
    const start = performance.now()
    target.run(octets)
    return performance.now() - start
  })
  return Math.min(...times)
}
