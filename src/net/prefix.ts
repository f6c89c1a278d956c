// IP prefixes: "10.0.0.0/24". Host bits are always zero, so equal prefixes are equal strings.

import { type Ip, ipFromBytes, ipToBytes } from './ip.js'
import { decimal } from './octets.js'
import { ParseError } from './parse-error.js'

/** An IPv4 or IPv6 prefix in canonical form; host bits are zero. */
export type Prefix = string

/** Reads "address/length", masks the host bits, gives the canonical form. Throws ParseError. */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/')
  const expected = 'an IP prefix like 10.0.0.0/24'
  if (slash < 0) throw new ParseError('prefix', expected, text)
  const bytes = ipToBytes(text.slice(0, slash))
  const length = decimal(text.slice(slash + 1), bytes.length * 8)
  if (length === undefined)
    throw new ParseError('prefix', `a length of 0 to ${bytes.length * 8}`, text)
  return prefixFromBytes(bytes, length)
}

/** The prefix of the first `length` bits of 4 or 16 octets. The octets are not changed. */
export function prefixFromBytes(address: Uint8Array, length: number): Prefix {
  return `${ipFromBytes(maskBytes(address, length))}/${length}`
}

/** The address and the bit length of a canonical prefix. */
export function splitPrefix(prefix: Prefix): { readonly address: Ip; readonly length: number } {
  const slash = prefix.indexOf('/')
  return { address: prefix.slice(0, slash), length: Number(prefix.slice(slash + 1)) }
}

/** True when `ip` is of the prefix's family and inside it. */
export function prefixContains(prefix: Prefix, ip: Ip): boolean {
  const { address, length } = splitPrefix(prefix)
  const bytes = ipToBytes(ip)
  return bytes.length === ipToBytes(address).length && prefixFromBytes(bytes, length) === prefix
}

function maskBytes(address: Uint8Array, length: number): Uint8Array {
  const masked = address.slice()
  const whole = length >> 3
  if (whole < masked.length) {
    masked[whole] = masked[whole]! & (0xff00 >> (length & 7))
    masked.fill(0, whole + 1)
  }
  return masked
}
