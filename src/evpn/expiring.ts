// What is remembered for a while. Time comes as ticks of one timer that runs only while somebody remembers something,
// so 100 000 MACs do not need 100 000 timers; what is remembered lives up to one tick longer than asked.

/** Seconds of one tick. */
export const TICK_SECONDS = 30

/** Counts the ticks; `wanted` asks for the next one. */
export class Ticks {
  now = 0
  wanted = false
}

/** A map whose entries end `seconds` after they were put in. */
export class Expiring<K, V> {
  // In the order of `set`, so the oldest are in front.
  readonly #entries = new Map<K, { readonly value: V; readonly since: number }>()
  readonly #ticks: Ticks
  readonly #lifeTicks: number

  constructor(ticks: Ticks, seconds: number) {
    this.#ticks = ticks
    this.#lifeTicks = Math.ceil(seconds / TICK_SECONDS)
  }

  get size(): number {
    return this.#entries.size
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys()
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** Starts the entry's life anew. */
  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, since: this.#ticks.now })
    this.#ticks.wanted = true
  }

  /** Another value for what is there or not, without a longer life. */
  update(key: K, value: V): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) this.set(key, value)
    else this.#entries.set(key, { value, since: entry.since })
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  /** Ends what is too old, oldest first, and gives it to `onEnd`. Asks for another tick when something is left. */
  expire(onEnd?: (key: K, value: V) => void): void {
    for (const [key, { value, since }] of this.#entries) {
      if (this.#ticks.now - since <= this.#lifeTicks) {
        this.#ticks.wanted = true
        return
      }
      this.#entries.delete(key)
      onEnd?.(key, value)
    }
  }
}
