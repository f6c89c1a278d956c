// Route distinguishers (RFC 4364 section 4.2). Canonical text, bijective with the eight octets.

import { administeredFromBytes, administeredToBytes } from './administered.js'
import { hexFromBytes, hexToBytes } from './octets.js'
import { ParseError } from './parse-error.js'

/** "65000:100", "10.0.0.1:100", "4200000000:100", "65000L:100"; other types "0x" and 16 hex digits. */
export type RouteDistinguisher = string

/** Reads every form that routeDistinguisherFromBytes writes. Throws ParseError. */
export function parseRouteDistinguisher(text: string): RouteDistinguisher {
  return routeDistinguisherFromBytes(routeDistinguisherToBytes(text), 0)
}

/** The eight octets at `offset`, which the caller has checked to be there. */
export function routeDistinguisherFromBytes(bytes: Uint8Array, offset = 0): RouteDistinguisher {
  if (isLast(bytes, offset)) return last.text
  const form = (bytes[offset]! << 8) | bytes[offset + 1]!
  const text =
    administeredFromBytes(form, bytes, offset + 2) ??
    `0x${hexFromBytes(bytes.subarray(offset, offset + 8))}`
  last = { octets: bytes.slice(offset, offset + 8), text }
  return text
}

/** Routes of one VTEP come one after the other, and have one text in common. */
let last = { octets: new Uint8Array(0), text: '' }

function isLast(bytes: Uint8Array, offset: number): boolean {
  if (last.octets.length !== 8) return false
  for (let i = 0; i < 8; i++) if (bytes[offset + i] !== last.octets[i]) return false
  return true
}

/** The eight octets of the text. Throws ParseError. */
export function routeDistinguisherToBytes(rd: RouteDistinguisher): Uint8Array {
  const raw = rd.startsWith('0x') && rd.length === 18 ? hexToBytes(rd.slice(2)) : undefined
  if (raw !== undefined) return raw
  const parts = administeredToBytes(rd)
  if (parts === undefined) {
    throw new ParseError('route distinguisher', 'a form like 65000:100 or 10.0.0.1:100', rd)
  }
  const bytes = new Uint8Array(8)
  bytes[1] = parts.form
  bytes.set(parts.bytes, 2)
  return bytes
}
