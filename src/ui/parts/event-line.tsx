// One event as a line.

import type { EventView } from '../../host/views/index.js'
import { clock } from '../text.js'
import type { Tone } from './states.js'
import { State } from './states.js'

const tones: Readonly<Record<string, Tone>> = {
  error: 'bad',
  warn: 'warn',
  info: 'none',
  debug: 'none',
}

export function EventLine({ event }: { readonly event: EventView }) {
  const { time, level, kind, text } = event
  return (
    <li class={`event ${level}`}>
      <time dateTime={time} title={time}>
        {clock(time, true)}
      </time>
      <State tone={tones[level] ?? 'none'}>
        <span class="kind">{kind}</span> <span class="what">{text}</span>
      </State>
    </li>
  )
}
