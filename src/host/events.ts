// What happened: a bounded stream with sequence numbers. The log, `vtep events` and GET /v1/events are its readers. What is
// no longer in memory is asked of an archive, where there is one.

import { type EventFilter, matches } from './journal/filter.js'

export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

/** Extra facts of an event; keys as in the views (mac, vni, dst, ifname, peer …). */
export type EventFields = Readonly<Record<string, string | number | boolean>>

export interface HostEvent {
  /** Counts from 1; where there is an archive, also over restarts. */
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

export interface ArchiveStatus {
  /** Why events are not kept at the moment. */
  readonly failure: string | undefined
  /** Events that were not kept. */
  readonly lost: number
}

/** Keeps more events than memory does. */
export interface EventArchive {
  readonly status: ArchiveStatus
  /** Everything that was told so far can be read. */
  flushed(): Promise<void>
  /** The newest `most` that match, of those before `end` (a sequence number), oldest first. */
  newest(filter: EventFilter, end: number, most: number): Promise<HostEvent[]>
}

export interface EventLogSettings {
  /** Events kept in memory. */
  readonly capacity?: number
  /** Of debug events so many a second are kept, and twice as many at once; others are only counted. */
  readonly debugPerSecond?: number
}

const BURST = 2
const SUMMARY_MILLISECONDS = 1000

/** Keeps the last `capacity` events. Listeners are called at once and must not throw. */
export class EventLog {
  readonly #capacity: number
  readonly #now: () => number
  readonly #ring: HostEvent[] = []
  readonly #listeners = new Set<EventListener>()
  readonly #counts = new Map<string, number>()
  #archive: EventArchive | undefined
  #first = 1
  #last = 0
  #debugPerSecond: number
  /** Debug events that may still come at once, as of `#refilled`. */
  #credit: number
  #refilled: number
  #omitted = new Map<string, number>()
  #summary: NodeJS.Timeout | undefined

  constructor(now: () => number, { capacity = 8192, debugPerSecond = 500 }: EventLogSettings = {}) {
    this.#now = now
    this.#capacity = capacity
    this.#debugPerSecond = debugPerSecond
    this.#credit = debugPerSecond * BURST
    this.#refilled = now()
  }

  add(level: EventLevel, kind: string, text: string, fields: EventFields = {}): void {
    if (level !== 'debug' || this.#takes(kind)) this.#put(level, kind, text, fields)
  }

  /**
   * A debug event whose sentence is only made when it is kept: of what happens a million times. False when there were too
   * many: what comes at once behind it need not be tried, see `omit`.
   */
  debug(kind: string, make: () => readonly [text: string, fields: EventFields]): boolean {
    const isKept = this.#takes(kind)
    if (isKept) this.#put('debug', kind, ...make())
    return isKept
  }

  /** Counts debug events that were not even tried. */
  omit(kind: string, count: number): void {
    if (count === 0) return
    this.#omitted.set(kind, (this.#omitted.get(kind) ?? 0) + count)
    this.#summary ??= setTimeout(() => this.#summarize(), SUMMARY_MILLISECONDS).unref()
  }

  #put(level: EventLevel, kind: string, text: string, fields: EventFields): void {
    const sequence = ++this.#last
    const event = { sequence, time: new Date(this.#now()).toISOString(), level, kind, text, fields }
    this.#ring[(sequence - 1) % this.#capacity] = event
    this.#count(`${level} ${kind}`)
    for (const listener of this.#listeners) listener(event)
  }

  #count(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** False when too many have come; then it is counted. */
  #takes(kind: string): boolean {
    if (this.#credit < 1) this.#refill()
    if (this.#credit >= 1) {
      this.#credit--
      return true
    }
    this.omit(kind, 1)
    return false
  }

  #refill(): void {
    const now = this.#now()
    // A clock that was set back gives nothing, and does not take for long.
    const seconds = Math.max(0, now - this.#refilled) / 1000
    this.#refilled = now
    const most = this.#debugPerSecond * BURST
    this.#credit = Math.min(most, this.#credit + seconds * this.#debugPerSecond)
  }

  #summarize(): void {
    this.#summary = undefined
    const kinds = [...this.#omitted]
    this.#omitted = new Map()
    const total = kinds.reduce((sum, [, count]) => sum + count, 0)
    for (const [kind, count] of kinds) {
      const key = `omitted ${kind}`
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
    }
    const parts = kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')
    const text = `${total} debug events were too many to keep: ${parts}`
    this.#put('debug', 'eventsOmitted', text, { omitted: total, ...Object.fromEntries(kinds) })
  }

  setDebugRate(perSecond: number): void {
    this.#debugPerSecond = perSecond
    this.#credit = perSecond * BURST
  }

  /** How many there were, by level and kind, since the process began; level `omitted`: of those only counted. */
  counts(): {
    readonly level: EventLevel | 'omitted'
    readonly kind: string
    readonly count: number
  }[] {
    return [...this.#counts].map(([key, count]) => {
      const [level, kind] = key.split(' ') as [EventLevel, string]
      return { level, kind, count }
    })
  }

  /** Sequence number of the newest event; 0 when there is none. */
  get last(): number {
    return this.#last
  }

  /** An earlier process has come as far as `sequence`, and `archive` has what it told. Before the first event of this one. */
  continueAfter(sequence: number, archive: EventArchive): void {
    this.#last = Math.max(this.#last, sequence)
    this.#first = this.#last + 1
    this.#archive = archive
  }

  /** Undefined where events are kept in memory only. */
  get archiveStatus(): ArchiveStatus | undefined {
    return this.#archive?.status
  }

  /** Kept events in memory after `sequence`, oldest first. A gap in the numbers says that some were forgotten. */
  since(sequence: number): HostEvent[] {
    const events: HostEvent[] = []
    for (let n = Math.max(sequence + 1, this.#oldest); n <= this.#last; n++)
      events.push(this.#ring[(n - 1) % this.#capacity]!)
    return events
  }

  get #oldest(): number {
    return Math.max(this.#first, this.#last - this.#capacity + 1)
  }

  /** The newest `most` events that match, oldest first: of memory, and of the archive for what is older. */
  async past(filter: EventFilter, most: number): Promise<HostEvent[]> {
    const archive = this.#archive
    if (archive !== undefined) await archive.flushed()
    const end = this.#oldest
    const recent = this.since(0)
      .filter((event) => matches(event, filter))
      .slice(-most)
    const isAll = recent.length === most || (filter.after ?? 0) >= end - 1
    if (archive === undefined || isAll) return recent
    return [...(await archive.newest(filter, end, most - recent.length)), ...recent]
  }

  /** Calls `listener` for every event from now on; the answer ends it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
