// A value that components watch.

import { useEffect, useState } from 'preact/hooks'

export class Signal<T> {
  #value: T
  readonly #listeners = new Set<(value: T) => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set value(value: T) {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener(value)
  }

  /** Calls `listener` with every value from now on; the answer ends it. */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** The present value; the component is drawn anew when it changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [, draw] = useState({})
  useEffect(() => {
    draw({})
    return signal.subscribe(() => draw({}))
  }, [signal])
  return signal.value
}
