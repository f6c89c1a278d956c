// Named timers for machines that have no clock. A timer started again starts afresh.

/** RFC 4271 section 10: "a random value from the range of 0.75 to 1.0". */
const JITTER = 0.25

export class Clock {
  readonly #onTimer: (timer: string) => void
  /** How to stop each. */
  readonly #running = new Map<string, () => void>()

  constructor(onTimer: (timer: string) => void) {
    this.#onTimer = onTimer
  }

  /** Calls back once after `seconds`; 0 is after the I/O that is due. `jitter` shortens by up to a quarter. */
  start(timer: string, seconds: number, jitter = false): void {
    this.stop(timer)
    const ring = (): void => {
      this.#running.delete(timer)
      this.#onTimer(timer)
    }
    if (seconds === 0) {
      const immediate = setImmediate(ring)
      this.#running.set(timer, () => clearImmediate(immediate))
      return
    }
    const factor = jitter ? 1 - JITTER * Math.random() : 1
    const timeout = setTimeout(ring, seconds * factor * 1000)
    this.#running.set(timer, () => clearTimeout(timeout))
  }

  stop(timer: string): void {
    this.#running.get(timer)?.()
    this.#running.delete(timer)
  }

  stopAll(): void {
    for (const timer of [...this.#running.keys()]) this.stop(timer)
  }
}
