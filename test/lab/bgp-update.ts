// As much of BGP as a proxy needs that keeps withdrawals back: messages of a stream, and the EVPN routes of an UPDATE
// (RFC 4271 sections 4.1 and 4.3, RFC 4760, RFC 7432 section 7). Written apart from what it tests.

const HEADER = 19
const UPDATE = 2
const MP_REACH = 14
const MP_UNREACH = 15
const EXTENDED_LENGTH = 0x10
/** AFI 25, SAFI 70. */
const EVPN = Buffer.from([0, 25, 70])

/** Cuts a stream into messages. */
export class Framing {
  #rest = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = []
    let data = Buffer.concat([this.#rest, chunk])
    while (data.length >= HEADER && data.length >= data.readUInt16BE(16)) {
      const length = data.readUInt16BE(16)
      messages.push(data.subarray(0, length))
      data = data.subarray(length)
    }
    this.#rest = data
    return messages
  }
}

interface Route {
  /** Equal keys are the same route. */
  readonly key: string
  readonly nlri: Buffer
}

export interface Parts {
  /** The message without its withdrawals; undefined when nothing else is in it. */
  readonly rest: Buffer | undefined
  /** Keys. */
  readonly announced: readonly string[]
  readonly withdrawn: readonly Route[]
}

export function split(message: Buffer): Parts {
  const whole: Parts = { rest: message, announced: [], withdrawn: [] }
  if (message[18] !== UPDATE) return whole
  const withdrawnLength = message.readUInt16BE(HEADER)
  const start = HEADER + 2 + withdrawnLength + 2
  const kept: Buffer[] = []
  let announced: readonly string[] = []
  let withdrawn: readonly Route[] = []
  for (let at = start; at < message.length; ) {
    const isLong = (message[at]! & EXTENDED_LENGTH) !== 0
    const header = isLong ? 4 : 3
    const length = isLong ? message.readUInt16BE(at + 2) : message[at + 2]!
    const end = at + header + length
    const value = message.subarray(at + header, end)
    const isEvpn = value.subarray(0, 3).equals(EVPN)
    const code = message[at + 1]
    if (code === MP_UNREACH && isEvpn && value.length > 3) withdrawn = routes(value.subarray(3))
    else kept.push(message.subarray(at, end))
    // Behind the family: the next hop with its length, and a reserved octet.
    if (code === MP_REACH && isEvpn)
      announced = routes(value.subarray(3 + 1 + value[3]! + 1)).map(({ key }) => key)
    at = end
  }
  if (withdrawn.length === 0) return { ...whole, announced }
  return { rest: kept.length === 0 ? undefined : update(kept), announced, withdrawn }
}

/** An UPDATE that withdraws one EVPN route. */
export function withdrawal(nlri: Buffer): Buffer {
  const length = EVPN.length + nlri.length
  return update([Buffer.from([0x80, MP_UNREACH, length]), EVPN, nlri])
}

function update(attributes: readonly Buffer[]): Buffer {
  const body = Buffer.concat(attributes)
  const head = Buffer.alloc(HEADER + 4, 0xff)
  head.writeUInt16BE(head.length + body.length, 16)
  head[18] = UPDATE
  head.writeUInt16BE(0, HEADER)
  head.writeUInt16BE(body.length, HEADER + 2)
  return Buffer.concat([head, body])
}

function routes(data: Buffer): Route[] {
  const found: Route[] = []
  for (let at = 0; at < data.length; ) {
    const end = at + 2 + data[at + 1]!
    const nlri = data.subarray(at, end)
    found.push({ key: keyOf(nlri), nlri: Buffer.from(nlri) })
    at = end
  }
  return found
}

/** Type 2 without ESI and labels (RFC 7432 section 7.2); the others as they are. */
function keyOf(nlri: Buffer): string {
  if (nlri[0] !== 2) return nlri.toString('hex')
  // Type and length, RD, ESI, Ethernet tag, length and MAC, length and IP, labels.
  const esi = 2 + 8
  const tag = esi + 10
  const ipLength = tag + 4 + 1 + 6
  const end = ipLength + 1 + nlri[ipLength]! / 8
  return Buffer.concat([nlri.subarray(0, esi), nlri.subarray(tag, end)]).toString('hex')
}
