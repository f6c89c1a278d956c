// Ethernet segment identifiers (RFC 7432 section 5): ten octets, the first is the type.

import { colonHexToBytes, HEX, HEX_COLON } from './octets.js'
import { ParseError } from './parse-error.js'

/** Ten octets as lower-case hex with colons. */
export type Esi = string

/** No segment: the host is single-homed. */
export const ZERO_ESI: Esi = '00:00:00:00:00:00:00:00:00:00'

/** Reserved by RFC 7432 section 5 (MAX-ESI). */
export const MAX_ESI: Esi = 'ff:ff:ff:ff:ff:ff:ff:ff:ff:ff'

/** Reads ten colon-separated octets in any case. Throws ParseError. */
export function parseEsi(text: string): Esi {
  return esiFromBytes(esiToBytes(text), 0)
}

/** The ten octets at `offset`, which the caller has checked to be there. */
export function esiFromBytes(bytes: Uint8Array, offset = 0): Esi {
  let text = ''
  let any = 0
  for (let i = 0; i < 10; i++) any |= bytes[offset + i]!
  if (any === 0) return ZERO_ESI
  for (let i = 0; i < 9; i++) text += HEX_COLON[bytes[offset + i]!]!
  return text + HEX[bytes[offset + 9]!]!
}

/** The ten octets of the text. Throws ParseError. */
export function esiToBytes(esi: Esi): Uint8Array {
  const bytes = colonHexToBytes(esi, 10)
  if (bytes === undefined) throw new ParseError('ESI', 'ten octets like 00:01:...:0a', esi)
  return bytes
}
