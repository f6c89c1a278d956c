// What a row of the extended community registry is (RFC 4360 section 2: type, sub-type, six octets).

import { type ObjectCodec, objectCodec } from '../../codec.js'

/** One kind of extended community. */
export interface CommunityType<Name extends string, T> {
  readonly name: Name
  /** Type and sub-type octets as one number; several when the type octet only selects a form. */
  readonly codes: readonly number[]
  /** All eight octets, type and sub-type included. */
  readonly octets: ObjectCodec<T>
  /** What the text begins with, before the first colon. */
  readonly word: string
  /** The text after the word's colon; empty when the word says it all. */
  format(value: T): string
  /** The inverse of `format`; undefined or any ParseError when it is no such text. */
  parse(text: string): T | undefined
}

/** The value of a registry row. */
export type CommunityOf<R> =
  R extends CommunityType<infer Name, infer T> ? { readonly type: Name } & T : never

/** Keeps the name literal. */
export function communityType<const Name extends string, T>(
  row: CommunityType<Name, T>,
): CommunityType<Name, T> {
  return row
}

/** Type and sub-type `code`, then the six octets of `fields`. */
export function coded<T>(code: number, fields: ObjectCodec<T>): ObjectCodec<T> {
  return objectCodec<T>({
    shape: fields.shape,
    decodeInto(r, target) {
      r.take(2)
      fields.decodeInto(r, target)
    },
    encode(w, value) {
      w.u16(code)
      fields.encode(w, value)
    },
  })
}

/** An unsigned decimal or 0x hex number up to `max`. */
export function parseNumber(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}

/** Words after the first comma, each true: "5,sticky". Undefined when one is not allowed. */
export function parseFlags<const Name extends string>(
  words: readonly string[],
  allowed: readonly Name[],
): { readonly [K in Name]: boolean } | undefined {
  if (words.some((word) => !(allowed as readonly string[]).includes(word))) return undefined
  return Object.fromEntries(allowed.map((name) => [name, words.includes(name)])) as {
    [K in Name]: boolean
  }
}

/** The names of the flags that are set, in the given order. */
export function formatFlags<Name extends string>(
  value: { readonly [K in Name]: boolean },
  names: readonly Name[],
): readonly string[] {
  return names.filter((name) => value[name])
}
