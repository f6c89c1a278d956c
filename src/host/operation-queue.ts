// Writes for the packet path on their way: gathered until the end of the turn, sent in order, one batch at a time.

import type { Operation } from '../fib/index.js'

export class OperationQueue {
  readonly #apply: (operations: readonly Operation[]) => Promise<void>
  readonly #onFailed: (error: unknown) => void
  #pending: Operation[] = []
  #waiting: (() => void)[] = []
  #running = false

  /** `onFailed`: a batch was refused; what it would have changed is not known, so the tables have to be compared. */
  constructor(
    apply: (operations: readonly Operation[]) => Promise<void>,
    onFailed: (error: unknown) => void,
  ) {
    this.#apply = apply
    this.#onFailed = onFailed
  }

  push(operations: readonly Operation[]): void {
    for (const operation of operations) this.#pending.push(operation)
    if (!this.#running && this.#pending.length > 0) {
      this.#running = true
      setImmediate(() => void this.#run())
    }
  }

  /** Nothing is on its way. */
  get idle(): boolean {
    return !this.#running
  }

  /** Resolves when all that was pushed so far, and what came meanwhile, is applied. */
  whenIdle(): Promise<void> {
    return this.idle ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Forgets what was not sent yet: its tables are gone. */
  clear(): void {
    this.#pending = []
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#apply(batch)
      } catch (error) {
        this.#onFailed(error)
      }
    }
    this.#running = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
