// UTF-8 text that fills the octets that are left.

import type { Codec } from './codec.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Octets that are not UTF-8 throw WireError, so what decodes encodes to the same octets. */
export const utf8: Codec<string> = {
  shape: { kind: 'text', name: 'utf8' },
  decode(r) {
    const octets = r.rest()
    try {
      return decoder.decode(octets)
    } catch {
      throw r.error('WIRE_VALUE', 'text that is not UTF-8')
    }
  },
  encode: (w, value) => w.bytes(encoder.encode(value)),
}
