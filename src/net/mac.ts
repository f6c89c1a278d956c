// MAC addresses: canonical text is lower-case hex with colons.

import { colonHexToBytes, HEX, HEX_COLON, hexToBytes } from './octets.js'
import { ParseError } from './parse-error.js'

/** A 48-bit MAC address in canonical form, "02:00:00:00:00:01". */
export type Mac = string

const OTHER_FORMS = [/^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i, /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i]

/** Reads colons, dashes or Cisco dots in any case; gives the canonical form. Throws ParseError. */
export function parseMac(text: string): Mac {
  return macFromBytes(macToBytes(text), 0)
}

/** The six octets at `offset`, which the caller has checked to be there. */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  return (
    HEX_COLON[bytes[offset]!]! +
    HEX_COLON[bytes[offset + 1]!]! +
    HEX_COLON[bytes[offset + 2]!]! +
    HEX_COLON[bytes[offset + 3]!]! +
    HEX_COLON[bytes[offset + 4]!]! +
    HEX[bytes[offset + 5]!]!
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
