// Small helpers over octets and codecs.

import { type Ip, ipFamily, ipToBytes } from '../../net/index.js'
import { type Codec, Reader, Writer } from '../codec.js'
import { WireError } from '../error.js'

/** The value at `offset`, or undefined where the octets end too early. */
export function at<T>(codec: Codec<T>, octets: Uint8Array, offset: number): T | undefined {
  if (offset > octets.length) return undefined
  try {
    return codec.decode(new Reader(octets, offset))
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

/** The octets of a value. */
export function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer()
  codec.encode(writer, value)
  return writer.finish()
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    octets.set(part, offset)
    offset += part.length
  }
  return octets
}

/** A copy in which the value at `offset` has other fields. */
export function patched<T extends object>(
  codec: Codec<T>,
  octets: Uint8Array,
  offset: number,
  change: Partial<T>,
): Uint8Array {
  const copy = octets.slice()
  copy.set(encoded(codec, { ...at(codec, octets, offset)!, ...change }), offset)
  return copy
}

/** Sixteen octets; IPv4 as ::ffff:a.b.c.d, which is how tables and the run format have addresses. */
export function ip16(ip: Ip): Uint8Array {
  const octets = ipToBytes(ip)
  return octets.length === 16
    ? octets
    : concat(new Uint8Array(10), Uint8Array.of(0xff, 0xff), octets)
}

/** An address that a single host may have: neither unspecified nor multicast nor limited broadcast. */
export function isUnicastIp(ip: Ip): boolean {
  if (ip === '::' || ip === '0.0.0.0' || ip === '::ffff:0.0.0.0') return false
  const octets = ip16(ip)
  return ipFamily(ip) === 4 || isMappedIp(ip) ? octets[12]! < 224 : octets[0] !== 0xff
}

export const isMappedIp = (ip: Ip): boolean => ip.startsWith('::ffff:') && ip.includes('.')
