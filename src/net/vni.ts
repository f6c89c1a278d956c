// VXLAN network identifiers (RFC 7348): 24 bits, zero reserved.

import { decimal } from './octets.js'
import { ParseError } from './parse-error.js'

/** A VXLAN network identifier, 1 to 16777215. */
export type Vni = number

export const MAX_VNI = 0xffffff

export function isVni(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_VNI
}

/** Reads a decimal VNI. Throws ParseError. */
export function parseVni(text: string): Vni {
  const value = decimal(text, MAX_VNI)
  if (value === undefined || value === 0) throw new ParseError('VNI', `1 to ${MAX_VNI}`, text)
  return value
}
