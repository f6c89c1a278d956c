// A bounded view over octets. Reading past the end throws WireError; nothing is copied.

import { WireError, type WireErrorCode } from './error.js'

/** Reads big-endian fields from `offset` up to `end`. Sub-readers share the octets and their offsets. */
export class Reader {
  readonly octets: Uint8Array
  offset: number
  readonly end: number

  constructor(octets: Uint8Array, offset = 0, end = octets.length) {
    this.octets = octets
    this.offset = offset
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  /** Advances over `length` octets that must be there; gives the offset of the first. */
  take(length: number): number {
    const start = this.offset
    if (length > this.end - start) {
      throw this.error('WIRE_TRUNCATED', `needs ${length} octets, ${this.end - start} left`)
    }
    this.offset = start + length
    return start
  }

  u8(): number {
    return this.octets[this.take(1)]!
  }

  u16(): number {
    const at = this.take(2)
    return (this.octets[at]! << 8) | this.octets[at + 1]!
  }

  u24(): number {
    const at = this.take(3)
    const octets = this.octets
    return (octets[at]! << 16) | (octets[at + 1]! << 8) | octets[at + 2]!
  }

  u32(): number {
    const at = this.take(4)
    const o = this.octets
    return ((o[at]! << 24) | (o[at + 1]! << 16) | (o[at + 2]! << 8) | o[at + 3]!) >>> 0
  }

  /** A view, not a copy: whoever stores it for long copies it. */
  bytes(length: number): Uint8Array {
    const at = this.take(length)
    return this.octets.subarray(at, at + length)
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining)
  }

  /** A reader over the next `length` octets, which this one skips. */
  sub(length: number): Reader {
    const at = this.take(length)
    return new Reader(this.octets, at, at + length)
  }

  /** Throws unless everything has been read. */
  finish(): void {
    if (this.offset !== this.end) {
      throw this.error('WIRE_TRAILING', `${this.remaining} octets left over`)
    }
  }

  /** An error at the present offset, for the caller to throw. */
  error(code: WireErrorCode, reason: string): WireError {
    return new WireError(code, reason, this.offset)
  }
}
