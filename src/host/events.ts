// What happened: a bounded stream with sequence numbers. The log, `vtep events` and GET /v1/events are its readers.

export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

/** Extra facts of an event; keys as in the views (mac, vni, dst, ifname, peer …). */
export type EventFields = Readonly<Record<string, string | number | boolean>>

export interface HostEvent {
  /** Counts from 1 for as long as the process lives. */
  readonly sequence: number
  /** RFC 3339, UTC. */
  readonly time: string
  readonly level: EventLevel
  /** One word: peerState, macLearned, portDown … */
  readonly kind: string
  /** One sentence for people. */
  readonly text: string
  readonly fields: EventFields
}

export type EventListener = (event: HostEvent) => void

/** Keeps the last `capacity` events. Listeners are called at once and must not throw. */
export class EventLog {
  readonly #capacity: number
  readonly #now: () => number
  readonly #ring: HostEvent[] = []
  readonly #listeners = new Set<EventListener>()
  #last = 0

  constructor(now: () => number, capacity = 8192) {
    this.#now = now
    this.#capacity = capacity
  }

  add(level: EventLevel, kind: string, text: string, fields: EventFields = {}): void {
    const sequence = ++this.#last
    const event = { sequence, time: new Date(this.#now()).toISOString(), level, kind, text, fields }
    this.#ring[(sequence - 1) % this.#capacity] = event
    for (const listener of this.#listeners) listener(event)
  }

  /** Sequence number of the newest event; 0 when there is none. */
  get last(): number {
    return this.#last
  }

  /** Kept events after `sequence`, oldest first. A gap in the numbers says that some were forgotten. */
  since(sequence: number): HostEvent[] {
    const first = Math.max(sequence + 1, this.#last - this.#capacity + 1, 1)
    const events: HostEvent[] = []
    for (let n = first; n <= this.#last; n++) events.push(this.#ring[(n - 1) % this.#capacity]!)
    return events
  }

  /** Calls `listener` for every event from now on; the answer ends it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
