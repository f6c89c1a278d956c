// The way of a frame: verdict, steps, and what would leave.

import type { Trace } from '../../trace/index.js'
import { fromHex } from '../frames.js'
import { Value } from './facts.js'
import { FrameView } from './frame-view.js'
import { State } from './states.js'

export function TracedView({ of }: { readonly of: Trace }) {
  const { verdict, steps, out } = of
  const tone = verdict.outcome === 'drop' ? 'bad' : 'good'
  return (
    <section class={`verdict ${tone}`} aria-label="Verdict" aria-live="polite">
      <p class="headline">
        <State tone={tone}>
          <strong>{verdict.outcome}</strong>{' '}
          {verdict.reason === null ? null : <code>{verdict.reason}</code>} {verdict.text}
        </State>
      </p>
      <ol class="chain">
        {steps.map((step, i) => (
          <li key={i} class={i === steps.length - 1 && tone === 'bad' ? 'broken' : 'ok'}>
            <State tone={i === steps.length - 1 && tone === 'bad' ? 'bad' : 'good'}>
              <strong>{step.step}</strong> {step.text}
            </State>
            {Object.keys(step.fields).length === 0 ? null : (
              <details>
                <summary>values</summary>
                <Value of={step.fields} />
              </details>
            )}
          </li>
        ))}
      </ol>
      {out.length === 0 ? null : <h3>What would leave</h3>}
      {out.map(({ to, frame }, i) => (
        <details key={i}>
          <summary>
            to {to}, {frame.length / 2} octets
          </summary>
          <FrameView octets={fromHex(frame) ?? new Uint8Array()} />
        </details>
      ))}
    </section>
  )
}
