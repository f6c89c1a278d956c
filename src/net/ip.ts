// IP addresses of both families as canonical text: dotted decimal, and RFC 5952 for IPv6.

import { DECIMAL, DECIMAL_DOT } from './octets.js'
import { ParseError } from './parse-error.js'

/** An IPv4 or IPv6 address in canonical form, without zone. Equal addresses are equal strings. */
export type Ip = string

/** Reads either family in any legal spelling; gives the canonical form. Throws ParseError. */
export function parseIp(text: string): Ip {
  const bytes = readIp(text)
  if (bytes === undefined) throw new ParseError('IP address', 'an IPv4 or IPv6 address', text)
  return ipFromBytes(bytes)
}

/** As parseIp, but only IPv4. */
export function parseIpv4(text: string): Ip {
  const bytes = readIpv4(text)
  if (bytes === undefined) throw new ParseError('IPv4 address', 'four octets like 10.0.0.1', text)
  return ipv4FromBytes(bytes, 0)
}

/** The family of a canonical address. */
export function ipFamily(ip: Ip): 4 | 6 {
  return ip.includes(':') ? 6 : 4
}

export function isIpv4(ip: Ip): boolean {
  return ipFamily(ip) === 4
}

export function isIpv6(ip: Ip): boolean {
  return ipFamily(ip) === 6
}

/** A group: 224.0.0.0/4 or ff00::/8. */
export function isMulticastIp(ip: Ip): boolean {
  return /^(22[4-9]|23\d)\./.test(ip) || /^ff..:/.test(ip)
}

/** The text of exactly 4 or 16 octets; any other length is the caller's mistake and throws ParseError. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return ipv4FromBytes(bytes, 0)
  if (bytes.length === 16) return ipv6FromBytes(bytes, 0)
  throw new ParseError('IP address', '4 or 16 octets', `${bytes.length} octets`)
}

/** The four octets at `offset`, which the caller has checked to be there. */
export function ipv4FromBytes(bytes: Uint8Array, offset: number): Ip {
  return (
    DECIMAL_DOT[bytes[offset]!]! +
    DECIMAL_DOT[bytes[offset + 1]!]! +
    DECIMAL_DOT[bytes[offset + 2]!]! +
    DECIMAL[bytes[offset + 3]!]!
  )
}

/** The sixteen octets at `offset`, which the caller has checked to be there. RFC 5952 section 4 and 5. */
export function ipv6FromBytes(bytes: Uint8Array, offset: number): Ip {
  if (isMapped(bytes, offset)) return `::ffff:${ipv4FromBytes(bytes, offset + 12)}`
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && group(bytes, offset, i + run) === 0) run++
    if (run > length) {
      start = i
      length = run
    }
    i += run
  }
  if (start < 0) return groups(bytes, offset, 0, 8)
  return `${groups(bytes, offset, 0, start)}::${groups(bytes, offset, start + length, 8)}`
}

/** 4 or 16 octets of an address in any form parseIp reads. Throws ParseError. */
export function ipToBytes(ip: Ip): Uint8Array {
  const bytes = readIp(ip)
  if (bytes === undefined) throw new ParseError('IP address', 'an IPv4 or IPv6 address', ip)
  return bytes
}

/** Numeric order, IPv4 before IPv6: negative, zero or positive as `Array.prototype.sort` wants. */
export function compareIp(a: Ip, b: Ip): number {
  if (a === b) return 0
  const left = ipToBytes(a)
  const right = ipToBytes(b)
  if (left.length !== right.length) return left.length - right.length
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!
  }
  return 0
}

function group(bytes: Uint8Array, offset: number, i: number): number {
  return (bytes[offset + 2 * i]! << 8) | bytes[offset + 2 * i + 1]!
}

function groups(bytes: Uint8Array, offset: number, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) {
    if (i > from) text += ':'
    text += group(bytes, offset, i).toString(16)
  }
  return text
}

/** ::ffff:0:0/96, written with a dotted tail (RFC 5952 section 5). */
function isMapped(bytes: Uint8Array, offset: number): boolean {
  if (bytes[offset + 10] !== 0xff || bytes[offset + 11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false
  return true
}

function readIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? readIpv6(text) : readIpv4(text)
}

/** Four decimals without leading zeros. Read by hand: encoding a route does this, a regular expression costs more. */
function readIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4)
  let part = 0
  let value = -1
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT
    if (code === DOT) {
      if (value < 0 || part === 4) return undefined
      bytes[part++] = value
      value = -1
    } else {
      if (code < ZERO || code > NINE || value === 0) return undefined
      value = (value < 0 ? 0 : value * 10) + code - ZERO
      if (value > 255) return undefined
    }
  }
  return part === 4 ? bytes : undefined
}

const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

function readIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = readGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? readGroups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  // "::" stands for at least one group (RFC 4291 section 2.2).
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head, 0)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

/** Octets of colon-separated groups; a dotted IPv4 tail is legal only where the address ends. */
function readGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const octets: number[] = []
  for (const [i, part] of parts.entries()) {
    if (atEnd && i === parts.length - 1 && part.includes('.')) {
      const tail = readIpv4(part)
      if (tail === undefined) return undefined
      octets.push(...tail)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined
      const value = Number.parseInt(part, 16)
      octets.push(value >> 8, value & 0xff)
    }
  }
  return octets
}
