// pcapng (draft-ietf-opsawg-pcapng): a file or stream of captured packets that Wireshark, tshark and tcpdump read, with a
// comment beside each packet. Written in little-endian order with nanoseconds; read in either order, piece by piece.
//
//   +----------+-------------------+------ ... ------+---------- ... ----------+-------------------+
//   | Type (4) | Total Length (4)  | Body            | Options, padded to 4    | Total Length (4)  |
//   +----------+-------------------+------ ... ------+---------- ... ----------+-------------------+

import { WireError } from '../error.js'

/** LINKTYPE_ETHERNET. */
export const LINK_ETHERNET = 1

/** A block of the file. */
export type PcapngBlock =
  /** Begins a file; interfaces are counted anew from here. */
  | { readonly block: 'section'; readonly application?: string; readonly comment?: string }
  /** Packets name interfaces by their place in the section, from 0. */
  | {
      readonly block: 'interface'
      readonly linkType: number
      /** Octets of a packet that are kept at most; 0: all. */
      readonly snapLength: number
      readonly name?: string
      readonly description?: string
    }
  | PcapngPacket
  /** What an interface has seen up to now; may come more than once. */
  | {
      readonly block: 'statistics'
      readonly interface: number
      readonly timeNanoseconds: bigint
      readonly received?: bigint
      readonly dropped?: bigint
      readonly comment?: string
    }
  /** A block that nobody here knows; its body as it is. */
  | { readonly block: 'other'; readonly type: number; readonly body: Uint8Array }

export interface PcapngPacket {
  readonly block: 'packet'
  readonly interface: number
  /** Since 1970. */
  readonly timeNanoseconds: bigint
  /** Octets that the packet had. */
  readonly length: number
  /** What was kept of it. */
  readonly bytes: Uint8Array
  readonly comment?: string
  readonly direction?: 'in' | 'out'
  /** The same at all interfaces: it is the same packet. */
  readonly id?: bigint
}

const SECTION = 0x0a0d0d0a
const INTERFACE = 1
const STATISTICS = 5
const PACKET = 6
const BYTE_ORDER = 0x1a2b3c4d
/** Of a block, beside its body. */
const FRAMING = 12
/** What a block may have at most: the largest packet and long comments. */
const MOST_OCTETS = 1 << 24
const NANOSECONDS = 9

const options = {
  comment: 1,
  application: 4,
  name: 2,
  description: 3,
  resolution: 9,
  direction: 2,
  id: 5,
  received: 4,
  dropped: 5,
} as const

const padded = (octets: number): number => (octets + 3) & ~3

// ---- written

type Option = readonly [code: number, value: Uint8Array]

const encoder = new TextEncoder()

const text = (code: number, value: string | undefined): Option[] =>
  value === undefined ? [] : [[code, encoder.encode(value).subarray(0, 0xffff)]]

function word64(code: number, value: bigint | undefined): Option[] {
  if (value === undefined) return []
  const octets = new Uint8Array(8)
  new DataView(octets.buffer).setBigUint64(0, value, true)
  return [[code, octets]]
}

/** A block of this body, with options behind it. */
function framed(type: number, body: Uint8Array, given: readonly Option[]): Uint8Array {
  const size = given.reduce((sum, [, value]) => sum + 4 + padded(value.length), 0)
  const rest = given.length === 0 ? 0 : size + 4
  const total = FRAMING + padded(body.length) + rest
  const out = new Uint8Array(total)
  const view = new DataView(out.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, total, true)
  out.set(body, 8)
  let at = 8 + padded(body.length)
  for (const [code, value] of given) {
    view.setUint16(at, code, true)
    view.setUint16(at + 2, value.length, true)
    out.set(value, at + 4)
    at += 4 + padded(value.length)
  }
  view.setUint32(total - 4, total, true)
  return out
}

function words(count: number, fill: (view: DataView) => void): Uint8Array {
  const out = new Uint8Array(count)
  fill(new DataView(out.buffer))
  return out
}

/** Time stamps are in two halves, the upper one first. */
function setTime(view: DataView, at: number, time: bigint): void {
  view.setUint32(at, Number((time >> 32n) & 0xffffffffn), true)
  view.setUint32(at + 4, Number(time & 0xffffffffn), true)
}

