// Values as JSON can hold them: octets become hex, properties without a value are left out.

import { hexFromBytes, hexToBytes } from '../../../../src/net/index.js'

/** A copy of plain data with every Uint8Array as "hex:..."; what JSON.parse would give back. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex:${hexFromBytes(value)}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, property]) => property !== undefined)
  return Object.fromEntries(entries.map(([name, property]) => [name, plain(property)]))
}

/** As plain, without what only records how the sender wrote it. */
export function meaning(value: unknown): unknown {
  const drop = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(drop)
    if (typeof one !== 'object' || one === null) return one
    const entries = Object.entries(one).filter(([name]) => name !== 'asReceived')
    return Object.fromEntries(entries.map(([name, property]) => [name, drop(property)]))
  }
  return drop(plain(value))
}

export function fromHex(text: string): Uint8Array {
  const bytes = hexToBytes(text.replace(/\s+/g, ''))
  if (bytes === undefined) throw new Error(`not hex: ${text}`)
  return bytes
}
