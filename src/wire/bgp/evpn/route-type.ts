// What a row of the EVPN route type registry is, and what follows from one: decode, encode, key, text.

import type { Codec, ObjectCodec, Reader, Writer } from '../../codec.js'

/** Present when ADD-PATH is in use for the family (RFC 7911 section 3). Not part of the route's key. */
export interface WithPathId {
  readonly pathId?: number
}

/** One route type, described once. */
export interface RouteType<Name extends string, T> {
  /** Route Type octet, IANA "EVPN Route Types". */
  readonly code: number
  readonly name: Name
  readonly fields: ObjectCodec<T>
  /** The fields that tell one route from another, RD first (RFC 7432 section 7, RFC 9136 section 3.1). */
  readonly key: readonly (keyof T & string)[]
  /** Why a route that parses is still malformed, or undefined. */
  check?(route: T): string | undefined
  /** The route in one line, as FRR prints it: without the RD. */
  text(route: T): string
}

/** The value of a registry row: its fields, its name as discriminant, and the path id. */
export type RouteOf<R> =
  R extends RouteType<infer Name, infer T> ? { readonly type: Name } & T & WithPathId : never

/** Keeps the name literal and the key checked against the fields. */
export function routeType<const Name extends string, T>(
  row: RouteType<Name, T>,
): RouteType<Name, T> {
  return row
}

/** A row with its types forgotten, as the loops over the registry see it. */
export interface AnyRouteType {
  readonly code: number
  readonly name: string
  readonly fields: ObjectCodec<unknown>
  readonly key: readonly string[]
  check?(route: unknown): string | undefined
  text(route: unknown): string
}

/** One octet 48, then the address: the only MAC address length of RFC 7432 section 7.2. */
export function macByBitLength(mac: Codec<string>): Codec<string> {
  return {
    shape: mac.shape,
    decode(r: Reader) {
      const bits = r.u8()
      if (bits !== 48) throw r.error('WIRE_LENGTH', `a MAC address of ${bits} bits`)
      return mac.decode(r)
    },
    encode(w: Writer, value) {
      w.u8(48)
      mac.encode(w, value)
    },
  }
}
