// The checks of `vtep doctor`, on demand: some of them send probes.

import { useState } from 'preact/hooks'
import { ApiError, askJson } from '../api.js'
import { clock } from '../text.js'
import { Value } from './facts.js'
import { Command, Problem, State, type Tone } from './states.js'

interface Check {
  readonly code: string
  readonly title: string
  readonly status: 'ok' | 'warning' | 'error' | 'skipped'
  readonly evidence: unknown
  readonly fix: string | null
  /** The check that is the cause of this one's finding. */
  readonly hiddenBy: string | null
}

interface Diagnosis {
  readonly checks: readonly Check[]
  readonly ok: boolean
  readonly time: string
}

const tones: Readonly<Record<Check['status'], Tone>> = {
  ok: 'good',
  warning: 'warn',
  error: 'bad',
  skipped: 'none',
}
const rank: Readonly<Record<Check['status'], number>> = { error: 0, warning: 1, skipped: 2, ok: 3 }

export function Doctor() {
  const [found, setFound] = useState<Diagnosis>()
  const [error, setError] = useState<ApiError>()
  const [busy, setBusy] = useState(false)
  const run = async (): Promise<void> => {
    setBusy(true)
    try {
      setFound(await askJson<Diagnosis>('v1/doctor'))
      setError(undefined)
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)))
    }
    setBusy(false)
  }
  const checks = (found?.checks ?? []).toSorted((a, b) => rank[a.status] - rank[b.status])
  const seen = checks.filter(({ hiddenBy }) => hiddenBy === null)
  const fine = seen.filter(({ status }) => status === 'ok')
  return (
    <section aria-labelledby="doctor">
      <h2 id="doctor">
        Doctor{' '}
        <button type="button" onClick={run} disabled={busy}>
          {busy ? 'Checking …' : found === undefined ? 'Run the checks' : 'Run again'}
        </button>
      </h2>
      <Problem error={error} what="doctor" />
      {found === undefined ? (
        <p class="empty">
          Named checks of this host and of the way to every VTEP. Some send a few probes.
        </p>
      ) : (
        <div aria-live="polite">
          <p>
            <State tone={found.ok ? 'good' : 'bad'}>
              {fine.length} of {seen.length} checks are fine, at {clock(found.time)}
            </State>
          </p>
          <ul class="findings">
            {seen
              .filter(({ status }) => status !== 'ok')
              .map((check) => (
                <CheckRow key={`${check.code} ${check.title}`} check={check} all={checks} />
              ))}
          </ul>
          <details>
            <summary>{fine.length} that are fine</summary>
            <ul class="findings">
              {fine.map((check) => (
                <CheckRow key={`${check.code} ${check.title}`} check={check} all={checks} />
              ))}
            </ul>
          </details>
        </div>
      )}
    </section>
  )
}

function CheckRow({ check, all }: { readonly check: Check; readonly all: readonly Check[] }) {
  const { code, title, status, evidence, fix } = check
  const hidden = all.filter(({ hiddenBy }) => hiddenBy === code)
  return (
    <li>
      <State tone={tones[status]}>
        <strong>{code}</strong> {title}
      </State>
      {evidence === null || evidence === '' ? null : (
        <div class="evidence">
          <Value of={evidence} />
        </div>
      )}
      {fix === null ? null : (
        <p class="fix">
          <Command text={fix} />
        </p>
      )}
      {hidden.length === 0 ? null : (
        <p class="note">Explains, too: {hidden.map(({ title: other }) => other).join('; ')}</p>
      )}
    </li>
  )
}
