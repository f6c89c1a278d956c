// What a row of the message registry is.

import type { Reader, Writer } from '../../codec.js'
import type { WireContext } from '../context.js'
import type { ErrorReport, Problem } from '../problem.js'

/** One of the five messages (RFC 4271 section 4.1, RFC 2918). */
export interface MessageType<Kind extends string, T extends { readonly kind: Kind }> {
  readonly code: number
  readonly kind: Kind
  /** Smallest and largest length in octets, header included; no maximum: what the session allows. */
  readonly minLength: number
  readonly maxLength?: number
  /**
   * The body, after the header. Throws WireError where nothing can be made of it; what can be said better is pushed
   * to `problems`, and undefined given when no value is left.
   */
  decode(r: Reader, ctx: WireContext, problems: Problem[]): T | undefined
  encode(w: Writer, message: T, ctx: WireContext): void
  /** What to report when `decode` throws. */
  readonly onError: Omit<ErrorReport, 'data'>
}

/** The value of a registry row. */
export type MessageOf<R> = R extends MessageType<string, infer T> ? T : never

/** Keeps the kind literal. */
export function messageType<const Kind extends string, T extends { readonly kind: Kind }>(
  row: MessageType<Kind, T>,
): MessageType<Kind, T> {
  return row
}