/** The octets of a block. */
export function encodePcapng(block: PcapngBlock): Uint8Array {
  switch (block.block) {
    case 'section':
      return framed(
        SECTION,
        words(16, (view) => {
          view.setUint32(0, BYTE_ORDER, true)
          view.setUint16(4, 1, true)
          // How long the section is, nobody knows yet.
          view.setBigInt64(8, -1n, true)
        }),
        [...text(options.comment, block.comment), ...text(options.application, block.application)],
      )
    case 'interface':
      return framed(
        INTERFACE,
        words(8, (view) => {
          view.setUint16(0, block.linkType, true)
          view.setUint32(4, block.snapLength, true)
        }),
        [
          ...text(options.name, block.name),
          ...text(options.description, block.description),
          [options.resolution, Uint8Array.of(NANOSECONDS)],
        ],
      )
    case 'packet': {
      const { bytes, direction } = block
      const body = new Uint8Array(20 + bytes.length)
      const view = new DataView(body.buffer)
      view.setUint32(0, block.interface, true)
      setTime(view, 4, block.timeNanoseconds)
      view.setUint32(12, bytes.length, true)
      view.setUint32(16, block.length, true)
      body.set(bytes, 20)
      const flags: Option[] =
        direction === undefined
          ? []
          : [[options.direction, Uint8Array.of(direction === 'in' ? 1 : 2, 0, 0, 0)]]
      return framed(PACKET, body, [
        ...text(options.comment, block.comment),
        ...flags,
        ...word64(options.id, block.id),
      ])
    }
    case 'statistics':
      return framed(
        STATISTICS,
        words(12, (view) => {
          view.setUint32(0, block.interface, true)
          setTime(view, 4, block.timeNanoseconds)
        }),
        [
          ...text(options.comment, block.comment),
          ...word64(options.received, block.received),
          ...word64(options.dropped, block.dropped),
        ],
      )
    case 'other':
      return framed(block.type, block.body, [])
  }
}

// ---- read

const decoder = new TextDecoder()

/** Reads blocks out of a stream as it comes. Throws WireError for what is no pcapng, and then is of no more use. */
export class PcapngReader {
  #rest: Uint8Array = new Uint8Array(0)
  #offset = 0
  #little = true
  #inSection = false
  /** Of each interface of the section: nanoseconds in a unit of its time stamps, or units in a nanosecond. */
  #units: (readonly [multiply: bigint, divide: bigint])[] = []

