// The one error of this layer: octets that are not the value they should be. It never leaves `wire` uncaught:
// the message decoder turns it into a problem with an RFC 7606 verdict.

/** Every reason a decode can fail, with a sentence. Codes are stable: tests and logs rely on them. */
export const wireReasons = {
  WIRE_TRUNCATED: 'fewer octets than the field needs',
  WIRE_TRAILING: 'octets left over after the last field',
  WIRE_LENGTH: 'a length that the field cannot have',
  WIRE_VALUE: 'a value that the field cannot have',
} as const

export type WireErrorCode = keyof typeof wireReasons

/** What is wrong, where (octets from the start of the outermost buffer), and in which field. */
export class WireError extends Error {
  readonly code: WireErrorCode
  readonly reason: string
  readonly offset: number
  /** Field names from the outside in, "label2" or "segments.0.asns". Grows as the error rises. */
  path: string

  constructor(code: WireErrorCode, reason: string, offset: number) {
    // One hostile message makes thousands of these, and nobody reads the stack of a peer's mistake.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(`${reason} at octet ${offset}`)
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'WireError'
    this.code = code
    this.reason = reason
    this.offset = offset
    this.path = ''
  }

  /** Puts an outer field name in front of the path. */
  within(field: string): this {
    this.path = this.path === '' ? field : `${field}.${this.path}`
    return this
  }
}
