// MAC addresses: canonical text is lower-case hex with colons.

import { COLON, colonHexToBytes, HIGH_DIGIT, hexToBytes, LOW_DIGIT } from './octets.js'
import { ParseError } from './parse-error.js'

/** A 48-bit MAC address in canonical form, "02:00:00:00:00:01". */
export type Mac = string

const OTHER_FORMS = [/^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i, /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i]

/** Reads colons, dashes or Cisco dots in any case; gives the canonical form. Throws ParseError. */
export function parseMac(text: string): Mac {
  return macFromBytes(macToBytes(text), 0)
}

/**
 * The six octets at `offset`, which the caller has checked to be there. At once, as text that was put together would
 * keep its pieces: a million routes have a million of these.
 */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  const [a, b, c] = [bytes[offset]!, bytes[offset + 1]!, bytes[offset + 2]!]
  const [d, e, f] = [bytes[offset + 3]!, bytes[offset + 4]!, bytes[offset + 5]!]
  return String.fromCharCode(
    HIGH_DIGIT[a]!,
    LOW_DIGIT[a]!,
    COLON,
    HIGH_DIGIT[b]!,
    LOW_DIGIT[b]!,
    COLON,
    HIGH_DIGIT[c]!,
    LOW_DIGIT[c]!,
    COLON,
    HIGH_DIGIT[d]!,
    LOW_DIGIT[d]!,
    COLON,
    HIGH_DIGIT[e]!,
    LOW_DIGIT[e]!,
    COLON,
    HIGH_DIGIT[f]!,
    LOW_DIGIT[f]!,
  )
}

/** The six octets of a MAC address in any form parseMac reads. Throws ParseError. */
export function macToBytes(text: Mac): Uint8Array {
  const bytes =
    colonHexToBytes(text, 6) ??
    (OTHER_FORMS.some((form) => form.test(text))
      ? hexToBytes(text.replace(/[.-]/g, ''))
      : undefined)
  if (bytes !== undefined) return bytes
  throw new ParseError('MAC address', 'six octets like 02:00:00:00:00:01', text)
}

/** True for group addresses: broadcast too (IEEE 802 I/G bit). */
export function isMulticastMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}
