// What a row of the path attribute registry is.

import type { Reader, Shape, Writer } from '../../codec.js'
import type { WireContext } from '../context.js'
import type { BrokenRoute } from '../evpn/index.js'
import type { Family } from '../family.js'
import { attributeFlag } from '../iana.js'
import type { Verdict } from '../problem.js'

/** What an attribute's value is read under. */
export interface AttributeContext extends WireContext {
  /** Called for a route that is malformed by itself; the attribute goes on without it. */
  readonly onBrokenRoute: (family: Family, broken: BrokenRoute) => void
}

/** As Codec, but told what was negotiated. A Codec is one. */
export interface AttributeCodec<T> {
  readonly shape: Shape
  decode(r: Reader, ctx: AttributeContext): T
  encode(w: Writer, value: T, ctx: WireContext): void
}

/** One path attribute. */
export interface AttributeType<Name extends string, T> {
  /** IANA "BGP Path Attributes". */
  readonly code: number
  readonly name: Name
  /** The Optional and Transitive bits it must have, one of `attributeClass`. */
  readonly flags: number
  /** What a malformed value leads to (RFC 7606 section 7 unless the row says otherwise). */
  readonly onMalformed: Verdict
  /** UPDATE error subcode, should the session be reset for it. */
  readonly subcode: number
  /** From an external peer it is discarded (RFC 7606 sections 7.5, 7.9, 7.10). */
  readonly internalOnly?: true
  readonly value: AttributeCodec<T>
}

/** RFC 4271 section 5, as the two flag bits. */
export const attributeClass = {
  wellKnown: attributeFlag.transitive,
  optional: attributeFlag.optional,
  optionalTransitive: attributeFlag.optional | attributeFlag.transitive,
} as const

/** The property a registry row makes. */
export type AttributeValueOf<R> = R extends AttributeType<string, infer T> ? T : never

/** Keeps the name literal. */
export function attributeType<const Name extends string, T>(
  row: AttributeType<Name, T>,
): AttributeType<Name, T> {
  return row
}
