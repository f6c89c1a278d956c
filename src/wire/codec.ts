// One description, both directions, and the type: a Codec decodes, encodes, and tells what values it holds.
// `struct` is a plain loop over its field list; a generated function was measured and is no faster.

import { WireError } from './error.js'
import type { Reader } from './reader.js'
import type { Writer } from './writer.js'

export { Reader } from './reader.js'
export { Writer } from './writer.js'

/** What a codec's values look like. Tests derive their generators from it, so every codec has one. */
export type Shape =
  | { readonly kind: 'uint'; readonly bits: number; readonly min?: number }
  | { readonly kind: 'bytes'; readonly length?: number; readonly max?: number }
  | { readonly kind: 'text'; readonly name: TextName }
  | { readonly kind: 'values'; readonly of: readonly unknown[] }
  | { readonly kind: 'struct'; readonly fields: { readonly [name: string]: Shaped } }
  | {
      readonly kind: 'list'
      readonly of: Shaped
      readonly min?: number
      readonly max?: number
    }
  | { readonly kind: 'optional'; readonly of: Shaped }
  | { readonly kind: 'choice' | 'join'; readonly of: readonly Shape[] }
  | { readonly kind: 'tagged'; readonly tag: string; readonly name: string; readonly of: Shape }
  | { readonly kind: 'with'; readonly values: object; readonly of: Shape }
  | { readonly kind: 'boolean' | 'float32' | 'nothing' }
  | { readonly kind: 'reach' | 'unreach' }

/** Anything that says what its values look like; every codec is one. */
export interface Shaped {
  readonly shape: Shape
}

/** Values of `net`, and text, by name. */
export type TextName =
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'ip'
  | 'group'
  | 'ipv4Prefix'
  | 'ipv6Prefix'
  | 'routeDistinguisher'
  | 'routeTarget'
  | 'esi'
  | 'utf8'

/** Both directions of one field. `decode` throws WireError; `encode` trusts its value. */
export interface Codec<T> extends Shaped {
  decode(r: Reader): T
  encode(w: Writer, value: T): void
}

export type Fields = { readonly [name: string]: Codec<unknown> }

/** The values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never

type RequiredNames<F extends Fields> = {
  [K in keyof F]: undefined extends ValueOf<F[K]> ? never : K
}[keyof F]

/** Neither required nor without any value, as `reserved` is. */
type OptionalNames<F extends Fields> = {
  [K in keyof F]: [ValueOf<F[K]>] extends [undefined] ? never : K
}[Exclude<keyof F, RequiredNames<F>>]

/** The object type of a field list; a field whose codec may give undefined is an optional property. */
export type StructOf<F extends Fields> = {
  readonly [K in RequiredNames<F>]: ValueOf<F[K]>
} & {
  readonly [K in OptionalNames<F>]?: Exclude<ValueOf<F[K]>, undefined>
}

/** A codec of objects, which can also fill an object that has other properties already. */
export interface ObjectCodec<T> extends Codec<T> {
  decodeInto(r: Reader, target: { [name: string]: unknown }): void
}

/** `decode` follows from `decodeInto`. */
export function objectCodec<T>(codec: Omit<ObjectCodec<T>, 'decode'>): ObjectCodec<T> {
  return {
    ...codec,
    decode(r) {
      const value = {}
      codec.decodeInto(r, value)
      return value as T
    },
  }
}

/** The fields one after another. Errors carry the field's name. */
export function struct<const F extends Fields>(fields: F): ObjectCodec<StructOf<F>> {
  const names = Object.keys(fields)
  const codecs = Object.values(fields)
  const decodeInto = (r: Reader, target: { [name: string]: unknown }): void => {
    let i = 0
    try {
      for (; i < codecs.length; i++) {
        const value = codecs[i]!.decode(r)
        if (value !== undefined) target[names[i]!] = value
      }
    } catch (error) {
      throw error instanceof WireError ? error.within(names[i]!) : error
    }
  }
  return objectCodec<StructOf<F>>({
    shape: { kind: 'struct', fields },
    decodeInto,
    encode(w, value) {
      const record = value as { readonly [name: string]: unknown }
      for (let i = 0; i < codecs.length; i++) codecs[i]!.encode(w, record[names[i]!])
    },
  })
}

export const u8: Codec<number> = {
  shape: { kind: 'uint', bits: 8 },
  decode: (r) => r.u8(),
  encode: (w, value) => w.u8(value),
}

export const u16: Codec<number> = {
  shape: { kind: 'uint', bits: 16 },
  decode: (r) => r.u16(),
  encode: (w, value) => w.u16(value),
}

