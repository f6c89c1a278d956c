// A growing buffer of octets. Values are trusted here: they come from our own types, so a value that does not
// fit its field is the programmer's error and throws RangeError.

/** Buffers of writers that have finished: a message has one for each of its attributes. */
const spares: Uint8Array[] = []
const MOST_SPARES = 16
const SPARE_OCTETS = 4096
const nothing = new Uint8Array(0)

/** Writes big-endian fields; `finish` gives the octets, once. */
export class Writer {
  #octets: Uint8Array
  #length = 0

  constructor() {
    this.#octets = spares.pop() ?? new Uint8Array(SPARE_OCTETS)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    this.#uint(value, 1)
  }

  u16(value: number): void {
    this.#uint(value, 2)
  }

  u24(value: number): void {
    this.#uint(value, 3)
  }

  u32(value: number): void {
    this.#uint(value, 4)
  }

  bytes(octets: Uint8Array): void {
    const at = this.#grow(octets.length)
    this.#octets.set(octets, at)
  }

  /** Writes what `body` writes, preceded by its length in `size` octets. */
  prefixed(size: 1 | 2, body: () => void): void {
    const at = this.#grow(size)
    body()
    const length = this.#length - at - size
    if (length >= 2 ** (8 * size))
      throw new RangeError(`${length} octets under a ${size}-octet length`)
    for (let i = 0; i < size; i++) this.#octets[at + i] = length >>> (8 * (size - 1 - i))
  }

  /** The octets written, as a copy of their own. Nothing more can be written. */
  finish(): Uint8Array {
    const octets = this.#octets.slice(0, this.#length)
    if (spares.length < MOST_SPARES && this.#octets.length === SPARE_OCTETS) {
      spares.push(this.#octets)
    }
    this.#octets = nothing
    return octets
  }

  #uint(value: number, size: number): void {
    if (!(value >= 0 && value < 2 ** (8 * size) && Number.isInteger(value))) {
      throw new RangeError(`${value} does not fit ${size} octets`)
    }
    const at = this.#grow(size)
    for (let i = 0; i < size; i++) this.#octets[at + i] = value >>> (8 * (size - 1 - i))
  }

  #grow(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#octets.length))
      larger.set(this.#octets.subarray(0, at))
      this.#octets = larger
    }
    return at
  }
}
