// The text shared by route distinguishers (RFC 4364 section 4.2) and route targets (RFC 4360 section 4):
// an administrator and a number it assigns. Six octets under a form number:
//
//   form 0   AS (2 octets) : number (4)      "65000:100"
//   form 1   IPv4 (4)      : number (2)      "10.0.0.1:100"
//   form 2   AS (4)        : number (2)      "4200000000:100", or "65000L:100" when the AS fits in form 0
//
// The L keeps the text bijective with the octets.

import { ipToBytes, ipv4FromBytes, isIpv4, parseIp } from './ip.js'
import { decimal } from './octets.js'

/** The text of the six octets at `offset` under form 0, 1 or 2; undefined for any other form. */
export function administeredFromBytes(
  form: number,
  bytes: Uint8Array,
  offset: number,
): string | undefined {
  if (form === 0) return `${u16(bytes, offset)}:${u32(bytes, offset + 2)}`
  if (form === 1) return `${ipv4FromBytes(bytes, offset)}:${u16(bytes, offset + 4)}`
  if (form !== 2) return undefined
  const asn = u32(bytes, offset)
  return `${asn}${asn <= 0xffff ? 'L' : ''}:${u16(bytes, offset + 4)}`
}

/** Form and six octets of the text, or undefined when it is no such text. */
export function administeredToBytes(
  text: string,
): { readonly form: 0 | 1 | 2; readonly bytes: Uint8Array } | undefined {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return undefined
  const left = text.slice(0, colon)
  const right = text.slice(colon + 1)
  if (left.includes('.')) return ipForm(left, decimal(right, 0xffff))
  const long = left.endsWith('L')
  const asn = decimal(long ? left.slice(0, -1) : left, 0xffffffff)
  if (asn === undefined) return undefined
  return long || asn > 0xffff
    ? asForm(2, asn, decimal(right, 0xffff))
    : asForm(0, asn, decimal(right, 0xffffffff))
}

function ipForm(left: string, number: number | undefined) {
  const ip = tryIpv4(left)
  if (ip === undefined || number === undefined) return undefined
  const bytes = new Uint8Array(6)
  bytes.set(ip, 0)
  new DataView(bytes.buffer).setUint16(4, number)
  return { form: 1, bytes } as const
}

function asForm(form: 0 | 2, asn: number, number: number | undefined) {
  if (number === undefined) return undefined
  const bytes = new Uint8Array(6)
  const view = new DataView(bytes.buffer)
  if (form === 0) {
    view.setUint16(0, asn)
    view.setUint32(2, number)
  } else {
    view.setUint32(0, asn)
    view.setUint16(4, number)
  }
  return { form, bytes } as const
}

function tryIpv4(text: string): Uint8Array | undefined {
  try {
    const ip = parseIp(text)
    return isIpv4(ip) ? ipToBytes(ip) : undefined
  } catch {
    return undefined
  }
}

function u16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!
}

function u32(bytes: Uint8Array, offset: number): number {
  return u16(bytes, offset) * 0x10000 + u16(bytes, offset + 2)
}
