// Codecs for the values of `net`.

import {
  type Esi,
  esiFromBytes,
  esiToBytes,
  type Ip,
  ipFamily,
  ipToBytes,
  ipv4FromBytes,
  ipv6FromBytes,
  type Mac,
  macFromBytes,
  macToBytes,
  type Prefix,
  prefixFromBytes,
  type RouteDistinguisher,
  routeDistinguisherFromBytes,
  routeDistinguisherToBytes,
  splitPrefix,
} from '../net/index.js'
import type { Codec } from './codec.js'
import type { Reader } from './reader.js'

/** Six octets. */
export const mac: Codec<Mac> = {
  shape: { kind: 'text', name: 'mac' },
  decode: (r) => macFromBytes(r.octets, r.take(6)),
  encode: (w, value) => w.bytes(macToBytes(value)),
}

/** Four octets. */
export const ipv4: Codec<Ip> = {
  shape: { kind: 'text', name: 'ipv4' },
  decode: (r) => ipv4FromBytes(r.octets, r.take(4)),
  encode: (w, value) => w.bytes(ipToBytes(value)),
}

/** Sixteen octets. */
export const ipv6: Codec<Ip> = {
  shape: { kind: 'text', name: 'ipv6' },
  decode: (r) => ipv6FromBytes(r.octets, r.take(16)),
  encode: (w, value) => w.bytes(ipToBytes(value)),
}

/** An address that fills the octets that are left, 4 or 16. */
export const ipRest: Codec<Ip> = {
  shape: { kind: 'text', name: 'ip' },
  decode: (r) => {
    if (r.remaining === 4) return ipv4.decode(r)
    if (r.remaining === 16) return ipv6.decode(r)
    throw r.error('WIRE_LENGTH', `an address of ${r.remaining} octets`)
  },
  encode: (w, value) => w.bytes(ipToBytes(value)),
}

/** One octet of length in bits, 32 or 128, then the address. */
export const ipByBitLength: Codec<Ip> = {
  shape: { kind: 'text', name: 'ip' },
  decode: (r) => {
    const ip = decodeSizedIp(r)
    if (ip === undefined) throw r.error('WIRE_LENGTH', 'an address of 0 bits')
    return ip
  },
  encode: encodeSizedIp,
}

/** As ipByBitLength, but 0 bits is allowed and makes no property. */
export const optionalIpByBitLength: Codec<Ip | undefined> = {
  shape: { kind: 'optional', of: ipByBitLength },
  decode: decodeSizedIp,
  encode: (w, value) => (value === undefined ? w.u8(0) : encodeSizedIp(w, value)),
}

function decodeSizedIp(r: Reader): Ip | undefined {
  const bits = r.u8()
  if (bits === 32) return ipv4.decode(r)
  if (bits === 128) return ipv6.decode(r)
  if (bits === 0) return undefined
  throw r.error('WIRE_LENGTH', `an address of ${bits} bits`)
}

function encodeSizedIp(w: Parameters<Codec<Ip>['encode']>[0], ip: Ip): void {
  w.u8(ipFamily(ip) === 4 ? 32 : 128)
  w.bytes(ipToBytes(ip))
}

/** One octet of length in bits, then as few octets as hold them (RFC 4271 section 4.3). Host bits are masked. */
export function prefixOf(family: 4 | 6): Codec<Prefix> {
  const size = family === 4 ? 4 : 16
  return {
    shape: { kind: 'text', name: family === 4 ? 'ipv4Prefix' : 'ipv6Prefix' },
    decode(r) {
      const bits = r.u8()
      if (bits > 8 * size) throw r.error('WIRE_LENGTH', `a prefix of ${bits} bits`)
      const address = new Uint8Array(size)
      address.set(r.bytes((bits + 7) >> 3))
      return prefixFromBytes(address, bits)
    },
    encode(w, value) {
      const { address, length } = splitPrefix(value)
      w.u8(length)
      w.bytes(ipToBytes(address).subarray(0, (length + 7) >> 3))
    },
  }
}

/** Eight octets. Routes of one UPDATE mostly share it, so the last one is remembered. */
export const routeDistinguisher: Codec<RouteDistinguisher> = {
  shape: { kind: 'text', name: 'routeDistinguisher' },
  decode(r) {
    const high = r.u32()
    const low = r.u32()
    if (high !== lastRd.high || low !== lastRd.low) {
      lastRd = { high, low, text: routeDistinguisherFromBytes(r.octets, r.offset - 8) }
    }
    return lastRd.text
  },
  encode(w, value) {
    if (value !== lastWritten.text) {
      lastWritten = { text: value, octets: routeDistinguisherToBytes(value) }
    }
    w.bytes(lastWritten.octets)
  },
}

let lastRd = { high: 0, low: 0, text: '0:0' }
let lastWritten: { readonly text: string; readonly octets: Uint8Array } = {
  text: '0:0',
  octets: new Uint8Array(8),
}

/** Ten octets. */
export const esi: Codec<Esi> = {
  shape: { kind: 'text', name: 'esi' },
  decode: (r) => esiFromBytes(r.octets, r.take(10)),
  encode: (w, value) => w.bytes(esiToBytes(value)),
}
