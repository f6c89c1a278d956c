// Ethernet segment identifiers (RFC 7432 section 5): ten octets, the first is the type.

import { type Mac, macFromBytes, macToBytes } from './mac.js'
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

/** Type 1: LACP's system MAC address and port key of the host at the other end (RFC 7432 section 5). */
export function esiFromLacp(systemMac: Mac, key: number): Esi {
  return esiFromBytes(Uint8Array.of(1, ...macToBytes(systemMac), key >> 8, key & 0xff, 0))
}

/** Type 3: a MAC address of the segment's choice and a discriminator of three octets. */
export function esiFromSystem(mac: Mac, discriminator: number): Esi {
  const octets = [discriminator >> 16, (discriminator >> 8) & 0xff, discriminator & 0xff]
  return esiFromBytes(Uint8Array.of(3, ...macToBytes(mac), ...octets))
}

/** Six octets behind the type: what selects the type 4 routes of a segment (RFC 7432 section 7.6). */
export function esImportTarget(esi: Esi): Mac {
  return macFromBytes(esiToBytes(esi).subarray(1, 7))
}

/** A segment that hosts can be behind: neither "none" nor the reserved highest value. */
export function isSegment(esi: Esi): boolean {
  return esi !== ZERO_ESI && esi !== MAX_ESI
}
