// What happens, as it happens.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { EventView } from '../../host/views/index.js'
import { ApiError, askJson } from '../api.js'
import { epoch, onEvent } from '../live.js'
import { EventLine } from '../parts/event-line.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Problem } from '../parts/states.js'
import { setQuery, usePlace } from '../router.js'
import { useSignal } from '../signal.js'
import { plural } from '../text.js'

const KEPT = 5000
const SHOWN = 200
const levels = ['debug', 'info', 'warn', 'error']

export function Events() {
  const { query } = usePlace()
  const { q = '', level = '', kind = '' } = query
  const [paused, setPaused] = useState(false)
  const { events, error } = useTail(paused)
  const kinds = useMemo(() => [...new Set(events.map((event) => event.kind))].toSorted(), [events])
  const chosen = useMemo(() => {
    const wanted = q
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
    const least = levels.indexOf(level)
    return events.filter(
      (event) =>
        (kind === '' || event.kind === kind) &&
        levels.indexOf(event.level) >= least &&
        wanted.every((word) => `${event.kind} ${event.text}`.toLowerCase().includes(word)),
    )
  }, [events, q, level, kind])
  return (
    <>
      <h1>Events</h1>
      <Problem error={error} />
      <div class="tools">
        <label class="search">
          <span class="hidden">Search events</span>
          <input
            type="search"
            data-search
            placeholder="Search  /"
            value={q}
            onInput={(event) => setQuery({ q: event.currentTarget.value })}
          />
        </label>
        <FilterSelect name="level" title="From level" values={levels} />
        <FilterSelect name="kind" title="Kind" values={kinds} />
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? 'Go on' : 'Pause'}
        </button>
        <output class="amount">{plural(chosen.length, 'event')}, newest first</output>
      </div>
      <ol class="events long" aria-label="Events">
        {chosen
          .slice(-SHOWN)
          .toReversed()
          .map((event) => (
            <EventLine key={event.sequence} event={event} />
          ))}
      </ol>
      {chosen.length === 0 ? <p class="empty">No event is kept that fits.</p> : null}
      {chosen.length > SHOWN ? (
        <p class="note">The newest {SHOWN} are shown; search finds older ones.</p>
      ) : null}
    </>
  )
}

/** The kept events and those that come, drawn at most some times a second. */
function useTail(paused: boolean): {
  readonly events: readonly EventView[]
  readonly error: ApiError | undefined
} {
  const [events, setEvents] = useState<readonly EventView[]>([])
  const [error, setError] = useState<ApiError>()
  const waiting = useRef<EventView[]>([])
  const held = useRef(paused)
  held.current = paused
  const again = useSignal(epoch)
  useEffect(() => {
    let ended = false
    const add = (more: readonly EventView[]): void =>
      setEvents((before) => {
        const last = before.at(-1)?.sequence ?? 0
        const fresh = more.filter(({ sequence }) => sequence > last)
        return fresh.length === 0 ? before : [...before, ...fresh].slice(-KEPT)
      })
    const start = async (): Promise<void> => {
      try {
        const kept = await askJson<readonly EventView[]>('v1/events')
        if (ended) return
        setError(undefined)
        // A daemon that was started anew may count from one again.
        setEvents(kept.slice(-KEPT))
      } catch (failure) {
        if (!ended)
          setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)))
      }
    }
    void start()
    const stop = onEvent((event) => waiting.current.push(event))
    const timer = setInterval(() => {
      if (held.current || waiting.current.length === 0) return
      add(waiting.current.splice(0))
    }, 250)
    return () => {
      ended = true
      stop()
      clearInterval(timer)
    }
  }, [again])
  return { events, error }
}
