// What has happened lately, of counters that only grow: a fault that is over for a moment is still one.

interface Sample {
  /** Milliseconds of `performance`. */
  readonly time: number
  readonly counts: Readonly<Record<string, number>>
}

/** Keeps samples of the last `seconds`, and the one before. */
export class Recent {
  readonly #milliseconds: number
  readonly #samples: Sample[] = []

  constructor(seconds: number) {
    this.#milliseconds = seconds * 1000
  }

  add(counts: Readonly<Record<string, number>>, now = performance.now()): void {
    this.#samples.push({ time: now, counts: { ...counts } })
    while (this.#samples.length > 2 && this.#samples[1]!.time < now - this.#milliseconds)
      this.#samples.shift()
  }

  /** By how much a counter has grown since the oldest sample; one that began anew counts from zero. */
  grown(name: string, now: number): number {
    const before = this.#samples[0]?.counts[name] ?? now
    return now >= before ? now - before : now
  }
}
