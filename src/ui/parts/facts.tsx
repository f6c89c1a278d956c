// A value of the API as names and values, however deep.

import type { ComponentChildren } from 'preact'
import { words } from '../text.js'

export function Facts({
  of,
  leaveOut = [],
}: {
  readonly of: object
  readonly leaveOut?: readonly string[]
}) {
  const given = Object.entries(of).filter(
    ([key, value]) => !leaveOut.includes(key) && value !== undefined,
  )
  return (
    <dl class="facts">
      {given.map(([key, value]) => (
        <div key={key}>
          <dt>{words(key)}</dt>
          <dd>
            <Value of={value} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

export function Value({ of }: { readonly of: unknown }): ComponentChildren {
  if (of === null || of === '') return <span class="nothing">–</span>
  if (typeof of === 'boolean') return of ? 'yes' : 'no'
  if (Array.isArray(of)) {
    if (of.length === 0) return <span class="nothing">–</span>
    return (
      <ul class="values">
        {of.map((one, i) => (
          <li key={i}>
            <Value of={one} />
          </li>
        ))}
      </ul>
    )
  }
  if (typeof of === 'object') return <Facts of={of as object} />
  return <span class="mono">{String(of)}</span>
}
