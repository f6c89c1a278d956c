// The message header (RFC 4271 section 4.1) and its errors (section 6.1).
//
//   | Marker (16 octets, all ones) | Length (2 octets) | Type (1 octet) |

import type { Reader, Writer } from '../../codec.js'
import type { WireContext } from '../context.js'
import { errorCode, headerError, messageType as types } from '../iana.js'
import type { ErrorReport } from '../problem.js'

/** Octets of marker, length and type. */
export const HEADER_LENGTH = 19

const MARKER_LENGTH = 16
const marker = new Uint8Array(MARKER_LENGTH).fill(0xff)

/** The most octets a message of type `type` may have: 4096, or 65535 (RFC 8654 section 4: not OPEN, KEEPALIVE). */
export function maxMessageLength(ctx: WireContext, type: number = types.update): number {
  const short = !ctx.extendedMessages || type === types.open || type === types.keepalive
  return short ? 4096 : 65535
}

/** Header fields that are sound, or what to report and send. */
export type Header =
  | { readonly length: number; readonly type: number; readonly error?: never }
  | { readonly error: ErrorReport; readonly text: string }

/** What `limitsOf` says about a type: its length limits, or undefined when there is no such type. */
export interface LengthLimits {
  readonly minLength: number
  readonly maxLength?: number
}

/** Reads the nineteen octets that must be there. */
export function decodeHeader(
  r: Reader,
  ctx: WireContext,
  limitsOf: (type: number) => LengthLimits | undefined,
): Header {
  const octets = r.bytes(MARKER_LENGTH)
  const length = r.u16()
  const type = r.u8()
  if (octets.some((octet) => octet !== 0xff)) {
    return bad(headerError.connectionNotSynchronized, [], 'the marker is not all ones')
  }
  // "The Data field MUST contain the erroneous Length field" (RFC 4271 section 6.1).
  const lengthData = [length >> 8, length & 0xff]
  const limits = limitsOf(type)
  const most = Math.min(limits?.maxLength ?? 65535, maxMessageLength(ctx, type))
  const least = limits?.minLength ?? HEADER_LENGTH
  if (length < least || length > most) {
    return bad(headerError.badMessageLength, lengthData, `a message of ${length} octets`)
  }
  if (limits === undefined) return bad(headerError.badMessageType, [type], `message type ${type}`)
  return { length, type }
}

/** Writes the header of a message of `length` octets. */
export function encodeHeader(w: Writer, length: number, type: number): void {
  w.bytes(marker)
  w.u16(length)
  w.u8(type)
}

function bad(subcode: number, data: readonly number[], text: string): Header {
  const error = { code: errorCode.messageHeader, subcode, data: Uint8Array.from(data) }
  return { error, text }
}
