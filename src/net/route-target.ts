// Route targets (RFC 4360 section 4, RFC 5668): the value of extended communities 0x0002, 0x0102, 0x0202.
// Route origins (site of origin) share the text; which of the two it is, the community's sub-type says.

import { administeredFromBytes, administeredToBytes } from './administered.js'
import { ParseError } from './parse-error.js'

/** "65000:100", "10.0.0.1:100", "4200000000:100" or "65000L:100". Bijective with type and value. */
export type RouteTarget = string

/** Reads every form that routeTargetFromBytes writes. Throws ParseError. */
export function parseRouteTarget(text: string): RouteTarget {
  const { form, bytes } = routeTargetToBytes(text)
  return routeTargetFromBytes(form, bytes, 0)
}

/** The text of community type `form` (0, 1 or 2) and the six octets at `offset`. */
export function routeTargetFromBytes(form: number, bytes: Uint8Array, offset: number): RouteTarget {
  const text = administeredFromBytes(form, bytes, offset)
  if (text === undefined)
    throw new ParseError('route target', 'community type 0, 1 or 2', String(form))
  return text
}

/** The community type (0, 1 or 2) and the six octets of the value. Throws ParseError. */
export function routeTargetToBytes(text: RouteTarget): {
  readonly form: 0 | 1 | 2
  readonly bytes: Uint8Array
} {
  const parts = administeredToBytes(text)
  if (parts === undefined) {
    throw new ParseError('route target', 'a form like 65000:100 or 10.0.0.1:100', text)
  }
  return parts
}
