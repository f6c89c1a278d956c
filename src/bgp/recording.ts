// Events as lines of text. A recording of all events from the first one, played into a new speaker with the same
// settings, gives the same actions: that is how a field bug becomes a test.

import { hexFromBytes, hexToBytes } from '../net/index.js'
import type { SpeakerEvent } from './events.js'

/**
 * One line of JSON; octets as {"hex": "..."}, large integers as {"bigint": "..."}. What nobody else is to know is left
 * out: no replay needs it.
 */
export function formatEvent(event: object): string {
  return JSON.stringify(event, (name, value: unknown) => {
    if (name === 'password') return 'left out'
    if (value instanceof Uint8Array) return { hex: hexFromBytes(value) }
    return typeof value === 'bigint' ? { bigint: String(value) } : value
  })
}

/** The inverse of formatEvent. Throws SyntaxError for what is no JSON; the rest is trusted. */
export function parseEvent<T = SpeakerEvent>(line: string): T {
  return JSON.parse(line, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    if ('hex' in value && typeof value.hex === 'string') return hexToBytes(value.hex) ?? value
    if ('bigint' in value && typeof value.bigint === 'string') return BigInt(value.bigint)
    return value
  }) as T
}
