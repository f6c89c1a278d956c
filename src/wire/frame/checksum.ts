// The Internet checksum (RFC 1071), written for reading; native/core/checksum.cpp is the fast one.

import { type Ip, ipToBytes } from '../../net/index.js'
import { concat } from './bytes.js'

/** Ones' complement sum of 16-bit words, not complemented. An odd octet is padded with zero. */
export function onesComplementSum(octets: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < octets.length; i += 2) {
    sum += (octets[i]! << 8) | (octets[i + 1] ?? 0)
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return sum
}

/** The checksum of octets whose own checksum field is zero; over octets with a right one it is zero. */
export const internetChecksum = (octets: Uint8Array): number => ~onesComplementSum(octets) & 0xffff

/** A transport checksum: zero means "none" in UDP, so the other zero of ones' complement is written. */
export const transportChecksum = (octets: Uint8Array): number => internetChecksum(octets) || 0xffff

/** RFC 9293 section 3.1 for IPv4, RFC 8200 section 8.1 for IPv6: the same words, so the same sum. */
export function pseudoHeader(
  source: Ip,
  destination: Ip,
  protocol: number,
  length: number,
): Uint8Array {
  const tail = new Uint8Array(8)
  new DataView(tail.buffer).setUint32(0, length)
  tail[7] = protocol
  return concat(ipToBytes(source), ipToBytes(destination), tail)
}
