// Fields narrower than an octet: flags and small numbers packed into one or two octets.

import { type ObjectCodec, objectCodec, type Shaped } from './codec.js'

/** One bit, true or false. `shift` counts from the least significant bit. */
interface Flag {
  readonly shift: number
  readonly bits: 1
  readonly flag: true
}

/** A number of several bits. */
interface Narrow {
  readonly shift: number
  readonly bits: number
  readonly flag: false
}

type BitFields = { readonly [name: string]: Flag | Narrow }
type BitsOf<F extends BitFields> = {
  readonly [K in keyof F]: F[K] extends Flag ? boolean : number
}

export function flag(shift: number): Flag {
  return { shift, bits: 1, flag: true }
}

export function narrow(shift: number, bits: number): Narrow {
  return { shift, bits, flag: false }
}

/** Named bits of `size` octets. Bits without a name are ignored when read and zero when written. */
export function bitFields<const F extends BitFields>(
  size: 1 | 2,
  fields: F,
): ObjectCodec<BitsOf<F>> {
  const entries = Object.entries(fields)
  return objectCodec<BitsOf<F>>({
    shape: { kind: 'struct', fields: Object.fromEntries(entries.map(shapeEntry)) },
    decodeInto(r, target) {
      const word = size === 1 ? r.u8() : r.u16()
      for (const [name, { shift, bits, flag }] of entries) {
        const value = (word >> shift) & ((1 << bits) - 1)
        target[name] = flag ? value === 1 : value
      }
    },
    encode(w, value) {
      const record = value as { readonly [name: string]: number | boolean }
      let word = 0
      for (const [name, { shift }] of entries) word |= Number(record[name]) << shift
      if (size === 1) w.u8(word)
      else w.u16(word)
    },
  })
}

function shapeEntry([name, field]: [string, Flag | Narrow]): [string, Shaped] {
  return [name, { shape: field.flag ? { kind: 'boolean' } : { kind: 'uint', bits: field.bits } }]
}