  /** Blocks that are whole by now. */
  push(chunk: Uint8Array): PcapngBlock[] {
    this.#rest = joined(this.#rest, chunk)
    const blocks: PcapngBlock[] = []
    let at = 0
    for (;;) {
      const octets = this.#blockLength(at)
      if (octets === undefined || this.#rest.length - at < octets) break
      blocks.push(this.#decode(this.#rest.subarray(at, at + octets)))
      at += octets
      this.#offset += octets
    }
    this.#rest = this.#rest.subarray(at)
    return blocks
  }

  /** Octets of a block that has begun and is not whole. */
  get pending(): number {
    return this.#rest.length
  }

  /** Of the block at this place, where that can be seen already. */
  #blockLength(at: number): number | undefined {
    const { length } = this.#rest
    if (length - at < FRAMING) return undefined
    const view = viewOf(this.#rest)
    if (view.getUint32(at, true) === SECTION) {
      const magic = view.getUint32(at + 8, true)
      if (magic !== BYTE_ORDER && view.getUint32(at + 8, false) !== BYTE_ORDER)
        throw this.#wrong('a byte-order magic')
      this.#little = magic === BYTE_ORDER
      this.#inSection = true
    } else if (!this.#inSection) {
      throw this.#wrong('a section header')
    }
    const octets = view.getUint32(at + 4, this.#little)
    if (octets < FRAMING || octets % 4 !== 0 || octets > MOST_OCTETS)
      throw this.#wrong('the length of a block')
    return octets
  }

  #wrong(what: string): WireError {
    return new WireError('WIRE_VALUE', `expected ${what}`, this.#offset)
  }

  #decode(octets: Uint8Array): PcapngBlock {
    const view = viewOf(octets)
    const little = this.#little
    if (view.getUint32(octets.length - 4, little) !== octets.length)
      throw this.#wrong('the same length at both ends of a block')
    const type = view.getUint32(0, little)
    const body = octets.subarray(8, octets.length - 4)
    const fixed = fixedOctets[type]
    if (fixed === undefined) return { block: 'other', type, body: body.slice() }
    if (body.length < fixed) throw this.#wrong(`at least ${fixed} octets in a block`)
    const at = viewOf(body)
    switch (type) {
      case SECTION: {
        const given = this.#options(body.subarray(16))
        this.#units = []
        return {
          block: 'section',
          ...textOf(given, options.comment, 'comment'),
          ...textOf(given, options.application, 'application'),
        }
      }
      case INTERFACE: {
        const given = this.#options(body.subarray(8))
        this.#units.push(unitOf(given.get(options.resolution)?.[0] ?? 6))
        return {
          block: 'interface',
          linkType: at.getUint16(0, little),
          snapLength: at.getUint32(4, little),
          ...textOf(given, options.name, 'name'),
          ...textOf(given, options.description, 'description'),
        }
      }
      case PACKET: {
        const captured = at.getUint32(12, little)
        if (captured > body.length - fixed) throw this.#wrong('a packet inside its block')
        const given = this.#options(body.subarray(fixed + padded(captured)))
        const number = at.getUint32(0, little)
        const flags = given.get(options.direction)
        const direction = flags?.length === 4 ? viewOf(flags).getUint32(0, little) & 3 : 0
        return {
          block: 'packet',
          interface: number,
          timeNanoseconds: this.#time(number, at),
          length: at.getUint32(16, little),
          bytes: body.slice(fixed, fixed + captured),
          ...textOf(given, options.comment, 'comment'),
          ...(direction === 1 || direction === 2
            ? { direction: direction === 1 ? ('in' as const) : ('out' as const) }
            : {}),
          ...this.#word64(given, options.id, 'id'),
        }
      }
      default: {
        const given = this.#options(body.subarray(fixed))
        const number = at.getUint32(0, little)
        return {
          block: 'statistics',
          interface: number,
          timeNanoseconds: this.#time(number, at),
          ...textOf(given, options.comment, 'comment'),
          ...this.#word64(given, options.received, 'received'),
          ...this.#word64(given, options.dropped, 'dropped'),
        }
      }
    }
  }

  #time(number: number, at: DataView): bigint {
    const unit = this.#units[number]
    if (unit === undefined) throw this.#wrong('an interface that the section has')
    const [multiply, divide] = unit
    const high = BigInt(at.getUint32(4, this.#little))
    return (((high << 32n) | BigInt(at.getUint32(8, this.#little))) * multiply) / divide
  }

  /** The first of each code. */
  #options(octets: Uint8Array): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>()
    const view = viewOf(octets)
    for (let at = 0; at + 4 <= octets.length; ) {
      const code = view.getUint16(at, this.#little)
      const length = view.getUint16(at + 2, this.#little)
      if (code === 0) break
      if (length > octets.length - at - 4) throw this.#wrong('an option inside its block')
      if (!found.has(code)) found.set(code, octets.subarray(at + 4, at + 4 + length))
      at += 4 + padded(length)
    }
    return found
  }

  #word64<Key extends string>(
    given: Map<number, Uint8Array>,
    code: number,
    key: Key,
  ): { readonly [K in Key]?: bigint } {
    const octets = given.get(code)
    if (octets?.length !== 8) return {}
    const value = viewOf(octets).getBigUint64(0, this.#little)
    return { [key]: value } as { readonly [K in Key]: bigint }
  }
}

/** Octets that a block of this type has in front of packet and options. */
const fixedOctets: Readonly<Record<number, number>> = {
  [SECTION]: 16,
  [INTERFACE]: 8,
  [PACKET]: 20,
  [STATISTICS]: 12,
}

/** All blocks of a file. Throws WireError, also where it ends in the middle of a block. */
export function decodePcapng(octets: Uint8Array): PcapngBlock[] {
  const reader = new PcapngReader()
  const blocks = reader.push(octets)
  if (reader.pending > 0) {
    throw new WireError('WIRE_TRUNCATED', 'expected whole blocks', octets.length - reader.pending)
  }
  return blocks
}

/** if_tsresol: a power of ten, or of two with the highest bit. */
function unitOf(resolution: number): readonly [bigint, bigint] {
  const digits = resolution & 0x7f
  if ((resolution & 0x80) !== 0) return [10n ** BigInt(NANOSECONDS), 2n ** BigInt(digits)]
  return digits <= NANOSECONDS
    ? [10n ** BigInt(NANOSECONDS - digits), 1n]
    : [1n, 10n ** BigInt(digits - NANOSECONDS)]
}

function textOf<Key extends string>(
  given: Map<number, Uint8Array>,
  code: number,
  key: Key,
): { readonly [K in Key]?: string } {
  const octets = given.get(code)
  if (octets === undefined) return {}
  return { [key]: decoder.decode(octets) } as { readonly [K in Key]: string }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, length)

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
