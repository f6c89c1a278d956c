// Traces given octets in this browser: from where they come is asked for, as a capture does not say it.

import { useState } from 'preact/hooks'
import type { ImageTracer, Trace } from '../../trace/index.js'
import { ApiError } from '../api.js'
import { openTables, traceHere } from '../core.js'
import { status } from '../live.js'
import { clock } from '../text.js'
import { Problem } from './states.js'
import { type Origin, OriginFields } from './trace-from.js'
import { TracedView } from './traced.js'

interface Tables {
  readonly tracer: ImageTracer
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Kept from frame to frame. */
let kept: Tables | undefined
let last: Origin = { by: 'port', port: '', vtep: '', vni: '' }

export function TraceFrame({ octets }: { readonly octets: Uint8Array }) {
  const [origin, setOrigin] = useState(last)
  const [tables, setTables] = useState(kept)
  const [traced, setTraced] = useState<Trace>()
  const [error, setError] = useState<ApiError>()
  const read = async (): Promise<Tables> => {
    kept = { tracer: await openTables(), at: Date.now() }
    setTables(kept)
    return kept
  }
  const run = async (fresh: boolean): Promise<void> => {
    try {
      const { tracer } = fresh || tables === undefined ? await read() : tables
      setTraced(traceHere(tracer, octets, origin, status.value?.uplink ?? ''))
      setError(undefined)
    } catch (failure) {
      setTraced(undefined)
      setError(
        failure instanceof ApiError
          ? failure
          : new ApiError(400, failure instanceof Error ? failure.message : String(failure)),
      )
    }
  }
  return (
    <section aria-label="Trace of the frame">
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault()
          void run(false)
        }}
      >
        <OriginFields
          of={origin}
          onChange={(next) => {
            last = next
            setOrigin(next)
          }}
        />
        <button type="submit">Trace it</button>
        {tables === undefined ? null : (
          <button type="button" onClick={() => void run(true)}>
            Read the tables again
          </button>
        )}
      </form>
      <p class="note">
        The core of the dataplane runs in this browser, on a copy of the tables
        {tables === undefined ? '' : ` of ${clock(tables.at)}`}.
      </p>
      <Problem error={error} what="tables to trace by" />
      {traced === undefined ? null : <TracedView of={traced} />}
    </section>
  )
}