export const u24: Codec<number> = {
  shape: { kind: 'uint', bits: 24 },
  decode: (r) => r.u24(),
  encode: (w, value) => w.u24(value),
}

export const u32: Codec<number> = {
  shape: { kind: 'uint', bits: 32 },
  decode: (r) => r.u32(),
  encode: (w, value) => w.u32(value),
}

/** IEEE 754 single precision. */
export const float32: Codec<number> = {
  shape: { kind: 'float32' },
  decode: (r) => {
    const at = r.take(4)
    return new DataView(r.octets.buffer, r.octets.byteOffset + at, 4).getFloat32(0)
  },
  encode: (w, value) => {
    const octets = new Uint8Array(4)
    new DataView(octets.buffer).setFloat32(0, value)
    w.bytes(octets)
  },
}

/** Exactly `length` octets, copied: values outlive the buffer they came in. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    shape: { kind: 'bytes', length },
    decode: (r) => r.bytes(length).slice(),
    encode: (w, value) => w.bytes(value),
  }
}

/** All octets that are left, copied. */
export const rest: Codec<Uint8Array> = {
  shape: { kind: 'bytes' },
  decode: (r) => r.rest().slice(),
  encode: (w, value) => w.bytes(value),
}

/** Octets that are ignored when read and zero when written ("reserved"). They make no property. */
export function reserved(length: number): Codec<undefined> {
  const zeros = new Uint8Array(length)
  return {
    shape: { kind: 'nothing' },
    decode: (r) => void r.take(length),
    encode: (w) => w.bytes(zeros),
  }
}

/** Items until the octets end. */
export function list<T>(
  item: Codec<T>,
  limits: { readonly min?: number; readonly max?: number } = {},
): Codec<readonly T[]> {
  return {
    shape: { kind: 'list', of: item, ...limits },
    decode(r) {
      const items: T[] = []
      while (r.remaining > 0) {
        const before = r.offset
        try {
          items.push(item.decode(r))
        } catch (error) {
          throw error instanceof WireError ? error.within(String(items.length)) : error
        }
        // An item of no octets would repeat for ever.
        if (r.offset === before) throw r.error('WIRE_LENGTH', 'an item without octets')
      }
      if (items.length < (limits.min ?? 0)) throw r.error('WIRE_LENGTH', 'an empty list')
      return items
    },
    encode(w, items) {
      for (const value of items) item.encode(w, value)
    },
  }
}

/** The field when octets are left, else no property. Only for the last field. */
export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    shape: { kind: 'optional', of: item },
    decode: (r) => (r.remaining > 0 ? item.decode(r) : undefined),
    encode: (w, value) => {
      if (value !== undefined) item.encode(w, value)
    },
  }
}

/** One octet or more that says how much of the octets after it belongs to `item`. */
export function prefixed<T>(size: 1 | 2, item: Codec<T>): Codec<T> {
  return {
    shape: item.shape,
    decode(r) {
      const inner = r.sub(size === 1 ? r.u8() : r.u16())
      const value = item.decode(inner)
      inner.finish()
      return value
    },
    encode(w, value) {
      w.prefixed(size, () => item.encode(w, value))
    },
  }
}

/** The same octets as another value: `from` makes it, `to` undoes that. */
export function mapped<A, B>(
  inner: Codec<A>,
  shape: Shape,
  from: (value: A, r: Reader) => B,
  to: (value: B) => A,
): Codec<B> {
  return {
    shape,
    decode: (r) => from(inner.decode(r), r),
    encode: (w, value) => inner.encode(w, to(value)),
  }
}

/** One of several structs, told apart by the octets left when reading and by `pick` when writing. */
export function byLength<T>(
  rows: readonly { readonly length: number; readonly of: ObjectCodec<T> }[],
  pick: (value: T) => number,
): ObjectCodec<T> {
  const find = (length: number) => rows.find((row) => row.length === length)?.of
  return objectCodec<T>({
    shape: { kind: 'choice', of: rows.map((row) => row.of.shape) },
    decodeInto(r, target) {
      const row = find(r.remaining)
      if (row === undefined) throw r.error('WIRE_LENGTH', `a body of ${r.remaining} octets`)
      row.decodeInto(r, target)
    },
    encode: (w, value) => find(pick(value))!.encode(w, value),
  })
}

/** The properties of both, the octets of `a` first. */
export function join<A, B>(a: ObjectCodec<A>, b: ObjectCodec<B>): ObjectCodec<A & B> {
  return objectCodec<A & B>({
    shape: { kind: 'join', of: [a.shape, b.shape] },
    decodeInto(r, target) {
      a.decodeInto(r, target)
      b.decodeInto(r, target)
    },
    encode(w, value) {
      a.encode(w, value)
      b.encode(w, value)
    },
  })
}
