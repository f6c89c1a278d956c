// What a row of the capability registry is.

import { type ObjectCodec, struct } from '../../codec.js'

/** One capability (RFC 5492 section 4): its code and the fields of its value. */
export interface CapabilityType<Name extends string, T> {
  /** IANA "Capability Codes". */
  readonly code: number
  readonly name: Name
  readonly fields: ObjectCodec<T>
}

/** The value of a registry row. */
export type CapabilityOf<R> =
  R extends CapabilityType<infer Name, infer T> ? { readonly name: Name } & T : never

/** Keeps the name literal. */
export function capabilityType<const Name extends string, T>(
  row: CapabilityType<Name, T>,
): CapabilityType<Name, T> {
  return row
}

/** For capabilities that only exist. */
export const noFields = struct({})
