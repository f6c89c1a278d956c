// The event log on disk. Debug events, which may be many, are kept apart from the others, so that they do not push them out.

import type { ArchiveStatus, EventArchive, EventLog, HostEvent } from '../events.js'
import { HostFailure, reasonOf } from '../instance/index.js'
import { type EventFilter, matches } from './filter.js'
import { Series } from './series.js'

export interface JournalSettings {
  readonly directory: string
  readonly fileBytes: number
  /** Of each of the two series. */
  readonly files: number
}

const FLUSH_MILLISECONDS = 100
/** A process that was killed may have told numbers that never got to the disk: the next begins so much above. */
const UNKNOWN_EVENTS = 100_000
/** Read for so long before others have their turn. */
const SLICE_MILLISECONDS = 2

export class Journal implements EventArchive {
  readonly #important: Series
  readonly #debug: Series
  readonly #events: EventLog
  readonly #forget: () => void
  readonly #timer: NodeJS.Timeout
  readonly #onExit = (): void => this.close()
  #isClosed = false

  /** Goes on where an earlier process has stopped. Throws HostFailure when the directory can not be used at all. */
  constructor(events: EventLog, { directory, fileBytes, files }: JournalSettings) {
    this.#events = events
    try {
      this.#important = new Series({ directory, name: 'events', fileBytes, files })
      this.#debug = new Series({ directory, name: 'debug', fileBytes, files })
      events.continueAfter(this.#reached(), this)
    } catch (error) {
      throw new HostFailure(`${directory}: events can not be kept there (${reasonOf(error)})`)
    }
    this.#forget = events.subscribe((event) => this.#write(event))
    this.#timer = setInterval(() => {
      this.#important.flush()
      this.#debug.flush()
    }, FLUSH_MILLISECONDS).unref()
    process.once('exit', this.#onExit)
  }

  get status(): ArchiveStatus {
    return {
      failure: this.#important.failure ?? this.#debug.failure,
      lost: this.#important.lost + this.#debug.lost,
    }
  }

  async flushed(): Promise<void> {
    await Promise.all([this.#important.flushed(), this.#debug.flushed()])
  }

  /** Writes what is still in memory, and down to where the numbers have come. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    process.off('exit', this.#onExit)
    this.#forget()
    const { last } = this.#events
    this.#important.append(last, JSON.stringify({ end: true, sequence: last }))
    this.#important.close()
    this.#debug.close()
  }

  async newest(filter: EventFilter, end: number, most: number): Promise<HostEvent[]> {
    const [important, debug] = await Promise.all([
      search(this.#important, filter, end, most),
      filter.level === undefined || filter.level === 'debug'
        ? search(this.#debug, filter, end, most)
        : [],
    ])
    const events = [...important, ...debug].sort((a, b) => a.sequence - b.sequence)
    return events.slice(-most)
  }

  #write(event: HostEvent): void {
    const series = event.level === 'debug' ? this.#debug : this.#important
    series.append(event.sequence, JSON.stringify(event))
  }

  /** The number that no earlier process has gone above. */
  #reached(): number {
    const [important, debug] = [this.#important, this.#debug].map(
      (series) => JSON.parse(series.lastLine() ?? '{}') as { end?: true; sequence?: number },
    )
    const last = Math.max(important?.sequence ?? 0, debug?.sequence ?? 0)
    return last === 0 || important?.end === true ? last : last + UNKNOWN_EVENTS
  }
}

/** The newest `most` events of a series that match, of those before `end`; the newest first. */
async function search(
  series: Series,
  filter: EventFilter,
  end: number,
  most: number,
): Promise<HostEvent[]> {
  const found: HostEvent[] = []
  const { after = 0, from = '', mac, ip, kinds } = filter
  // Lines without these can not match, and need not be parsed.
  const needed = [mac, ip, kinds?.length === 1 ? kinds[0] : undefined].filter(
    (text) => text !== undefined,
  )
  let started = performance.now()
  for await (const { first, text } of series.texts()) {
    if (first >= end) continue
    let stop = text.length
    while (stop > 0) {
      const start = text.lastIndexOf('\n', stop - 1) + 1
      const line = text.slice(start, stop)
      stop = start - 1
      if (performance.now() - started > SLICE_MILLISECONDS) {
        await new Promise((resolve) => setImmediate(resolve))
        started = performance.now()
      }
      if (!needed.every((word) => line.includes(word))) continue
      const event = eventOf(line)
      if (event === undefined || event.sequence >= end) continue
      if (event.sequence <= after || event.time < from) return found
      if (!matches(event, filter)) continue
      found.push(event)
      if (found.length === most) return found
    }
    if (first <= after) return found
  }
  return found
}

/** Undefined for a line that is no event: one that was cut off, or an end. */
function eventOf(line: string): HostEvent | undefined {
  let event: Partial<HostEvent> | null
  try {
    event = JSON.parse(line) as Partial<HostEvent> | null
  } catch {
    return undefined
  }
  const { sequence, time, kind, fields } = event ?? {}
  const isOurs =
    Number.isSafeInteger(sequence) && typeof time === 'string' && typeof kind === 'string'
  return isOurs && typeof fields === 'object' && fields !== null ? (event as HostEvent) : undefined
}
