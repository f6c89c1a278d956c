// Traces given octets: from which port or VTEP is asked for, as a capture does not say it.

import { useState } from 'preact/hooks'
import { ApiError, askJson } from '../api.js'
import { type Traced, toHex } from '../frames.js'
import { Problem } from './states.js'
import { type Origin, OriginFields } from './trace-from.js'
import { TracedView } from './traced.js'

export const originBody = ({ port, vtep, vni }: Origin): object =>
  port === '' ? { from: { vtep, vni: Number(vni) } } : { port }

export function TraceFrame({ octets }: { readonly octets: Uint8Array }) {
  const [origin, setOrigin] = useState<Origin>({ port: '', vtep: '', vni: '' })
  const { traced, error, run } = useTrace()
  return (
    <section aria-label="Trace of the frame">
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault()
          void run({ ...originBody(origin), frame: toHex(octets) })
        }}
      >
        <OriginFields of={origin} onChange={setOrigin} />
        <button type="submit">Trace it</button>
      </form>
      <Problem error={error} what="trace" />
      {traced === undefined ? null : <TracedView of={traced} />}
    </section>
  )
}

/** Asks the daemon; the last answer stays until the next. */
export function useTrace(): {
  readonly traced: Traced | undefined
  readonly error: ApiError | undefined
  readonly run: (body: object) => Promise<void>
} {
  const [traced, setTraced] = useState<Traced>()
  const [error, setError] = useState<ApiError>()
  const run = async (body: object): Promise<void> => {
    try {
      setTraced(await askJson<Traced>('v1/trace', { method: 'POST', body }))
      setError(undefined)
    } catch (failure) {
      setTraced(undefined)
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)))
    }
  }
  return { traced, error, run }
}
