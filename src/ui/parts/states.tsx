// Small things that many pages show: a state with a sign beside its colour, errors, commands to copy.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { ApiError } from '../api.js'

export type Tone = 'good' | 'warn' | 'bad' | 'none'

const signs: Readonly<Record<Tone, string>> = { good: '✔', warn: '!', bad: '✘', none: '·' }

/** Never colour alone: the sign says the same. */
export function State({
  tone,
  children,
}: {
  readonly tone: Tone
  readonly children: ComponentChildren
}) {
  return (
    <span class={`state ${tone}`}>
      <span aria-hidden="true" class="sign">
        {signs[tone]}
      </span>
      {children}
    </span>
  )
}

/** What went wrong with reading; `what` names what an older daemon lacks. */
export function Problem({
  error,
  what,
}: {
  readonly error: ApiError | undefined
  readonly what?: string
}) {
  if (error === undefined || error.status === 0) return null
  const missing = error.status === 404 && what !== undefined
  return (
    <p class={`banner ${missing ? '' : 'bad'}`} role="alert">
      {missing ? `This daemon has no ${what}.` : error.message}
    </p>
  )
}

export function Command({ text }: { readonly text: string }) {
  const [done, setDone] = useState(false)
  const copy = async (): Promise<void> => {
    // Only on https and localhost; elsewhere one marks and copies by hand.
    await navigator.clipboard?.writeText(text)
    setDone(true)
    setTimeout(() => setDone(false), 1500)
  }
  return (
    <span class="command">
      <code>{text}</code>
      {navigator.clipboard === undefined ? null : (
        <button type="button" class="quiet" onClick={copy} aria-label={`Copy ${text}`}>
          {done ? 'copied' : 'copy'}
        </button>
      )}
    </span>
  )
}

export const Mono = ({ children }: { readonly children: ComponentChildren }) => (
  <span class="mono">{children}</span>
)
