// Reads a classic pcap file and puts its TCP streams together: just enough for recorded BGP sessions.

/** What one side sent, in order. */
export interface Stream {
  /** "10.0.0.1:179>10.0.0.2:40000" */
  readonly name: string
  readonly source: string
  readonly destination: string
  readonly octets: Uint8Array
}

interface Segment {
  readonly sequence: number
  readonly payload: Uint8Array
}

interface Packet extends Segment {
  readonly source: string
  readonly destination: string
  readonly ports: string
  readonly syn: boolean
}

const ETHERNET = 1
const LINUX_COOKED = 113
const IPV4 = 0x0800
const TCP = 6

/** The TCP streams over IPv4, in the order they begin. Retransmissions are dropped, order is restored. */
export function readStreams(file: Uint8Array): readonly Stream[] {
  const flows = new Map<string, { first: Packet; segments: Segment[] }>()
  for (const frame of frames(file)) {
    const packet = tcp(frame)
    if (packet === undefined) continue
    const key = `${packet.source}>${packet.destination}/${packet.ports}`
    if (packet.syn || !flows.has(key))
      flows.set(flows.has(key) ? `${key}#${flows.size}` : key, {
        first: packet,
        segments: [],
      })
    if (packet.payload.length > 0) lastOf(flows, key).segments.push(packet)
  }
  return [...flows].map(([name, { first, segments }]) => ({
    name,
    source: first.source,
    destination: first.destination,
    octets: assemble(first, segments),
  }))
}

/** The newest flow of a key: a port pair that is used again is another flow. */
function lastOf<T>(flows: Map<string, T>, key: string): T {
  const names = [...flows.keys()].filter((name) => name === key || name.startsWith(`${key}#`))
  return flows.get(names.at(-1)!)!
}

interface Frame {
  readonly etherType: number
  readonly payload: Uint8Array
}

function* frames(file: Uint8Array): Generator<Frame> {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const little = view.getUint32(0, true) === 0xa1b2c3d4 || view.getUint32(0, true) === 0xa1b23c4d
  const link = view.getUint32(20, little)
  if (link !== ETHERNET && link !== LINUX_COOKED) throw new Error(`link type ${link}`)
  const header = link === ETHERNET ? 14 : 16
  for (let at = 24; at + 16 <= file.length; ) {
    const length = view.getUint32(at + 8, little)
    const frame = file.subarray(at + 16, at + 16 + length)
    at += 16 + length
    if (frame.length < header) continue
    const etherType = (frame[header - 2]! << 8) | frame[header - 1]!
    yield { etherType, payload: frame.subarray(header) }
  }
}

function tcp({ etherType, payload: ip }: Frame): Packet | undefined {
  if (etherType !== IPV4 || ip[9] !== TCP) return undefined
  const view = new DataView(ip.buffer, ip.byteOffset, ip.length)
  const at = (ip[0]! & 0x0f) * 4
  const end = view.getUint16(2)
  const dataAt = at + (ip[at + 12]! >> 4) * 4
  return {
    source: ip.subarray(12, 16).join('.'),
    destination: ip.subarray(16, 20).join('.'),
    ports: `${view.getUint16(at)}>${view.getUint16(at + 2)}`,
    sequence: view.getUint32(at + 4),
    syn: (ip[at + 13]! & 0x02) !== 0,
    payload: ip.subarray(dataAt, end),
  }
}

function assemble(first: Packet, segments: readonly Segment[]): Uint8Array {
  const start = first.sequence + (first.syn ? 1 : 0)
  const offset = (segment: Segment) => (segment.sequence - start) >>> 0
  const sorted = [...segments].sort((a, b) => offset(a) - offset(b))
  const parts: Uint8Array[] = []
  let next = 0
  for (const segment of sorted) {
    const skip = next - offset(segment)
    if (skip < 0) throw new Error(`${-skip} octets are missing from the capture`)
    if (skip >= segment.payload.length) continue
    parts.push(segment.payload.subarray(skip))
    next += segment.payload.length - skip
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
