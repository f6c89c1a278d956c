// Events as lines of text. A recording of all events from the first one, played into a new speaker with the same
// settings, gives the same actions: that is how a field bug becomes a test.

import { hexFromBytes, hexToBytes } from '../net/index.js'
import type { SpeakerEvent } from './events.js'

/** One line of JSON; octets as {"hex": "..."}. What nobody else is to know is left out: no replay needs it. */
export function formatEvent(event: SpeakerEvent): string {
  return JSON.stringify(event, (name, value: unknown) => {
    if (name === 'password') return 'left out'
    return value instanceof Uint8Array ? { hex: hexFromBytes(value) } : value
  })
}

/** The inverse of formatEvent. Throws SyntaxError for what is no JSON; the rest is trusted. */
export function parseEvent(line: string): SpeakerEvent {
  return JSON.parse(line, (_, value: unknown) => {
    const hex =
      typeof value === 'object' && value !== null && 'hex' in value ? value.hex : undefined
    return typeof hex === 'string' ? (hexToBytes(hex) ?? value) : value
  }) as SpeakerEvent
}
