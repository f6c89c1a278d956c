// Writes path attributes: order and flags as received when the value says so, else the registry's.

import { Writer } from '../../codec.js'
import type { WireContext } from '../context.js'
import { attributeFlag } from '../iana.js'
import type { AttributeType } from './attribute.js'
import { type AttributeHeader, attributeTypes, type PathAttributes } from './index.js'

type Row = AttributeType<string, unknown>

const rows = attributeTypes as readonly Row[]
const byCode = new Map(rows.map((row) => [row.code, row]))

/** The inverse of decodeAttributes, without the length in front. */
export function encodeAttributes(w: Writer, attributes: PathAttributes, ctx: WireContext): void {
  for (const header of headersOf(attributes)) {
    const octets = octetsOf(header.code, attributes, ctx)
    if (octets === undefined) continue
    const long = octets.length > 0xff || (header.flags & attributeFlag.extendedLength) !== 0
    w.u8(long ? header.flags | attributeFlag.extendedLength : header.flags)
    w.u8(header.code)
    if (long) w.u16(octets.length)
    else w.u8(octets.length)
    w.bytes(octets)
  }
}

function headersOf(attributes: PathAttributes): readonly AttributeHeader[] {
  const own: readonly AttributeHeader[] = [...rows, ...(attributes.unknown ?? [])]
  const { asReceived } = attributes
  if (asReceived === undefined) return own
  const listed = new Set(asReceived.map((header) => header.code))
  return [...asReceived, ...own.filter((header) => !listed.has(header.code))]
}

function octetsOf(
  code: number,
  attributes: PathAttributes,
  ctx: WireContext,
): Uint8Array | undefined {
  const row = byCode.get(code)
  if (row === undefined) return attributes.unknown?.find((one) => one.code === code)?.value
  const value = (attributes as { readonly [name: string]: unknown })[row.name]
  if (value === undefined) return undefined
  const w = new Writer()
  row.value.encode(w, value, ctx)
  return w.finish()
}
